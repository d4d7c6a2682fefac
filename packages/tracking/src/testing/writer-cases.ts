import type { Durability, PointColumns, RunEvent, RunStart, RunWriter } from '../store/run-store';
import type { StoredRun } from '../store/stored-run';
import type { TrackingStore } from '../store/tracking-store';
import { type Bench, bytesOf, type StoreCase } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements, expectThat } from './expectations';

/* What a store owes the tracker of runs and their writers, asked for directly. */

/** A whole time, lest every case has to think of fractions. */
function wholeNow({ clock }: Bench): number {
  return Math.floor(clock.epochMs());
}

function startOf(bench: Bench, start: Partial<RunStart> = {}): RunStart {
  const at = start.at ?? wholeNow(bench);
  return {
    type: 'start',
    at,
    id: bench.newRunId(),
    experiment: bench.experiment,
    name: 'run',
    leaseUntil: at + 60_000,
    ...start,
  };
}

function columnsOf(points: readonly (readonly [key: string, step: number, at: number, value: number])[]): PointColumns {
  const keys = [...new Set(points.map(([key]) => key))];
  return {
    count: points.length,
    keys,
    keyIds: Uint16Array.from(points, ([key]) => keys.indexOf(key)),
    steps: Float64Array.from(points, ([, step]) => step),
    timestamps: Float64Array.from(points, ([, , at]) => at),
    values: Float64Array.from(points, ([, , , value]) => value),
  };
}

/** What a tracker waits for at an end. */
function usual({ durabilities }: TrackingStore): Durability {
  return durabilities.includes('disk') ? 'disk' : (durabilities.at(-1) ?? 'os');
}

async function finish(store: TrackingStore, writer: RunWriter): Promise<void> {
  await writer.flush(usual(store));
  await writer.close();
}

async function readAnew(bench: Bench, id: string): Promise<StoredRun> {
  const run = await (await bench.store()).runs.read(id);
  if (run === undefined) throw new Error(`Expected that the run ${id} is there.`);
  return run;
}

