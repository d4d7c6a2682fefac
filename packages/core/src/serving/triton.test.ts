import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Logger } from '../logger';
import { createRunner } from '../runner/create-runner';
import type { ModelRunner } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { DType } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import { createMockBackend, createVirtualClock, type MockBackendOptions } from '../testing/index';
import { type Arrival, createHandler, type Guard, type Handler, type ServiceOptions } from './index';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

async function handlerOf(mock: MockBackendOptions = {}, options: ServiceOptions = {}) {
  const { clock } = mock;
  const runner = await createRunner({
    model: '1',
    backend: createMockBackend(mock),
    warmUp: false,
    lanes: 'inline',
    logger: silent,
    ...(clock && { clock }),
  });
  open.push(runner);
  return createHandler({ m: runner }, { logger: silent, ...(clock && { clock }), ...options });
}

const signatureOf = (dtype: DType, shape: readonly (number | string)[], output = shape): ModelSignature => ({
  inputs: [{ name: 'x', dtype, shape }],
  outputs: [{ name: 'y', dtype, shape: output }],
  batchAxis: typeof shape[0] === 'string' ? 0 : null,
});
const echo: MockBackendOptions['compute'] = ({ x }) => ({ y: x as Tensor });

const get = async (handle: Handler, path: string) => {
  const response = await handle(new Request(`http://test/v2/models/${path}`));
  return { status: response.status, body: (await response.json()) as Record<string, never> };
};
const post = (handle: Handler, body: unknown, headers: Record<string, string> = {}) =>
  handle(new Request('http://test/v2/models/m/infer', { method: 'POST', body: JSON.stringify(body), headers }));
const rows = (count: number) => ({
  inputs: [{ name: 'x', shape: [count, 2], datatype: 'FP32', data: new Array<number>(2 * count).fill(1) }],
});

describe('the configuration of a model', () => {
  it('is what Triton calls so, with and without the version', async () => {
    const handle = await handlerOf({}, { maxBodyBytes: 8000, maxTensorElements: 100_000 });
    const { status, body } = await get(handle, 'm/config');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'm',
      backend: 'fairlead',
      max_batch_size: 1000,
      input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [2] }],
      output: [{ name: 'y', data_type: 'TYPE_FP32', dims: [2] }],
      dynamic_batching: {},
    });
    expect((await get(handle, 'm/versions/1/config')).body).toEqual(body);
    expect((await get(handle, 'm/versions/2/config')).status).toBe(404);
    expect((await get(handle, 'nobody/config')).status).toBe(404);
  });

  it('keeps the first axis where rows are not joined, and names strings as Triton does', async () => {
    const signature = signatureOf('string', [1, 'words']);
    const handle = await handlerOf({ signature, compute: echo });
    const { body } = await get(handle, 'm/config');
    expect(body).toMatchObject({
      max_batch_size: 0,
      input: [{ data_type: 'TYPE_STRING', dims: [1, -1] }],
      output: [{ data_type: 'TYPE_STRING', dims: [1, -1] }],
    });
    expect(body).not.toHaveProperty('dynamic_batching');
  });

  it('counts rows by elements where those are fewer', async () => {
    const handle = await handlerOf({}, { maxTensorElements: 7 });
    expect((await get(handle, 'm/config')).body).toMatchObject({ max_batch_size: 3 });
  });
});

