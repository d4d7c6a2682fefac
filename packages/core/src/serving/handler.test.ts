import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Logger } from '../logger';
import { createRunner } from '../runner/create-runner';
import type { ModelRunner } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { createMockBackend, createVirtualClock, type MockBackendOptions, mockModel } from '../testing/index';
import {
  createHandler,
  createModelHost,
  createService,
  joinSmall,
  mlflowScoring,
  type ServiceOptions,
  tensorflowServing,
  torchServe,
} from './index';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

async function runnerOf(options: MockBackendOptions & { version?: string } = {}) {
  const { version = '1', ...mock } = options;
  const backend = createMockBackend(mock);
  const runner = await createRunner({ model: mockModel(version), backend, warmUp: false, logger: silent });
  open.push(runner);
  return { runner, backend };
}

const protoName = '__proto__';
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

async function handlerOf(mock: MockBackendOptions = {}, options: ServiceOptions = {}) {
  const { runner, backend } = await runnerOf(mock);
  return { handle: createHandler(runner, { logger: silent, ...options }), runner, backend };
}

async function packed(text: string, encoding: 'gzip' | 'deflate'): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream(encoding));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const url = (path: string) => `http://test${path}`;
const post = (body: unknown, headers: Record<string, string> = {}, path = '/v2/models/mock/infer') =>
  new Request(url(path), { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers });
const input = (data: unknown = [1, 2], shape: unknown = [1, 2], datatype: unknown = 'FP32', name: unknown = 'x') => ({
  inputs: [{ name, shape, datatype, data }],
});

