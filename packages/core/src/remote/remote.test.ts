import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FairleadError } from '../errors';
import { createRunner } from '../runner/create-runner';
import type { ModelRunner } from '../runner/runner';
import { createHandler, type ServiceOptions } from '../serving/index';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { createMockBackend, createVirtualClock, type MockBackendOptions, mockModel } from '../testing/index';
import { openInferenceClient, type RemoteOptions, remote, tensorflowClient } from './index';
import { closeAll, failureOf, keep, silent } from './remote.fixture';

afterEach(closeAll);

/** A remote runner over a handler over a local runner, without a socket between them. */
async function setUp(
  mock: MockBackendOptions = {},
  options: Partial<RemoteOptions> = {},
  serving: ServiceOptions = {},
) {
  const backend = createMockBackend(mock);
  const local = await createRunner({ model: mockModel('1'), backend, warmUp: false, logger: silent });
  const handle = createHandler(local, { logger: silent, ...serving });
  const requests: Request[] = [];
  const fetch = vi.fn(async (url: unknown, init?: RequestInit) => {
    const request = new Request(url as string, init);
    requests.push(request.clone() as Request);
    return handle(request);
  });
  const runner = await remote({
    url: 'http://test',
    model: 'mock',
    fetch: fetch as typeof globalThis.fetch,
    ...options,
  });
  keep(runner);
  keep(local);
  return { runner, local, backend, fetch, requests };
}

/** A remote runner over a server that the test scripts; metadata is that of the mock model. */
async function setUpServer(
  answer: (request: Request) => Response | Promise<Response>,
  options: Partial<RemoteOptions> = {},
) {
  const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 2] });
  const metadata = { name: 'm', versions: ['1', '2'], platform: 'x', inputs: [tensor('x')], outputs: [tensor('y')] };
  const fetch = async (url: unknown, init?: RequestInit) =>
    init?.method === 'GET' ? Response.json(metadata) : answer(new Request(url as string, init));
  const runner = await remote({ url: 'http://test', model: 'm', fetch: fetch as typeof globalThis.fetch, ...options });
  keep(runner);
  return runner;
}

const x = Float32Array.of(1, 2, 3, 4);
const answerOf = (data: unknown = [2, 4, 6, 8], shape: unknown = [2, 2]) => ({
  model_name: 'm',
  outputs: [{ name: 'y', datatype: 'FP32', shape, data }],
});

