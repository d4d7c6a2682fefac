import { FairleadError } from '@fairlead/core';
import type { Tracker } from '../tracker';
import type { Bench, StoreCase } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements, expectThat } from './expectations';

/* How runs begin and end, what becomes of them afterwards, and which experiments there are. */

/** A run that has ended, and its id. */
async function finishedRun({ experiment }: Bench, tracker: Tracker, name = 'one'): Promise<string> {
  return tracker.withRun({ experiment, name }, (run) => run.id);
}

function expectTime(bench: Bench, what: string, given: number | undefined, from: number): void {
  const to = bench.clock.epochMs();
  const within = given !== undefined && given >= Math.floor(from) && given <= to;
  expectThat(within, `${what} is a time between ${from} and ${to}, not ${given}`);
}

export const lifecycleCases: readonly StoreCase[] = [
  [
    'a run says at once who it is, to its own tracker and to another',
    async (bench) => {
      const { experiment } = bench;
      const from = bench.clock.epochMs();
      const [mine, theirs] = [await bench.tracker(), await bench.tracker()];
      const run = await mine.startRun({ experiment, name: 'erster Versuch ü', tags: { a: 'b' }, params: { lr: 0.1 } });
      await run.flush();
      for (const tracker of [mine, theirs]) {
        const record = await tracker.getRun(run.id);
        expectFields('the run', record, {
          id: run.id,
          experiment,
          name: 'erster Versuch ü',
          status: 'RUNNING',
          params: { lr: 0.1 },
          tags: { a: 'b' },
          metrics: {},
          artifacts: [],
          inputs: [],
          uses: [],
          damage: [],
        });
        for (const field of ['endedAt', 'deletedAt', 'error', 'parent'] as const) {
          expectThat(record[field] === undefined, `a run that goes on has no ${field}, not ${String(record[field])}`);
        }
        expectTime(bench, 'startedAt', record.startedAt, from);
      }
      const unnamed = await mine.startRun({ experiment });
      expectEqual('the name of a run without one', (await mine.getRun(unnamed.id)).name, unnamed.id.slice(-8));
    },
  ],
  [
    'every end is read as what it was: FINISHED, FAILED with its error, INTERRUPTED',
    async (bench) => {
      const tracker = await bench.tracker();
      const from = bench.clock.epochMs();
      const start = () => tracker.startRun({ experiment: bench.experiment });
      const [finished, failed, coded, interrupted] = [await start(), await start(), await start(), await start()];
      await finished.complete();
      await failed.fail(new TypeError('the loss is “NaN”\nsince step 3'));
      await coded.fail(new FairleadError('STORE_FAILED', 'no room'));
      await interrupted.close();
      const other = await bench.tracker();
      const expected = [
        [finished, 'FINISHED', undefined],
        [failed, 'FAILED', { name: 'TypeError', message: 'the loss is “NaN”\nsince step 3' }],
        [coded, 'FAILED', { name: 'FairleadError', message: 'no room', code: 'STORE_FAILED' }],
        [interrupted, 'INTERRUPTED', undefined],
      ] as const;
      for (const [run, status, error] of expected) {
        const record = await other.getRun(run.id);
        expectEqual('the status', record.status, status);
        expectEqual('the error', record.error, error);
        expectTime(bench, 'endedAt', record.endedAt, from);
      }
    },
  ],
  [
    'a run whose work throws is FAILED, and the error is thrown on; one that returns is FINISHED',
    async (bench) => {
      const tracker = await bench.tracker();
      let id = '';
      const thrown = await tracker
        .withRun({ experiment: bench.experiment }, (run) => {
          id = run.id;
          throw new RangeError('too far');
        })
        .catch((error: unknown) => error);
      expectThat(thrown instanceof RangeError, `the error of the work is thrown on, not ${String(thrown)}`);
      expectFields('the run', await tracker.getRun(id), {
        status: 'FAILED',
        error: { name: 'RangeError', message: 'too far' },
      });
      const answer = await tracker.withRun({ experiment: bench.experiment }, (run) => run.id);
      expectEqual('the status', (await tracker.getRun(answer)).status, 'FINISHED');
    },
  ],
  [
    'closing a tracker ends its open runs as INTERRUPTED, with all that they logged',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      run.log({ loss: 0.25 }, { step: 7 });
      run.setTags({ last: 'words' });
      await tracker.close();
      const record = await (await bench.tracker()).getRun(run.id);
      expectFields('the run', record, { status: 'INTERRUPTED', tags: { last: 'words' } });
      expectFields('the metric', record.metrics.loss, { last: 0.25, step: 7, count: 1 });
      await expectCode('a closed tracker', 'CLOSED', () => tracker.startRun());
    },
  ],
  [
    'a run is part of another, and neither end ends the other',
    async (bench) => {
      const tracker = await bench.tracker();
      const parent = await tracker.startRun({ experiment: bench.experiment, name: 'sweep' });
      const child = await parent.startRun({ name: 'child' });
      const byId = await tracker.startRun({ experiment: bench.experiment, parent: parent.id, name: 'by id' });
      await parent.complete();
      child.log({ loss: 1 });
      await child.complete();
      await byId.flush();
      const other = await bench.tracker();
      expectEqual('the status of one that goes on', (await other.getRun(byId.id)).status, 'RUNNING');
      const record = await other.getRun(child.id);
      expectFields('the child', record, { parent: parent.id, experiment: bench.experiment, status: 'FINISHED' });
      const parts = await other.runs({ parent: parent.id });
      expectSameElements(
        'the parts',
        parts.map(({ name }) => name),
        ['child', 'by id'],
      );
      await expectCode('a parent that is not there', 'NOT_FOUND', () => tracker.startRun({ parent: bench.newRunId() }));
    },
  ],
  ...(['complete', 'fail', 'close'] as const).map(
    (end): StoreCase => [
      `a run that ended by ${end}() is resumed by another tracker, and goes on under its id`,
      async (bench) => {
        const first = await bench.tracker();
        const run = await first.startRun({
          experiment: bench.experiment,
          params: { lr: 0.1, name: 'a' },
          tags: { a: '1', b: '2' },
        });
        run.log({ loss: 2 }, { step: 1 });
        await (end === 'fail' ? run.fail(new Error('no')) : run[end]());
        await bench.tick();
        const second = await bench.tracker();
        const again = await second.resumeRun(run.id);
        expectFields('the resumed run', again, {
          id: run.id,
          name: run.name,
          status: 'RUNNING',
          params: { lr: 0.1, name: 'a' },
        });
        const open = await (await bench.tracker()).getRun(run.id);
        expectFields('the run', open, { status: 'RUNNING' });
        expectThat(
          open.endedAt === undefined && open.error === undefined,
          'an end before a resumption no longer counts',
        );
        await expectCode('another value of a parameter', 'CONFLICT', () => again.logParams({ lr: 0.2 }));
        again.logParams({ lr: 0.1, later: true });
        again.setTags({ b: '3' });
        again.log({ loss: 1 }, { step: 2 });
        await again.complete();
        const record = await (await bench.tracker()).getRun(run.id);
        expectFields('the run', record, {
          status: 'FINISHED',
          params: { lr: 0.1, name: 'a', later: true },
          tags: { a: '1', b: '3' },
          metrics: { loss: { last: 1, step: 2, count: 2, min: 1, max: 2 } },
        });
        expectThat(record.error === undefined, `the error before the resumption is gone, not ${record.error?.message}`);
        expectEqual('the points', (await record.history('loss')).values, [2, 1]);
      },
    ],
  ),
  [
    'a run is not resumed while it is logged, here or elsewhere, nor one that is not there',
    async (bench) => {
      const [mine, theirs] = [await bench.tracker(), await bench.tracker()];
      const run = await theirs.startRun({ experiment: bench.experiment });
      await run.flush();
      await expectCode('resuming what is logged here', 'CONFLICT', () => theirs.resumeRun(run.id));
      await expectCode('resuming what is logged elsewhere', 'CONFLICT', () => mine.resumeRun(run.id));
      await expectCode('resuming what is not there', 'NOT_FOUND', () => mine.resumeRun(bench.newRunId()));
      await expectCode('reading what is not there', 'NOT_FOUND', () => mine.getRun(bench.newRunId()));
      await run.complete();
      await (await mine.resumeRun(run.id)).close();
    },
  ],
  [
    'of two trackers that resume a run in one moment one gets it, where the store can tell them apart',
    async (bench) => {
      const [mine, theirs] = [await bench.tracker(), await bench.tracker()];
      const id = await finishedRun(bench, mine);
      const asked = await Promise.allSettled([mine, theirs].map((tracker) => tracker.resumeRun(id)));
      const refused = asked.filter((result) => result.status === 'rejected');
      const { resume } = (await bench.store()).runs;
      expectThat(refused.length < 2, 'one of two gets the run, not none');
      expectThat(resume === undefined || refused.length === 1, 'one of two gets the run, not both');
      for (const { reason } of refused) await expectCode('the other', 'CONFLICT', () => Promise.reject(reason));
      for (const result of asked) if (result.status === 'fulfilled') await result.value.complete();
      expectEqual('the status', (await (await bench.tracker()).getRun(id)).status, 'FINISHED');
    },
  ],
  [
    'a run whose lease ran out is KILLED, and can be resumed; a beat makes it last',
    async (bench) => {
      const store = await bench.store();
      const now = bench.clock.epochMs();
      const begin = async (id: string, leaseUntil: number) => {
        const start = {
          type: 'start',
          at: now - 100_000,
          id,
          experiment: bench.experiment,
          name: 'left',
          leaseUntil,
        } as const;
        return store.runs.create(start);
      };
      const [left, alive] = [bench.newRunId(), bench.newRunId()];
      for (const id of [left, alive]) {
        const writer = await begin(id, now - 40_000);
        if (id === alive) writer.append({ type: 'beat', at: now - 50_000, leaseUntil: now + 600_000 });
        await writer.flush(store.durabilities.at(-1) ?? 'os');
        await writer.close();
      }
      const tracker = await bench.tracker();
      expectEqual('the status of the one without a beat', (await tracker.getRun(left)).status, 'KILLED');
      expectEqual('the status of the one with a beat', (await tracker.getRun(alive)).status, 'RUNNING');
      const { runs } = await tracker.search({ experiments: [bench.experiment], filter: "status = 'KILLED'" });
      expectEqual(
        'the runs that are found as KILLED',
        runs.map(({ id }) => id),
        [left],
      );
      await expectCode('resuming one that lives', 'CONFLICT', () => tracker.resumeRun(alive));
      const run = await tracker.resumeRun(left);
      expectEqual('the status', (await tracker.getRun(left)).status, 'RUNNING');
      await run.complete();
      expectEqual('the status', (await tracker.getRun(left)).status, 'FINISHED');
    },
  ],
  [
    'tags are set after the end, and of several the last counts',
    async (bench) => {
      const tracker = await bench.tracker();
      const id = await tracker.withRun(
        { experiment: bench.experiment, tags: { note: 'first', kept: 'yes' } },
        (run) => run.id,
      );
      for (const note of ['second', 'third', 'fourth']) await tracker.setTags(id, { note });
      const record = await (await bench.tracker()).getRun(id);
      expectFields('the run', record, { status: 'FINISHED', tags: { note: 'fourth', kept: 'yes' } });
      await expectCode('tags of a run that is not there', 'NOT_FOUND', () =>
        tracker.setTags(bench.newRunId(), { a: 'b' }),
      );
      const open = await tracker.startRun({ experiment: bench.experiment });
      await tracker.setTags(open.id, { while: 'open' });
      expectEqual('the tags', (await (await bench.tracker()).getRun(open.id)).tags, { while: 'open' });
    },
  ],
  [
    'a deleted run is found only by who asks for it, left alone, and restored whole',
    async (bench) => {
      const tracker = await bench.tracker();
      const { experiment } = bench;
      const [gone, stays] = [await finishedRun(bench, tracker, 'gone'), await finishedRun(bench, tracker, 'stays')];
      await tracker.deleteRun(gone);
      await tracker.deleteRun(gone);
      const other = await bench.tracker();
      const names = async (deleted?: 'exclude' | 'only' | 'include') =>
        (await other.runs({ experiment, ...(deleted === undefined ? {} : { deleted }) })).map(({ name }) => name);
      expectEqual('the runs', await names(), ['stays']);
      expectEqual('the deleted runs', await names('only'), ['gone']);
      expectSameElements('all runs', await names('include'), ['gone', 'stays']);
      const { deletedAt } = await other.getRun(gone);
      expectThat(deletedAt !== undefined, 'a deleted run says when it was deleted');
      await expectCode('tags of a deleted run', 'CONFLICT', () => other.setTags(gone, { a: 'b' }));
      await expectCode('resuming a deleted run', 'CONFLICT', () => other.resumeRun(gone));
      await expectCode('a part of a deleted run', 'CONFLICT', () => other.startRun({ parent: gone }));
      await other.restoreRun(gone);
      const restored = await tracker.getRun(gone);
      expectFields('the restored run', restored, { status: 'FINISHED', name: 'gone', experiment });
      expectThat(restored.deletedAt === undefined, 'a restored run is not deleted');
      const open = await tracker.startRun({ experiment });
      await expectCode('deleting what is logged', 'CONFLICT', () => tracker.deleteRun(open.id));
      await expectCode('deleting what is not there', 'NOT_FOUND', () => tracker.deleteRun(bench.newRunId()));
      await expectCode('restoring what is not there', 'NOT_FOUND', () => tracker.restoreRun(bench.newRunId()));
      expectEqual('the status of the other one', (await tracker.getRun(stays)).status, 'FINISHED');
    },
  ],
  [
    'experiments are those that runs name, with how many there are and when the last one started',
    async (bench) => {
      const tracker = await bench.tracker();
      const [a, b] = [`${bench.experiment} a`, `${bench.experiment} b/ü`];
      await tracker.withRun({ experiment: b }, () => undefined);
      await bench.tick();
      await tracker.withRun({ experiment: a }, () => undefined);
      await bench.tick();
      const last = await tracker.withRun({ experiment: a }, (run) => run.id);
      const removed = await tracker.withRun({ experiment: b }, (run) => run.id);
      await tracker.deleteRun(removed);
      const other = await bench.tracker();
      const experiments = (await other.experiments()).filter(({ name }) => name === a || name === b);
      expectEqual(
        'the experiments',
        experiments.map(({ name, runs }) => [name, runs]),
        [
          [a, 2],
          [b, 1],
        ],
      );
      const { startedAt } = await other.getRun(last);
      expectEqual('when the last one started', experiments[0]?.lastStartedAt, startedAt);
    },
  ],
];
