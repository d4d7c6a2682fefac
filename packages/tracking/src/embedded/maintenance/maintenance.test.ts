import { cp, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createVirtualClock } from '@fairlead/core/testing';
import { expect, onTestFinished, test } from 'vitest';
import type { Files } from '../../files/files';
import { nodeFiles } from '../../files/node-files';
import { temporaryFolder } from '../../fixtures/temporary-folder';
import { openTracker } from '../../open-tracker';
import type { PointColumns, RunEvent, RunWriter } from '../../store/run-store';
import { openEmbeddedStore } from '../embedded-store';
import { compactRun } from './compact-run';

const idOf = (number: number): string => number.toString(16).padStart(32, '0');
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const keys = ['loss', 'größe'];

const points = (values: readonly number[], step = 0): PointColumns => ({
  count: values.length,
  keys,
  keyIds: Uint16Array.from(values, (_, i) => i % 2),
  steps: Float64Array.from(values, (_, i) => step + i),
  timestamps: Float64Array.from(values, (_, i) => 1_700_000_000_000 + i),
  values: Float64Array.from(values),
});

async function openStore(dir: string, files: Files = nodeFiles) {
  const clock = createVirtualClock(Date.now());
  const options = { pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;
  const store = await openEmbeddedStore({ files, dir, clock, ...options });
  onTestFinished(() => store.close());
  if (store.maintenance === undefined) throw new Error('no maintenance');
  return { store, clock, maintenance: store.maintenance };
}

type Store = Awaited<ReturnType<typeof openStore>>['store'];

async function end(writer: RunWriter, ...events: readonly RunEvent[]): Promise<void> {
  for (const event of events) writer.append(event);
  await writer.flush('os');
  await writer.close();
}

/** A run in three segments, with everything that a run may have. */
async function logResumedRun(store: Store, number: number): Promise<void> {
  const id = idOf(number);
  const first = await store.runs.create({ type: 'start', at: 1000, id, experiment: 'e', name: 'n', leaseUntil: 2000 });
  first.append({ type: 'params', at: 1000, params: { lr: 0.1, nan: Number.NaN } });
  first.append({ type: 'tags', at: 1000, tags: { note: 'first', kept: 'yes' } });
  first.appendPoints(points([1, Number.NaN, -0, Number.POSITIVE_INFINITY, 5]));
  first.append({ type: 'beat', at: 1001, leaseUntil: 2500 });
  await end(first, { type: 'end', at: 1100, status: 'INTERRUPTED' });
  const second = await store.runs.open(id);
  second.append({ type: 'resume', at: 1200, leaseUntil: 3000 });
  second.append({ type: 'artifact', at: 1201, name: 'a', digest: 'ab'.repeat(32), size: 3 });
  second.append({ type: 'input', at: 1202, dataset: { name: 'data', digest: 'd' } });
  second.append({ type: 'use', at: 1203, model: { name: 'm', version: '1' } });
  second.appendPoints(points([6, 7, 8], 2));
  second.appendPoints(points([9], 100));
  await end(second, { type: 'end', at: 1300, status: 'FAILED', error: { name: 'E', message: 'm' } });
  await end(await store.runs.open(id), { type: 'tags', at: 1400, tags: { note: 'later' } });
}

async function everythingOf(store: Store, number: number) {
  const run = await store.runs.read(idOf(number));
  const histories = await Promise.all(keys.map((key) => store.runs.history(idOf(number), key)));
  return { run, histories };
}

/** Makes every file and folder below one old, so that it has rested for long enough. */
async function age(folder: string, seconds = 1000): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await age(join(folder, entry.name), seconds);
    else await utimes(join(folder, entry.name), seconds, seconds);
  }
}

const segmentsIn = async (dir: string, number: number): Promise<string[]> =>
  (await readdir(join(dir, 'runs', idOf(number)))).sort();

/** Whether a name in the folder of artifacts is one, and not the folder of uploads. */
const isKept = (name: string): boolean => name !== '.uploads';

