import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@fairlead/core';
import { expect, onTestFinished, test } from 'vitest';
import { openEmbeddedStore } from './embedded/embedded-store';
import { nodeFiles } from './files/node-files';
import { temporaryFolder } from './fixtures/temporary-folder';
import { openTracker } from './open-tracker';
import type { PointColumns } from './store/run-store';

test('the points of a store that knows them by metric alone come metric by metric, in pieces', async () => {
  const store = await openEmbeddedStore({
    files: nodeFiles,
    dir: await temporaryFolder(),
    clock: systemClock,
    maxBufferedBytes: 1 << 23,
    overflow: 'write',
    pollMs: 1000,
  });
  const { points: _, ...runs } = store.runs;
  const tracker = await openTracker({ store: { ...store, runs } });
  onTestFinished(() => tracker.close());
  const count = 70_000;
  const id = await tracker.withRun({}, (run) => {
    for (let step = 0; step < count; step++) run.log({ a: step, b: -step }, { step, timestamp: step });
    return run.id;
  });
  const pieces: PointColumns[] = [];
  for await (const piece of (await tracker.getRun(id)).points()) pieces.push(piece);
  expect(pieces.map((piece) => [piece.keys, piece.count])).toEqual([
    [['a'], 65_536],
    [['a'], 4464],
    [['b'], 65_536],
    [['b'], 4464],
  ]);
  expect([pieces[1]?.values[0], pieces[3]?.values[4463], pieces[3]?.steps[4463], pieces[3]?.timestamps[0]]).toEqual([
    65_536, -69_999, 69_999, 65_536,
  ]);
});

test('a damaged place costs the points that lay there, and no others', async () => {
  const dir = await temporaryFolder();
  const tracker = await openTracker({ dir });
  onTestFinished(() => tracker.close());
  const id = await tracker.withRun({}, async (run) => {
    for (let frame = 0; frame < 10; frame++) {
      for (let i = 0; i < 100; i++) run.log({ a: 1 }, { step: frame * 100 + i });
      await run.flush();
    }
    return run.id;
  });
  const folder = join(dir, 'runs', id);
  const [segment] = (await readdir(folder)).filter((name) => name.endsWith('.seg'));
  const path = join(folder, segment ?? '');
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] as number) ^ 1;
  await writeFile(path, bytes);
  const reader = await openTracker({ dir });
  onTestFinished(() => reader.close());
  const run = await reader.getRun(id);
  expect(run.damage).not.toEqual([]);
  const steps = new Set<number>();
  for await (const piece of run.points()) for (let i = 0; i < piece.count; i++) steps.add(piece.steps[i] as number);
  expect(steps.size).toBe(900);
  expect(steps.has(0) && steps.has(999)).toBe(true);
});