describe('the statistics of a model', () => {
  it('count requests, rows, batches and their times', async () => {
    const clock = createVirtualClock();
    const handle = await handlerOf({ clock, latencyMs: () => 4 });
    const nothing = { count: 0, ns: 0 };
    expect((await get(handle, 'm/stats')).body).toMatchObject({
      model_stats: [
        {
          name: 'm',
          version: '1',
          last_inference: 0,
          inference_count: 0,
          execution_count: 0,
          inference_stats: { success: nothing, fail: nothing, queue: nothing, compute_infer: nothing },
          batch_stats: [],
        },
      ],
    });
    const answers = [1, 2, 1].map((count) => post(handle, rows(count)));
    let done = 0;
    for (const answer of answers) void answer.then(() => done++);
    await vi.waitFor(async () => {
      await clock.advance(4);
      expect(done).toBe(3);
    });
    expect((await post(handle, { inputs: [] })).status).toBe(400);
    const { body } = await get(handle, 'm/stats');
    const [stats] = body.model_stats as unknown as [
      { inference_count: number; execution_count: number; last_inference: number } & Record<
        'inference_stats',
        Record<string, { count: number; ns: number }>
      > & { batch_stats: { batch_size: number; compute_infer: { count: number; ns: number } }[] },
    ];
    expect(stats.inference_count).toBe(4);
    expect(stats.inference_stats).toMatchObject({
      success: { count: 3 },
      fail: { count: 1 },
      queue: { count: 3 },
      compute_input: { count: 3 },
      compute_infer: { count: 3, ns: 12_000_000 },
      compute_output: { count: 3 },
      cache_hit: nothing,
    });
    // Every batch takes 4 ms, however the rows were shared out among them.
    const batches = stats.batch_stats;
    expect(batches.reduce((sum, each) => sum + each.batch_size * each.compute_infer.count, 0)).toBe(4);
    expect(batches.reduce((sum, each) => sum + each.compute_infer.count, 0)).toBe(stats.execution_count);
    expect(batches.reduce((sum, each) => sum + each.compute_infer.ns, 0)).toBe(stats.execution_count * 4_000_000);
    expect(stats.last_inference).toBe(Math.round(clock.epochMs()));
  });

  it('are told of all models, of one, and of a version that answers or did', async () => {
    const handle = await handlerOf();
    await post(handle, rows(1));
    const all = await get(handle, 'stats');
    expect(all.body).toMatchObject({ model_stats: [{ name: 'm', version: '1', inference_count: 1 }] });
    expect((await get(handle, 'm/stats')).body).toEqual(all.body);
    expect((await get(handle, 'm/versions/1/stats')).body).toEqual(all.body);
    expect(await get(handle, 'm/versions/2/stats')).toMatchObject({ status: 404, body: { given: '"2"' } });
    expect((await get(handle, 'nobody/stats')).status).toBe(404);
  });

  it('leave the metadata to a model that is called stats', async () => {
    const runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, logger: silent });
    open.push(runner);
    const handle = createHandler({ stats: runner }, { logger: silent });
    expect((await get(handle, 'stats')).body).toMatchObject({ name: 'stats', inputs: [{ name: 'x' }] });
    expect((await get(handle, 'stats/stats')).body).toMatchObject({ model_stats: [{ name: 'stats' }] });
  });

  it('forget the versions that counted nothing for longest', async () => {
    const clock = createVirtualClock();
    const runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, logger: silent });
    open.push(runner);
    let version = 0;
    const model = () => ({ ...runner.model, version: String(version) });
    const changing = {
      ...runner,
      get model() {
        return model();
      },
      run: async (inputs: Tensors) => ({ ...(await runner.run(inputs)), model: model() }),
    };
    const handle = createHandler({ m: changing as ModelRunner }, { logger: silent, clock });
    for (version = 1; version <= 10; version++) {
      await clock.advance(1);
      await post(handle, rows(1));
    }
    version = 10;
    const { body } = await get(handle, 'm/stats');
    const versions = (body.model_stats as unknown as { version: string }[]).map((stats) => stats.version);
    expect(versions).toEqual(['3', '4', '5', '6', '7', '8', '9', '10']);
  });
});

