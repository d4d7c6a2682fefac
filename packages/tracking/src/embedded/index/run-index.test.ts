import { cp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createVirtualClock, type VirtualClock } from '@fairlead/core/testing';
import { expect, onTestFinished, test } from 'vitest';
import type { Files } from '../../files/files';
import { nodeFiles } from '../../files/node-files';
import { temporaryFolder } from '../../fixtures/temporary-folder';
import { parseFilter } from '../../search/parse-filter';
import type { RunStart, StoredRun } from '../../store/run-store';
import { openEmbeddedStore } from '../embedded-store';

const idOf = (number: number): string => number.toString(16).padStart(32, '0');

/** What the store asked of the file system, by kind. */
interface Asked {
  opens: number;
  stats: number;
}

async function openStore(dir: string, clock: VirtualClock) {
  const asked: Asked = { opens: 0, stats: 0 };
  const files: Files = {
    ...nodeFiles,
    open: (...call) => {
      asked.opens++;
      return nodeFiles.open(...call);
    },
    statSync: (path) => {
      asked.stats++;
      return nodeFiles.statSync(path);
    },
  };
  const options = { pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;
  const store = await openEmbeddedStore({ files, dir, clock, ...options });
  onTestFinished(() => store.close());
  const found = async (filter?: string): Promise<StoredRun[]> => {
    const page = await store.runs.search({ limit: 50_000, ...(filter && { filter: parseFilter(filter) }) });
    return [...page.runs];
  };
  const asks = async (work: () => Promise<unknown>): Promise<Asked> => {
    Object.assign(asked, { opens: 0, stats: 0 });
    await work();
    return { ...asked };
  };
  return { store, found, asks };
}

type Store = Awaited<ReturnType<typeof openStore>>['store'];

async function logRun(store: Store, number: number, clock: VirtualClock, ended = true): Promise<void> {
  const at = clock.epochMs();
  const id = idOf(number);
  const start: RunStart = { type: 'start', at, id, experiment: 'e', name: `run ${number}`, leaseUntil: at + 60_000 };
  const writer = await store.runs.create(start);
  writer.append({ type: 'params', at, params: { number, odd: number % 2 === 1, text: `no ${number}` } });
  writer.appendPoints({
    count: 1,
    keys: ['loss'],
    keyIds: new Uint16Array(1),
    steps: Float64Array.of(1),
    timestamps: Float64Array.of(at),
    values: Float64Array.of(1 / number),
  });
  if (ended) writer.append({ type: 'end', at, status: 'FINISHED' });
  await writer.write();
  await writer.close();
}

/** A store of ended runs, read once and closed, so that it has a snapshot; its root has a time that is long past. */
async function filledStore(runs = 100) {
  const dir = await temporaryFolder();
  const clock = createVirtualClock();
  const { store, found } = await openStore(dir, clock);
  for (let i = 1; i <= runs; i++) await logRun(store, i, clock);
  const before = await found();
  expect(before).toHaveLength(runs);
  await store.close();
  await age(dir);
  return { dir, clock, before };
}

/** File systems' times are coarse, and a young one is not believed: this one is old. */
async function age(dir: string, seconds = 1000): Promise<void> {
  await utimes(join(dir, 'runs'), seconds, seconds);
}

test('a snapshot gives back every run exactly, and a second search looks at no run at all', async () => {
  const { dir, clock, before } = await filledStore();
  const { found, asks } = await openStore(dir, clock);
  const cold = await asks(async () => expect(await found()).toEqual(before));
  expect(cold.opens).toBe(1); // the snapshot
  expect(await asks(() => found('metrics.loss > 0.1'))).toEqual({ opens: 0, stats: 1 });
  expect((await found("metrics.loss > 0.1 and params.odd = 'true'")).map((run) => run.params.number)).toEqual([
    9, 7, 5, 3, 1,
  ]);
});

test('a snapshot that is damaged anywhere, cut off or of a later layout is made up for from the segments', async () => {
  const { dir, clock, before } = await filledStore(70);
  const path = join(dir, 'index/runs.idx');
  const bytes = await readFile(path);
  const variants = [
    ...[0, 5, 16, 31, 40, 60, 3000, bytes.length - 1].map((at) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      return damaged;
    }),
    bytes.subarray(0, bytes.length / 2),
    Buffer.alloc(0),
    Buffer.from('not a snapshot, and longer than a header would be'),
  ];
  for (const variant of variants) {
    await writeFile(path, variant);
    const { store, found } = await openStore(dir, clock);
    expect(await found()).toEqual(before);
    await store.close();
  }
  await rm(path);
  await mkdir(path); // cannot even be opened as a file
  const { found } = await openStore(dir, clock);
  expect(await found()).toEqual(before);
});

