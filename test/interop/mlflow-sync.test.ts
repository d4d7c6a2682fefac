import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openTracker, type RunRecord, type SyncReport, type Tracker } from '@fairlead/tracking';
import { importFromMlflow } from '@fairlead/tracking/mlflow';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startCuttingProxy } from './cutting-proxy';
import { startMlflow } from './mlflow-server';
import { prepareMlflow } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlflow() };
const script = fileURLToPath(new URL('mlflow_sync.py', import.meta.url));

/** A point as Python's `repr` says it. */
type PythonPoint = [step: number, timestamp: number, value: string];

interface PythonRun {
  readonly id: string;
  readonly mlflowId: string;
  readonly parent: string | null;
  readonly status: string;
  readonly deleted: boolean;
  readonly params: Record<string, string>;
  readonly tags: Record<string, string>;
  readonly metrics: Record<string, PythonPoint[]>;
  readonly artifacts: Record<string, string>;
  readonly datasets: string[];
}

function numberOf(text: string): number {
  if (text === 'nan') return Number.NaN;
  const value = Number(text);
  // The server keeps an infinity as the largest number.
  return Math.abs(value) === Number.MAX_VALUE ? Math.sign(value) * Number.POSITIVE_INFINITY : value;
}

function pointText([step, timestamp, value]: readonly [number, number, number]): string {
  return `${step} ${timestamp} ${value}`;
}

async function pointsOf(run: RunRecord): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const key of Object.keys(run.metrics)) {
    const { steps, timestamps, values } = await run.history(key);
    const points = Array.from(steps, (step, i) => pointText([step, timestamps[i] as number, values[i] as number]));
    found[key] = [...new Set(points)].sort();
  }
  return found;
}