describe('createHandler', () => {
  it('answers an infer request as the protocol writes it', async () => {
    const { handle, backend } = await handlerOf();
    const response = await handle(post({ id: 'a-1', ...input([1, 2, 3, 4], [2, 2]) }));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({
      model_name: 'mock',
      model_version: '1',
      id: 'a-1',
      parameters: { digest: '1'.padStart(64, '0') },
      outputs: [{ name: 'y', shape: [2, 2], datatype: 'FP32', data: [2, 4, 6, 8] }],
    });
    expect(backend.calls).toHaveLength(1);
  });

  it('takes data nested like the shape', async () => {
    const { handle } = await handlerOf();
    const response = await handle(
      post(
        input(
          [
            [1, 2],
            [3, 4],
          ],
          [2, 2],
        ),
      ),
    );
    expect(await response.json()).toMatchObject({ outputs: [{ data: [2, 4, 6, 8] }] });
  });

  it('answers the outputs that were asked for, in that order', async () => {
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 1] });
    const signature: ModelSignature = { inputs: [spec('x')], outputs: [spec('a'), spec('b')], batchAxis: 0 };
    const { handle } = await handlerOf({ signature, compute: ({ x }) => ({ a: x, b: x }) as Tensors });
    const ask = async (outputs: unknown) => {
      const response = await handle(post({ ...input([7], [1, 1]), outputs }));
      const body = (await response.json()) as { outputs?: { name: string }[]; error?: string };
      return body.error ?? body.outputs?.map((output) => output.name);
    };
    expect(await ask([{ name: 'b' }])).toEqual(['b']);
    expect(await ask([{ name: 'b' }, { name: 'a' }])).toEqual(['b', 'a']);
    expect(await ask([])).toEqual(['a', 'b']);
    expect(await ask([{ name: 'c' }])).toContain('outputs[0].name: expected one of "a", "b", given "c"');
  });

  it('carries integers past 2^53 and names that Object has', async () => {
    const spec = (name: string) => ({ name, dtype: 'int64' as const, shape: ['batch'] });
    const signature: ModelSignature = { inputs: [spec(protoName)], outputs: [spec('constructor')], batchAxis: 0 };
    const compute = (inputs: Tensors) => ({ constructor: inputs[protoName] as Tensor });
    const { runner } = await runnerOf({ signature });
    // A runner that answers what it gets, since what is tested is the way in and out.
    const rest = { model: runner.model, timing: { queueMs: 0, computeMs: 0 }, batchSize: 3 };
    const echo = { ...runner, run: async (inputs: Tensors) => ({ ...rest, outputs: compute(inputs) }) };
    const handle = createHandler({ echo: echo as unknown as ModelRunner }, { logger: silent });
    const body = `{"inputs":[{"name":"__proto__","shape":[3],"datatype":"INT64","data":[9007199254740993,"-9223372036854775808",-1]}]}`;
    const response = await handle(post(body, {}, '/v2/models/echo/infer'));
    expect(await response.text()).toContain('"data":[9007199254740993,-9223372036854775808,-1]');
  });

  it('is ready when its runners are: all of them for the server, the one that is meant for a model', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({
      clock,
      workers: true,
      failLane: (_model, tried) => (tried > 0 ? 'gone' : undefined),
    });
    const fragile = await createRunner({ model: '1', backend, clock, lanes: 1, warmUp: false, logger: silent });
    open.push(fragile);
    const { runner: steady } = await runnerOf();
    const { health: _, ...silentAbout } = steady;
    let isReady = true;
    const handle = createHandler(
      { fragile, steady, other: silentAbout as ModelRunner },
      { logger: silent, isReady: () => isReady },
    );
    const statuses = async () => {
      const paths = ['/v2/health/ready', ...['fragile', 'steady', 'other'].map((name) => `/v2/models/${name}/ready`)];
      return Promise.all(paths.map(async (path) => (await handle(new Request(url(path)))).status));
    };
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    backend.lanes[0]?.kill();
    await clock.settle();
    expect(await statuses()).toEqual([503, 503, 200, 200]);
    await clock.advance(10_000);
    expect(fragile.health().status).toBe('failed');
    expect(await statuses()).toEqual([503, 503, 200, 200]);
    const response = await handle(new Request(url('/v2/models/fragile/ready')));
    expect(await response.json()).toEqual({ name: 'fragile', ready: false });
    expect((await handle(new Request(url('/v2/health/live')))).status).toBe(200);
    isReady = false;
    expect(await statuses()).toEqual([503, 503, 503, 503]);
  });

  it('describes server and models', async () => {
    const { handle } = await handlerOf();
    const get = async (path: string) => {
      const response = await handle(new Request(url(path)));
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    expect(await get('/v2')).toMatchObject({
      status: 200,
      body: { name: 'fairlead', extensions: expect.arrayContaining(['binary_tensor_data', 'statistics']) },
    });
    expect(await get('/v2/')).toMatchObject({ status: 200 });
    expect(await get('/v2/health/live')).toEqual({ status: 200, body: { live: true } });
    expect(await get('/v2/health/ready')).toEqual({ status: 200, body: { ready: true } });
    expect(await get('/v2/models/mock/ready')).toEqual({ status: 200, body: { name: 'mock', ready: true } });
    expect(await get('/v2/models/mock/versions/1')).toMatchObject({
      status: 200,
      body: { name: 'mock', versions: ['1'], inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] },
    });
    expect(await get('/v2/models/mock/versions/2/ready')).toMatchObject({ status: 404 });
    expect((await get('/v2/models/nope')).body.error).toBe('No model "nope" is served here. There is one of "mock".');
    expect(await get('/v2/models/constructor')).toMatchObject({ status: 404 });
    expect(await get('/v2/models/..%2f..%2fetc%2fpasswd')).toMatchObject({ status: 404 });
    expect(await get('/v2/models/%')).toMatchObject({ status: 400 });
    expect(await get('/other')).toMatchObject({ status: 404 });
  });

  it('serves several models by name, below a base path', async () => {
    const { runner: first } = await runnerOf();
    const { runner: second } = await runnerOf({ version: '7' });
    const handle = createHandler({ 'a b': first, other: second }, { basePath: '/ml', logger: silent });
    expect((await handle(post(input(), {}, '/ml/v2/models/a%20b/infer'))).status).toBe(200);
    expect(await (await handle(post(input(), {}, '/ml/v2/models/other/versions/7/infer'))).json()).toMatchObject({
      model_name: 'other',
      model_version: '7',
    });
    expect((await handle(post(input(), {}, '/v2/models/other/infer'))).status).toBe(404);
  });

  it('is not ready when it is told so, and still answers', async () => {
    const { handle } = await handlerOf({}, { isReady: () => false });
    expect((await handle(new Request(url('/v2/health/ready')))).status).toBe(503);
    expect((await handle(new Request(url('/v2/models/mock/ready')))).status).toBe(503);
    expect((await handle(new Request(url('/v2/health/live')))).status).toBe(200);
    expect((await handle(post(input()))).status).toBe(200);
  });

  it('answers /metrics in the format that the scraper accepts', async () => {
    const render = vi.fn((accept: string | undefined) => ({
      contentType: 'text/plain; version=0.0.4',
      body: `# ${accept}\n`,
    }));
    const { handle } = await handlerOf({}, { metrics: { render } });
    const response = await handle(
      new Request(url('/metrics'), { headers: { accept: 'application/openmetrics-text' } }),
    );
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await response.text()).toBe('# application/openmetrics-text\n');
    const { handle: without } = await handlerOf();
    expect((await without(new Request(url('/metrics')))).status).toBe(404);
  });

  it('compresses /metrics for who wants it, and says what the answer depends on', async () => {
    const body = 'up 1\n'.repeat(400);
    const metrics = { render: () => ({ contentType: 'text/plain; version=0.0.4', body }) };
    const { handle } = await handlerOf({}, { metrics });
    const ask = (encoding: string) =>
      handle(new Request(url('/metrics'), { headers: { 'accept-encoding': encoding } }));
    const compressed = await ask('gzip, deflate;q=0.5');
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    expect(compressed.headers.get('vary')).toBe('Accept, Accept-Encoding');
    const bytes = await compressed.arrayBuffer();
    expect(bytes.byteLength).toBeLessThan(200);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    expect(await new Response(stream).text()).toBe(body);
    const plain = await ask('gzip;q=0, *;q=0.5');
    expect([plain.headers.get('content-encoding'), plain.headers.get('vary')]).toEqual([
      null,
      'Accept, Accept-Encoding',
    ]);
    expect(await plain.text()).toBe(body);
  });

  it('is not ready where whoever is asked answers later', async () => {
    const isReady = (async () => true) as unknown as () => boolean;
    const { handle } = await handlerOf({}, { isReady });
    expect((await handle(new Request(url('/v2/health/ready')))).status).toBe(503);
  });

  it('takes a body byte by byte, and joins them as they come', async () => {
    const { handle } = await handlerOf();
    const bytes = new TextEncoder().encode(JSON.stringify({ id: 'i'.repeat(5000), ...input() }));
    let sent = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === bytes.length) controller.close();
        else controller.enqueue(bytes.subarray(sent, ++sent));
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit;
    const response = await handle(new Request(url('/v2/models/mock/infer'), init));
    expect(await response.json()).toMatchObject({ id: 'i'.repeat(5000), outputs: [{ data: [2, 4] }] });
    const pieces: Uint8Array[] = [];
    let joined = 0;
    for (let byte = 0; byte < 10_000; byte++) {
      pieces.push(Uint8Array.of(byte));
      joined = joinSmall(pieces, joined);
    }
    expect(pieces.length).toBeLessThan(1100);
    expect(pieces.flatMap((piece) => [...piece])).toEqual(Array.from({ length: 10_000 }, (_, byte) => byte % 256));
  });

  it('knows the method of each path', async () => {
    const { handle } = await handlerOf();
    const wrong = await handle(new Request(url('/v2/models/mock/infer')));
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    const head = await handle(new Request(url('/v2/health/live'), { method: 'HEAD' }));
    expect([head.status, await head.text()]).toEqual([200, '']);
    const live = await handle(new Request(url('/v2/health/live'), { method: 'DELETE' }));
    expect([live.status, live.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('says of a path that is none where models answer', async () => {
    const { runner } = await runnerOf();
    const adviceOf = async (options: ServiceOptions) => {
      const answer = await createHandler(runner, { logger: silent, ...options })(new Request(url('/predict')));
      return [answer.status, ((await answer.json()) as { error: string }).error];
    };
    const nothing = 'Nothing is served at "/predict".';
    expect(await adviceOf({})).toEqual([404, `${nothing} Models answer at /v2/models/NAME/infer.`]);
    expect(await adviceOf({ basePath: '/ml', protocols: [mlflowScoring(), torchServe()] })).toEqual([
      404,
      `${nothing} Models answer at /ml/invocations, /ml/predictions/NAME.`,
    ]);
    expect(await adviceOf({ protocols: [tensorflowServing()] })).toEqual([
      404,
      `${nothing} Models answer at /v1/models/NAME:predict.`,
    ]);
    expect(await adviceOf({ protocols: [] })).toEqual([404, nothing]);
  });

  it('refuses options and runners that are none', () => {
    const runner = { run() {} } as unknown as ModelRunner;
    const refused = expect.objectContaining({ code: 'INVALID_OPTION' }) as Error;
    expect(() => createHandler(runner, { maxBodyByte: 1 } as ServiceOptions)).toThrow(refused);
    expect(() => createHandler(runner, { basePath: 'ml/' })).toThrow(refused);
    expect(() => createHandler({})).toThrow(refused);
    expect(() => createHandler({ a: {} as ModelRunner })).toThrow(refused);
    expect(() => createHandler({ a: Promise.resolve(runner) as unknown as ModelRunner })).toThrow('await it first');
    expect(() => createHandler(Promise.resolve(runner) as unknown as ModelRunner)).toThrow('await it first');
    expect(() => createHandler(undefined as unknown as ModelRunner)).toThrow(refused);
  });

  it('names the function that was called, whatever is wrong', () => {
    const runner = { model: {}, signature: { outputs: [] }, run() {} } as unknown as ModelRunner;
    const host = createModelHost({ runner });
    for (const [served, options, field] of [
      [{ runner }, { basePath: 'ml/' }, 'basePath'],
      [{ runner }, { maxBodyBytes: 0 }, 'maxBodyBytes'],
      [{ runner }, { crossOrigin: { origins: ['x'] } }, 'crossOrigin'],
      [{}, {}, 'runners'],
      [host, { maxBodyBytes: 1 }, 'maxBodyBytes'],
    ] as const) {
      expect(() => createHandler(served, options)).toThrow(new RegExp(`^createHandler: .*"${field}`));
      expect(() => createService(served, options)).toThrow(new RegExp(`^createService: .*"${field}`));
      expect(() => createService(served, options, 'mount')).toThrow(new RegExp(`^mount: .*"${field}`));
    }
    expect(() => createModelHost({ runner }, { maxBodyBytes: 0 })).toThrow(/^createModelHost: .*"maxBodyBytes/);
  });
});

describe('createHandler with bad requests', () => {
  const big = 2 ** 40;
  it.each<[string, number, string, unknown]>([
    ['text that is no JSON', 400, 'no JSON', '{"inputs":'],
    ['nothing', 400, 'no JSON', ''],
    ['an array', 400, 'the body: expected an object', []],
    ['null', 400, 'the body: expected an object', 'null'],
    ['no inputs', 400, 'inputs: expected an array', {}],
    ['an input that is missing', 400, 'x: expected a tensor of that name', { inputs: [] }],
    ['an unknown input', 400, '"z"', input([1, 2], [1, 2], 'FP32', 'z')],
    ['an input named __proto__', 400, '__proto__', input([1, 2], [1, 2], 'FP32', '__proto__')],
    ['the same input twice', 400, 'at most 1', { inputs: [...input().inputs, ...input().inputs] }],
    ['a name that is no string', 400, 'inputs[0].name', input([1, 2], [1, 2], 'FP32', { toString: 1 })],
    ['another datatype', 400, 'x.datatype: expected "FP32", given "FP64"', input([1, 2], [1, 2], 'FP64')],
    ['no datatype', 400, 'x.datatype: expected "FP32"', input([1, 2], [1, 2], null)],
    ['another shape', 400, 'x.shape: expected [batch, 2], given [1, 3]', input([1, 2, 3], [1, 3])],
    ['another rank', 400, 'x.shape', input([1, 2], [2])],
    ['zero rows', 400, 'at least one row', input([], [0, 2])],
    ['a negative size', 400, 'whole numbers', input([1, 2], [-1, 2])],
    ['a size with a fraction', 400, 'whole numbers', input([1, 2], [1.5, 2])],
    ['a size past 2^53', 400, 'whole numbers', input([1, 2], [2 ** 60, 2])],
    ['a shape that multiplies past 2^53', 413, 'x.shape', input([1, 2], [big, big])],
    ['a shape past the limit', 413, 'x.shape: expected at most', input([1, 2], [2 ** 30, 2])],
    ['a shape past the limit with a zero', 400, 'x.shape', input([], [big, big, 0])],
    ['a thousand axes', 400, 'at most 32', input([1], new Array(1000).fill(1))],
    ['too few elements', 400, 'x.data: expected 4 elements for shape [2, 2], given 2', input([1, 2], [2, 2])],
    ['nested data of another shape', 400, 'nested like shape [2, 2]', input([[1, 2], [3]], [2, 2])],
    ['nested data that is too deep', 400, 'x.data[0]: expected a number', input([[[1], [2]]], [1, 2])],
    ['data that is no array', 400, 'x.data: expected an array', input({ length: 2, 0: 1, 1: 2 })],
    ['strings', 400, 'x.data[1]: expected a number', input([1, '2x'])],
    ['null', 400, 'x.data[0]: expected a number', input([null, 2])],
    ['numbers past the range', 400, 'in the range', input([1, 1e39])],
    [
      'numbers past every range',
      400,
      'in the range',
      '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,1e999]}]}',
    ],
    ['an id that is no string', 400, 'id: expected a string', { id: 1, ...input() }],
    ['outputs that are none', 400, 'outputs', { outputs: { name: 'y' }, ...input() }],
    ['too many outputs', 400, 'at most 1', { outputs: [{ name: 'y' }, { name: 'y' }], ...input() }],
    ['a negative timeout', 400, 'parameters.timeout', { parameters: { timeout: -1 }, ...input() }],
    ['a priority that is none', 400, 'parameters.priority', { parameters: { priority: 'high' }, ...input() }],
    [
      'binary data without its header',
      400,
      'header inference-header-content-length',
      { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } }] },
    ],
  ])('%s', async (_what, status, message, body) => {
    const { handle, backend } = await handlerOf();
    const response = await handle(post(body));
    const answer = (await response.json()) as { error: string };
    expect(answer.error).toContain(message);
    expect(response.status).toBe(status);
    expect(backend.calls).toHaveLength(0);
  });

  it('a __proto__ key changes nothing', async () => {
    const { handle } = await handlerOf();
    const body =
      '{"__proto__":{"id":"evil","outputs":[]},"inputs":[{"__proto__":{"data":[9,9]},"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}';
    expect(await (await handle(post(body))).json()).toMatchObject({ outputs: [{ data: [2, 4] }] });
    expect(({} as Record<string, unknown>).id).toBeUndefined();
    const without = '{"inputs":[{"__proto__":{"data":[9,9]},"name":"x","shape":[1,2],"datatype":"FP32"}]}';
    expect((await handle(post(without))).status).toBe(400);
  });

  it('nesting a million deep neither overflows the stack nor hangs', async () => {
    const { handle } = await handlerOf();
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
    expect((await handle(post(deep))).status).toBe(400);
    expect(
      (await handle(post(`{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":${deep}}]}`))).status,
    ).toBe(400);
  });

  it('bytes that are no UTF-8', async () => {
    const { handle } = await handlerOf();
    const body = Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d);
    const response = await handle(new Request(url('/v2/models/mock/infer'), { method: 'POST', body }));
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('UTF-8')]);
  });

  it('a body past the limit, declared, or not, or with a length that lies', async () => {
    const { handle } = await handlerOf({}, { maxBodyBytes: 100 });
    const chunk = new Uint8Array(60);
    let pulled = 0;
    const endless = (headers: Record<string, string>): Request => {
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          pulled += 1;
          controller.enqueue(chunk);
        },
      });
      return new Request(url('/v2/models/mock/infer'), {
        method: 'POST',
        body,
        headers,
        duplex: 'half',
      } as RequestInit);
    };
    expect((await handle(endless({ 'content-length': '101' }))).status).toBe(413);
    const pulledBefore = pulled;
    for (const headers of [{}, { 'content-length': '10' }]) {
      const response = await handle(endless(headers as Record<string, string>));
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({ code: 'LIMIT_EXCEEDED', field: 'body' });
    }
    // The stream reads one chunk ahead: far from endless.
    expect(pulled - pulledBefore).toBeLessThanOrEqual(8);
  });

  it('encodings that are not offered', async () => {
    const { handle } = await handlerOf();
    const response = await handle(post(input(), { 'content-encoding': 'br' }));
    expect([response.status, await response.json()]).toMatchObject([
      415,
      { field: 'content-encoding', expected: 'identity, gzip or deflate', given: 'br' },
    ]);
  });

  it('a packed body that is not packed so, is cut short, or unpacks to more than the limit', async () => {
    const { handle, backend } = await handlerOf({}, { maxBodyBytes: 10_000 });
    const bomb = await packed(JSON.stringify({ ...input(), padding: ' '.repeat(1_000_000) }), 'gzip');
    expect(bomb.byteLength).toBeLessThan(10_000);
    const whole = await packed(JSON.stringify(input()), 'gzip');
    const send = async (body: Uint8Array<ArrayBuffer>, encoding = 'gzip') => {
      const headers = { 'content-encoding': encoding };
      const request = new Request(url('/v2/models/mock/infer'), { method: 'POST', body, headers });
      const response = await handle(request);
      return [response.status, ((await response.json()) as { code?: string }).code];
    };
    expect(await send(bomb)).toEqual([413, 'LIMIT_EXCEEDED']);
    expect(await send(whole.slice(0, -12))).toEqual([400, 'PROTOCOL_ERROR']);
    expect(await send(whole, 'deflate')).toEqual([400, 'PROTOCOL_ERROR']);
    expect(await send(new TextEncoder().encode(JSON.stringify(input())))).toEqual([400, 'PROTOCOL_ERROR']);
    expect(backend.calls).toHaveLength(0);
    for (const name of ['gzip', 'GZip', 'x-gzip', ' gzip ']) expect(await send(whole, name)).toEqual([200, undefined]);
    expect(await send(await packed(JSON.stringify(input()), 'deflate'), 'deflate')).toEqual([200, undefined]);
  });
});

