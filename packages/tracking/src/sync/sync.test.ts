import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FairleadError } from '@fairlead/core';
import { expect, onTestFinished, test } from 'vitest';
import { startChild } from '../fixtures/child';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { startFakeMlflow } from '../mlflow/fake-mlflow.fixture';
import type { FakeAnswer } from '../mlflow/fake-server.fixture';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';
import type { TrackerOptions } from '../tracker-options';
import type { SyncProgress } from './sync-report';

async function open(dir: string, url?: string): Promise<Tracker> {
  const mlflow = { url: url ?? '', auth: 'none', retry: { retries: 0 } } as const;
  const tracker = await openTracker({ dir, ...(url === undefined ? {} : { mlflow }) });
  onTestFinished(() => tracker.close());
  return tracker;
}

/** The one file of marks of a run. */
async function markFile(dir: string, id: string): Promise<string> {
  const [folder = ''] = await readdir(join(dir, 'sync'));
  return join(dir, 'sync', folder, `${id}.json`);
}

test('a folder is sent, the second time nothing, and what is new afterwards', async () => {
  await using server = await startFakeMlflow();
  const dir = await temporaryFolder();
  const tracker = await open(dir, server.url);
  const run = await tracker.startRun({ experiment: 'digits', params: { lr: 0.1 }, tags: { a: 'b' } });
  for (let step = 0; step < 1500; step++) run.log({ loss: 1 / (step + 1) }, { step });
  await run.logArtifact('model.bin', new Uint8Array(100));
  const progress: SyncProgress[] = [];
  // The run goes on: what there is of it is sent.
  const first = await tracker.sync({ onProgress: (each) => progress.push(each) });
  expect(first).toEqual({ runs: 1, unchanged: 0, points: 1500, artifacts: 1, bytes: 100, failed: [] });
  expect(progress.at(-1)).toMatchObject({
    run: { id: run.id },
    done: 1,
    total: 1,
    points: 1500,
    artifacts: 1,
    failed: 0,
  });

  const asked = server.seen.length;
  const again = await open(dir, server.url);
  expect(await again.sync()).toMatchObject({ runs: 0, unchanged: 1, points: 0 });
  expect(server.seen).toHaveLength(asked);

  run.log({ loss: 0, other: Number.NaN }, { step: 1500 });
  await run.complete();
  expect(await again.sync()).toMatchObject({ runs: 1, points: 2, artifacts: 0 });
  expect(server.seen.slice(asked).filter(({ method }) => method === 'PUT')).toEqual([]);

  const there = await openTracker({ mlflow: { url: server.url, auth: 'none' } });
  onTestFinished(() => there.close());
  const [mine, theirs] = [await tracker.getRun(run.id), await there.getRun(run.id)];
  expect(theirs).toMatchObject({ status: 'FINISHED', params: mine.params, tags: mine.tags, metrics: mine.metrics });
  expect((await theirs.history('loss')).values).toEqual((await mine.history('loss')).values);
});

test('a flush to the server sends this run and those that it is part of, and rejects when it cannot', async () => {
  let broken = false;
  await using server = await startFakeMlflow(() => (broken ? { status: 503 } : undefined));
  const tracker = await open(await temporaryFolder(), server.url);
  await tracker.withRun({ name: 'another' }, () => undefined);
  const parent = await tracker.startRun({ name: 'above' });
  const run = await parent.startRun({ name: 'below' });
  run.log({ loss: 1 });
  await run.flush({ durability: 'remote' });
  expect([...server.runs.values()].map(({ info }) => info.run_name)).toEqual(['above', 'below']);
  run.log({ loss: 2 });
  broken = true;
  await expect(run.flush({ durability: 'remote' })).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
  // On disk it is.
  expect((await tracker.getRun(run.id)).metrics.loss).toMatchObject({ count: 2 });
  await run.flush();
  broken = false;
  await run.flush({ durability: 'remote' });
  expect([...server.runs.values()].at(-1)?.points.size).toBe(2);
});

