import { cp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FairleadError, systemClock } from '@fairlead/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openEmbeddedStore } from './embedded/embedded-store';
import type { Files, OpenFile } from './files/files';
import { nodeFiles } from './files/node-files';
import { temporaryFolder } from './fixtures/temporary-folder';
import { openTracker } from './open-tracker';
import type { PointColumns } from './store/run-store';
import type { TrackingStore } from './store/tracking-store';

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

describe('points that are streamed while their run is compacted', () => {
  const perSegment = 70_000;

  /** A run in three segments, each of several pieces, that has rested for long enough to be compacted. */
  async function logThrice(dir: string): Promise<string> {
    const tracker = await openTracker({ dir });
    let run = await tracker.startRun();
    for (let step = 0; step < 3 * perSegment; step++) {
      if (step > 0 && step % perSegment === 0) {
        await run.complete();
        run = await tracker.resumeRun(run.id);
      }
      run.log({ [`m${step % 3}`]: step / 2 }, { step, timestamp: 5 });
    }
    await run.complete();
    await tracker.close();
    await age(join(dir, 'runs', run.id));
    return run.id;
  }

  async function age(folder: string): Promise<void> {
    for (const name of await readdir(folder)) await utimes(join(folder, name), 1000, 1000);
  }

  async function openStore(dir: string, files: Files = nodeFiles) {
    const options = { pollMs: 1000, maxBufferedBytes: 1 << 23, overflow: 'write' } as const;
    const store = await openEmbeddedStore({ files, dir, clock: systemClock, ...options });
    onTestFinished(() => store.close());
    return store;
  }

  /** The steps that a stream gives, and what is done after each of its pieces. */
  async function stepsOf(store: TrackingStore, id: string, between: (piece: number) => Promise<void>) {
    const steps: number[] = [];
    let pieces = 0;
    for await (const piece of store.runs.points?.(id) ?? []) {
      for (let i = 0; i < piece.count; i++) {
        const step = piece.steps[i] as number;
        // Not by `expect`, which would take longer than all the rest.
        const right = piece.keys[piece.keyIds[i] as number] === `m${step % 3}` && piece.values[i] === step / 2;
        steps.push(right ? step : Number.NaN);
      }
      await between(pieces++);
    }
    return steps;
  }

  const every = Array.from({ length: 3 * perSegment }, (_, step) => step);

  test.each([0, 20, 40])('come once each and in order, compacted after piece %i', async (when) => {
    const dir = await temporaryFolder();
    const id = await logThrice(dir);
    const other = await openStore(dir);
    const steps = await stepsOf(await openStore(dir), id, async (piece) => {
      if (piece === when) expect(await other.maintenance?.compact()).toMatchObject({ runs: 1 });
    });
    expect(steps).toEqual(every);
  });

  test('come once each where a server of files forgets the file that is being read', async () => {
    const dir = await temporaryFolder();
    const id = await logThrice(dir);
    const other = await openStore(dir);
    let gone = false;
    const files: Files = {
      ...nodeFiles,
      open: async (path, mode) => {
        const file = await nodeFiles.open(path, mode);
        if (file === undefined || /k[0-9a-f]{8}\.seg$/.test(path)) return file;
        const read: OpenFile['read'] = async (target, position) => {
          if (!gone) return file.read(target, position);
          throw new FairleadError('STORE_FAILED', 'Stale file handle.', { details: { errno: 'ESTALE' } });
        };
        return { ...file, read };
      },
    };
    const steps = await stepsOf(await openStore(dir, files), id, async (piece) => {
      if (piece !== 10) return;
      await other.maintenance?.compact();
      gone = true;
    });
    expect(steps).toEqual(every);
  });

  test('come once each where a compaction did not come to its end', async () => {
    const dir = await temporaryFolder();
    const id = await logThrice(dir);
    const folder = join(dir, 'runs', id);
    const copy = await temporaryFolder();
    await cp(folder, copy, { recursive: true });
    await (await openStore(dir)).maintenance?.compact();
    await cp(copy, folder, { recursive: true });
    expect(await stepsOf(await openStore(dir), id, async () => {})).toEqual(every);
  });

  test('are refused where what replaced their segments holds others, and where the run was removed', async () => {
    const dir = await temporaryFolder();
    const id = await logThrice(dir);
    const folder = join(dir, 'runs', id);
    const segments = (await readdir(folder)).filter((name) => name.endsWith('.seg')).sort();
    const [first, second] = segments as [string, string];
    const changed = expect.objectContaining({ code: 'STORE_FAILED', details: { field: 'id', given: id } });
    const swap = async (piece: number): Promise<void> => {
      if (piece !== 0) return;
      await rename(join(folder, second), join(folder, `${first.slice(0, -4)}-.seg`));
      await rm(join(folder, first));
    };
    await expect(stepsOf(await openStore(dir), id, swap)).rejects.toEqual(changed);
    const remove = async (piece: number): Promise<void> => {
      if (piece === 0) await rm(folder, { recursive: true });
    };
    await expect(stepsOf(await openStore(dir), id, remove)).rejects.toEqual(changed);
    expect(await stepsOf(await openStore(dir), id, async () => {})).toEqual([]);
  });
});
