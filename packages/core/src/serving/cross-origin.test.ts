import { describe, expect, test } from 'vitest';
import { createRunner } from '../runner/create-runner';
import { createMockBackend, mockModel } from '../testing';
import { thrownBy } from '../testing/test-kit.fixture';
import { createHandler, type ServiceOptions } from './index';

const logger = { debug() {}, info() {}, warn() {}, error() {} };

async function setUp(crossOrigin?: ServiceOptions['crossOrigin']) {
  const runner = await createRunner({ model: mockModel('1'), backend: createMockBackend(), warmUp: false, logger });
  const handle = createHandler(runner, { logger, ...(crossOrigin === undefined ? {} : { crossOrigin }) });
  const ask = async (method: string, headers: Record<string, string>, path = '/v2/models/mock/infer') => {
    const response = await handle(new Request(`http://t${path}`, { method, headers }));
    return { status: response.status, headers: Object.fromEntries(response.headers) };
  };
  return { ask };
}

const before = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization,content-type',
};

describe('pages of other origins', () => {
  test('may ask where they are named', async () => {
    const { ask } = await setUp({ origins: ['https://app.example'], maxAgeSeconds: 60 });
    expect(await ask('OPTIONS', { origin: 'https://app.example', ...before })).toEqual({
      status: 204,
      headers: {
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'authorization,content-type',
        'access-control-max-age': '60',
        vary: 'Origin',
      },
    });
    const { headers, status } = await ask('GET', { origin: 'https://app.example' }, '/v2/models/mock');
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-expose-headers':
        'retry-after, retry-after-ms, inference-header-content-length, x-fairlead-decision-id',
      vary: 'Origin',
    });
    // An error must be readable too, or the page learns nothing.
    const missing = await ask('GET', { origin: 'https://app.example' }, '/v2/models/none');
    expect([missing.status, missing.headers['access-control-allow-origin']]).toEqual([404, 'https://app.example']);
  });

  test('may not where they are not', async () => {
    const { ask } = await setUp({ origins: ['https://app.example'] });
    for (const origin of ['https://evil.example', 'https://app.example.evil.example', 'null']) {
      const answer = await ask('OPTIONS', { origin, ...before });
      expect(answer).toEqual({ status: 204, headers: { vary: 'Origin' } });
      const { headers } = await ask('GET', { origin }, '/v2');
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('all may by a star, and none without the option', async () => {
    const open = await setUp({ origins: '*' });
    const { headers } = await open.ask('OPTIONS', { origin: 'https://any.example', ...before });
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'access-control-max-age': '600' });
    expect(headers.vary).toBeUndefined();
    const closed = await setUp();
    expect((await closed.ask('OPTIONS', { origin: 'https://any.example', ...before })).status).toBe(405);
    expect((await closed.ask('GET', { origin: 'https://any.example' }, '/v2')).headers).not.toHaveProperty(
      'access-control-allow-origin',
    );
  });

  test('an OPTIONS that is no question of a browser is answered as before', async () => {
    const { ask } = await setUp({ origins: '*' });
    expect((await ask('OPTIONS', {})).status).toBe(405);
  });

  test.each<[string, unknown]>([
    ['crossOrigin.origins.0', { origins: ['https://app.example/'] }],
    ['crossOrigin.origins.1', { origins: ['https://app.example', 'app.example'] }],
    ['crossOrigin.origins', { origins: 'https://app.example' }],
    ['crossOrigin.maxAgeSeconds', { origins: '*', maxAgeSeconds: -1 }],
  ])('a wrong %s is refused', (field, crossOrigin) => {
    const runner = { run() {}, signature: { inputs: [], outputs: [], batchAxis: 0 }, model: { name: 'm' } };
    const make = () => createHandler(runner as never, { crossOrigin } as ServiceOptions);
    expect(thrownBy(make, 'INVALID_OPTION').details.field).toBe(field);
  });
});