test('runs can be chosen, and a wrong choice is refused', async () => {
  await using server = await startFakeMlflow();
  const tracker = await open(await temporaryFolder(), server.url);
  const ids = [];
  for (const experiment of ['a', 'b', 'b']) ids.push(await tracker.withRun({ experiment }, ({ id }) => id));
  expect(await tracker.sync({ experiments: ['b'] })).toMatchObject({ runs: 2 });
  expect(await tracker.sync({ runs: [ids[0] as string] })).toMatchObject({ runs: 1 });
  await expect(tracker.sync({ runs: ['f'.repeat(32)] })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    details: { field: 'runs' },
  });
  for (const bad of [
    { runs: [] },
    { experiments: [''] },
    { runs: ids, experiments: ['a'] },
    { onProgress: 3 },
    { verify: 1 },
  ]) {
    await expect(tracker.sync(bad as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  }
  const controller = new AbortController();
  controller.abort();
  await expect(tracker.sync({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' });
});

test('without a server there is nothing to sync to, and the error says what to do', async () => {
  const tracker = await open(await temporaryFolder());
  await expect(tracker.sync()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('openTracker({ dir, mlflow'),
  });
  await using server = await startFakeMlflow();
  const remote = await openTracker({ mlflow: { url: server.url, auth: 'none' } });
  onTestFinished(() => remote.close());
  await expect(remote.sync()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  const wrong = { dir: await temporaryFolder(), mlflow: { url: 'ftp://nowhere' } } as TrackerOptions;
  await expect(openTracker(wrong)).rejects.toMatchObject({ code: 'INVALID_OPTION', details: { field: 'url' } });
});

test('a mark that is torn, foreign or wrong costs a comparison, and nothing arrives twice', async () => {
  await using server = await startFakeMlflow();
  const dir = await temporaryFolder();
  const tracker = await open(dir, server.url);
  const id = await tracker.withRun({}, (run) => {
    for (let step = 0; step < 10; step++) run.log({ loss: step }, { step });
    return run.id;
  });
  await tracker.sync();
  const file = await markFile(dir, id);
  const good = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const bad = [
    '',
    '{"format":1,',
    'null',
    '[]',
    JSON.stringify({ ...good, place: 'http://elsewhere', done: good.done }),
    JSON.stringify({ ...good, run: 'f'.repeat(32) }),
    JSON.stringify({ ...good, format: 2 }),
    JSON.stringify({ ...good, points: { loss: { count: -1, hash: '' } } }),
    JSON.stringify({ ...good, done: undefined, points: { loss: { count: 5, hash: 'f'.repeat(16) } } }),
    JSON.stringify({ ...good, done: undefined, points: { loss: { count: 500, hash: 'f'.repeat(16) } } }),
    JSON.stringify({ ...good, done: 7 }),
    JSON.stringify({ ...good, seen: 'x' }),
  ];
  for (const text of bad) {
    await writeFile(file, text);
    expect(await tracker.sync()).toMatchObject({ runs: 1, failed: [] });
    const [run] = [...server.runs.values()];
    expect([server.runs.size, run?.points.size]).toEqual([1, 10]);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ points: good.points, done: good.done });
  }
  const there = await openTracker({ mlflow: { url: server.url, auth: 'none' } });
  onTestFinished(() => there.close());
  // Sent again and again, and yet counted once.
  expect((await there.getRun(id)).metrics.loss).toMatchObject({ count: 10, min: 0, max: 9 });
});

test('a run that the server refuses is named, and does not stop the others', async () => {
  await using server = await startFakeMlflow();
  const dir = await temporaryFolder();
  const offline = await open(dir);
  const ids = [];
  for (const length of [10, 9000, 20]) {
    ids.push(await offline.withRun({ tags: { note: 'x'.repeat(length) } }, ({ id }) => id));
  }
  const tracker = await open(dir, server.url);
  const { runs, failed } = await tracker.sync();
  expect([runs, server.runs.size]).toEqual([2, 2]);
  expect(failed).toMatchObject([{ id: ids[1], error: { code: 'LIMIT_EXCEEDED', details: { field: 'tags.note' } } }]);
  expect(failed[0]?.error.message).toContain('8000');
  await tracker.setTags(ids[1] as string, { note: 'shorter' });
  expect(await tracker.sync()).toMatchObject({ runs: 1, unchanged: 2, failed: [] });
});

test('an artifact whose bytes are lost is named, and the rest of its run is sent', async () => {
  await using server = await startFakeMlflow();
  const dir = await temporaryFolder();
  const tracker = await open(dir, server.url);
  const digest = await tracker.withRun({}, async (run) => {
    run.log({ loss: 1 });
    const { digest } = await run.logArtifact('lost.bin', new Uint8Array(5));
    await run.logArtifact('there.bin', new Uint8Array(6));
    return digest;
  });
  await rm(join(dir, 'artifacts', digest));
  expect((await tracker.sync()).failed).toMatchObject([{ error: { code: 'NOT_FOUND' } }]);
  const [run] = [...server.runs.values()];
  expect([run?.info.status, run?.points.size]).toEqual(['FINISHED', 1]);
  await writeFile(join(dir, 'artifacts', digest), new Uint8Array(5));
  expect(await tracker.sync()).toMatchObject({ runs: 1, artifacts: 1, failed: [] });
});

test('a server that does not answer is not asked about every run', async () => {
  const dir = await temporaryFolder();
  const tracker = await open(dir, 'http://127.0.0.1:9');
  for (let i = 0; i < 5; i++) await tracker.withRun({}, () => undefined);
  const { runs, failed } = await tracker.sync();
  expect([runs, failed.length]).toEqual([0, 5]);
  expect(new Set(failed.map(({ error }: { error: FairleadError }) => error.code))).toEqual(new Set(['REMOTE_FAILED']));
});

test('a server that lost everything gets it again when the runs are verified', async () => {
  await using server = await startFakeMlflow();
  const tracker = await open(await temporaryFolder(), server.url);
  await tracker.withRun({}, (run) => run.log({ loss: 1 }));
  await tracker.sync();
  server.runs.clear();
  expect(await tracker.sync()).toMatchObject({ runs: 0, unchanged: 1 });
  expect(await tracker.sync({ verify: true })).toMatchObject({ runs: 1, points: 1, failed: [] });
  expect([...server.runs.values()][0]?.points.size).toBe(1);
});

test('of two processes that sync one folder the second is told, and in one process calls wait for one another', async () => {
  let resolve: (answer: FakeAnswer) => void = () => undefined;
  let onArrival: () => void = () => undefined;
  const promise = new Promise<FakeAnswer>((settle) => {
    resolve = settle;
  });
  const arrived = new Promise<void>((settle) => {
    onArrival = settle;
  });
  let first = true;
  await using server = await startFakeMlflow(() => {
    if (!first) return undefined;
    first = false;
    onArrival();
    return promise;
  });
  const dir = await temporaryFolder();
  const tracker = await open(dir, server.url);
  await tracker.withRun({}, (run) => run.log({ loss: 1 }));
  const child = startChild('sync-folder.ts', dir, server.url);
  await arrived;
  await expect(tracker.sync()).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining(`Process ${child.process.pid}`),
  });
  resolve({ status: 503 });
  expect(JSON.parse(await child.line())).toEqual({ runs: 1, failed: 0 });
  await child.ended;
  expect(await tracker.sync()).toMatchObject({ runs: 0, unchanged: 1 });

  await tracker.withRun({}, (run) => run.log({ loss: 1 }));
  const reports = await Promise.all([tracker.sync(), tracker.sync(), (await open(dir, server.url)).sync()]);
  expect(reports.map(({ runs }) => runs)).toEqual([1, 0, 0]);
  expect(server.runs.size).toBe(2);
});

test('the claim of a process that died is taken over', async () => {
  await using server = await startFakeMlflow();
  const dir = await temporaryFolder();
  const tracker = await open(dir, server.url);
  await tracker.withRun({}, () => undefined);
  await tracker.sync();
  const [folder = ''] = await readdir(join(dir, 'sync'));
  await mkdir(join(dir, 'sync', folder), { recursive: true });
  await writeFile(join(dir, 'sync', folder, 'claim'), '999999999\n');
  expect(await tracker.sync()).toMatchObject({ unchanged: 1 });
});

test('a run that was deleted before it was ever sent stays here', async () => {
  await using server = await startFakeMlflow();
  const tracker = await open(await temporaryFolder(), server.url);
  const id = await tracker.withRun({}, (run) => run.id);
  await tracker.deleteRun(id);
  expect(await tracker.sync()).toMatchObject({ runs: 0, unchanged: 1 });
  expect(server.runs.size).toBe(0);
  await tracker.restoreRun(id);
  expect(await tracker.sync()).toMatchObject({ runs: 1 });
  await tracker.deleteRun(id);
  expect(await tracker.sync()).toMatchObject({ runs: 1 });
  expect([...server.runs.values()][0]?.info.lifecycle_stage).toBe('deleted');
});
