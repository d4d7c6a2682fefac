import { createRunner, type DType, dtypes, FairleadError, type ModelRunner, type Tensor } from '@fairlead/core';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echo, held, mock, silent } from './grpc.fixture';
import { type GrpcServer, type RemoteGrpcOptions, remoteGrpc, serveGrpc } from './index';

const values: Readonly<Record<DType, unknown>> = {
  bool: Uint8Array.from([1, 0, 1]),
  int8: Int8Array.from([-128, 127, 0]),
  int16: Int16Array.from([-32768, 32767, 0]),
  int32: Int32Array.from([-(2 ** 31), 2 ** 31 - 1, 0]),
  int64: BigInt64Array.from([-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n]),
  uint8: Uint8Array.from([0, 255, 1]),
  uint16: Uint16Array.from([0, 65535, 1]),
  uint32: Uint32Array.from([0, 2 ** 32 - 1, 1]),
  uint64: BigUint64Array.from([0n, 2n ** 64n - 1n, 2n ** 53n + 1n]),
  float16: Uint16Array.from([0x3c00, 0xfc00, 0x7e01]),
  float32: Float32Array.from([0.5, Number.NaN, -Infinity]),
  float64: Float64Array.from([0.1, 5e-324, Number.NaN]),
  string: ['', 'grüß', '日本\n'],
};

const protocols = ['open-inference', 'tensorflow'] as const;