describe('remote', () => {
  it('takes and answers what the local runner does', async () => {
    const { runner, local } = await setUp();
    expect(runner.signature).toEqual(local.signature);
    expect(runner.model).toEqual(local.model);
    const there = await runner.run({ x });
    const here = await local.run({ x });
    expect(there.outputs).toEqual(here.outputs);
    expect(there.model).toEqual(here.model);
    expect(there.batchSize).toBe(2);
    expect(there.timing.computeMs).toBeGreaterThan(0);
    const { outputs } = await runner.run({ x: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(5, 6) } });
    expect(outputs.y).toEqual({ dtype: 'float32', shape: [1, 2], data: Float32Array.of(10, 12) });
  });

  it('brings any floats back bit for bit', async () => {
    const { runner } = await setUp({ compute: ({ x: tensor }) => ({ y: tensor as Tensor }) });
    await fc.assert(
      fc.asyncProperty(fc.float32Array({ minLength: 2, maxLength: 12 }), async (values) => {
        const data = values.subarray(0, values.length & ~1);
        const { outputs } = await runner.run({ x: data });
        expect(outputs.y?.data).toEqual(data);
      }),
      { numRuns: 100 },
    );
  });

  it('brings strings and 64-bit integers back', async () => {
    const spec = (name: string, dtype: 'int64' | 'string') => ({ name, dtype, shape: ['batch'] });
    const signature: ModelSignature = {
      inputs: [spec('id', 'int64'), spec('text', 'string')],
      outputs: [spec('id', 'int64'), spec('text', 'string')],
      batchAxis: 0,
    };
    const { runner } = await setUp({ signature, compute: (inputs) => ({ ...inputs }) });
    const id = BigInt64Array.of(2n ** 63n - 1n, -(2n ** 53n) - 1n);
    const { outputs } = await runner.run({ id, text: ['a"\\\u2028', '\ud800 9007199254740993'] });
    expect(outputs.id?.data).toEqual(id);
    expect(outputs.text?.data).toEqual(['a"\\\u2028', '\ud800 9007199254740993']);
  });

  it('checks inputs before anything is sent, by the rule of the local runner', async () => {
    const { runner, local, fetch } = await setUp();
    const sent = fetch.mock.calls.length;
    const bad: Tensors[] = [
      {},
      { x: new Float64Array(2) },
      { x: Float32Array.of(1, 2, 3) },
      { z: x },
      { x: { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 2, 3) } },
    ] as unknown as Tensors[];
    for (const inputs of bad) {
      const there = await failureOf(runner.run(inputs));
      const here = await failureOf(local.run(inputs));
      expect([there.code, there.message, there.details]).toEqual([here.code, here.message, here.details]);
      expect(there.code).toBe('INVALID_INPUT');
    }
    expect(fetch.mock.calls.length).toBe(sent);
  });

  it('copies the inputs before the call returns', async () => {
    const { runner } = await setUp({}, { on: {} });
    const seen: unknown[] = [];
    runner.events.on('batch-end', (event) => seen.push(event.inputs.x?.data));
    const data = Float32Array.of(1, 2);
    const pending = runner.run({ x: data });
    data.fill(9);
    expect((await pending).outputs.y?.data).toEqual(Float32Array.of(2, 4));
    expect(seen).toEqual([Float32Array.of(1, 2)]);
  });

  it('tells of every request: batch-end or request-fail', async () => {
    const batchEnd = vi.fn();
    const requestFail = vi.fn();
    const { runner } = await setUp({}, { on: { 'batch-end': batchEnd, 'request-fail': requestFail } });
    await runner.run({ x });
    await failureOf(runner.run({ x: Float32Array.of(1) }));
    expect(batchEnd).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ rows: 2, requests: 1, lane: 'remote' }));
    expect(requestFail).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });

  it('sends headers, priority and what is left of the time', async () => {
    const clock = createVirtualClock();
    const requests: Request[] = [];
    // A server that never finds the time too short, however long the machine takes.
    const runner = await setUpServer(
      (request) => {
        requests.push(request);
        return Response.json(answerOf());
      },
      {
        clock,
        headers: { authorization: 'Bearer t' },
        timeoutMs: 7000,
        protocol: openInferenceClient({ encoding: 'json' }),
      },
    );
    await clock.advance(1000);
    await runner.run({ x }, { deadline: 1250, priority: 'low' });
    await runner.run({ x }, { timeoutMs: 40.5, priority: 'high' });
    await runner.run({ x });
    const sent = await Promise.all(requests.map(async (request) => [request.headers, await request.json()] as const));
    expect(sent.map(([headers]) => headers.get('x-request-timeout-ms'))).toEqual(['250', '40', '7000']);
    expect(sent.map(([headers]) => headers.get('authorization'))).toEqual(['Bearer t', 'Bearer t', 'Bearer t']);
    expect(sent.map(([, body]) => body.parameters)).toEqual([
      { timeout: 250_000, priority: 3 },
      { timeout: 40_500, priority: 1 },
      { timeout: 7_000_000 },
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('asks for the version that it is given, and escapes names', async () => {
    const { runner } = await setUp({}, { version: '1' });
    expect((await runner.run({ x })).model.version).toBe('1');
    const { fetch } = await setUp();
    const options = { url: 'http://test/base/', fetch: fetch as typeof globalThis.fetch };
    const missing = await failureOf(remote({ ...options, model: 'a/b c', version: '../2' }));
    expect(missing).toMatchObject({ code: 'NOT_FOUND', details: { status: 404 } });
    expect(fetch.mock.lastCall?.[0]).toBe('http://test/base/v2/models/a%2Fb%20c/versions/..%2F2');
  });

  it('follows the version of the answers', async () => {
    let version = '2';
    const runner = await setUpServer(() => Response.json({ ...answerOf(), model_version: version }));
    expect(runner.model).toEqual({ name: 'm', version: '2', digest: '' });
    const first = await runner.run({ x });
    version = '3';
    expect((await runner.run({ x })).model.version).toBe('3');
    expect(runner.model.version).toBe('3');
    expect(first.model.version).toBe('2');
  });

  it('takes a signature where the server describes none', async () => {
    const fetch = async (_url: unknown, init?: RequestInit) =>
      Response.json(init?.method === 'GET' ? { name: 'm', inputs: [], outputs: [] } : answerOf());
    const options = { url: 'http://test', model: 'm', fetch: fetch as typeof globalThis.fetch };
    expect(await failureOf(remote(options))).toMatchObject({
      code: 'PROTOCOL_ERROR',
      message: expect.stringContaining('"signature"') as string,
    });
    const { runner: model } = await setUp();
    const runner = await remote({ ...options, signature: model.signature });
    expect((await runner.run({ x })).outputs.y?.data).toEqual(Float32Array.of(2, 4, 6, 8));
  });

  it('refuses options that it cannot use', async () => {
    const refused = async (options: object) =>
      (await failureOf(remote({ url: 'http://t', model: 'm', ...options }))).code;
    expect(await refused({ url: 'nowhere' })).toBe('INVALID_OPTION');
    expect(await refused({ url: 'file:///etc/passwd' })).toBe('INVALID_OPTION');
    expect(await refused({ url: 'http://t/?a=b' })).toBe('INVALID_OPTION');
    expect(await refused({ model: '' })).toBe('INVALID_OPTION');
    expect(await refused({ timeoutMs: 0 })).toBe('INVALID_OPTION');
    expect(await refused({ retries: 3 })).toBe('INVALID_OPTION');
  });
});

describe('remote in bytes', () => {
  const bits = (tensor: Tensor | undefined) => {
    const { buffer, byteOffset, byteLength } = (tensor as Tensor<'float32'>).data;
    return [...new Uint8Array(buffer, byteOffset, byteLength)];
  };

  it('carries every bit of every float, where the server offers it', async () => {
    const { runner, requests } = await setUp({ compute: ({ x: tensor }) => ({ y: tensor as Tensor }) });
    expect(runner.describe()).toMatchObject({ url: 'http://test/v2/models/mock', encoding: 'binary', inFlight: 0 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 255 }), { minLength: 8, maxLength: 8 }), async (bytes) => {
        const data = new Float32Array(Uint8Array.from(bytes).buffer);
        const { outputs } = await runner.run({ x: data });
        expect(bits(outputs.y)).toEqual(bytes);
      }),
      { numRuns: 100 },
    );
    expect(requests.at(-1)?.headers.get('content-type')).toBe('application/octet-stream');
    expect(requests).toHaveLength(101);
  });

  it('JSON and bytes say the same', async () => {
    const answers = [];
    for (const encoding of ['json', 'binary'] as const) {
      const { runner } = await setUp({}, { protocol: openInferenceClient({ encoding }) });
      expect(runner.describe().encoding).toBe(encoding);
      answers.push((await runner.run({ x })).outputs);
    }
    expect(answers[0]).toEqual(answers[1]);
  });

  it('a server that does not offer it gets JSON', async () => {
    const types: (string | null)[] = [];
    const runner = await setUpServer((request) => {
      types.push(request.headers.get('content-type'));
      return Response.json(answerOf());
    });
    await runner.run({ x });
    expect(types).toEqual(['application/json']);
  });

  it.each<[string, (json: string) => [string, number[]]]>([
    ['too few bytes', (json) => [json, [1, 2, 3]]],
    ['too many bytes', (json) => [json, new Array(20).fill(0) as number[]]],
    ['no bytes', (json) => [json, []]],
  ])('an answer with %s is a PROTOCOL_ERROR', async (_what, make) => {
    const y = { name: 'y', datatype: 'FP32', shape: [2, 2], parameters: { binary_data_size: 16 } };
    const [json, bytes] = make(JSON.stringify({ outputs: [y] }));
    const runner = await setUpServer(() => {
      const head = new TextEncoder().encode(json);
      const headers = { 'inference-header-content-length': String(head.length) };
      return new Response(Uint8Array.of(...head, ...bytes), { headers });
    });
    expect((await failureOf(runner.run({ x }))).code).toBe('PROTOCOL_ERROR');
  });
});

