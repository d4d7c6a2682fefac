import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openTracker, type Tracker } from '@fairlead/tracking';
import { createMlflowClient, createMlflowStore } from '@fairlead/tracking/mlflow';
import { trackingStoreConformance } from '@fairlead/tracking/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startMlflow } from './mlflow-server';
import { prepareMlflow } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlflow() };
const script = fileURLToPath(new URL('mlflow_client.py', import.meta.url));
const evidence = { actor: 'ada', reason: 'because' };

describe.skipIf(missing !== undefined)('the store on a real MLflow server', () => {
  let server: Awaited<ReturnType<typeof startMlflow>>;
  let files: string;

  beforeAll(async () => {
    files = await mkdtemp(join(tmpdir(), 'fairlead-mlflow-files-'));
    server = await startMlflow(command);
  }, 180_000);
  afterAll(async () => {
    await server?.stop();
    await rm(files, { recursive: true, force: true });
  }, 60_000);

  /** What MLflow's own client in Python answers. */
  const ask = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await promisify(execFile)(command, [script, server.url, ...args], { maxBuffer: 1e8 });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  };

  const open = async (): Promise<Tracker> => {
    const tracker = await openTracker({ mlflow: { url: server.url, auth: 'none' } });
    onTestFinished(() => tracker.close());
    return tracker;
  };

  describe('holds to the contract, as every store does:', () => {
    const cases = trackingStoreConformance({
      async createPlace() {
        const folder = await mkdtemp(join(files, 'place-'));
        return {
          folder,
          open: () => createMlflowStore({ client: createMlflowClient({ url: server.url, auth: 'none' }), pollMs: 50 }),
        };
      },
      keeps: {
        signOfZero: false,
        largestNumbers: false,
        equalPoints: false,
        orderOfPoints: false,
        fractionsOfTimes: false,
      },
    });
    for (const { name, run } of cases) it(name, { timeout: 120_000 }, run);
  });

  it("MLflow's own client reads what a tracker wrote", { timeout: 120_000 }, async () => {
    const tracker = await open();
    const values = Array.from({ length: 2500 }, (_, step) => (step % 7 === 3 ? Number.NaN : Math.sin(step)));
    const run = await tracker.startRun({
      experiment: 'from a tracker',
      name: 'lauf ü',
      params: { lr: 0.1, nan: Number.NaN, on: true, text: 'wert 語', long: 'x'.repeat(6001) },
      tags: { team: 'vision', note: 'a\nb' },
    });
    for (const [step, value] of values.entries()) {
      run.log({ 'loss/train': value }, { step, timestamp: 1_700_000_000_000 + step });
    }
    run.log({ high: Number.POSITIVE_INFINITY }, { step: 1 });
    const child = await run.startRun({ name: 'part' });
    await child.fail(new RangeError('too far'));
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
    const { digest } = await run.logArtifact('model/weights.bin', bytes);
    await run.logDataset({ name: 'digits', digest: '0123456789abcdef'.repeat(4), context: 'training', rows: 3 });
    await run.complete();
    const { version } = await tracker.registry.registerVersion('digits of a tracker', {
      artifact: digest,
      run: run.id,
      description: 'reads digits',
      tags: { stage: 'trial' },
    });
    await tracker.registry.setAlias('digits of a tracker', 'champion', version, evidence);
    const read = await ask('read-tracked', 'from a tracker', 'digits of a tracker', 'champion');
    expect(read).toMatchObject({
      name: 'lauf ü',
      status: 'FINISHED',
      params: {
        lr: '0.1',
        nan: 'NaN',
        on: 'true',
        text: 'wert 語',
        long: expect.stringMatching(/^artifact:params\/long/),
      },
      tags: { team: 'vision', note: 'a\nb' },
      children: [{ name: 'part', status: 'FAILED' }],
      datasets: [['digits', 'training']],
      artifact: Buffer.from(bytes).toString('hex'),
      long: 6001,
      model: { version, description: 'reads digits', stage: 'trial', aliases: ['champion'], bytes: digest },
    });
    const { 'loss/train': history = [], high = [] } = read.history as Record<string, [string, number, number][]>;
    const bySteps = history.sort((a, b) => a[2] - b[2]);
    expect(bySteps.map(([value]) => (value === 'nan' ? Number.NaN : Number(value)))).toEqual(values);
    expect(bySteps.map(([, at]) => at)).toEqual(values.map((_, step) => 1_700_000_000_000 + step));
    expect(high).toHaveLength(1);
  });

  it("a tracker reads what MLflow's own client wrote", { timeout: 120_000 }, async () => {
    const written = (await ask('write-tracked', 'from python')) as { run: string; parent: string; version: string };
    const tracker = await open();
    const { runs } = await tracker.search({ experiments: ['from python'], orderBy: ['start_time'] });
    expect(runs.map(({ id, name }) => [id, name])).toEqual([
      [written.parent, 'parent'],
      [written.run, 'from-python'],
    ]);
    const record = await tracker.getRun(written.run);
    expect(record).toMatchObject({
      id: written.run,
      experiment: 'from python',
      name: 'from-python',
      parent: written.parent,
      status: 'FAILED',
      startedAt: 1_700_000_000_000,
      endedAt: 1_700_000_009_000,
      params: { lr: '0.1', net: 'cnn' },
      tags: { who: 'python' },
      metrics: { loss: { last: 1e-300, step: 2, timestamp: 1_700_000_000_002 } },
      inputs: [{ name: 'digits', context: 'training' }],
    });
    expect([...(await record.history('loss')).values]).toEqual([0.5, Number.NaN, 1e-300]);
    expect([...(await record.history('bound')).values]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(record.artifacts.map(({ name, size }) => [name, size])).toEqual([['notes/a b.txt', 17]]);
    expect(Buffer.from(await record.artifact('notes/a b.txt').read()).toString()).toBe('hello from python');
    const found = await tracker.search({
      experiments: ['from python'],
      filter: 'params.lr < 1 AND metrics.loss < 0.1',
    });
    expect(found.runs.map(({ id }) => id)).toEqual([written.run]);
    await tracker.setTags(written.run, { seen: 'by a tracker' });
    expect((await ask('tags', written.run)).seen).toBe('by a tracker');

    const model = tracker.registry.model('digits of python@champion');
    const loaded = await model.resolve({});
    expect(Buffer.from(loaded.bytes).toString()).toBe('the bytes of a model');
    expect((await tracker.registry.getModel('digits of python')).aliases).toEqual({ champion: written.version });
  });

  it('a run that was begun in Python is gone on with, and its end is read by both', { timeout: 120_000 }, async () => {
    const { run: id } = (await ask('write-tracked', 'resumed')) as { run: string };
    const tracker = await open();
    const run = await tracker.resumeRun(id);
    run.log({ loss: 0.125 }, { step: 3, timestamp: 1_700_000_000_003 });
    run.logParams({ later: 1 });
    await run.complete();
    const record = await tracker.getRun(id);
    expect(record).toMatchObject({
      status: 'FINISHED',
      params: { lr: '0.1', later: 1 },
      metrics: { loss: { last: 0.125 } },
    });
    expect([...(await record.history('loss')).values]).toEqual([0.5, Number.NaN, 1e-300, 0.125]);
    expect(await ask('status', id)).toEqual({ status: 'FINISHED' });
  });

  it('an alias that Python moves is seen, and the audit says that another client did it', {
    timeout: 120_000,
  }, async () => {
    const tracker = await open();
    const name = 'moved by both';
    const versions: string[] = [];
    for (const text of ['one', 'two']) {
      const draft = { artifact: new TextEncoder().encode(text) };
      versions.push((await tracker.registry.registerVersion(name, draft)).version);
    }
    const [one = '', two = ''] = versions;
    await tracker.registry.setAlias(name, 'champion', one, evidence);
    await ask('move-alias', name, 'champion', two);
    const other = await open();
    expect((await other.registry.getVersion(`${name}@champion`)).version).toBe(two);
    const last = (await other.registry.aliasHistory(name, 'champion')).at(-1);
    expect(last).toMatchObject({ from: one, to: two, evidence: { actor: 'mlflow' } });
    await other.registry.rollback(name, 'champion', evidence);
    expect((await ask('alias', name, 'champion')).version).toBe(one);
  });
});
