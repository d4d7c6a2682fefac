import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createMlflowClient, type MlflowClient } from '@fairlead/tracking/mlflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMlflow } from './mlflow-server';
import { prepareMlflow } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlflow() };
const script = fileURLToPath(new URL('mlflow_client.py', import.meta.url));

describe.skipIf(missing !== undefined)('the client of MLflow against a real server', () => {
  let server: Awaited<ReturnType<typeof startMlflow>>;
  let client: MlflowClient;

  beforeAll(async () => {
    server = await startMlflow(command);
    client = createMlflowClient({ url: server.url, auth: 'none' });
  }, 180_000);
  afterAll(() => server?.stop());

  const ask = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await promisify(execFile)(command, [script, server.url, ...args]);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  };

  const textOf = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece);
    return Buffer.concat(all);
  };

  const startRun = async (name: string): Promise<string> => {
    const experimentId = await client.experiments.create(name, { tags: { team: 'vision' } });
    return (await client.runs.create({ experimentId, startTime: 1_700_000_000_000, name: 'r' })).id;
  };

  it('MLflow reads back what we wrote, NaN and 2500 points included', { timeout: 120_000 }, async () => {
    const run = await startRun('written-by-us');
    const values = Array.from({ length: 2500 }, (_, step) =>
      step % 7 === 3 ? Number.NaN : Math.sin(step) * 10 ** (step % 300),
    );
    const metrics = values.map((value, step) => ({
      key: 'loss/train',
      value,
      step,
      timestamp: 1_700_000_000_000 + step,
    }));
    const params = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`p ${i}`, `wert ü 語 ${i}`]));
    const digest = '0123456789abcdef'.repeat(4);
    const bytes = new Uint8Array(300_000).map((_, i) => i * 7);
    await client.runs.logBatch(run, {
      metrics,
      params: { ...params, long: 'x'.repeat(6000) },
      tags: { note: 'a\nb "c"' },
    });
    // The same again, as after an answer that was lost.
    await client.runs.logBatch(run, { metrics: metrics.slice(0, 1000) });
    await client.runs.logInputs(run, [{ name: 'digits', digest, context: 'training', profile: '{"num_rows":3}' }]);
    const pieces = async function* () {
      for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
    };
    await client.artifacts.put(run, 'model/weights.bin', pieces);
    await client.models.create('digits', { description: 'reads digits' });
    const { artifactUri } = await client.runs.get(run);
    const source = `${artifactUri}/model`;
    const { version } = await client.versions.create({ name: 'digits', source, runId: run, tags: { a: 'b' } });
    await client.models.setAlias('digits', 'champion', version);
    await client.runs.update(run, { status: 'FINISHED', endTime: 1_700_000_100_000 });

    const read = await ask('read', run, 'digits', 'champion');
    expect(read).toMatchObject({
      status: 'FINISHED',
      params: { ...params, long: 'x'.repeat(6000) },
      tags: { note: 'a\nb "c"' },
      datasets: [['digits', digest.slice(0, 36), { 'mlflow.data.context': 'training', 'fairlead.digest': digest }]],
      artifact: Buffer.from(bytes).toString('hex'),
      version: '1',
      source,
    });
    const { 'loss/train': history = [] } = read.history as Record<string, [string, number, number][]>;
    const bySteps = history.sort((a, b) => a[2] - b[2]);
    expect(bySteps.map(([value]) => (value === 'nan' ? Number.NaN : Number(value)))).toEqual(values);
    expect(bySteps.map(([, timestamp, step]) => [timestamp, step])).toEqual(metrics.map((m) => [m.timestamp, m.step]));
  });

  it('we read back what MLflow wrote', { timeout: 120_000 }, async () => {
    const { run, experiment } = (await ask('write', 'written-by-python')) as { run: string; experiment: string };
    expect(await client.experiments.getByName('written-by-python')).toMatchObject({ id: experiment, deleted: false });
    expect(await client.runs.get(run)).toMatchObject({
      name: 'from-python',
      status: 'FAILED',
      startTime: 1_700_000_000_000,
      endTime: 1_700_000_009_000,
      params: { lr: '0.1' },
      tags: { who: 'python' },
      metrics: { loss: { value: 1e-300, step: 2, timestamp: 1_700_000_000_002 } },
    });
    const points: unknown[] = [];
    for await (const page of client.runs.history(run, 'loss', { maxResults: 2 })) points.push(...page);
    expect(points).toMatchObject([{ value: 0.5 }, { value: Number.NaN }, { value: 1e-300 }]);
    expect(await client.artifacts.list(run)).toEqual([{ path: 'notes', isFolder: true }]);
    expect(await client.artifacts.list(run, 'notes')).toEqual([{ path: 'notes/a b.txt', isFolder: false, size: 17 }]);
    expect((await textOf(client.artifacts.get(run, 'notes/a b.txt'))).toString()).toBe('hello from python');
  });

  it('infinities come back, as the server keeps them', async () => {
    const run = await startRun('infinities');
    const point = { key: 'm', timestamp: 1_700_000_000_000 };
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    await client.runs.logBatch(run, { metrics: values.map((value, step) => ({ ...point, value, step })) });
    const read: (readonly [number, number])[] = [];
    for await (const page of client.runs.history(run, 'm'))
      for (const { step, value } of page) read.push([step, value]);
    expect(read.sort((a, b) => a[0] - b[0]).map(([, value]) => value)).toEqual(values);
  });

  it('everything can be searched a page at a time, changed, deleted and restored', async () => {
    const experimentId = await client.experiments.create('lifecycle');
    await expect(client.experiments.create('lifecycle')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    const runs: string[] = [];
    for (const lr of ['0.1', '0.2', '0.3']) {
      const { id } = await client.runs.create({ experimentId, startTime: 1_700_000_000_000 + runs.length });
      await client.runs.logBatch(id, { params: { lr } });
      runs.push(id);
    }
    const query = { experimentIds: [experimentId], orderBy: ['attributes.start_time ASC'], maxResults: 2 };
    const first = await client.runs.search(query);
    const second = await client.runs.search({ ...query, pageToken: first.nextPageToken as string });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(runs);
    expect(second.nextPageToken).toBeUndefined();
    const [one = ''] = runs;
    await expect(
      client.runs.search({ ...query, filter: "params.lr = '0.1' OR params.lr = '0.2'" }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(client.runs.logBatch(one, { params: { lr: '9' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await client.runs.logBatch(one, { tags: { gone: 'soon' } });
    await client.runs.deleteTag(one, 'gone');
    await expect(client.runs.deleteTag(one, 'gone')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await client.runs.delete(one);
    await expect(client.runs.logBatch(one, { tags: { a: 'b' } })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await client.runs.search({ ...query, view: 'deleted' })).items).toMatchObject([{ id: one, deleted: true }]);
    await client.runs.restore(one);
    expect((await client.runs.get(one)).deleted).toBe(false);
    await client.experiments.setTag(experimentId, 'a', 'b');
    await client.experiments.rename(experimentId, 'renamed');
    await client.experiments.delete(experimentId);
    expect(await client.experiments.get(experimentId)).toMatchObject({
      name: 'renamed',
      deleted: true,
      tags: { a: 'b' },
    });
    await client.experiments.restore(experimentId);
    const found = await client.experiments.search({ filter: "name = 'renamed'" });
    expect(found.items.map(({ id }) => id)).toEqual([experimentId]);
    expect(await client.experiments.getByName('never-made')).toBeUndefined();
    await expect(client.runs.get('f'.repeat(32))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(textOf(client.artifacts.get(one, 'nothing.bin'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('models, versions and aliases are made, moved and deleted', async () => {
    const { models, versions } = client;
    await models.create('house prices', { tags: { team: 'x' } });
    await expect(models.create('house prices')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    const runId = await startRun('prices');
    const { artifactUri } = await client.runs.get(runId);
    for (const folder of ['a', 'b']) {
      await versions.create({ name: 'house prices', source: `${artifactUri}/${folder}`, runId });
    }
    await expect(versions.create({ name: 'house prices', source: `${artifactUri}/a` })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await models.setAlias('house prices', 'champion', '1');
    await models.setAlias('house prices', 'champion', '2');
    await versions.setTag('house prices', '2', 'score', '0.9');
    await versions.describe('house prices', '2', 'better');
    expect(await models.get('house prices')).toMatchObject({ aliases: { champion: '2' }, tags: { team: 'x' } });
    expect(await models.getByAlias('house prices', 'champion')).toMatchObject({
      version: '2',
      tags: { score: '0.9' },
      description: 'better',
    });
    expect(await versions.downloadUri('house prices', '2')).toBe(`${artifactUri}/b`);
    const found = await versions.search({ filter: "name = 'house prices'" });
    expect(found.items.map(({ version }) => version).sort()).toEqual(['1', '2']);
    await models.deleteAlias('house prices', 'champion');
    await expect(models.getByAlias('house prices', 'champion')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await versions.deleteTag('house prices', '2', 'score');
    await versions.delete('house prices', '1');
    await expect(versions.get('house prices', '1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await models.describe('house prices', 'what a house costs');
    await models.setTag('house prices', 'stage', 'trial');
    await models.deleteTag('house prices', 'team');
    await models.rename('house prices', 'prices');
    expect(await models.get('prices')).toMatchObject({
      aliases: {},
      tags: { stage: 'trial' },
      description: 'what a house costs',
    });
    expect((await models.search({ filter: "name = 'prices'" })).items).toHaveLength(1);
    await models.delete('prices');
    await expect(models.get('prices')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('an address behind which no MLflow is says so', async () => {
    const wrong = createMlflowClient({ url: `${server.url}/nowhere`, auth: 'none' });
    await expect(wrong.experiments.get('0')).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('check the path of `url`'),
    });
  });
});
