import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createVirtualClock } from '@fairlead/core/testing';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fromText } from '../embedded/event-codec';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';
import { exportCsv } from './export-csv';
import { exportJson, exportJsonLines } from './export-json';
import { exportParquet, loadWriter } from './export-parquet';
import { writeExport } from './write-file';

async function openWithRuns(): Promise<{ tracker: Tracker; ids: [string, string]; startedAt: number }> {
  const clock = createVirtualClock();
  const startedAt = clock.epochMs();
  const tracker = await openTracker({ dir: await temporaryFolder(), clock });
  onTestFinished(() => tracker.close());
  const first = await tracker.withRun(
    { name: '=HYPERLINK("x")', params: { lr: 1e-5, note: 'a "quoted", text\n', none: '' }, tags: { team: '-1' } },
    (run) => {
      run.log({ loss: 0.1, 'val/acc': Number.NaN }, { step: -3, timestamp: 7 });
      run.log({ loss: -0 }, { step: 2, timestamp: 8 });
      return run.id;
    },
  );
  await clock.advance(1000);
  const second = await tracker.withRun({ name: 'second', experiment: 'other' }, (run) => {
    run.log({ loss: Number.NEGATIVE_INFINITY }, { step: 9_007_199_254_740_991, timestamp: 9 });
    return run.id;
  });
  return { tracker, ids: [first, second], startedAt };
}