test('what another process does shows in the next search', async () => {
  const { dir, clock } = await filledStore(3);
  const mine = await openStore(dir, clock);
  const other = await openStore(dir, clock);
  expect(await mine.found()).toHaveLength(3);

  await logRun(other.store, 10, clock, false);
  expect((await mine.found()).find((run) => run.id === idOf(10))?.end).toBeUndefined();

  const writer = await other.store.runs.open(idOf(2));
  expect(await mine.found("tags.note = 'late'")).toHaveLength(0);
  writer.append({ type: 'tags', at: clock.epochMs(), tags: { note: 'late' } });
  await writer.write();
  expect((await mine.found("tags.note = 'late'")).map((run) => run.id)).toEqual([idOf(2)]);
  writer.append({ type: 'tags', at: clock.epochMs(), tags: { note: 'later' } });
  await writer.write();
  await writer.close();
  await age(dir, 2000);
  expect(await mine.found("tags.note = 'later'")).toHaveLength(1);
  // Once it is closed, it costs nothing any more, beside the run that goes on.
  await age(dir, 2000);
  expect((await mine.asks(() => mine.found())).stats).toBe(3);

  await rm(join(dir, 'runs', idOf(1)), { recursive: true });
  expect((await mine.found()).map((run) => run.id)).toEqual([idOf(10), idOf(3), idOf(2)]);
});

test('a run that was opened and closed between two searches shows too', async () => {
  const { dir, clock } = await filledStore(3);
  const mine = await openStore(dir, clock);
  const other = await openStore(dir, clock);
  await mine.found();
  const writer = await other.store.runs.open(idOf(2));
  writer.append({ type: 'lifecycle', at: clock.epochMs(), deleted: true });
  await writer.write();
  await writer.close();
  expect((await mine.found()).map((run) => run.id)).toEqual([idOf(3), idOf(1)]);
});

test('a run whose writer slept past its lease and wakes is found again', async () => {
  const dir = await temporaryFolder();
  const clock = createVirtualClock();
  const mine = await openStore(dir, clock);
  const other = await openStore(dir, clock);
  const at = clock.epochMs();
  const start: RunStart = { type: 'start', at, id: idOf(1), experiment: 'e', name: 'n', leaseUntil: at + 1000 };
  const writer = await other.store.runs.create(start);
  await writer.write();
  expect(await mine.found("attributes.status = 'RUNNING'")).toHaveLength(1);
  await clock.advance(5000);
  expect(await mine.found("attributes.status = 'KILLED'")).toHaveLength(1);
  const now = clock.epochMs();
  writer.append({ type: 'beat', at: now, leaseUntil: now + 1000 });
  await writer.write();
  expect(await mine.found("attributes.status = 'RUNNING'")).toHaveLength(1);
  await writer.close();
});

test('what a copying tool puts into a folder that is in use is found: at once by the time of the root, else by and by', async () => {
  const { dir, clock, before } = await filledStore(3);
  const source = await temporaryFolder();
  await cp(dir, source, { recursive: true, preserveTimestamps: true });
  const mine = await openStore(dir, clock);
  const other = await openStore(source, clock);
  expect(await mine.found()).toEqual(before);
  const tag = async (note: string): Promise<void> => {
    await clock.advance(1); // of two tags of one moment, either may count
    const writer = await other.store.runs.open(idOf(2));
    writer.append({ type: 'tags', at: clock.epochMs(), tags: { note } });
    await writer.write();
    await writer.close();
    const run = join('runs', idOf(2));
    await cp(join(source, run), join(dir, run), { recursive: true, preserveTimestamps: true });
  };
  await tag('one');
  await age(dir, 3000); // as a tool does that sets the times of folders at the end
  expect(await mine.found("tags.note = 'one'")).toHaveLength(1);
  await tag('two');
  expect(await mine.found("tags.note = 'two'")).toHaveLength(0);
  await clock.advance(61_000);
  await mine.found(); // looks at everything, behind this search
  await expect.poll(() => mine.found("tags.note = 'two'")).toHaveLength(1);
});

test('the experiments are those of the runs that are not deleted', async () => {
  const { dir, clock } = await filledStore(3);
  const { store } = await openStore(dir, clock);
  expect(await store.runs.experiments()).toEqual([{ name: 'e', runs: 3, lastStartedAt: clock.epochMs() }]);
  for (const number of [1, 2, 3]) {
    const writer = await store.runs.open(idOf(number));
    writer.append({ type: 'lifecycle', at: clock.epochMs(), deleted: true });
    await writer.write();
    await writer.close();
  }
  expect(await store.runs.experiments()).toEqual([]);
});

test('a disk that refuses the snapshot fails no search', async () => {
  const { dir, clock, before } = await filledStore(70);
  await rm(join(dir, 'index'), { recursive: true });
  await writeFile(join(dir, 'index'), 'a file where the folder should be');
  const { store, found } = await openStore(dir, clock);
  expect(await found()).toEqual(before);
  await store.close();
});
