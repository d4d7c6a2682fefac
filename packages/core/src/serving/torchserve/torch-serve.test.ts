import { afterEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import type { ModelRunner } from '../../runner/runner';
import type { Tensor } from '../../tensor/tensor';
import { createMockBackend, createVirtualClock, type MockBackendOptions, mockModel } from '../../testing/index';
import { createHandler, type ServiceOptions, torchServe } from '../index';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

const errors: unknown[] = [];
const logger: Logger = { debug() {}, info() {}, warn() {}, error: (details) => void errors.push(details) };

async function runnerOf(mock: MockBackendOptions = {}): Promise<ModelRunner> {
  const backend = createMockBackend(mock);
  const options = { model: mockModel('1.0'), backend, warmUp: false, logger, ...(mock.clock && { clock: mock.clock }) };
  const runner = await createRunner(options);
  open.push(runner);
  return runner;
}

async function serverOf(mock: MockBackendOptions = {}, options: ServiceOptions = {}) {
  errors.length = 0;
  const runner = await runnerOf(mock);
  const handle = createHandler({ mock: runner }, { protocols: [torchServe()], logger, ...options });
  const ask = async (method: string, path: string, body?: BodyInit, type = 'application/json') => {
    const init = body === undefined ? { method } : { method, body, headers: { 'content-type': type } };
    const response = await handle(new Request(`http://test${path}`, init));
    const text = await response.text();
    return { status: response.status, text, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  };
  return { ask, handle, runner };
}

const texts: MockBackendOptions = {
  signature: {
    inputs: [{ name: 'text', dtype: 'string', shape: ['batch'] }],
    outputs: [{ name: 'text', dtype: 'string', shape: ['batch'] }],
    batchAxis: 0,
  },
  compute: ({ text }) => ({ text: text as Tensor }),
};

describe('the contract of TorchServe', () => {
  it('ping tells whether the models would answer', async () => {
    let isReady = true;
    const { ask } = await serverOf({}, { isReady: () => isReady });
    expect(await ask('GET', '/ping')).toMatchObject({ status: 200, body: { status: 'Healthy' } });
    isReady = false;
    expect(await ask('GET', '/ping')).toMatchObject({ status: 503, body: { status: 'Unhealthy' } });
  });

  it('predictions take JSON, by POST and PUT, with and without a version', async () => {
    const { ask } = await serverOf();
    for (const method of ['POST', 'PUT']) {
      for (const path of ['/predictions/mock', '/predictions/mock/1.0']) {
        expect(await ask(method, path, '[[1,2],[3,4]]')).toMatchObject({ status: 200, text: '[[2.0,4.0],[6.0,8.0]]' });
      }
    }
    expect(await ask('POST', '/predictions/mock', '[1,2]')).toMatchObject({ text: '[2.0,4.0]' });
    expect(await ask('POST', '/predictions/mock', '{"instances":[[1,2]]}')).toMatchObject({
      text: '{"predictions":[[2.0,4.0]]}',
    });
    // What curl says when nobody says anything.
    expect(await ask('POST', '/predictions/mock', '[1,2]', 'application/x-www-form-urlencoded')).toMatchObject({
      status: 200,
    });
  });

  it('predictions take bytes and text', async () => {
    const { ask } = await serverOf();
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    expect(await ask('PUT', '/predictions/mock', bytes, 'application/octet-stream')).toMatchObject({
      status: 200,
      text: '[[2.0,4.0],[6.0,8.0]]',
    });
    expect(await ask('POST', '/predictions/mock', '[1,2]', 'text/plain; charset=utf-8')).toMatchObject({ status: 200 });
    const { ask: askText } = await serverOf(texts);
    expect(await askText('POST', '/predictions/mock', 'grüß [1', 'text/plain')).toMatchObject({ text: '"grüß [1"' });
    expect(await askText('POST', '/predictions/mock', '["a","b"]')).toMatchObject({ text: '["a","b"]' });
    expect(await askText('POST', '/predictions/mock', '"a"')).toMatchObject({ text: '"a"' });
  });

  it('models are listed in pages, and described', async () => {
    const runner = await runnerOf();
    const handle = createHandler({ a: runner, b: runner, c: runner }, { protocols: [torchServe()], logger });
    const get = async (path: string) => (await handle(new Request(`http://test${path}`))).json() as Promise<unknown>;
    const of = (...names: string[]) => names.map((name) => ({ modelName: name, modelUrl: name }));
    expect(await get('/models')).toEqual({ models: of('a', 'b', 'c') });
    expect(await get('/models?limit=2')).toEqual({ nextPageToken: '2', models: of('a', 'b') });
    expect(await get('/models?limit=2&next_page_token=2')).toEqual({ models: of('c') });
    expect(await get('/models?limit=3')).toEqual({ models: of('a', 'b', 'c') });
    expect(await get('/models?next_page_token=99')).toEqual({ models: [] });
    for (const path of ['/models/a', '/models/a/1.0', '/models/a/all']) {
      expect(await get(path)).toMatchObject([
        {
          modelName: 'a',
          modelVersion: '1.0',
          minWorkers: 1,
          workers: [{ status: 'READY' }],
          jobQueueStatus: { pendingRequests: 0 },
        },
      ]);
    }
  });
});

describe('what it refuses', () => {
  it.each<
    [
      what: string,
      method: string,
      path: string,
      body: string,
      status: number,
      type: string,
      says: string,
      contentType?: string,
    ]
  >([
    ['an unknown model', 'POST', '/predictions/nope', '[1,2]', 404, 'ModelNotFoundException', 'No model "nope"'],
    [
      'another version',
      'POST',
      '/predictions/mock/2.0',
      '[1,2]',
      404,
      'ModelVersionNotFoundException',
      'No version "2.0"',
    ],
    ['no JSON', 'POST', '/predictions/mock', '[1,2', 400, 'BadRequestException', 'no JSON'],
    ['a row too long', 'POST', '/predictions/mock', '[1,2,3]', 400, 'BadRequestException', 'x'],
    [
      'bytes that do not fill rows',
      'PUT',
      '/predictions/mock',
      'abc',
      400,
      'BadRequestException',
      'multiple of 8',
      'application/octet-stream',
    ],
    [
      'a form',
      'POST',
      '/predictions/mock',
      'x',
      415,
      'BadRequestException',
      'octet-stream',
      'multipart/form-data; boundary=x',
    ],
    ['an image', 'POST', '/predictions/mock', 'x', 415, 'BadRequestException', 'octet-stream', 'image/png'],
    [
      'too many elements',
      'POST',
      '/predictions/mock',
      JSON.stringify(new Array(60).fill([1, 2])),
      413,
      'BadRequestException',
      'at most 100',
    ],
    ['an explanation', 'POST', '/explanations/mock', '[1,2]', 501, 'NotImplementedException', 'no explainer'],
    [
      'an explanation of nothing',
      'POST',
      '/explanations/nope',
      '[1,2]',
      404,
      'ModelNotFoundException',
      'No model "nope"',
    ],
  ])('%s', async (_what, method, path, body, status, type, says, contentType) => {
    const { ask } = await serverOf({}, { maxTensorElements: 100 });
    const answer = await ask(method, path, body, contentType);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ code: status, type, message: expect.stringContaining(says) });
  });

  it.each(['/models?limit=0', '/models?limit=x', '/models?next_page_token=-1', '/models/nope', '/models/mock/2'])(
    'GET %s',
    async (path) => {
      const { ask } = await serverOf();
      expect((await ask('GET', path)).body).toMatchObject({
        code: expect.toSatisfy((code) => code === 400 || code === 404),
      });
    },
  );

  it('changes of models', async () => {
    const { ask } = await serverOf();
    for (const [method, path] of [
      ['POST', '/models?url=http://x/y.mar'],
      ['DELETE', '/models/mock'],
      ['PUT', '/models/mock?min_worker=9'],
    ] as const) {
      const { status, body } = await ask(method, path, '');
      expect([status, body]).toEqual([
        405,
        { code: 405, type: 'MethodNotAllowedException', message: expect.stringContaining('answers GET') },
      ]);
    }
  });

  it('whom the guard does not know, in the same form', async () => {
    const guard = { admit: () => Promise.reject(new FairleadError('UNAUTHENTICATED', 'This needs a key.')) };
    const { ask } = await serverOf({}, { guard });
    const error = { code: 401, type: 'InvalidKeyException', message: 'This needs a key.' };
    expect(await ask('POST', '/predictions/mock', '[1,2]')).toMatchObject({ status: 401, body: error });
    expect(await ask('GET', '/models')).toMatchObject({ status: 401, body: error });
  });
});