describe.skipIf(missing !== undefined)('runs between a folder and a real MLflow server', () => {
  let server: Awaited<ReturnType<typeof startMlflow>>;
  let proxy: Awaited<ReturnType<typeof startCuttingProxy>>;

  beforeAll(async () => {
    server = await startMlflow(command);
    proxy = await startCuttingProxy(server.url);
  }, 180_000);
  afterAll(async () => {
    await proxy?.stop();
    await server?.stop();
  }, 60_000);

  const ask = async <T>(...args: string[]): Promise<T> => {
    const { stdout } = await promisify(execFile)(command, [script, server.url, ...args], {
      maxBuffer: 64 * 1024 * 1024,
    });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
  };

  const folder = async (): Promise<string> => {
    const dir = await mkdtemp(join(tmpdir(), 'fairlead-sync-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    return dir;
  };

  const withTracker = async <T>(dir: string, work: (tracker: Tracker) => Promise<T>, url = proxy.url): Promise<T> => {
    const tracker = await openTracker({ dir, mlflow: { url, auth: 'none', retry: { retries: 0 } } });
    try {
      return await work(tracker);
    } finally {
      await tracker.close();
    }
  };

  /** What Python reads is what was logged. */
  const expectSame = async (dir: string, experiment: string): Promise<void> => {
    const there = new Map((await ask<PythonRun[]>('read', experiment)).map((run) => [run.id, run]));
    await withTracker(dir, async (tracker) => {
      const mine = await tracker.runs({ deleted: 'include', experiment });
      expect(there.size).toBe(mine.length);
      for (const { id } of mine) {
        const run = await tracker.getRun(id);
        const found = there.get(id);
        expect(found).toMatchObject({
          name: run.name,
          status: run.status === 'INTERRUPTED' ? 'KILLED' : run.status,
          deleted: run.deletedAt !== undefined,
          params: Object.fromEntries(Object.entries(run.params).map(([key, value]) => [key, String(value)])),
          tags: run.tags,
          started: Math.floor(run.startedAt),
          ended: run.endedAt === undefined ? null : Math.floor(run.endedAt),
          parent: run.parent === undefined ? null : (there.get(run.parent)?.mlflowId ?? null),
          datasets: run.inputs.map((input) => input.name).sort(),
          artifacts: Object.fromEntries(run.artifacts.map(({ name, digest }) => [name, digest])),
        });
        const points = Object.entries(found?.metrics ?? {}).map(([key, list]) => [
          key,
          list.map(([step, timestamp, value]) => pointText([step, timestamp, numberOf(value)])).sort(),
        ]);
        expect(Object.fromEntries(points)).toEqual(await pointsOf(run));
      }
    });
  };

  /** Syncs with connections that are cut at every so many requests, each time as a new process, until all is there. */
  const syncCutUp = async (dir: string, seed: number): Promise<number> => {
    let state = seed;
    const random = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 0x1_0000_0000;
    };
    let cuts = 0;
    for (let report: SyncReport | undefined; report === undefined || report.failed.length > 0; ) {
      proxy.decide = () => {
        if (random() > 0.2) return 'pass';
        cuts++;
        return random() < 0.5 ? 'cut before' : 'cut after';
      };
      report = await withTracker(dir, (tracker) => tracker.sync());
      for (const { error } of report.failed) expect(error.code).toBe('REMOTE_FAILED');
    }
    proxy.decide = () => 'pass';
    return cuts;
  };

  it('a sync that is cut off again and again ends with the same runs on both sides', { timeout: 300_000 }, async () => {
    const dir = await folder();
    const bytes = new Uint8Array(300_000).map((_, i) => i * 7);
    const [parent, child] = await withTracker(dir, async (tracker) => {
      const run = await tracker.startRun({ experiment: 'sync', params: { lr: 0.1, deep: true, name: 'ü 語' } });
      const below = await run.startRun();
      for (let step = 0; step < 9000; step++) {
        const value = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][step % 1000] ?? Math.sin(step);
        below.log({ loss: value, [`other/${step % 3}`]: step }, { step });
      }
      await run.logArtifact('model/a b.bin', bytes);
      await run.logText('note', 'hello');
      await run.logDataset({ name: 'digits', digest: 'ab'.repeat(32), context: 'training', rows: 3 });
      run.setTags({ note: 'a\nb "c"' });
      await run.flush();
      await tracker.withRun({ experiment: 'sync' }, () => Promise.reject(new TypeError('no'))).catch(() => undefined);
      const ids = [run.id, below.id] as const;
      await below.complete();
      await run.complete();
      return ids;
    });
    expect(await syncCutUp(dir, 1)).toBeGreaterThan(5);
    await expectSame(dir, 'sync');

    const seenBefore = proxy.seen.length;
    expect(await withTracker(dir, (tracker) => tracker.sync())).toMatchObject({ runs: 0, points: 0, unchanged: 3 });
    expect(proxy.seen).toHaveLength(seenBefore);

    await withTracker(dir, async (tracker) => {
      const run = await tracker.resumeRun(child);
      run.log({ loss: 7 }, { step: 9001 });
      await run.flush({ durability: 'remote' });
      expect(proxy.seen.length).toBeLessThan(seenBefore + 30);
      run.log({ loss: 8 }, { step: 9002 });
      await run.close();
      await tracker.setTags(parent, { later: 'yes' });
      const third = (await tracker.runs({ experiment: 'sync' })).find((each) => each.status === 'FAILED');
      await tracker.deleteRun(third?.id ?? '');
    });
    await syncCutUp(dir, 2);
    await expectSame(dir, 'sync');

    // What a reader of ours sees on the server is what it sees in the folder.
    const there = await openTracker({ mlflow: { url: server.url, auth: 'none' } });
    onTestFinished(() => there.close());
    await withTracker(dir, async (tracker) => {
      for (const id of [parent, child]) {
        const { metrics, params, tags, uses, inputs, error } = await tracker.getRun(id);
        const found = await there.getRun(id);
        expect(found).toMatchObject({ params, tags, uses, inputs });
        expect(found.metrics).toEqual(metrics);
        expect(found.error).toEqual(error);
      }
    });
  });

  it('an import fetches what Python logged, and a second one nothing', { timeout: 300_000 }, async () => {
    const ids = await ask<Record<'parent' | 'child' | 'failed' | 'model', string>>('write', 'import');
    const dir = await folder();
    const options = { url: proxy.url, auth: 'none', experiments: ['import'], models: true } as const;
    const tracker = await openTracker({ dir });
    onTestFinished(() => tracker.close());
    const report = await importFromMlflow(tracker, options);
    expect(report).toMatchObject({ runs: 3, points: 2501, artifacts: 2, failed: [] });
    expect(report.models).toMatchObject({ versions: 2, aliases: 1 });
    expect(report.models?.skipped).toEqual([
      { name: ids.model, version: '3', reason: expect.stringContaining('no files are there') },
      { name: ids.model, version: '3', reason: expect.stringContaining('"broken"') },
    ]);

    const [parent, child, failed] = await Promise.all(
      [ids.parent, ids.child, ids.failed].map((id) => tracker.getRun(id)),
    );
    expect(parent).toMatchObject({
      name: 'parent',
      status: 'FINISHED',
      experiment: 'import',
      params: { lr: '0.1' },
      tags: { who: 'python' },
    });
    expect(parent?.inputs).toMatchObject([{ name: 'digits', digest: 'abc123', context: 'training' }]);
    expect(Buffer.from((await parent?.artifact('notes/a b.txt').read()) ?? []).toString()).toBe('hello from python');
    expect(child).toMatchObject({ parent: ids.parent, params: { p: 'x'.repeat(6000) }, tags: { t: 'ü 語' } });
    const { steps, values } = (await child?.history('loss/train')) ?? { steps: [], values: [] };
    expect([...steps]).toEqual(Array.from({ length: 2500 }, (_, i) => i));
    expect([...values]).toEqual(Array.from({ length: 2500 }, (_, i) => (i % 7 === 3 ? Number.NaN : i / 3)));
    expect(failed).toMatchObject({ parent: ids.parent, status: 'FAILED', endedAt: 1_700_000_009_000 });
    const version = await tracker.registry.getVersion(`${ids.model}@champion`);
    const model = Buffer.concat(
      Array.from({ length: 40 }, () => Buffer.from(Array.from({ length: 256 }, (_, i) => i))),
    );
    expect(version).toMatchObject({ run: ids.parent, digest: createHash('sha256').update(model).digest('hex') });

    // Only the lists of experiments, runs and models are asked for.
    const before = proxy.seen.length;
    const again = await importFromMlflow(tracker, { ...options, models: false });
    expect(again).toMatchObject({ runs: 0, points: 0, artifacts: 0, unchanged: 3, failed: [] });
    expect(
      proxy.seen.slice(before).filter((line) => !/experiments\/(search|get-by-name)|runs\/search/.test(line)),
    ).toEqual([]);
    expect((await importFromMlflow(tracker, options)).models).toMatchObject({ versions: 0, aliases: 0 });

    await ask('log_more', ids.child);
    const asked = proxy.seen.length;
    expect(await importFromMlflow(tracker, { ...options, models: false })).toMatchObject({
      runs: 1,
      points: 1,
      unchanged: 2,
    });
    // Of two metrics the one that has a new point.
    expect(proxy.seen.slice(asked).filter((line) => line.includes('get-history'))).toHaveLength(1);
    expect(await tracker.getRun(ids.child)).toMatchObject({
      metrics: { once: { count: 2, last: 2.5 } },
      tags: { later: 'yes' },
    });

    await expect(importFromMlflow(tracker, { ...options, experiments: ['nope'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