async function textOf(chunks: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk;
  return text;
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<ArrayBuffer> {
  const parts: BlobPart[] = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  return new Blob(parts).arrayBuffer();
}

describe('CSV', () => {
  test('of runs has a column for all that one of them has', async () => {
    const { tracker, ids, startedAt } = await openWithRuns();
    expect(await textOf(exportCsv(tracker))).toBe(
      [
        'id,name,experiment,parent,status,start_time,end_time,deleted_time,error,params.lr,params.none,params.note,metrics.loss,metrics.val/acc,tags.team',
        `${ids[0]},"=HYPERLINK(""x"")",default,,FINISHED,${startedAt},${startedAt},,,0.00001,"","a ""quoted"", text\n",-0,NaN,-1`,
        `${ids[1]},second,other,,FINISHED,${startedAt + 1000},${startedAt + 1000},,,,,,-Infinity,,`,
        '',
      ].join('\r\n'),
    );
  });

  test('of points has every digit', async () => {
    const { tracker, ids } = await openWithRuns();
    expect(await textOf(exportCsv(tracker, { content: 'points' }))).toBe(
      [
        'run,metric,step,timestamp,value',
        `${ids[0]},loss,-3,7,0.1`,
        `${ids[0]},val/acc,-3,7,NaN`,
        `${ids[0]},loss,2,8,-0`,
        `${ids[1]},loss,9007199254740991,9,-Infinity`,
        '',
      ].join('\r\n'),
    );
  });

  test('defuses what a spreadsheet would compute, and leaves numbers alone', async () => {
    const { tracker, ids } = await openWithRuns();
    const text = await textOf(exportCsv(tracker, { defuseFormulas: true, runs: [ids[0]] }));
    expect(text).toContain(`"'=HYPERLINK(""x"")",default`);
    expect(text.endsWith(',-1\r\n')).toBe(true);
    await tracker.withRun(
      { experiment: 'sly', name: '＝1+1', params: { a: '@x', b: '-1+cmd', c: '+1e5' } },
      () => undefined,
    );
    const sly = await textOf(exportCsv(tracker, { defuseFormulas: true, experiments: ['sly'] }));
    expect(sly).toContain(",'＝1+1,");
    expect(sly).toContain(",'@x,'-1+cmd,+1e5");
  });
});

describe('JSON', () => {
  test('keeps everything, what JSON cannot say too', async () => {
    const { tracker, ids } = await openWithRuns();
    const { runs, ...head } = fromText(await textOf(exportJson(tracker))) as { runs: Record<string, unknown>[] };
    expect(head).toEqual({ format: 'fairlead-runs', version: 1 });
    expect(runs).toHaveLength(2);
    const { points, ...first } = runs[0] ?? {};
    expect(points).toEqual([
      { metric: 'loss', steps: [-3, 2], timestamps: [7, 8], values: [0.1, -0] },
      { metric: 'val/acc', steps: [-3], timestamps: [7], values: [Number.NaN] },
    ]);
    const { artifact: _, history: __, points: ___, ...recorded } = await tracker.getRun(ids[0]);
    expect(first).toEqual(recorded);
  });

  test('lines say the same, each for itself', async () => {
    const { tracker, ids } = await openWithRuns();
    const text = await textOf(exportJsonLines(tracker, { filter: 'metrics.loss < -1' }));
    const lines = text.trimEnd().split('\n').map(fromText);
    expect(lines).toMatchObject([
      { type: 'format', format: 'fairlead-runs', version: 1 },
      { type: 'run', id: ids[1], name: 'second', metrics: { loss: { count: 1, last: Number.NEGATIVE_INFINITY } } },
      {
        type: 'points',
        run: ids[1],
        metric: 'loss',
        steps: [9_007_199_254_740_991],
        values: [Number.NEGATIVE_INFINITY],
      },
    ]);
  });

  test('without points, and of no runs, is whole', async () => {
    const { tracker } = await openWithRuns();
    const short = fromText(await textOf(exportJson(tracker, { points: false }))) as { runs: object[] };
    expect(short.runs).toHaveLength(2);
    expect(short.runs[0]).not.toHaveProperty('points');
    expect(fromText(await textOf(exportJson(tracker, { runs: [] })))).toMatchObject({ runs: [] });
    expect((await textOf(exportJsonLines(tracker, { points: false }))).trimEnd().split('\n')).toHaveLength(3);
  });
});

describe('Parquet', () => {
  test('of points is read back exactly, over several row groups', async () => {
    const { tracker, ids } = await openWithRuns();
    const file = await bytesOf(exportParquet(tracker, { content: 'points', rowGroupRows: 3 }));
    expect(parquetMetadata(file).row_groups.map((group) => Number(group.num_rows))).toEqual([3, 1]);
    const rows = await parquetReadObjects({ file, compressors });
    expect(rows).toEqual([
      { run: ids[0], metric: 'loss', step: -3n, timestamp: 7, value: 0.1 },
      { run: ids[0], metric: 'val/acc', step: -3n, timestamp: 7, value: Number.NaN },
      { run: ids[0], metric: 'loss', step: 2n, timestamp: 8, value: -0 },
      { run: ids[1], metric: 'loss', step: 9_007_199_254_740_991n, timestamp: 9, value: Number.NEGATIVE_INFINITY },
    ]);
  });

  test('of runs has nulls for what is missing, and is a file without any run too', async () => {
    const { tracker, ids, startedAt } = await openWithRuns();
    const rows = await parquetReadObjects({ file: await bytesOf(exportParquet(tracker)), compressors });
    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual({
      id: ids[0],
      name: '=HYPERLINK("x")',
      experiment: 'default',
      parent: null,
      status: 'FINISHED',
      start_time: startedAt,
      end_time: startedAt,
      deleted_time: null,
      error: null,
      'params.lr': '0.00001',
      'params.none': '',
      'params.note': 'a "quoted", text\n',
      'metrics.loss': -0,
      'metrics.val/acc': Number.NaN,
      'tags.team': '-1',
    });
    expect(rows[1]).toMatchObject({
      id: ids[1],
      'metrics.loss': Number.NEGATIVE_INFINITY,
      'params.lr': null,
      'tags.team': null,
    });
    for (const content of ['runs', 'points'] as const) {
      const empty = await bytesOf(exportParquet(tracker, { content, filter: "name = 'nobody'" }));
      expect(await parquetReadObjects({ file: empty, compressors })).toEqual([]);
    }
  });
});

/** A run with everything that a run can have, deleted, and the one that it is part of. */
async function openWithEverything(): Promise<{
  tracker: Tracker;
  id: string;
  parent: string;
  at: number;
  deletedAt: number;
}> {
  const clock = createVirtualClock();
  const at = clock.epochMs();
  const tracker = await openTracker({ dir: await temporaryFolder(), clock });
  onTestFinished(() => tracker.close());
  const above = await tracker.startRun({ name: 'above', params: { lr: 0.5 } });
  const run = await above.startRun({ name: 'below', params: { seed: 7, debug: true }, tags: { team: 'a' } });
  run.log({ loss: 2 }, { step: 1, timestamp: 9 });
  await run.logText('notes.txt', 'hello');
  await run.logDataset({ name: 'digits', digest: 'ab'.repeat(32), context: 'training', rows: 3 });
  await run.useModel({ name: 'base', version: '4' });
  await run.fail(Object.assign(new RangeError('too "far", again'), { code: 'E_FAR' }));
  await above.complete();
  await tracker.deleteRun(run.id);
  const { deletedAt = Number.NaN } = await tracker.getRun(run.id);
  return { tracker, id: run.id, parent: above.id, at, deletedAt };
}

describe('of a run that has everything', () => {
  test('the tables of runs hold the parent, the error and the deletion, and every value by its name', async () => {
    const { tracker, id, parent, at, deletedAt } = await openWithEverything();
    const error = 'RangeError [E_FAR]: too "far", again';
    expect(await textOf(exportCsv(tracker, { runs: [id] }))).toBe(
      [
        'id,name,experiment,parent,status,start_time,end_time,deleted_time,error,params.debug,params.seed,metrics.loss,tags.team',
        `${id},below,default,${parent},FAILED,${at},${at},${deletedAt},"${error.replaceAll('"', '""')}",true,7,2,a`,
        '',
      ].join('\r\n'),
    );
    const rows = await parquetReadObjects({
      file: await bytesOf(exportParquet(tracker, { runs: [id, parent] })),
      compressors,
    });
    expect(rows).toEqual([
      expect.objectContaining({ id, parent, status: 'FAILED', deleted_time: deletedAt, error, 'tags.team': 'a' }),
      expect.objectContaining({ id: parent, parent: null, deleted_time: null, error: null, 'params.lr': '0.5' }),
    ]);
  });

  test('JSON holds the datasets, the models and the artifacts too', async () => {
    const { tracker, id, parent, at, deletedAt } = await openWithEverything();
    const everything = {
      id,
      name: 'below',
      parent,
      status: 'FAILED',
      endedAt: at,
      deletedAt,
      error: { name: 'RangeError', message: 'too "far", again', code: 'E_FAR' },
      params: { seed: 7, debug: true },
      tags: { team: 'a' },
      metrics: { loss: { count: 1, last: 2, step: 1, timestamp: 9, min: 2, max: 2 } },
      artifacts: [{ name: 'notes.txt', size: 5, kind: 'text', digest: expect.any(String) }],
      inputs: [{ name: 'digits', digest: 'ab'.repeat(32), context: 'training', rows: 3 }],
      uses: [{ name: 'base', version: '4' }],
      damage: [],
    };
    const { runs } = fromText(await textOf(exportJson(tracker, { runs: [id] }))) as { runs: object[] };
    expect(runs).toMatchObject([everything]);
    const lines = (await textOf(exportJsonLines(tracker, { runs: [id] }))).trimEnd().split('\n');
    expect(fromText(lines[1] ?? '')).toMatchObject({ type: 'run', ...everything });
  });
});

test('without the library that writes Parquet it is said how to install it', async () => {
  const absent = () => Promise.reject(new Error("Cannot find package 'hyparquet-writer'"));
  await expect(loadWriter(absent)).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining('npm install hyparquet-writer'),
  });
});