describe('what holds for every protocol', () => {
  it('a failure of the model is told to the log and to observers, and not to the client', async () => {
    const ended: unknown[] = [];
    const observer = { begin: () => ({ end: ({ code }: { code: unknown }) => void ended.push(code) }) };
    const failing = { compute: () => Promise.reject(new Error('/secret/model.onnx')) };
    const { ask } = await serverOf(failing, { observers: [observer as never] });
    const answer = await ask('POST', '/predictions/mock', '[1,2]');
    expect(answer.body).toMatchObject({ code: 500, type: 'InternalServerException' });
    expect(answer.text).not.toContain('secret');
    expect(errors).toHaveLength(1);
    expect(ended).toEqual(['RUN_FAILED']);
    expect(await ask('POST', '/predictions/nope', '[1,2]')).toMatchObject({ status: 404 });
    expect(ended).toEqual(['RUN_FAILED', 'NOT_FOUND']);
  });

  it('the log does not grow as fast as clients can make the model fail', async () => {
    const { ask } = await serverOf({ compute: () => Promise.reject(new Error('broken')) });
    for (let index = 0; index < 30; index++) expect((await ask('POST', '/predictions/mock', '[1,2]')).status).toBe(500);
    expect(errors).toHaveLength(10);
  });

  it('a full server asks to come again', async () => {
    const clock = createVirtualClock();
    const { handle } = await serverOf({ clock, latencyMs: () => 10 }, { maxConcurrentRequests: 1, clock });
    const send = () => handle(new Request('http://test/predictions/mock', { method: 'POST', body: '[1,2]' }));
    const first = send();
    const second = await send();
    expect(second.status).toBe(429);
    expect(second.headers.get('retry-after')).not.toBeNull();
    await clock.advance(10);
    expect((await first).status).toBe(200);
  });
});