describe.each(protocols)('remoteGrpc by %s', (protocol) => {
  const runners: Record<string, ModelRunner> = {};
  let server: GrpcServer;
  const connect = (model: string, options: Partial<RemoteGrpcOptions> = {}) =>
    remoteGrpc({ url: server.address, model, protocol, logger: silent, ...options });

  beforeAll(async () => {
    for (const dtype of dtypes) runners[dtype] = await echo(dtype);
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 3] });
    const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
    runners.failing = await mock({
      signature,
      compute: () => {
        throw new Error('at secret (/secret.js:1:1)');
      },
    });
    const never = () => new Promise<never>(() => {});
    runners.full = await mock({ signature, compute: never }, '1', { maxBatchRows: 1, maxQueueRows: 1 });
    server = await serveGrpc(runners, { port: 0, logger: silent, drainDelayMs: 0, drainTimeoutMs: 0 });
  });
  afterAll(async () => {
    await server.close();
    const { full: _, ...rest } = runners;
    for (const runner of Object.values(rest)) await runner.close();
  });

  it.each(dtypes)('%s arrives bit for bit', async (dtype) => {
    const runner = await connect(dtype);
    expect(runner.signature).toMatchObject({ inputs: [{ name: 'x', dtype }], batchAxis: 0 });
    const given = { dtype, shape: [1, 3], data: values[dtype] } as Tensor;
    const { outputs, model, batchSize } = await runner.run({ x: given });
    expect(outputs.y).toEqual(given);
    expect(model.version).toBe('1');
    expect(batchSize).toBe(1);
    await runner.close();
  });

  it('many requests at once, over several connections', async () => {
    const runner = await connect('float32', { connections: 3 });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, row) => runner.run({ x: Float32Array.of(row, 1, 2) })),
    );
    expect(answers.map(({ outputs }) => outputs.y?.data[0])).toEqual(Array.from({ length: 200 }, (_, row) => row));
    expect(runner.describe()).toMatchObject({ encoding: 'protobuf', inFlight: 0, model: { name: 'float32' } });
    await runner.close();
  });

  it('a large tensor', async () => {
    const large = await createRunner({
      model: mockModel('1'),
      backend: createMockBackend({
        signature: {
          inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 100_000] }],
          outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 100_000] }],
          batchAxis: 0,
        },
        compute: ({ x }) => ({ y: x as Tensor }),
      }),
      warmUp: false,
      logger: silent,
    });
    const own = await serveGrpc({ large }, { port: 0, logger: silent, drainDelayMs: 0 });
    const runner = await remoteGrpc({ url: `grpc://${own.address}`, model: 'large', protocol, logger: silent });
    const x = Float32Array.from({ length: 2_000_000 }, (_, index) => index % 1000);
    const y = (await runner.run({ x })).outputs.y?.data as Float32Array;
    expect(y.length).toBe(x.length);
    // Compared as bytes: element by element takes a matcher many seconds.
    expect(Buffer.compare(new Uint8Array(y.buffer, y.byteOffset, y.byteLength), new Uint8Array(x.buffer))).toBe(0);
    await runner.close();
    await own.close();
    await large.close();
  });

  it('is ready, and says so', async () => {
    const runner = await connect('float32');
    expect(await runner.checkHealth()).toMatchObject({ status: 'ready', ready: true });
    await runner.close();
  });

  it('a pinned version answers, and no other', async () => {
    const runner = await connect('float32', { version: '1' });
    expect((await runner.run({ x: Float32Array.of(1, 2, 3) })).model.version).toBe('1');
    await runner.close();
    await expect(connect('float32', { version: '2' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(connect('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('inputs are refused before anything is sent', async () => {
    const runner = await connect('float32');
    await expect(runner.run({ x: Float32Array.of(1, 2) })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(runner.run({ x: Float32Array.of(1, 2, 3) }, { privacy: 'local-only' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      details: { field: 'privacy' },
    });
    await runner.close();
    await expect(runner.run({ x: Float32Array.of(1, 2, 3) })).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it("a failure of the model's is the server's, and nothing of it is told", async () => {
    const runner = await connect('failing');
    const failure = (await runner.run({ x: Float32Array.of(1, 2, 3) }).catch((error) => error)) as FairleadError;
    expect(failure).toMatchObject({ code: 'REMOTE_FAILED', details: { remoteCode: 'RUN_FAILED', status: 'INTERNAL' } });
    expect(failure.message).not.toContain('secret');
    await runner.close();
  });

  it('a full model says when to try again', async () => {
    const runner = await connect('full');
    const controller = new AbortController();
    const stuck = Array.from({ length: 4 }, () =>
      runner.run({ x: Float32Array.of(1, 2, 3) }, { signal: controller.signal }).catch((error: FairleadError) => error),
    );
    const refused = (await Promise.race(stuck)) as FairleadError;
    expect(refused).toMatchObject({ code: 'OVERLOADED', details: { status: 'RESOURCE_EXHAUSTED' } });
    expect(refused.details.retryAfterMs).toBeGreaterThan(0);
    controller.abort();
    expect((await Promise.all(stuck)).every((error) => FairleadError.isInstance(error))).toBe(true);
    await runner.close();
  });

  it('a deadline ends a call on both sides, and so does an abort', async () => {
    const { runner: slow, started } = await held();
    const own = await serveGrpc({ slow }, { port: 0, logger: silent, drainDelayMs: 0, drainTimeoutMs: 0 });
    const runner = await remoteGrpc({ url: own.address, model: 'slow', protocol, logger: silent });
    const late = runner.run({ x: Float32Array.of(1, 2, 3) }, { timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const controller = new AbortController();
    const aborted = runner.run({ x: Float32Array.of(1, 2, 3) }, { signal: controller.signal });
    await started;
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
    await runner.close();
    await own.close();
  });

  it('too long an answer is refused', async () => {
    const runner = await connect('float32', { maxResponseBytes: 600 });
    const rows = { x: new Float32Array(300) };
    await expect(runner.run(rows)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await runner.close();
  });

  it('a server that is gone cannot be reached', async () => {
    const gone = await serveGrpc({ m: runners.float32 as ModelRunner }, { port: 0, logger: silent, drainDelayMs: 0 });
    const runner = await remoteGrpc({ url: gone.address, model: 'm', protocol, logger: silent, timeoutMs: 5000 });
    await gone.close();
    await expect(runner.run({ x: Float32Array.of(1, 2, 3) })).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('cannot be reached'),
    });
    await expect(remoteGrpc({ url: gone.address, model: 'm', protocol, timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
    });
    await runner.close();
  });

  it('no error tells a credential', async () => {
    const guard = {
      admit: ({ header }: { header(name: string): unknown }) => {
        if (header('authorization') === 'Bearer s3cret-token') return { id: 'me', scheme: 'test' };
        throw new FairleadError('UNAUTHENTICATED', `No such token: ${String(header('authorization'))}.`);
      },
    };
    const guarded = await serveGrpc({ m: runners.float32 as ModelRunner }, { port: 0, guard, logger: silent });
    const as = (token: string) =>
      remoteGrpc({ url: guarded.address, model: 'm', protocol, headers: { authorization: `Bearer ${token}` } });
    const good = await as('s3cret-token');
    expect((await good.run({ x: Float32Array.of(1, 2, 3) })).outputs.y?.data[0]).toBe(1);
    await good.close();
    const refused = (await as('wr0ng-token').catch((error) => error)) as FairleadError;
    expect(refused.code).toBe('UNAUTHENTICATED');
    expect(refused.message).toContain('***');
    expect(refused.message).not.toContain('wr0ng-token');
    await expect(as('bad\u00e9token')).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await guarded.close();
  });
});

describe('the options of remoteGrpc', () => {
  it.each<[what: string, options: object, field: string]>([
    ['no address', { url: 'nowhere' }, 'url'],
    ['an address with a path', { url: 'grpc://host:1/v2' }, 'url'],
    ['another scheme', { url: 'ftp://host:1' }, 'url'],
    ['a password in it', { url: 'grpc://me:pass@host:1' }, 'url'],
    ['no model', { url: 'host:1', model: '' }, 'model'],
    ['another protocol', { url: 'host:1', protocol: 'rest' }, 'protocol'],
    ['no connections', { url: 'host:1', connections: 0 }, 'connections'],
    ['a certificate without its key', { url: 'host:1', tls: { cert: 'x' } }, 'tls'],
    ['certificates without encryption', { url: 'http://host:1', tls: {} }, 'tls'],
    ['headers that are none', { url: 'host:1', headers: { a: 1 } }, 'headers.a'],
    ['a word that there is not', { url: 'host:1', retries: 3 }, 'retries'],
  ])('%s', async (_what, options, field) => {
    const failure = await remoteGrpc({ model: 'm', url: '', ...options } as never).catch(
      (error: FairleadError) => error,
    );
    expect(failure).toMatchObject({ code: 'INVALID_OPTION', details: { field } });
    expect((failure as FairleadError).message).not.toContain('pass@');
  });
});
