import { describe, expect, it } from 'vitest';
import { splitBatch } from './batches';
import { createMlflowClient } from './client';
import { collect, createFakeServer } from './fake-server.fixture';

const auth = 'none';
const run = 'a'.repeat(32);
const point = { key: 'loss', value: 1, timestamp: 1_700_000_000_000, step: 1 };

/*
 * Where each trap of MLflow's API is tested:
 *
 * a metric value that is a text             here and open-tracker.test.ts
 * a step or timestamp with a fraction       here and open-tracker.test.ts
 * ±Infinity, NaN                            here, embedded/segment-writer.test.ts
 * a parameter of 6001 characters            here, run/traps.test.ts
 * a history without max_results             here
 * OR in a filter                            here, search/format-filter.test.ts
 * the same batch again                      here
 * logging after FINISHED                    here, run/traps.test.ts
 * multipart on a local artifact store: 501  http.test.ts
 * another Origin: 403, plain text           http.test.ts
 * an unknown path: 404, HTML                http.test.ts
 */

/** What is refused before anything is sent. */
async function refusal(batch: unknown): Promise<unknown> {
  await using server = await createFakeServer(() => ({}));
  const client = createMlflowClient({ url: server.url, auth });
  const error = await client.runs
    .logBatch(run, batch as Parameters<typeof client.runs.logBatch>[1])
    .catch((e: unknown) => e);
  expect(server.seen).toHaveLength(0);
  return error;
}