describe('an export', () => {
  test('takes runs by id in their order, or by a search, not both', async () => {
    const { tracker, ids } = await openWithRuns();
    const lines = (await textOf(exportCsv(tracker, { runs: [ids[1], ids[0]] }))).split('\r\n');
    expect(lines.slice(1, 3).map((line) => line.slice(0, 32))).toEqual([ids[1], ids[0]]);
    expect(() => exportCsv(tracker, { runs: [ids[0]], filter: 'metrics.a > 1' })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'runs' }) }),
    );
    await expect(textOf(exportCsv(tracker, { runs: ['f'.repeat(32)] }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(textOf(exportJson(tracker, { filter: 'loss <' }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(() => exportJson(tracker, { content: 'runs' } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    expect(() => exportParquet(tracker, { rowGroupRows: 0 })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  test('goes through as many pages as there are', async () => {
    const { tracker, ids } = await openWithRuns();
    const limits: unknown[] = [];
    const onePerPage: Tracker = {
      ...tracker,
      search: (query) => {
        limits.push(query?.limit);
        return tracker.search({ ...query, limit: 1 } as typeof query);
      },
    };
    const lines = (await textOf(exportCsv(onePerPage, { content: 'points' }))).trimEnd().split('\r\n');
    expect(lines.slice(1).map((line) => line.slice(0, 32))).toEqual([ids[0], ids[0], ids[0], ids[1]]);
    expect(limits).toEqual([1000, 1000]);
  });

  test('ends when its signal does', async () => {
    const { tracker } = await openWithRuns();
    const controller = new AbortController();
    const chunks = exportCsv(tracker, { content: 'points', signal: controller.signal })[Symbol.asyncIterator]();
    await chunks.next();
    controller.abort();
    await expect(chunks.next()).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('reads a run of many points piece by piece, in the order in which they were logged', async () => {
    const { tracker } = await openWithRuns();
    const count = 200_000;
    const id = await tracker.withRun({ name: 'long' }, (run) => {
      for (let step = 0; step < count; step++) run.log({ loss: step / 3, acc: -step }, { step });
      return run.id;
    });
    let seen = 0;
    let largest = 0;
    for await (const points of (await tracker.getRun(id)).points()) {
      largest = Math.max(largest, points.count);
      for (let i = 0; i < points.count; i++, seen++) {
        const isLoss = points.keys[points.keyIds[i] as number] === 'loss';
        const step = seen >> 1;
        if (points.steps[i] !== step || points.values[i] !== (isLoss ? step / 3 : -step))
          throw new Error(`point ${seen}`);
      }
    }
    expect(seen).toBe(2 * count);
    expect(largest).toBeLessThan(count);
  });
});

describe('writeExport', () => {
  test('makes the file appear whole, in folders it makes, over what was there', async () => {
    const dir = await temporaryFolder();
    const path = join(dir, 'a/b/runs.csv');
    expect(await writeExport(path, ['ä', new Uint8Array([10]), 'b'])).toBe(4);
    expect(await readFile(path, 'utf8')).toBe('ä\nb');
    expect(await writeExport(path, [])).toBe(0);
    expect(await readdir(join(dir, 'a/b'))).toEqual(['runs.csv']);
  });

  test('leaves the old file and nothing else where the chunks end in an error or the path is none', async () => {
    const dir = await temporaryFolder();
    const path = join(dir, 'runs.csv');
    await writeFile(path, 'old');
    const failing = async function* () {
      yield 'new';
      throw new RangeError('lost');
    };
    await expect(writeExport(path, failing())).rejects.toThrow('lost');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(dir)).toEqual(['runs.csv']);
    await expect(writeExport(join(path, 'below'), ['x'])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(writeExport(dir, ['x'])).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});