test('compaction makes the segments of a run one that reads exactly the same', async () => {
  const dir = await temporaryFolder();
  const { store, maintenance } = await openStore(dir);
  await logResumedRun(store, 1);
  await end(await store.runs.create({ type: 'start', at: 1, id: idOf(2), experiment: 'e', name: 'n', leaseUntil: 2 }));
  const before = await everythingOf(store, 1);
  expect(before.histories[0]?.values).toEqual(Float64Array.of(1, -0, 5, 6, 8, 9));
  expect(await maintenance.compact()).toMatchObject({ runs: 0, skipped: [{ reason: 'it was written to lately' }] });
  await age(dir);
  expect(await maintenance.compact({ dryRun: true })).toMatchObject({ runs: 1, segments: { before: 3, after: 1 } });
  expect(await segmentsIn(dir, 1)).toHaveLength(3);
  const report = await maintenance.compact();
  expect(report).toMatchObject({ runs: 1, segments: { before: 3, after: 1 }, skipped: [] });
  expect(report.bytes.after).toBeLessThan(report.bytes.before);
  expect(await segmentsIn(dir, 1)).toEqual([expect.stringMatching(/^k[0-9a-f]{8}\.seg$/)]);
  expect(await everythingOf(store, 1)).toEqual(before);
  expect(await everythingOf((await openStore(dir)).store, 1)).toEqual(before);
  expect((await store.runs.search({})).runs.find((run) => run.id === idOf(1))).toEqual(before.run);
  expect(await maintenance.compact()).toMatchObject({ runs: 0, skipped: [] });
  // What comes later is compacted with it.
  await end(await store.runs.open(idOf(1)), { type: 'tags', at: 1500, tags: { note: 'last' } });
  await age(dir);
  expect(await maintenance.compact()).toMatchObject({ runs: 1, segments: { before: 2, after: 1 } });
  const { run } = await everythingOf(store, 1);
  expect(run).toEqual({ ...before.run, tags: { note: 'last', kept: 'yes' } });
});

test.each(['runs', 'damaged', 'opened'] as const)('compaction leaves alone a run that is %s', async (state) => {
  const dir = await temporaryFolder();
  const { store, maintenance } = await openStore(dir);
  await logResumedRun(store, 1);
  if (state === 'runs') {
    await end(await store.runs.open(idOf(1)), { type: 'resume', at: 2000, leaseUntil: Date.now() + 60_000 });
  }
  if (state === 'opened') onTestFinished((await store.runs.open(idOf(1))).close);
  if (state === 'damaged') {
    const path = join(dir, 'runs', idOf(1), (await segmentsIn(dir, 1))[0] as string);
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] as number) ^ 1;
    await writeFile(path, bytes);
  }
  await age(dir);
  const segments = await segmentsIn(dir, 1);
  const report = await maintenance.compact();
  expect(report.runs).toBe(0);
  expect(report.skipped.map(({ reason }) => reason)).toEqual(
    { runs: ['it has not ended'], damaged: [expect.stringContaining('damaged')], opened: [] }[state],
  );
  expect(await segmentsIn(dir, 1)).toEqual(segments);
});

test('a compaction that ends at any step leaves a run that reads the same, and the next one finishes the work', async () => {
  const dir = await temporaryFolder();
  const { store } = await openStore(dir);
  await logResumedRun(store, 1);
  await age(dir);
  const before = await everythingOf(store, 1);
  let steps = Number.POSITIVE_INFINITY;
  let crashed = true;
  for (let crashAt = 1; crashed; crashAt++) {
    const copy = await temporaryFolder();
    await cp(dir, copy, { recursive: true, preserveTimestamps: true });
    steps = crashAt;
    // From this step on nothing reaches the disk any more.
    const step = async <T>(work: () => Promise<T>): Promise<T> => {
      if (--steps <= 0) throw new Error('the power went');
      return work();
    };
    const files: Files = {
      ...nodeFiles,
      open: async (path, mode) => {
        const file = await (mode === 'create' ? step(() => nodeFiles.open(path, mode)) : nodeFiles.open(path, mode));
        return file && { ...file, write: (...call) => step(() => file.write(...call)), sync: () => step(file.sync) };
      },
      rename: (...call) => step(() => nodeFiles.rename(...call)),
      remove: (...call) => step(() => nodeFiles.remove(...call)),
      syncFolder: (...call) => step(() => nodeFiles.syncFolder(...call)),
    };
    const folder = join(copy, 'runs', idOf(1));
    const options = { folder, id: idOf(1), dryRun: false, before: Date.now() };
    crashed = await compactRun({ ...options, files }).then(
      () => false,
      () => true,
    );
    const reopened = await openStore(copy);
    expect(await everythingOf(reopened.store, 1), `crash at step ${crashAt}`).toEqual(before);
    await age(copy);
    expect(await compactRun({ ...options, files: nodeFiles })).toSatisfy((done) => !done || 'segments' in done);
    expect((await segmentsIn(copy, 1)).filter((name) => name.endsWith('.seg'))).toHaveLength(1);
    expect(await everythingOf(reopened.store, 1), `after a crash at step ${crashAt}`).toEqual(before);
    expect(await everythingOf((await openStore(copy)).store, 1)).toEqual(before);
  }
  expect(steps).toBeGreaterThan(0);
});