describe('what an MLflow server would take silently', () => {
  it.each([
    [
      'a value that is no number',
      { metrics: [point, { ...point, value: 'abc' }] },
      'INVALID_ARGUMENT',
      'metrics[1].value',
    ],
    ['a step that is not whole', { metrics: [{ ...point, step: 1.5 }] }, 'INVALID_ARGUMENT', 'metrics[0].step'],
    [
      'a time that is not whole',
      { metrics: [{ ...point, timestamp: 1.5 }] },
      'INVALID_ARGUMENT',
      'metrics[0].timestamp',
    ],
    ['a time before 1970', { metrics: [{ ...point, timestamp: -1 }] }, 'INVALID_ARGUMENT', 'metrics[0].timestamp'],
    ['a name that it has no place for', { metrics: [{ ...point, key: 'a#b' }] }, 'INVALID_ARGUMENT', 'metrics[0].key'],
    ['a name that leads upwards', { metrics: [{ ...point, key: '../b' }] }, 'INVALID_ARGUMENT', 'metrics[0].key'],
    ['a name of 251 characters', { params: { ['k'.repeat(251)]: '1' } }, 'LIMIT_EXCEEDED', 'param name'],
    ['a parameter of 6001 characters', { params: { long: 'x'.repeat(6001) } }, 'LIMIT_EXCEEDED', 'params.long'],
    ['a tag of 8001 characters', { tags: { long: 'x'.repeat(8001) } }, 'LIMIT_EXCEEDED', 'tags.long'],
    ['a parameter that is no text', { params: { lr: 0.1 } }, 'INVALID_ARGUMENT', 'params.lr'],
  ])('%s is refused', async (_, batch, code, field) => {
    expect(await refusal(batch)).toMatchObject({ code, details: { field } });
  });

  it('NaN and the infinities are sent as texts, and the largest numbers read as infinities', async () => {
    const metrics = [
      { key: 'm', value: 'NaN', timestamp: 1, step: 0 },
      { key: 'm', value: Number.MAX_VALUE, timestamp: 2, step: 1 },
      { key: 'm', value: -Number.MAX_VALUE, timestamp: '3', step: 2 },
      { key: 'm', value: 0.5, timestamp: 4 },
    ];
    await using server = await createFakeServer(({ method }) => ({ body: method === 'GET' ? { metrics } : {} }));
    const client = createMlflowClient({ url: server.url, auth });
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5];
    await client.runs.logBatch(run, { metrics: values.map((value, step) => ({ ...point, value, step })) });
    const sent = server.json(0) as { metrics: { value: unknown }[] };
    expect(sent.metrics.map(({ value }) => value)).toEqual(['NaN', 'Infinity', '-Infinity', 0.5]);
    const read = (await collect(client.runs.history(run, 'm'))).flat();
    expect(read.map(({ value }) => value)).toEqual(values);
    expect(read.map(({ timestamp, step }) => [timestamp, step])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 0],
    ]);
  });

  it('a history is always asked for by pages of a size, to the last one', async () => {
    await using server = await createFakeServer((_, index) => ({
      body: index < 2 ? { metrics: [{ ...point, step: index }], next_page_token: `t${index}` } : { metrics: [] },
    }));
    const client = createMlflowClient({ url: server.url, auth });
    const pages = await collect(client.runs.history(run, 'loss', { maxResults: 1 }));
    expect(pages.flat().map(({ step }) => step)).toEqual([0, 1]);
    expect(server.seen.map(({ url }) => new URL(url, server.url).searchParams.get('page_token'))).toEqual([
      null,
      't0',
      't1',
    ]);
    expect(server.seen.every(({ url }) => url.includes('max_results=1'))).toBe(true);
    await expect(
      client.runs.history(run, 'loss', { maxResults: 0 })[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('the same points are sent with the same times after a failure, so that the server keeps them once', async () => {
    await using server = await createFakeServer((_, index) => (index === 0 ? { status: 502 } : {}));
    const retry = { backoffMs: 1, maxBackoffMs: 1, jitterMs: 0 };
    await createMlflowClient({ url: server.url, auth, retry }).runs.logBatch(run, { metrics: [point] });
    expect(server.seen).toHaveLength(2);
    expect(server.seen[1]?.body).toBe(server.seen[0]?.body);
  });

  it('a filter with OR is not cut down: what the server says of it is the error', async () => {
    const message = "Invalid clause(s) in filter string: 'OR'";
    await using server = await createFakeServer(() => ({
      status: 400,
      body: { error_code: 'INVALID_PARAMETER_VALUE', message },
    }));
    const client = createMlflowClient({ url: server.url, auth });
    const filter = 'metrics.loss < 1 OR metrics.loss > 2';
    await expect(client.runs.search({ experimentIds: ['0'], filter })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('OR'),
    });
    expect(server.json(0)).toMatchObject({ filter });
    expect(server.seen).toHaveLength(1);
  });

  it('what is logged after FINISHED is sent as it is, in one request that asks nothing', async () => {
    await using server = await createFakeServer(() => ({}));
    const client = createMlflowClient({ url: server.url, auth });
    await client.runs.update(run, { status: 'FINISHED', endTime: 1_700_000_100_000 });
    await client.runs.logBatch(run, { metrics: [point], tags: { late: 'yes' } });
    expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /api/2.0/mlflow/runs/update',
      'POST /api/2.0/mlflow/runs/log-batch',
    ]);
    expect(server.json(1)).toEqual({
      run_id: run,
      metrics: [point],
      params: [],
      tags: [{ key: 'late', value: 'yes' }],
    });
  });

  it('a digest of 64 characters is shortened to 36, and the whole kept in a tag', async () => {
    await using server = await createFakeServer(() => ({}));
    const digest = 'ab'.repeat(32);
    await createMlflowClient({ url: server.url, auth }).runs.logInputs(run, [
      { name: 'train', digest, context: 'training' },
    ]);
    expect(server.json(0)).toMatchObject({
      run_id: run,
      datasets: [
        {
          dataset: { name: 'train', digest: digest.slice(0, 36), source_type: 'local' },
          tags: [
            { key: 'mlflow.data.context', value: 'training' },
            { key: 'fairlead.digest', value: digest },
          ],
        },
      ],
    });
  });

  it.each(['latest', 'LATEST', 'v1', 'V12', 'a b', ''])('the alias %j is refused', async (alias) => {
    await using server = await createFakeServer(() => ({}));
    const client = createMlflowClient({ url: server.url, auth });
    await expect(client.models.setAlias('digits', alias, '1')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(client.models.setAlias('dig/its', 'champion', '1')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(server.seen).toHaveLength(0);
  });
});

describe('a batch that is too large', () => {
  it('is split by the limits of MLflow, and nothing is lost or repeated', () => {
    const metrics = Array.from({ length: 2500 }, (_, step) => ({ ...point, step }));
    const params = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`p${i}`, String(i)]));
    const tags = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`t${i}`, String(i)]));
    const batches = splitBatch({ metrics, params, tags });
    for (const batch of batches) {
      expect(batch.metrics.length).toBeLessThanOrEqual(1000);
      expect(batch.params.length).toBeLessThanOrEqual(100);
      expect(batch.tags.length).toBeLessThanOrEqual(100);
      expect(batch.metrics.length + batch.params.length + batch.tags.length).toBeLessThanOrEqual(1000);
    }
    expect(batches.flatMap((batch) => batch.metrics)).toEqual(metrics);
    expect(batches.flatMap((batch) => batch.params)).toHaveLength(250);
    expect(batches.flatMap((batch) => batch.tags)).toHaveLength(150);
  });

  it('is split by bytes, not characters', () => {
    const tags = Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`t${i}`, '語'.repeat(8000)]));
    const batches = splitBatch({ tags });
    expect(batches.length).toBeGreaterThan(2);
    for (const batch of batches) expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThan(1_000_000);
    expect(batches.flatMap((batch) => batch.tags)).toHaveLength(99);
  });

  it('is nothing to send when it is empty', () => {
    expect(splitBatch({})).toEqual([]);
  });
});