describe('classification', () => {
  const outputsOf = async (handle: Handler, data: unknown[], shape: number[], datatype: string, outputs: unknown) => {
    const response = await post(handle, { inputs: [{ name: 'x', shape, datatype, data }], outputs });
    const body = (await response.json()) as { outputs?: unknown[]; error?: string };
    return body.outputs?.[0] ?? body.error;
  };
  const wish = (count: unknown) => [{ name: 'y', parameters: { classification: count } }];

  it('answers the greatest of each row, as value and index', async () => {
    const handle = await handlerOf({ signature: signatureOf('float32', ['batch', 4]), compute: echo });
    const data = [1.1, 3.3, 0.5, 2.4, 7, 'NaN', 7, 'Infinity'];
    const answer = await outputsOf(handle, data, [2, 4], 'FP32', wish(2));
    const expected = ['3.3:1', '2.4:3', 'Infinity:3', '7:0'];
    expect(answer).toEqual({ name: 'y', shape: [2, 2], datatype: 'BYTES', data: expected });
    expect(await outputsOf(handle, data, [2, 4], 'FP32', wish(9))).toMatchObject({ shape: [2, 4] });
    expect(await outputsOf(handle, data, [2, 4], 'FP32', wish(0))).toMatchObject({ datatype: 'FP32' });
    expect(await outputsOf(handle, data, [2, 4], 'FP32', wish(-1))).toContain('a number of classes');
    expect(await outputsOf(handle, data, [2, 4], 'FP32', wish('2'))).toContain('a number of classes');
  });

  it('orders 64-bit integers without loss, the whole output where rows are not joined', async () => {
    const handle = await handlerOf({ signature: signatureOf('int64', [2, 2]), compute: echo });
    const data = ['9007199254740993', '9007199254740992', '-5', '9007199254740994'];
    expect(await outputsOf(handle, data, [2, 2], 'INT64', wish(3))).toMatchObject({
      shape: [3],
      data: ['9007199254740994:3', '9007199254740993:0', '9007199254740992:1'],
    });
  });

  it('answers many classes in the order of few', async () => {
    const handle = await handlerOf({ signature: signatureOf('float32', ['batch', 400]), compute: echo });
    const data = Array.from({ length: 400 }, (_, index) => (index % 50 === 7 ? 'NaN' : (index * 37) % 101));
    const ask = (count: number) =>
      outputsOf(handle, data, [1, 400], 'FP32', wish(count)) as Promise<{ data: string[] }>;
    const [few, many, all] = [await ask(250), await ask(300), await ask(2 ** 40)];
    expect(many.data).toHaveLength(300);
    expect(many.data.slice(0, 250)).toEqual(few.data);
    expect(all.data.slice(0, 300)).toEqual(many.data);
    expect(all.data.slice(-8)).toEqual([7, 57, 107, 157, 207, 257, 307, 357].map((index) => `NaN:${index}`));
  });

  it('refuses outputs without an order', async () => {
    const handle = await handlerOf({ signature: signatureOf('string', ['batch', 2]), compute: echo });
    expect(await outputsOf(handle, ['a', 'b'], [1, 2], 'BYTES', wish(1))).toContain('holds string');
  });

  it('travels as bytes when asked', async () => {
    const handle = await handlerOf({ signature: signatureOf('float32', ['batch', 2]), compute: echo });
    const outputs = [{ name: 'y', parameters: { classification: 1, binary_data: true } }];
    const response = await post(handle, { ...rows(1), outputs });
    const jsonLength = Number(response.headers.get('inference-header-content-length'));
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect([...bytes.subarray(jsonLength)]).toEqual([3, 0, 0, 0, ...new TextEncoder().encode('1:0')]);
  });
});

describe('the statistics of all models', () => {
  it('are a list to a guard, and not a model called so', async () => {
    const seen: unknown[] = [];
    const guard = { admit: ({ operation, model }: Arrival) => void seen.push([operation, model]) } as Guard;
    const handle = await handlerOf({}, { guard });
    expect((await get(handle, 'stats')).body).toMatchObject({ model_stats: [{ name: 'm' }] });
    expect((await get(handle, 'm/stats')).status).toBe(200);
    expect(seen).toEqual([
      ['list', undefined],
      ['metadata', 'm'],
    ]);
  });
});