describe('remote and what is secret', () => {
  const secret = 'Bearer s3cr"et-token-42';

  /** Everything that an error says, its causes too. */
  const allOf = (error: unknown): string => {
    if (!(error instanceof Error)) return JSON.stringify(error) ?? '';
    const details = FairleadError.isInstance(error) ? JSON.stringify(error.details) : '';
    return `${error.message} ${error.stack} ${details} ${allOf(error.cause)}`;
  };

  it('no error holds a credential, whatever server and runtime say', async () => {
    const answers: (() => Response)[] = [
      () =>
        Response.json({ error: `bad ${secret}`, code: 'INVALID_INPUT', given: secret, field: secret }, { status: 400 }),
      () => new Response(`debug: authorization ${secret}`, { status: 500 }),
      () => new Response(`s3cr"et-token-42`, { status: 401 }),
      () => {
        throw new TypeError(`Headers.append: "${secret}" is an invalid header value.`);
      },
    ];
    for (const answer of answers) {
      const runner = await setUpServer(answer, { headers: { authorization: secret } });
      const error = await failureOf(runner.run({ x }));
      expect(allOf(error)).not.toContain('token-42');
      expect(JSON.stringify(runner.health())).not.toContain('token-42');
      expect(JSON.stringify(runner.describe())).not.toContain('token-42');
    }
  });

  it.each<[string, object]>([
    ['headers.authorization', { headers: { authorization: `${secret}\nx` } }],
    ['headers.authorization', { headers: { authorization: [secret] } }],
    ['headers.bad name', { headers: { 'bad name': secret } }],
    ['headers', { headers: secret }],
    ['url', { url: 'http://me:token-42@host/' }],
    ['url', { url: 'http://host/?key=token-42' }],
    ['url', { url: 'ftp://me:token-42@host/' }],
  ])('wrong %s is told without its value', async (field, options) => {
    const error = await failureOf(remote({ url: 'http://t', model: 'm', ...options }));
    expect(error).toMatchObject({ code: 'INVALID_OPTION', details: { field } });
    expect(allOf(error)).not.toContain('token-42');
  });

  it('headers may be asked for before each request', async () => {
    let token = 0;
    const { runner, requests } = await setUp({}, { headers: async () => ({ authorization: `Bearer ${++token}` }) });
    await runner.run({ x });
    expect(requests.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer 1', 'Bearer 2']);
    let fails: 'not' | 'wrong' | 'throws' = 'not';
    const other = await setUpServer(() => Response.json(answerOf()), {
      headers() {
        if (fails === 'throws') throw new Error('signed out');
        return { authorization: fails === 'wrong' ? `${secret}\nx` : 'x' };
      },
    });
    fails = 'throws';
    expect(await failureOf(other.run({ x }))).toMatchObject({ code: 'REMOTE_FAILED', details: { field: 'headers' } });
    fails = 'wrong';
    expect(allOf(await failureOf(other.run({ x })))).not.toContain('token-42');
  });

  it('headers that never come do not outlive the deadline', async () => {
    const clock = createVirtualClock();
    let asked = 0;
    const { runner } = await setUp({}, { clock, headers: () => (asked++ === 0 ? {} : new Promise(() => {})) });
    const late = failureOf(runner.run({ x }, { timeoutMs: 50 }));
    await clock.advance(50);
    expect((await late).code).toBe('DEADLINE_EXCEEDED');
  });

  it('a request that must stay on the device is refused before anything is sent', async () => {
    const { runner, fetch } = await setUp();
    const sent = fetch.mock.calls.length;
    const error = await failureOf(runner.run({ x }, { privacy: 'local-only' }));
    expect(error).toMatchObject({ code: 'UNSUPPORTED', details: { field: 'privacy' } });
    const slip = { privacy: 'localonly' } as unknown as { privacy: 'local-only' };
    expect((await failureOf(runner.run({ x }, slip))).code).toBe('INVALID_ARGUMENT');
    expect(fetch.mock.calls.length).toBe(sent);
    expect((await runner.run({ x }, { privacy: 'cloud-allowed' })).batchSize).toBe(2);
  });
});

describe('remote and health', () => {
  it('follows from how the last requests ended, and fades when nobody asks', async () => {
    const clock = createVirtualClock();
    let status = 200;
    const runner = await setUpServer(() => Response.json(status === 200 ? answerOf() : { error: 'no' }, { status }), {
      clock,
    });
    expect(runner.health()).toMatchObject({ status: 'ready', ready: true, reasons: [], model: { name: 'm' } });
    status = 500;
    await failureOf(runner.run({ x }));
    expect(runner.health()).toMatchObject({ status: 'degraded', ready: true, lastError: { code: 'REMOTE_FAILED' } });
    for (let index = 0; index < 2; index++) await failureOf(runner.run({ x }));
    expect(runner.health()).toMatchObject({ status: 'failed', ready: false, lanes: { alive: 0, total: 1 } });
    await clock.advance(10_000);
    expect(runner.health()).toMatchObject({ status: 'degraded', ready: true });
    status = 200;
    await runner.run({ x });
    expect(runner.health().status).toBe('ready');
    for (status = 400; status < 430; status += 29) await failureOf(runner.run({ x }));
    expect(runner.health().status).toBe('ready');
    await runner.close();
    expect(runner.health()).toMatchObject({ status: 'closed', ready: false });
  });

  it('can be asked of the server', async () => {
    let isReady = true;
    const { runner, requests } = await setUp({}, {}, { isReady: () => isReady });
    expect((await runner.checkHealth()).status).toBe('ready');
    expect(requests.at(-1)?.url).toBe('http://test/v2/models/mock/ready');
    isReady = false;
    for (let index = 0; index < 3; index++) await runner.checkHealth();
    expect(runner.health()).toMatchObject({ status: 'failed', ready: false });
    isReady = true;
    expect((await runner.checkHealth()).ready).toBe(true);
    expect((await failureOf(runner.checkHealth({ signal: AbortSignal.abort() }))).code).toBe('ABORTED');
    await runner.close();
    expect((await failureOf(runner.checkHealth())).code).toBe('CLOSED');
  });
});

describe('remote with servers that fail', () => {
  it('gives the errors of a Fairlead server back with their codes and facts', async () => {
    const { runner } = await setUp({}, {}, { maxTensorElements: 3 });
    expect(await failureOf(runner.run({ x }))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { status: 413, remoteCode: 'LIMIT_EXCEEDED', field: 'x.shape', expected: 'at most 3 elements' },
    });
  });

  it('calls a failure inside the server REMOTE_FAILED, whatever its code is there', async () => {
    const { runner, backend, local } = await setUp();
    backend.failNext(...new Array(4).fill(new Error('boom')));
    expect(await failureOf(runner.run({ x }))).toMatchObject({
      code: 'REMOTE_FAILED',
      details: { status: 500, remoteCode: 'RUN_FAILED' },
    });
    await local.close();
    expect(await failureOf(runner.run({ x }))).toMatchObject({
      code: 'REMOTE_FAILED',
      details: { status: 503, remoteCode: 'CLOSED', retryAfterMs: 1000 },
    });
  });

  it.each<[number, Record<string, string>, string, number | undefined]>([
    [400, {}, 'INVALID_INPUT', undefined],
    [404, {}, 'NOT_FOUND', undefined],
    [408, {}, 'DEADLINE_EXCEEDED', undefined],
    [413, {}, 'LIMIT_EXCEEDED', undefined],
    [429, { 'retry-after': '2' }, 'OVERLOADED', 2000],
    [429, { 'retry-after': '2', 'retry-after-ms': '150' }, 'OVERLOADED', 150],
    [503, { 'retry-after': 'Tue, 14 Nov 2023 22:13:25 GMT' }, 'OVERLOADED', 5000],
    [503, { 'retry-after': 'later' }, 'OVERLOADED', undefined],
    [504, {}, 'DEADLINE_EXCEEDED', undefined],
    [500, {}, 'REMOTE_FAILED', undefined],
    [401, {}, 'UNAUTHENTICATED', undefined],
  ])('reads status %d with %j of any server as %s', async (status, headers, code, retryAfterMs) => {
    const clock = createVirtualClock(1_700_000_000_000);
    const runner = await setUpServer(() => Response.json({ error: 'because' }, { status, headers }), { clock });
    const error = await failureOf(runner.run({ x }));
    expect([error.code, error.details.retryAfterMs, error.details.status]).toEqual([code, retryAfterMs, status]);
    expect(error.message).toContain('because');
  });

  it('cuts what a server says, and believes no code that is none of ours', async () => {
    const runner = await setUpServer(() =>
      Response.json({ error: 'e'.repeat(10_000), code: 'CLOSED' }, { status: 400 }),
    );
    const error = await failureOf(runner.run({ x }));
    expect(error.code).toBe('REMOTE_FAILED');
    expect(error.message.length).toBeLessThan(700);
    const page = await setUpServer(() => new Response('<html>Bad Gateway</html>', { status: 502 }));
    expect(await failureOf(page.run({ x }))).toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('Bad Gateway') as string,
    });
  });

  it.each<[string, unknown]>([
    ['no JSON', 'hello'],
    ['null', 'null'],
    ['no outputs', {}],
    ['an output that is missing', { outputs: [] }],
    ['an output of another type', { outputs: [{ name: 'y', datatype: 'FP64', shape: [1], data: [1] }] }],
    ['an output that nobody knows', { outputs: [{ name: '__proto__', datatype: 'FP32', shape: [1], data: [1] }] }],
    ['data that does not fit its shape', answerOf([1, 2, 3], [2, 2])],
    ['a shape past all limits', answerOf([1], [2 ** 52, 2])],
  ])('calls an answer with %s a PROTOCOL_ERROR', async (_what, body) => {
    const runner = await setUpServer(() => new Response(typeof body === 'string' ? body : JSON.stringify(body)));
    expect((await failureOf(runner.run({ x }))).code).toBe('PROTOCOL_ERROR');
  });

  it('says of an answer that is no JSON whose it was', async () => {
    const says = 'The server of model "m" answered something that is no JSON.';
    const runner = await setUpServer(() => new Response('<html>hello</html>'));
    expect((await failureOf(runner.run({ x }))).message).toContain(says);
    const page = async () => new Response('<html>hello</html>', { headers: { 'content-type': 'text/html' } });
    for (const protocol of [openInferenceClient(), tensorflowClient()]) {
      const connecting = remote({ url: 'http://test', model: 'm', fetch: page, protocol });
      const error = await failureOf(connecting);
      expect([error.code, error.message]).toEqual(['PROTOCOL_ERROR', expect.stringContaining(says)]);
    }
  });

  it('understands non-finite numbers however a server writes them', async () => {
    const text = JSON.stringify(answerOf()).replace('[2,4,6,8]', '[NaN,"-Infinity",null,Infinity]');
    const runner = await setUpServer(() => new Response(text));
    const expected = Float32Array.of(Number.NaN, Number.NEGATIVE_INFINITY, Number.NaN, Number.POSITIVE_INFINITY);
    expect((await runner.run({ x })).outputs.y?.data).toEqual(expected);
  });

  it('reads no more of an answer than it may', async () => {
    let pulled = 0;
    const endless = (): Response =>
      new Response(
        new ReadableStream<Uint8Array>({
          pull(controller) {
            pulled += 1;
            controller.enqueue(new Uint8Array(600));
          },
        }),
      );
    const runner = await setUpServer(endless, { maxResponseBytes: 1000 });
    expect(await failureOf(runner.run({ x }))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { field: 'maxResponseBytes' },
    });
    expect(pulled).toBeLessThanOrEqual(4);
  });

  it('follows no redirect, since inputs and headers would go to somebody else', async () => {
    const asked: Request[] = [];
    const elsewhere = { location: 'https://other.example/v2?token=secret' };
    const opaque = Object.defineProperty(new Response(null), 'type', { value: 'opaqueredirect' });
    const answers = [new Response('moved', { status: 307, headers: elsewhere }), opaque];
    const runner = await setUpServer(
      (request) => {
        asked.push(request);
        return answers[asked.length - 1] as Response;
      },
      { headers: { 'x-api-key': 'key-of-mine' } },
    );
    const told = await failureOf(runner.run({ x }));
    expect([told.code, told.details.status]).toEqual(['REMOTE_FAILED', 307]);
    expect(told.message).toContain('sends its clients to https://other.example/v2.');
    expect(told.message).not.toContain('secret');
    expect((await failureOf(runner.run({ x }))).message).toContain('sends its clients elsewhere');
    expect(asked.map(({ redirect }) => redirect)).toEqual(['manual', 'manual']);
  });

  it('says why a server cannot be reached', async () => {
    const unreachable = async () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
    };
    const error = await failureOf(remote({ url: 'http://t', model: 'm', fetch: unreachable }));
    expect(error).toMatchObject({ code: 'REMOTE_FAILED', message: expect.stringContaining('ECONNREFUSED') as string });
  });
});