test('a reader beside a compaction reads the whole run at every moment', async () => {
  const dir = await temporaryFolder();
  const { store } = await openStore(dir);
  await logResumedRun(store, 1);
  await age(dir);
  const before = await everythingOf(store, 1);
  const reader = await openStore(dir);
  // Looks before and after every change that the compaction makes, with an old reader and with a new one.
  const look = async (): Promise<void> => {
    expect(await everythingOf(reader.store, 1)).toEqual(before);
    expect(await everythingOf((await openStore(dir)).store, 1)).toEqual(before);
  };
  const files: Files = {
    ...nodeFiles,
    rename: async (...call) => {
      await look();
      await nodeFiles.rename(...call);
      await look();
    },
    remove: async (path) => {
      await nodeFiles.remove(path);
      await look();
    },
  };
  const folder = join(dir, 'runs', idOf(1));
  expect(await compactRun({ files, folder, id: idOf(1), dryRun: false, before: Date.now() })).toMatchObject({
    segments: 3,
  });
  await look();
});

test('a segment that grows while it is compacted is kept', async () => {
  const dir = await temporaryFolder();
  const { store } = await openStore(dir);
  await logResumedRun(store, 1);
  await age(dir);
  for (const moment of ['before', 'after'] as const) {
    const names = await segmentsIn(dir, 1);
    const path = join(dir, 'runs', idOf(1), names[1] as string);
    const wake = () => utimes(path, 2000, moment === 'before' ? 2000 : 3000);
    const files: Files = {
      ...nodeFiles,
      rename: async (...call) => {
        await nodeFiles.rename(...call);
        if (moment === 'after') await wake();
      },
      open: async (name, mode) => {
        if (mode === 'create' && moment === 'before') await wake();
        return nodeFiles.open(name, mode);
      },
    };
    const folder = join(dir, 'runs', idOf(1));
    expect(await compactRun({ files, folder, id: idOf(1), dryRun: false, before: Date.now() })).toEqual({
      skipped: 'it was written to meanwhile',
    });
    expect(await segmentsIn(dir, 1)).toEqual(names);
  }
});

test('two compactions at once count once', async () => {
  const dir = await temporaryFolder();
  const [first, second] = [await openStore(dir), await openStore(dir)];
  for (const number of [1, 2, 3]) await logResumedRun(first.store, number);
  await age(dir);
  const before = await everythingOf(first.store, 2);
  await Promise.all([first.maintenance.compact(), second.maintenance.compact()]);
  // Each may have made a segment; then one of them counts, until the next compaction takes the other away.
  for (const { store } of [first, second, await openStore(dir)]) expect(await everythingOf(store, 2)).toEqual(before);
  await age(dir);
  await first.maintenance.compact();
  for (const number of [1, 2, 3]) expect(await segmentsIn(dir, number)).toHaveLength(1);
  expect(await everythingOf(second.store, 2)).toEqual(before);
});

test('garbage is what nobody refers to and what crashes left, and only once it is old', async () => {
  const dir = await temporaryFolder();
  const tracker = await openTracker({ dir });
  onTestFinished(() => tracker.close());
  const digests: Record<string, string> = {};
  await tracker.withRun({}, async (run) => {
    digests.logged = (await run.logArtifact('kept', bytesOf('kept'))).digest;
  });
  const model = await tracker.registry.registerVersion('digits', { artifact: bytesOf('model') });
  digests.model = model.digest;
  const { store, maintenance, clock } = await openStore(dir);
  digests.orphan = (await store.artifacts.put(bytesOf('orphan'))).digest;
  await logResumedRun(store, 7);
  await end(await store.runs.open(idOf(7)), { type: 'lifecycle', at: clock.epochMs(), deleted: true });
  await writeFile(join(dir, 'artifacts/.tmp-left'), 'left');
  await writeFile(join(dir, 'runs', idOf(7), '.tmp-left'), 'left');
  const removable = { items: [], bytes: 0, kept: [] };
  expect(await maintenance.collectGarbage()).toEqual(removable);

  await age(join(dir, 'artifacts'));
  const first = await maintenance.collectGarbage({ dryRun: true });
  expect(first.items.map(({ kind, name }) => [kind, name])).toEqual([
    ['leftover', 'artifacts/.tmp-left'],
    ['artifact', digests.orphan],
  ]);
  expect(first.bytes).toBe(4 + 6);
  // The same bytes again make it young.
  await store.artifacts.put(bytesOf('orphan'));
  expect((await maintenance.collectGarbage()).items.map(({ name }) => name)).toEqual(['artifacts/.tmp-left']);

  await age(dir);
  await clock.advance(86_400_001);
  const second = await maintenance.collectGarbage();
  expect(second.items.map(({ kind }) => kind)).toEqual([
    'run',
    ...second.items.slice(1, -1).map(() => 'leftover'),
    'artifact',
  ]);
  expect(second.items[0]).toMatchObject({ kind: 'run', name: idOf(7), bytes: expect.any(Number) });
  expect(await store.runs.read(idOf(7))).toBeUndefined();
  expect((await store.runs.search({ deleted: 'include' })).runs).toHaveLength(1);
  expect((await readdir(join(dir, 'artifacts'))).filter(isKept).sort()).toEqual([digests.logged, digests.model].sort());
  expect((await readdir(join(dir, 'runs'))).filter((name) => name.startsWith('.'))).toEqual([]);
  expect(await maintenance.collectGarbage()).toEqual(removable);
  expect((await maintenance.check()).problems).toEqual([]);
});