export const writerCases: readonly StoreCase[] = [
  [
    'every event of a run is read back as it was',
    async (bench) => {
      const store = await bench.store();
      const start = startOf(bench, { name: 'alles', parent: bench.newRunId() });
      const { id, at } = start;
      const dataset = { name: 'd', digest: 'a'.repeat(64), context: 'test', rows: 3 };
      const writer = await store.runs.create(start);
      const { digest, size } = await store.artifacts.put(bytesOf('pixels'), { place: { run: id, name: 'a.png' } });
      const facts = { name: 'a.png', digest, size, kind: 'image', mediaType: 'image/png', step: 4 } as const;
      const events: RunEvent[] = [
        { type: 'params', at, params: { a: 1, b: 'x', c: true } },
        { type: 'tags', at, tags: { t: 'before', u: '' } },
        { type: 'tags', at: at + 1, tags: { t: 'after' } },
        { type: 'artifact', at: at + 2, ...facts },
        { type: 'input', at: at + 3, dataset },
        { type: 'use', at: at + 4, model: { name: 'm', version: '2' } },
        { type: 'beat', at: at + 5, leaseUntil: at + 90_000 },
        { type: 'end', at: at + 6, status: 'FAILED', error: { name: 'E', message: 'no', code: 'X' } },
      ];
      for (const event of events) expectThat(writer.append(event), `the event "${event.type}" is taken`);
      expectThat(
        writer.appendPoints(
          columnsOf([
            ['m', 1, at, 0.5],
            ['m', 2, at + 1, 0.25],
          ]),
        ),
        'points are taken',
      );
      await finish(store, writer);
      const expected: Omit<StoredRun, 'leaseUntil'> = {
        id,
        experiment: bench.experiment,
        name: 'alles',
        parent: start.parent as string,
        startedAt: at,
        end: { status: 'FAILED', at: at + 6, error: { name: 'E', message: 'no', code: 'X' } },
        params: { a: 1, b: 'x', c: true },
        tags: { t: 'after', u: '' },
        metrics: { m: { count: 2, last: 0.25, step: 2, timestamp: at + 1, min: 0.25, max: 0.5 } },
        artifacts: [{ ...facts, loggedAt: at + 2 }],
        inputs: [dataset],
        uses: [{ name: 'm', version: '2' }],
        damage: [],
      };
      const { leaseUntil: _, ...read } = await readAnew(bench, id);
      expectEqual('the run that is read', read, expected);
      const other = await bench.store();
      const { runs } = await other.runs.search({ experiments: [bench.experiment] });
      const { leaseUntil: _lease, ...found } = runs[0] as StoredRun;
      expectEqual('the run that is found', found, expected);
      const history = await other.runs.history(id, 'm');
      expectEqual('its points', history, { key: 'm', steps: [1, 2], timestamps: [at, at + 1], values: [0.5, 0.25] });
      expectEqual('the points of a metric that is not there', (await other.runs.history(id, 'n')).values, []);
    },
  ],
  [
    'times keep their fractions of a millisecond, or are rounded down',
    async (bench) => {
      const store = await bench.store();
      const at = wholeNow(bench) + 0.75;
      const start = startOf(bench, { at });
      const writer = await store.runs.create(start);
      writer.append({ type: 'end', at: at + 1, status: 'FINISHED' });
      await finish(store, writer);
      const { startedAt, end } = await readAnew(bench, start.id);
      const kept = bench.keeps.fractionsOfTimes ? at : Math.floor(at);
      expectEqual('the start and the end', [startedAt, end?.at], [kept, kept + 1]);
    },
  ],
  [
    'of ends and resumptions the last counts, and so it does of deletions and restorations',
    async (bench) => {
      const store = await bench.store();
      const start = startOf(bench);
      const { id, at } = start;
      const write = async (writer: RunWriter, ...events: readonly RunEvent[]): Promise<StoredRun> => {
        for (const event of events) writer.append(event);
        await finish(store, writer);
        return readAnew(bench, id);
      };
      const open = async () => (await bench.store()).runs.open(id);
      const killed = await write(await store.runs.create(start), { type: 'end', at: at + 1, status: 'KILLED' });
      expectFields('the end', killed.end, { status: 'KILLED', at: at + 1 });
      const resumed = await write(await open(), { type: 'resume', at: at + 2, leaseUntil: at + 120_000 });
      expectEqual('the end after a resumption', resumed.end, undefined);
      expectThat(resumed.leaseUntil >= at + 120_000, `the lease reaches to ${at + 120_000}, not ${resumed.leaseUntil}`);
      const ended = await write(await open(), { type: 'end', at: at + 3, status: 'INTERRUPTED' });
      expectFields('the end', ended.end, { status: 'INTERRUPTED', at: at + 3 });
      const deleted = await write(await open(), { type: 'lifecycle', at: at + 4, deleted: true });
      expectThat(deleted.deletedAt !== undefined, 'the run is deleted');
      const restored = await write(await open(), { type: 'lifecycle', at: at + 5, deleted: false });
      expectEqual('when the restored run was deleted', restored.deletedAt, undefined);
      expectFields('the restored run', restored, { end: { status: 'INTERRUPTED' }, name: 'run' });
    },
  ],
  [
    'a resumption, where the store makes it itself, is given to one and refused to who comes later',
    async (bench) => {
      const [mine, theirs] = [await bench.store(), await bench.store()];
      const start = startOf(bench);
      const writer = await mine.runs.create(start);
      writer.append({ type: 'end', at: start.at + 1, status: 'FINISHED' });
      await finish(mine, writer);
      const lease = { at: start.at + 2, leaseUntil: start.at + 60_000 };
      const resumed = await mine.runs.resume?.(start.id, lease);
      if (resumed === undefined) return; // the tracker does it, which the cases of its life try
      expectEqual('the end after a resumption', (await readAnew(bench, start.id)).end, undefined);
      await expectCode('a second resumption', 'CONFLICT', async () => theirs.runs.resume?.(start.id, lease));
      await expectCode('a resumption of nothing', 'NOT_FOUND', async () => mine.runs.resume?.(bench.newRunId(), lease));
      resumed.append({ type: 'end', at: start.at + 3, status: 'FAILED' });
      await finish(mine, resumed);
      expectFields('the end', (await readAnew(bench, start.id)).end, { status: 'FAILED', at: start.at + 3 });
    },
  ],
  [
    'a writer copies the points that it takes, and what was not flushed is no harm',
    async (bench) => {
      const store = await bench.store();
      const start = startOf(bench);
      const writer = await store.runs.create(start);
      const points = columnsOf([
        ['a', 1, start.at, 1],
        ['b', 1, start.at, 2],
      ]);
      writer.appendPoints(points);
      for (const column of [points.steps, points.timestamps, points.values, points.keyIds]) column.fill(0);
      writer.appendPoints({
        ...columnsOf([
          ['a', 2, start.at + 1, 3],
          ['a', 9, 9, 9],
        ]),
        count: 1,
      });
      await writer.flush(usual(store));
      expectFields('health', writer.health(), {
        bufferedPoints: 0,
        writtenPoints: 3,
        droppedPoints: 0,
        droppedEvents: 0,
        failures: 0,
      });
      await writer.write();
      writer.append({ type: 'tags', at: start.at + 2, tags: { maybe: 'kept' } });
      await writer.close();
      const { runs } = await bench.store();
      expectEqual('the points of a', (await runs.history(start.id, 'a')).values, [1, 3]);
      expectEqual('the points of b', (await runs.history(start.id, 'b')).values, [2]);
    },
  ],
  [
    'two writers of one run lose nothing of one another',
    async (bench) => {
      const [mine, theirs] = [await bench.store(), await bench.store()];
      const start = startOf(bench);
      const { id, at } = start;
      const first = await mine.runs.create(start);
      await first.flush(usual(mine));
      const second = await theirs.runs.open(id);
      for (const [i, writer] of [first, second].entries()) {
        writer.append({ type: 'params', at, params: { [`p${i}`]: i } });
        writer.append({ type: 'tags', at, tags: { [`t${i}`]: String(i) } });
        writer.append({ type: 'use', at, model: { name: 'm', version: String(i + 1) } });
        writer.appendPoints(
          columnsOf([
            ['m', i, at + i, i],
            [`own${i}`, 0, at, i],
          ]),
        );
      }
      await Promise.all([first.flush(usual(mine)), second.flush(usual(theirs))]);
      second.append({ type: 'end', at: at + 9, status: 'FINISHED' });
      await finish(theirs, second);
      await finish(mine, first);
      const run = await readAnew(bench, id);
      expectFields('the run', run, {
        params: { p0: 0, p1: 1 },
        tags: { t0: '0', t1: '1' },
        end: { status: 'FINISHED' },
      });
      expectSameElements(
        'the models',
        run.uses.map(({ version }) => version),
        ['1', '2'],
      );
      expectFields('the shared metric', run.metrics.m, { count: 2, last: 1, step: 1, min: 0, max: 1 });
      expectEqual('the metrics', Object.keys(run.metrics).sort(), ['m', 'own0', 'own1']);
    },
  ],
  [
    'what is not there is said to be not there, and calls that were called off fail as such',
    async (bench) => {
      const { runs, registry } = await bench.store();
      const id = bench.newRunId();
      expectEqual('a run that is not there', await runs.read(id), undefined);
      expectEqual('a model that is not there', await registry.read(bench.model), undefined);
      await expectCode('opening a run that is not there', 'NOT_FOUND', () => runs.open(id));
      const call = { signal: AbortSignal.abort() };
      await expectCode('reading', 'ABORTED', () => runs.read(id, call));
      await expectCode('searching', 'ABORTED', () => runs.search({}, call));
      await expectCode('reading a model', 'ABORTED', () => registry.read(bench.model, call));
      await expectCode('committing', 'ABORTED', () => registry.commit(bench.model, () => undefined, call));
      await expectCode('a page of nothing', 'INVALID_ARGUMENT', () => runs.search({ pageToken: 'nonsense' }));
    },
  ],
];
