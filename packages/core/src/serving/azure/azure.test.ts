import { afterEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import type { ModelRunner } from '../../runner/runner';
import { asker, mockRunner, tabularRunner } from '../scoring/serving.fixture';
import { type AzureMlOptions, azureMl } from './protocol';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

async function keep(made: Promise<ModelRunner>): Promise<ModelRunner> {
  const runner = await made;
  open.push(runner);
  return runner;
}

describe('azureMl', () => {
  it('is healthy by readiness', async () => {
    let isOpen = true;
    const ask = asker(await keep(mockRunner()), azureMl(), { isReady: () => isOpen });
    expect(await ask('GET', '/')).toMatchObject({ status: 200, text: 'Healthy' });
    isOpen = false;
    expect(await ask('GET', '/')).toMatchObject({ status: 503, text: 'Unhealthy' });
    const below = asker(await keep(mockRunner()), azureMl(), { basePath: '/ml' });
    expect([(await below('GET', '/ml')).text, (await below('GET', '/ml/')).text]).toEqual(['Healthy', 'Healthy']);
  });

  it('answers what Azure calls input_data or data by the list alone, and what MLflow calls it by predictions', async () => {
    const ask = asker(await keep(mockRunner()), azureMl());
    const data = [
      [1, 2],
      [3, 4],
    ];
    const bare = [
      { input_data: data },
      { input_data: { columns: ['a', 'b'], index: [0, 1], data } },
      { input_data: { x: data } },
      { data },
    ];
    for (const body of bare) expect((await ask('POST', '/score', body)).text).toBe('[[2,4],[6,8]]');
    for (const body of [{ inputs: data }, { instances: data }, { dataframe_split: { data } }])
      expect((await ask('POST', '/score', body)).text).toBe('{"predictions":[[2,4],[6,8]]}');
    const tabular = asker(await keep(tabularRunner()), azureMl());
    const body = { input_data: { x: [[1, 2]] }, params: { scale: 2 } };
    expect((await tabular('POST', '/score', body)).body).toEqual([{ total: 6, label: 'yes' }]);
  });

  it('sends the ids of a request back, or makes one, with refusals too', async () => {
    const ask = asker(await keep(mockRunner()), azureMl());
    const idsOf = async (headers: Record<string, string>, body: unknown = { data: [[1, 2]] }) => {
      const answer = await ask('POST', '/score', body, headers);
      return ['x-request-id', 'x-ms-request-id', 'x-ms-client-request-id'].map((name) => answer.headers.get(name));
    };
    expect(await idsOf({ 'x-request-id': 'r', 'x-ms-client-request-id': 'c' })).toEqual(['r', 'c', 'c']);
    expect(await idsOf({ 'x-request-id': 'r', 'x-ms-request-id': 'm' })).toEqual(['r', 'm', 'm']);
    expect(await idsOf({ 'x-ms-request-id': 'm', 'x-ms-client-request-id': 'c' }, {})).toEqual([
      expect.any(String),
      'm',
      'c',
    ]);
    const [made, same, none] = await idsOf({});
    expect([made === same, none]).toEqual([true, null]);
    expect(made).toMatch(/^[0-9a-f-]{36}$/);
    const long = await ask('POST', '/score', { data: [[1, 2]] }, { 'x-ms-client-request-id': 'x'.repeat(101) });
    expect(long).toMatchObject({ status: 431, body: { field: 'x-ms-client-request-id' } });
    expect((await ask('POST', '/score', {}, { 'x-request-id': 'caf\u00e9' })).status).toBe(431);
    const guard = { admit: () => Promise.reject(new FairleadError('FORBIDDEN', 'Not here.')) };
    const guarded = asker(await keep(mockRunner()), azureMl(), { guard });
    const refused = await guarded('POST', '/score', { data: [[1, 2]] }, { 'x-request-id': 'r' });
    expect([refused.status, refused.headers.get('x-request-id')]).toEqual([403, 'r']);
  });

  it('refuses what it cannot read, case by case', async () => {
    const ask = asker(await keep(mockRunner()), azureMl());
    const cases: [unknown, number, string | undefined][] = [
      ['{', 400, undefined],
      [[[1, 2]], 400, 'the body'],
      [{}, 400, 'the body'],
      [{ input_data: null }, 400, 'x.data[0]'],
      [{ input_data: 7 }, 400, 'x.shape'],
      [{ input_data: { columns: ['a'], data: [[1]] } }, 400, 'dataframe_split'],
      [{ input_data: { y: [[1, 2]] } }, 400, 'inputs.x'],
      [{ data: [[1, 2]], method: 'predict' }, 400, 'method'],
      [{ data: [[1, 2]], params: { a: 1 } }, 400, 'params.a'],
      [{ inputs: [[1, 2]], instances: [[1, 2]] }, 400, 'the body'],
    ];
    for (const [body, status, field] of cases) {
      const answer = await ask('POST', '/score', body);
      expect([answer.status, (answer.body as { field?: string }).field], answer.text).toEqual([status, field]);
    }
    expect((await ask('GET', '/score')).status).toBe(405);
    expect(() => azureMl({ path: '/score' } as AzureMlOptions)).toThrow('path');
  });
});