test('where damage may hide a reference, no artifact is collected', async () => {
  const dir = await temporaryFolder();
  const { store, maintenance } = await openStore(dir);
  await logResumedRun(store, 1);
  const { digest } = await store.artifacts.put(bytesOf('orphan'));
  const path = join(dir, 'runs', idOf(1), (await segmentsIn(dir, 1))[1] as string);
  const bytes = await readFile(path);
  bytes[60] = (bytes[60] as number) ^ 1;
  await writeFile(path, bytes);
  await age(dir);
  const report = await maintenance.collectGarbage();
  expect(report.kept).toEqual([{ name: 'artifacts', reason: expect.stringContaining(idOf(1)) }]);
  expect((await readdir(join(dir, 'artifacts'))).filter(isKept)).toEqual([digest]);
});

test('a check finds a flipped byte wherever it is and names its place', { timeout: 240_000 }, async () => {
  const dir = await temporaryFolder();
  const tracker = await openTracker({ dir });
  await tracker.withRun({ params: { lr: 0.1 } }, async (run) => {
    run.log({ loss: 1 }, { step: 1 });
    await run.logArtifact('a', bytesOf('some bytes'));
  });
  await tracker.registry.registerVersion('digits', { artifact: bytesOf('model') });
  await tracker.registry.setAlias('digits', 'champion', '1', { actor: 'ada', reason: 'best' });
  const clean = await tracker.check();
  expect(clean).toMatchObject({ runs: 1, segments: 1, artifacts: 2, models: 1, problems: [] });
  expect(clean.bytes).toBeGreaterThan(100);
  await tracker.close();
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== 'fairlead.json');
  const { maintenance, clock } = await openStore(dir);
  await clock.advance(120_000); // as long as a run may go on, its last bytes may be a write that does
  expect(files.length).toBe(5);
  for (const entry of files) {
    const path = join(entry.parentPath, entry.name);
    const file = path.slice(dir.length + 1).replaceAll('\\', '/');
    const good = await readFile(path);
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] as number) ^ 0x21;
      await writeFile(path, bad);
      const { problems } = await maintenance.check();
      expect(
        problems.map((problem) => problem.file),
        `byte ${at} of ${file}`,
      ).toContain(file);
      const found = problems.find((problem) => problem.file === file);
      expect(found?.offset).toBeLessThanOrEqual(at);
      expect((found?.offset ?? 0) + (found?.length ?? 0)).toBeGreaterThan(at);
      expect(found?.message).toMatch(/\w/);
    }
    await writeFile(path, good);
  }
});

test('a check names what is referred to and not there', async () => {
  const dir = await temporaryFolder();
  const { store, maintenance } = await openStore(dir);
  await logResumedRun(store, 1);
  expect((await maintenance.check()).problems).toEqual([
    expect.objectContaining({ kind: 'missing-file', file: `artifacts/${'ab'.repeat(32)}` }),
  ]);
});

test('maintenance refuses options that cannot be used, and a store that looks after itself', async () => {
  const dir = await temporaryFolder();
  const tracker = await openTracker({ dir });
  await expect(tracker.collectGarbage({ olderThanMs: 10 })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  await expect(tracker.compact({ dryrun: true } as object)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  await expect(tracker.check({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  await tracker.close();
  await expect(tracker.compact()).rejects.toMatchObject({ code: 'CLOSED' });
  const { maintenance: _, ...store } = (await openStore(dir)).store;
  const other = await openTracker({ store });
  await expect(other.compact()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('embedded'),
  });
  await other.close();
});
