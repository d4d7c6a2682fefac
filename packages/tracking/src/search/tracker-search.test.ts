import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { ParamValue } from '../store/stored-run';
import type { Tracker } from '../tracker';
import { formatComparison } from './comparison-text';
import { and, field, or } from './field-builder';

const losses = [0.5, 0.1, Number.NaN, 0.3];

/** Four runs that end one second apart; the last was logged by Python, which keeps params as text. */
async function openWithRuns(): Promise<{ tracker: Tracker; ids: string[] }> {
  const clock = createVirtualClock();
  const tracker = await openTracker({ dir: await temporaryFolder(), clock });
  onTestFinished(() => tracker.close());
  const ids: string[] = [];
  for (const [index, loss] of losses.entries()) {
    const lr = 10 ** -index;
    const params = { lr: index === 3 ? '1e-03' : lr, depth: 3 };
    const options = {
      experiment: index % 2 === 0 ? 'even' : 'odd',
      name: `run ${index}`,
      params,
      tags: { 'mlflow.user': 'ann' },
    };
    ids.push(
      await tracker.withRun(options, (run) => {
        run.log({ loss: loss * 2 }, { step: 1 });
        run.log({ loss }, { step: 2 });
        if (index === 1) run.setTags({ team: "it's\u001b[31m vision", 'mlflow.source.git.commit': 'abc' });
        return run.id;
      }),
    );
    await clock.advance(1000);
  }
  return { tracker, ids };
}