describe('createHandler behind something that has read the body', () => {
  it('says so in the log, in place of taking it for an empty one', async () => {
    const error = vi.fn();
    const { handle } = await handlerOf({}, { logger: { ...silent, error } });
    const read = post(input());
    await read.text();
    const reading = post(input());
    reading.body?.getReader();
    for (const request of [read, reading]) {
      const response = await handle(request);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([500, 'INVALID_OPTION']);
    }
    expect(error.mock.calls.map(([, message]) => message as string)).toEqual([
      expect.stringContaining('request.clone()'),
      expect.stringContaining('request.clone()'),
    ]);
    expect((await handle(post(input()).clone())).status).toBe(200);
  });
});

describe('createHandler with runners that fail', () => {
  it('tells nobody but the logger what went wrong inside', async () => {
    const error = vi.fn();
    const { handle, backend } = await handlerOf({}, { logger: { ...silent, error } });
    const secret = new Error('secret in /home/person/model.onnx');
    backend.failNext(secret, secret, secret);
    const response = await handle(post(input()));
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).not.toMatch(/secret|\/home|at .*\.ts/);
    expect(JSON.parse(text)).toMatchObject({ error: expect.any(String) as string, code: 'RUN_FAILED' });
    expect(error).toHaveBeenCalledTimes(1);
  });

  it('answers what no FairleadError explains with a bare 500', async () => {
    const { runner } = await runnerOf();
    const broken = { ...runner, model: runner.model, run: () => Promise.reject(new TypeError('x is not a function')) };
    const response = await createHandler(broken as unknown as ModelRunner, { logger: silent })(post(input()));
    expect([response.status, await response.json()]).toEqual([
      500,
      { error: 'The server failed to answer this request.' },
    ]);
  });

  it('says 429 and when to come back while the queue is full, and loses no other request', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock, latencyMs: () => 10 });
    const batching = { maxBatchRows: 1, maxQueueRows: 2 };
    const runner = await createRunner({
      model: '1',
      backend,
      clock,
      warmUp: false,
      batching,
      lanes: 'inline',
      logger: silent,
    });
    open.push(runner);
    const handle = createHandler(runner, { clock, logger: silent });
    let done = 0;
    const answers = Array.from({ length: 8 }, () => handle(post(input())).finally(() => void done++));
    await vi.waitFor(async () => {
      await clock.advance(10);
      expect(done).toBe(8);
    });
    const responses = await Promise.all(answers);
    const statuses = responses.map((response) => response.status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(statuses.filter((status) => status === 200)).toHaveLength(backend.calls.length);
    const refused = responses.find((response) => response.status === 429);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  it('says 503 once the runner is closed', async () => {
    const { handle, runner } = await handlerOf();
    await runner.close();
    const response = await handle(post(input()));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  });

  it('answers a pinned version by no other, though the runner swaps in between', async () => {
    const { runner } = await runnerOf();
    const swapping = {
      ...runner,
      model: runner.model,
      run: async (inputs: Tensors) => ({ ...(await runner.run(inputs)), model: { ...runner.model, version: '2' } }),
    };
    const handle = createHandler({ m: swapping as unknown as ModelRunner }, { logger: silent });
    expect((await handle(post(input(), {}, '/v2/models/m/versions/1/infer'))).status).toBe(404);
    expect(await (await handle(post(input(), {}, '/v2/models/m/infer'))).json()).toMatchObject({ model_version: '2' });
  });
});