describe('a raw binary request', () => {
  const raw = (handle: Handler, body: Uint8Array<ArrayBuffer>, length = '0') => {
    const headers = { 'inference-header-content-length': length, 'content-type': 'application/octet-stream' };
    return handle(new Request('http://test/v2/models/m/infer', { method: 'POST', body, headers }));
  };
  const bytesOf = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const read = async (response: Response) => {
    const jsonLength = Number(response.headers.get('inference-header-content-length'));
    const bytes = new Uint8Array(await response.arrayBuffer());
    return {
      json: JSON.parse(new TextDecoder().decode(bytes.subarray(0, jsonLength))) as { outputs: { shape: number[] }[] },
      binary: bytes.slice(jsonLength),
    };
  };

  it('is the elements of the one input, as many rows as there are bytes for', async () => {
    const handle = await handlerOf();
    const response = await raw(handle, bytesOf(1, 2, 3, 4));
    expect(response.status).toBe(200);
    const { json, binary } = await read(response);
    expect(json.outputs[0]?.shape).toEqual([2, 2]);
    expect([...new Float32Array(binary.buffer)]).toEqual([2, 4, 6, 8]);
  });

  it('of strings is one, the whole body', async () => {
    const handle = await handlerOf({ signature: signatureOf('string', ['batch', 1]), compute: echo });
    const { json, binary } = await read(await raw(handle, new TextEncoder().encode('grüß dich')));
    expect(json.outputs[0]).toMatchObject({ shape: [1, 1], datatype: 'BYTES' });
    expect(new TextDecoder().decode(binary.subarray(4))).toBe('grüß dich');
    expect((await raw(handle, Uint8Array.of(0xff))).status).toBe(400);
  });

  it('is refused where the shape does not follow from the bytes', async () => {
    const handle = await handlerOf({}, { maxTensorElements: 100 });
    const refusal = async (response: Response) => [
      response.status,
      ((await response.json()) as { error: string }).error,
    ];
    expect(await refusal(await raw(handle, bytesOf(1, 2, 3)))).toMatchObject([
      400,
      expect.stringContaining('multiple of 8'),
    ]);
    expect((await raw(handle, bytesOf(...new Array<number>(102).fill(0)))).status).toBe(413);
    const open2 = await handlerOf({ signature: signatureOf('float32', ['batch', 'words']), compute: echo });
    expect(await refusal(await raw(open2, bytesOf(1)))).toMatchObject([400, expect.stringContaining('several sizes')]);
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch'] });
    const several = { inputs: [spec('a'), spec('b')], outputs: [spec('y')], batchAxis: 0 };
    const two = await handlerOf({ signature: several, compute: ({ a }) => ({ y: a as Tensor }) });
    expect(await refusal(await raw(two, bytesOf(1)))).toMatchObject([400, expect.stringContaining('several inputs')]);
    const fixed = await handlerOf({ signature: signatureOf('float32', [3]), compute: echo });
    expect(await refusal(await raw(fixed, bytesOf(1)))).toMatchObject([400, expect.stringContaining('12 bytes')]);
    expect((await raw(fixed, bytesOf(1, 2, 3))).status).toBe(200);
    const strings = await handlerOf({ signature: signatureOf('string', ['batch', 2]), compute: echo });
    expect(await refusal(await raw(strings, bytesOf(1)))).toMatchObject([
      400,
      expect.stringContaining('more than one'),
    ]);
  });
});

describe('what is under way at once', () => {
  /** A request whose body comes when the test lets it. */
  const waitingRequest = (headers: Record<string, string> = {}) => {
    const text = new TextEncoder().encode(JSON.stringify(rows(1)));
    let send: (() => void) | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        send = () => {
          controller.enqueue(text);
          controller.close();
        };
      },
    });
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
    return { request: new Request('http://test/v2/models/m/infer', init), send: () => send?.() };
  };

  it('is bounded in requests, and a place that is left is free', async () => {
    const handle = await handlerOf({}, { maxConcurrentRequests: 2 });
    const waiting = [waitingRequest(), waitingRequest()];
    const answers = waiting.map(({ request }) => handle(request));
    const refused = await post(handle, rows(1));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({ code: 'OVERLOADED' });
    expect((await handle(new Request('http://test/v2/health/live'))).status).toBe(200);
    for (const { send } of waiting) send();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await post(handle, rows(1))).status).toBe(200);
  });

  it('is bounded in bytes, declared or arrived, and one alone always fits', async () => {
    const handle = await handlerOf({}, { maxConcurrentBodyBytes: 1000, maxBodyBytes: 5000 });
    expect((await post(handle, { ...rows(1), padding: 'x'.repeat(2000) })).status).toBe(200);
    const first = waitingRequest({ 'content-length': '900' });
    const answer = handle(first.request);
    expect((await post(handle, { ...rows(1), padding: 'x'.repeat(200) })).status).toBe(429);
    expect((await post(handle, rows(1))).status).toBe(200);
    first.send();
    expect((await answer).status).toBe(200);
    expect((await post(handle, { ...rows(1), padding: 'x'.repeat(200) })).status).toBe(200);
  });
});