describe('tracker.search', () => {
  test('finds runs by a text, in an order, as rows of typed columns', async () => {
    const { tracker, ids } = await openWithRuns();
    const found = await tracker.search({
      filter: "metrics.loss <= 0.5 AND params.lr < 1 OR tags.`mlflow.user` = 'bob'",
      orderBy: ['metrics.loss DESC'],
      columns: ['id', 'metrics.loss', 'params.lr', 'tags.team', 'dataset.name', 'end_time'],
    });
    expectTypeOf(found.rows).toEqualTypeOf<
      readonly {
        readonly id: string;
        readonly 'metrics.loss': number | undefined;
        readonly 'params.lr': ParamValue | undefined;
        readonly 'tags.team': string | undefined;
        readonly 'dataset.name': readonly string[];
        readonly end_time: number | undefined;
      }[]
    >();
    expect(found.runs.map((run) => run.name)).toEqual(['run 3', 'run 1']);
    expect(found.rows).toEqual([
      {
        id: ids[3],
        'metrics.loss': 0.3,
        'params.lr': '1e-03',
        'tags.team': undefined,
        'dataset.name': [],
        end_time: found.runs[0]?.endedAt,
      },
      {
        id: ids[1],
        'metrics.loss': 0.1,
        'params.lr': 0.1,
        'tags.team': "it's\u001b[31m vision",
        'dataset.name': [],
        end_time: found.runs[1]?.endedAt,
      },
    ]);
    expect(found).not.toHaveProperty('nextPageToken');
  });

  test('takes what the builder makes, and pages that new runs do not shift', async () => {
    const { tracker } = await openWithRuns();
    const query = {
      filter: and(
        or(field.metric('loss').exists(), field.status.equals('FAILED')),
        field.experiment.isOneOf(['even', 'odd']),
      ),
      orderBy: [field.metric('loss').ascending()],
      limit: 3,
    };
    const first = await tracker.search(query);
    expect(first.runs.map((run) => run.name)).toEqual(['run 1', 'run 3', 'run 0']);
    await tracker.withRun({ experiment: 'even' }, (run) => run.log({ loss: 0.2 }));
    const { nextPageToken: pageToken } = first;
    const second = await tracker.search({ ...query, ...(pageToken === undefined ? {} : { pageToken }) });
    expect(second.runs.map((run) => run.name)).toEqual(['run 2']);
    expect(second.rows).toEqual([{}]);
    expectTypeOf(second.rows).toEqualTypeOf<readonly Readonly<Record<never, never>>[]>();
  });

  test('sees what a run that goes on has logged', async () => {
    const { tracker } = await openWithRuns();
    const run = await tracker.startRun({ name: 'now' });
    run.log({ loss: 0.01 });
    const { runs } = await tracker.search({
      filter: "status = 'RUNNING' AND metrics.loss < 0.05",
      experiments: ['default'],
    });
    expect(runs.map(({ name }) => name)).toEqual(['now']);
    expect((await tracker.search()).runs).toHaveLength(5);
  });

  test('refuses what it does not understand', async () => {
    const { tracker } = await openWithRuns();
    await expect(tracker.search({ filter: 'loss < 1' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { position: 0 },
    });
    await expect(tracker.search({ filter: { kind: 'maybe' } as never })).rejects.toMatchObject({
      details: { field: 'filter.kind' },
    });
    await expect(tracker.search({ orderBy: ['metrics.loss DOWN'] })).rejects.toMatchObject({
      details: { field: 'orderBy' },
    });
    await expect(tracker.search({ orderBy: [{}] as never })).rejects.toMatchObject({
      details: { field: 'orderBy[0].field' },
    });
    await expect(tracker.search({ columns: ['los'] })).rejects.toMatchObject({ details: { field: 'columns' } });
    await expect(tracker.search({ pageToken: 'x' })).rejects.toMatchObject({ details: { field: 'pageToken' } });
    await expect(tracker.search({ limit: 0 })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'limit' },
    });
    await expect(tracker.search({ filters: 'a' } as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    const signal = AbortSignal.abort();
    await expect(tracker.search({ signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await tracker.close();
    await expect(tracker.search()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(tracker.compare([])).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('tracker.compare', () => {
  test('tells what agrees and what differs, and which run is best', async () => {
    const { tracker, ids } = await openWithRuns();
    const [a, b, c] = ids as [string, string, string];
    const comparison = await tracker.compare([b, a, c], { directions: { loss: 'minimize' } });
    expect(comparison.runs.map(({ name, status }) => [name, status])).toEqual([
      ['run 1', 'FINISHED'],
      ['run 0', 'FINISHED'],
      ['run 2', 'FINISHED'],
    ]);
    expect(comparison.params).toEqual([
      { key: 'depth', values: [3, 3, 3], differs: false },
      { key: 'lr', values: [0.1, 1, 0.01], differs: true },
    ]);
    expect(comparison.metrics).toEqual([
      {
        key: 'loss',
        last: [0.1, 0.5, Number.NaN],
        min: [0.1, 0.5, Number.NaN],
        max: [0.2, 1, Number.NaN],
        direction: 'minimize',
        best: [0],
      },
    ]);
    expect(comparison.tags).toEqual([
      { key: 'team', values: ["it's\u001b[31m vision", undefined, undefined], differs: true },
    ]);
    expect(comparison.environment).toEqual([
      { key: 'mlflow.source.git.commit', values: ['abc', undefined, undefined], differs: true },
      { key: 'mlflow.user', values: ['ann', 'ann', 'ann'], differs: false },
    ]);
    const text = formatComparison(comparison);
    expect(text).not.toContain('\u001b');
    expect(text.split('\n\n').slice(1).join('\n\n')).toBe(
      [
        'Metrics',
        '  loss (minimize)           0.1 *                             0.5                               NaN',
        '    min                     0.1                               0.5                               NaN',
        '    max                     0.2                               1                                 NaN',
        '',
        'Parameters that differ',
        '  lr                        0.1                               1                                 0.01',
        '',
        'Parameters that agree',
        '  depth                     3',
        '',
        'Tags that differ',
        "  team                      it's\uFFFD[31m vision                  –                                 –",
        '',
        'Environment that differs',
        '  mlflow.source.git.commit  abc                               –                                 –',
      ].join('\n'),
    );
  });

  test('refuses ids that are missing, given twice or too many, and directions of no metric', async () => {
    const { tracker, ids } = await openWithRuns();
    const [a] = ids as [string];
    await expect(tracker.compare([a, 'f'.repeat(32)])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      details: { given: 'f'.repeat(32) },
    });
    await expect(tracker.compare(['../x'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const wrong of [[], [a, a], Array(101).fill(a), 'x' as never]) {
      await expect(tracker.compare(wrong)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'ids' },
      });
    }
    await expect(tracker.compare([a], { directions: { los: 'minimize' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('"loss"'),
    });
    await expect(tracker.compare([a], { directions: { loss: 'up' as 'minimize' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(tracker.compare([a], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