describe('remote under time, aborts and closing', () => {
  /** A server that answers when told to, or rejects when the fetch is aborted. */
  function hanging() {
    const waiting: (() => void)[] = [];
    const answer = (request: Request): Promise<Response> =>
      new Promise((resolve, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason), { once: true });
        waiting.push(() => resolve(Response.json(answerOf())));
      });
    return { answer, waiting };
  }

  it('ends the exchange at the deadline', async () => {
    const clock = createVirtualClock();
    const { answer } = hanging();
    const runner = await setUpServer(answer, { clock, timeoutMs: 500 });
    const patient = failureOf(runner.run({ x }));
    const hasty = failureOf(runner.run({ x }, { timeoutMs: 100 }));
    await clock.advance(100);
    expect((await hasty).code).toBe('DEADLINE_EXCEEDED');
    await clock.advance(400);
    expect((await patient).code).toBe('DEADLINE_EXCEEDED');
    expect(clock.pendingTimers).toBe(0);
  });

  it('sends nothing when the time is already over or the signal aborted', async () => {
    const clock = createVirtualClock();
    const answer = vi.fn(() => Response.json(answerOf()));
    const runner = await setUpServer(answer, { clock });
    expect((await failureOf(runner.run({ x }, { timeoutMs: 0 }))).code).toBe('DEADLINE_EXCEEDED');
    expect((await failureOf(runner.run({ x }, { signal: AbortSignal.abort() }))).code).toBe('ABORTED');
    expect((await failureOf(runner.run({ x }, { timeoutMs: -1 }))).code).toBe('INVALID_ARGUMENT');
    expect(answer).not.toHaveBeenCalled();
  });

  it('aborts one request and leaves the other alone', async () => {
    const { answer, waiting } = hanging();
    const runner = await setUpServer(answer);
    const controller = new AbortController();
    const aborted = failureOf(runner.run({ x }, { signal: controller.signal }));
    const other = runner.run({ x });
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await aborted).toMatchObject({ code: 'ABORTED', name: 'AbortError', cause: reason });
    waiting[1]?.();
    expect((await other).batchSize).toBe(2);
  });

  it('passes an abort on to the runner behind the handler', async () => {
    const { local, fetch } = await setUp();
    let seen: AbortSignal | undefined;
    const run = (_inputs: Tensors, options?: { signal?: AbortSignal }) =>
      new Promise<never>((_resolve, reject) => {
        seen = options?.signal;
        seen?.addEventListener('abort', () => reject(new FairleadError('ABORTED', 'aborted')), { once: true });
      });
    const handle = createHandler({ ...local, model: local.model, run } as unknown as ModelRunner, { logger: silent });
    fetch.mockImplementation(async (url, init) => handle(new Request(url as string, init)));
    const runner = await remote({ url: 'http://test', model: 'mock', fetch: fetch as typeof globalThis.fetch });
    const controller = new AbortController();
    const aborted = failureOf(runner.run({ x }, { signal: controller.signal }));
    await vi.waitFor(() => expect(seen).toBeDefined());
    controller.abort();
    expect((await aborted).code).toBe('ABORTED');
    expect(seen?.aborted).toBe(true);
  });

  it('takes no more than maxConcurrent at once', async () => {
    const { answer, waiting } = hanging();
    const runner = await setUpServer(answer, { maxConcurrent: 1 });
    const first = runner.run({ x });
    expect(await failureOf(runner.run({ x }))).toMatchObject({ code: 'OVERLOADED', details: { retryAfterMs: 100 } });
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting[0]?.();
    await first;
    const second = runner.run({ x });
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    waiting[1]?.();
    await second;
  });

  it('closes after what is in flight has ended, and then takes nothing more', async () => {
    const { answer, waiting } = hanging();
    const runner = await setUpServer(answer);
    const last = runner.run({ x });
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const closed = vi.fn();
    const closing = runner.close().then(closed);
    const again = runner.close();
    expect((await failureOf(runner.run({ x }))).code).toBe('CLOSED');
    expect(closed).not.toHaveBeenCalled();
    waiting[0]?.();
    await last;
    await Promise.all([closing, again, runner[Symbol.asyncDispose]()]);
    expect(closed).toHaveBeenCalledTimes(1);
  });
});
