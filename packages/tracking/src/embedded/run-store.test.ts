import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import type { RunEvent, RunStart, RunWriter } from '../store/run-store';
import { openEmbeddedStore } from './embedded-store';

async function openRuns(dir?: string) {
  const clock = createVirtualClock(10_000);
  const store = await openEmbeddedStore({
    files: nodeFiles,
    dir: dir ?? (await temporaryFolder()),
    clock,
    pollMs: 1000,
    maxBufferedBytes: 1 << 20,
    overflow: 'write',
  });
  onTestFinished(() => store.close());
  return store.runs;
}

const idOf = (n: number): string => n.toString(16).padStart(32, '0');
const startOf = (n: number, more: Partial<RunStart> = {}): RunStart => ({
  type: 'start',
  at: 1000 + n,
  id: idOf(n),
  experiment: 'digits',
  name: `run ${n}`,
  leaseUntil: 2000,
  ...more,
});

async function write(writer: RunWriter, ...events: readonly RunEvent[]): Promise<void> {
  for (const event of events) writer.append(event);
  await writer.flush('os');
  await writer.close();
}

describe('the runs of a folder', () => {
  test('a run whose writer has written nothing yet is none to anybody else', async () => {
    const dir = await temporaryFolder();
    const [mine, others] = [await openRuns(dir), await openRuns(dir)];
    const writer = await mine.create(startOf(1));
    expect(await others.read(idOf(1))).toBeUndefined();
    expect((await others.search({})).runs).toEqual([]);
    await writer.flush('os');
    expect(await others.read(idOf(1))).toMatchObject({ name: 'run 1', damage: [] });
    expect((await others.search({})).runs).toMatchObject([{ name: 'run 1' }]);
    await writer.close();
  });

  test('a run that is opened again has another segment, and one history', async () => {
    const dir = await temporaryFolder();
    const runs = await openRuns(dir);
    const points = (value: number) => ({
      count: 1,
      keys: ['loss'],
      keyIds: new Uint16Array(1),
      steps: Float64Array.of(value),
      timestamps: Float64Array.of(value),
      values: Float64Array.of(value),
    });
    const first = await runs.create(startOf(1, { parent: idOf(7) }));
    first.appendPoints(points(1));
    await write(first, { type: 'end', at: 1500, status: 'FAILED', error: { name: 'Error', message: 'no' } });
    const second = await runs.open(idOf(1));
    second.appendPoints(points(2));
    await write(second, { type: 'resume', at: 1500.5, leaseUntil: 9000 });
    expect(await nodeFiles.list(nodeFiles.join(dir, 'runs', idOf(1)))).toHaveLength(2);
    const open = await runs.read(idOf(1));
    expect(open).toMatchObject({ parent: idOf(7), leaseUntil: 9000, metrics: { loss: { count: 2, last: 2 } } });
    expect(open).not.toHaveProperty('end');
    await write(await runs.open(idOf(1)), { type: 'end', at: 1600, status: 'KILLED' });
    expect((await runs.read(idOf(1)))?.end).toEqual({ status: 'KILLED', at: 1600 });
    await write(await runs.open(idOf(1)), { type: 'resume', at: 1601, leaseUntil: 9001 });
    expect(await runs.read(idOf(1))).not.toHaveProperty('end');
    // A fresh reader agrees.
    expect(await (await openRuns(dir)).read(idOf(1))).toEqual(await runs.read(idOf(1)));
  });

  test('opening what is not there is refused, and leaves nothing behind', async () => {
    const dir = await temporaryFolder();
    const runs = await openRuns(dir);
    await expect(runs.open(idOf(9))).rejects.toMatchObject({ code: 'NOT_FOUND', details: { given: idOf(9) } });
    expect(await nodeFiles.list(nodeFiles.join(dir, 'runs'))).toEqual([]);
    await expect(runs.open(idOf(9), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('datasets, models and the kinds of artifacts come back; the latest of each counts', async () => {
    const runs = await openRuns();
    const digest = 'ab'.repeat(32);
    await write(
      await runs.create(startOf(1)),
      { type: 'input', at: 1001, dataset: { name: 'd', digest, context: 'training', rows: 3 } },
      { type: 'input', at: 1002, dataset: { name: 'd', digest, context: 'validation' } },
      { type: 'input', at: 1003, dataset: { name: 'd', digest, context: 'training', rows: 4, source: 'd.csv' } },
      { type: 'use', at: 1003, model: { name: 'base', version: '3' } },
      { type: 'use', at: 1004, model: { name: 'base', version: '3', digest } },
      { type: 'artifact', at: 1005, name: 'a.png', digest, size: 4, kind: 'image', mediaType: 'image/png', step: 2 },
      { type: 'artifact', at: 1006, name: 'a.bin', digest, size: 4 },
    );
    expect(await runs.read(idOf(1))).toMatchObject({
      inputs: [
        { name: 'd', digest, context: 'training', rows: 4, source: 'd.csv' },
        { name: 'd', digest, context: 'validation' },
      ],
      uses: [{ name: 'base', version: '3', digest }],
      artifacts: [
        { name: 'a.png', digest, size: 4, loggedAt: 1005, kind: 'image', mediaType: 'image/png', step: 2 },
        { name: 'a.bin', digest, size: 4, loggedAt: 1006 },
      ],
    });
  });

  test('a deleted run is found only when asked for, and not counted; restored, it is as before', async () => {
    const runs = await openRuns();
    for (const n of [1, 2, 3]) await write(await runs.create(startOf(n, { experiment: n === 3 ? 'b' : 'a' })));
    await write(await runs.open(idOf(2)), { type: 'lifecycle', at: 3000, deleted: true });
    const found = async (query = {}) => (await runs.search(query)).runs.map((run) => run.name);
    expect(await found()).toEqual(['run 3', 'run 1']);
    expect(await found({ deleted: 'only' })).toEqual(['run 2']);
    expect(await found({ deleted: 'include', experiments: ['a'] })).toEqual(['run 2', 'run 1']);
    expect(await found({ limit: 1 })).toEqual(['run 3']);
    expect((await runs.read(idOf(2)))?.deletedAt).toBe(3000);
    expect(await runs.experiments()).toEqual([
      { name: 'a', runs: 1, lastStartedAt: 1001 },
      { name: 'b', runs: 1, lastStartedAt: 1003 },
    ]);
    await write(await runs.open(idOf(2)), { type: 'lifecycle', at: 3000.5, deleted: false });
    expect(await runs.read(idOf(2))).not.toHaveProperty('deletedAt');
    expect(await found()).toEqual(['run 3', 'run 2', 'run 1']);
  });

  test('a history is thinned on demand', async () => {
    const runs = await openRuns();
    const writer = await runs.create(startOf(1));
    const count = 1000;
    const steps = Float64Array.from({ length: count }, (_, i) => i);
    writer.appendPoints({
      count,
      keys: ['loss'],
      keyIds: new Uint16Array(count),
      steps,
      timestamps: steps,
      values: steps.map((step) => (step === 333 ? -1 : step)),
    });
    await write(writer);
    const thin = await runs.history(idOf(1), 'loss', { maxPoints: 10 });
    expect(thin.values.length).toBeLessThanOrEqual(10);
    expect(thin.values).toContain(-1);
    expect((await runs.history(idOf(1), 'loss')).values).toHaveLength(count);
    expect((await runs.history(idOf(1), 'none', { maxPoints: 10 })).values).toHaveLength(0);
  });
});