describe('createHandler with deadlines and aborts', () => {
  /** A runner that records the options of its calls and answers at once. */
  async function recording(clock = createVirtualClock()) {
    const { runner } = await runnerOf();
    const run = vi.fn(async (inputs: Tensors) => runner.run(inputs));
    const handle = createHandler({ ...runner, model: runner.model, run } as unknown as ModelRunner, {
      clock,
      logger: silent,
    });
    const optionsOf = (call = 0) => (run.mock.calls[call] as unknown[])[1];
    return { handle, run, optionsOf };
  }

  it('passes on the earliest of the times that the client gives', async () => {
    const { handle, optionsOf } = await recording();
    await handle(post(input(), { 'x-request-timeout-ms': '50', 'x-envoy-expected-rq-timeout-ms': '40' }));
    await handle(post({ ...input(), parameters: { timeout: 30_000, priority: 1 } }, { 'x-request-timeout-ms': '50' }));
    await handle(post({ ...input(), parameters: { timeout: 0 } }));
    expect(optionsOf(0)).toMatchObject({ timeoutMs: 40, priority: 'normal' });
    expect(optionsOf(1)).toMatchObject({ timeoutMs: 30, priority: 'high' });
    expect(optionsOf(2)).not.toHaveProperty('timeoutMs');
  });

  it('counts the time that the body takes', async () => {
    const clock = createVirtualClock();
    const { handle, run, optionsOf } = await recording(clock);
    const slow = (delayMs: number): Request => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await clock.advance(delayMs);
          controller.enqueue(new TextEncoder().encode(JSON.stringify(input())));
          controller.close();
        },
      });
      const headers = { 'x-request-timeout-ms': '50' };
      return new Request(url('/v2/models/mock/infer'), {
        method: 'POST',
        body,
        headers,
        duplex: 'half',
      } as RequestInit);
    };
    expect((await handle(slow(20))).status).toBe(200);
    expect(optionsOf(0)).toMatchObject({ timeoutMs: 30 });
    expect((await handle(slow(60))).status).toBe(504);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it.each(['soon', '-1', '1e9', 'Infinity', '99999999999999'])('refuses %j as a time', async (value) => {
    const { handle } = await recording();
    expect((await handle(post(input(), { 'x-request-timeout-ms': value }))).status).toBe(400);
  });

  it('answers 504 when the runner runs out of time', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock, latencyMs: () => 100 });
    const runner = await createRunner({ model: '1', backend, clock, warmUp: false, lanes: 'inline', logger: silent });
    open.push(runner);
    const handle = createHandler(runner, { clock, logger: silent });
    const answer = handle(post(input(), { 'x-request-timeout-ms': '50' }));
    await vi.waitFor(async () => {
      await clock.advance(10);
      expect(backend.calls).toHaveLength(1);
    });
    await clock.advance(200);
    expect((await answer).status).toBe(504);
  });

  it('passes the abort of the client on', async () => {
    const { handle, optionsOf } = await recording();
    const controller = new AbortController();
    await handle(new Request(post(input()), { signal: controller.signal }));
    const { signal } = optionsOf() as { signal: AbortSignal };
    expect(signal.aborted).toBe(false);
    controller.abort();
    expect(signal.aborted).toBe(true);
  });
});
