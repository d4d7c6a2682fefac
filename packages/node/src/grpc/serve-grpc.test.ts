import { connect } from 'node:net';
import { FairleadError, type ModelRunner } from '@fairlead/core';
import { type CallOutcome, createModelHost, type Guard } from '@fairlead/core/serving';
import { createVirtualClock } from '@fairlead/core/testing';
import { status as Status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../server/certificates.fixture';
import { serve } from '../server/index';
import { echo, held, keeping, mock, rawClient, silent } from './grpc.fixture';
import { HealthCheckRequest, HealthCheckResponse } from './health/messages';
import { remoteGrpc, type ServeGrpcOptions, serveGrpc } from './index';
import * as messages from './inference/messages';

const inferPath = '/inference.GRPCInferenceService/ModelInfer';
const streamPath = '/inference.GRPCInferenceService/ModelStreamInfer';
const quick = { port: 0, logger: silent, drainDelayMs: 0 } satisfies ServeGrpcOptions;

function inferOf(model: string, row: readonly number[] = [1, 2, 3], id = ''): Buffer {
  return messages.ModelInferRequest.encode({
    model_name: model,
    id,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, row.length] }],
    raw_input_contents: [new Uint8Array(Float32Array.from(row).buffer)],
  });
}

const healthOf = (service: string): Buffer => HealthCheckRequest.encode({ service });
const stateOf = (bytes: Uint8Array): number => HealthCheckResponse.decode(bytes, 0).status;

describe('serveGrpc', () => {
  let runner: ModelRunner;
  beforeAll(async () => {
    runner = await echo('float32');
  });
  afterAll(() => runner.close());

  it('shares a host with an HTTP server: limits, statistics and guard are one', async () => {
    const host = createModelHost({ m: runner }, { logger: silent, maxTensorElements: 6 });
    const [http, grpc] = [
      await serve(host, { port: 0, drainDelayMs: 0 }),
      await serveGrpc(host, { port: 0, drainDelayMs: 0 }),
    ];
    const client = rawClient(grpc.address);
    await client.call(inferPath, inferOf('m'));
    const large = inferOf('m', [1, 2, 3, 4, 5, 6, 7]);
    await expect(client.call(inferPath, large)).rejects.toMatchObject({ code: Status.INVALID_ARGUMENT });
    const stats = await (await fetch(`${http.url}/v2/models/m/stats`)).json();
    expect(stats.model_stats[0].inference_stats).toMatchObject({ success: { count: 1 }, fail: { count: 1 } });
    client.close();
    await http.close();
    await grpc.close();
    await expect(serveGrpc(host, { port: 0, maxBodyBytes: 5 })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'maxBodyBytes' },
    });
  });

  it.each<[what: string, options: object, field: string]>([
    ['a port that is none', { port: 70_000 }, 'port'],
    ['a host that is not here', { port: 0, host: '203.0.113.7' }, 'host'],
    ['a protocol that there is not', { port: 0, protocols: ['rest'] }, 'protocols.0'],
    ['no protocol', { port: 0, protocols: [] }, 'protocols'],
    ['a certificate without its key', { port: 0, tls: { cert: 'x' } }, 'tls.key'],
    ['a word that there is not', { port: 0, reflection: true }, 'reflection'],
    ['an option of the host that is wrong', { port: 0, maxBodyBytes: 0 }, 'maxBodyBytes'],
  ])('refuses %s', async (_what, options, field) => {
    await expect(serveGrpc({ m: runner }, options as ServeGrpcOptions)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field },
      message: expect.stringMatching(/^serveGrpc: /),
    });
  });

  it('refuses a port that is taken', async () => {
    const server = await serveGrpc({ m: runner }, quick);
    const again = serveGrpc({ m: runner }, { ...quick, port: server.port });
    await expect(again).rejects.toMatchObject({ code: 'INVALID_OPTION', details: { field: 'port' } });
    await server.close();
  });

  it('speaks what it is told to, and its own health always', async () => {
    const server = await serveGrpc({ m: runner }, { ...quick, protocols: ['tensorflow'] });
    const client = rawClient(server.address);
    await expect(client.call(inferPath, inferOf('m'))).rejects.toMatchObject({ code: Status.UNIMPLEMENTED });
    expect(stateOf(await client.call('/grpc.health.v1.Health/Check', healthOf('')))).toBe(1);
    const tensorflow = await remoteGrpc({ url: server.address, model: 'm', protocol: 'tensorflow', logger: silent });
    await tensorflow.close();
    client.close();
    await server.close();
  });

  it('tells guard and observers of a call what they need', async () => {
    const outcomes: (CallOutcome & { readonly asked: string })[] = [];
    const guard: Guard = {
      admit({ header, model, operation, peer }) {
        if (operation === 'health') return undefined;
        expect(peer?.address).toBe('127.0.0.1');
        const key = header('x-key');
        if (key === undefined) throw new FairleadError('UNAUTHENTICATED', 'Send a key.');
        if (model !== 'm') throw new FairleadError('FORBIDDEN', 'Not this model.');
        return { id: String(key), scheme: 'key' };
      },
    };
    const observer = {
      begin: ({ protocol, operation, model }: { protocol: string; operation: string; model: string | undefined }) => ({
        end: (outcome: CallOutcome) => void outcomes.push({ ...outcome, asked: `${protocol} ${operation} ${model}` }),
      }),
    };
    const server = await serveGrpc({ m: runner, n: runner }, { ...quick, guard, observers: [observer] });
    const client = rawClient(server.address);
    await expect(client.call(inferPath, inferOf('m'))).rejects.toMatchObject({ code: Status.UNAUTHENTICATED });
    const as = (model: string) =>
      remoteGrpc({ url: server.address, model, headers: { 'x-key': 'me' }, logger: silent });
    await expect(as('n')).rejects.toMatchObject({ code: 'FORBIDDEN', details: { status: 'PERMISSION_DENIED' } });
    const allowed = await as('m');
    await allowed.run({ x: Float32Array.of(1, 2, 3) });
    await expect(client.call(inferPath, Buffer.from([0xff]))).rejects.toMatchObject({ code: Status.INVALID_ARGUMENT });
    expect(outcomes.map(({ asked, code, principal }) => [asked, code, principal?.id])).toEqual([
      ['open-inference infer m', 'UNAUTHENTICATED', undefined],
      ['open-inference metadata n', 'FORBIDDEN', undefined],
      ['open-inference metadata m', undefined, 'me'],
      ['open-inference infer m', undefined, 'me'],
      ['open-inference infer undefined', 'PROTOCOL_ERROR', undefined],
    ]);
    expect(outcomes[3]?.facts).toMatchObject({ rows: 1, batchSize: 1, model: { version: '1' } });
    await allowed.close();
    client.close();
    await server.close();
  });

  it("an abort by the client reaches the model's queue", async () => {
    const { runner: slow, started, release } = await held();
    const outcomes: CallOutcome[] = [];
    let ended = (): void => {};
    const done = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const observer = {
      begin: ({ operation }: { operation: string }) => ({
        end: (outcome: CallOutcome) => {
          if (operation !== 'infer') return;
          outcomes.push(outcome);
          ended();
        },
      }),
    };
    const server = await serveGrpc({ slow }, { ...quick, observers: [observer], drainTimeoutMs: 0 });
    const remote = await remoteGrpc({ url: server.address, model: 'slow', logger: silent });
    const controller = new AbortController();
    const call = remote.run({ x: Float32Array.of(1, 2, 3) }, { signal: controller.signal }).catch((error) => error);
    await started;
    controller.abort();
    await done;
    expect(outcomes[0]?.code).toBe('ABORTED');
    expect(await call).toMatchObject({ code: 'ABORTED' });
    release();
    await remote.close();
    await server.close();
    await slow.close();
  });

  it('a failure of its own is told to the log, and to nobody else', async () => {
    const logger = keeping();
    const failing = await mock({
      compute: () => {
        throw new Error('at secret (/secret.js:1:1)');
      },
    });
    const server = await serveGrpc({ failing }, { ...quick, logger });
    const client = rawClient(server.address);
    const refused = await client.call(inferPath, inferOf('failing', [1, 2])).catch((error) => error);
    expect(refused).toMatchObject({ code: Status.INTERNAL });
    expect(JSON.stringify([refused.details, refused.metadata.toJSON()])).not.toContain('secret');
    expect(logger.said.join()).toContain('secret');
    client.close();
    await server.close();
    await failing.close();
  });
});

describe('health over gRPC', () => {
  it('is checked for the server, a service and a model', async () => {
    const runner = await echo('float32');
    let isReady = true;
    const server = await serveGrpc({ m: runner }, { ...quick, isReady: () => isReady });
    const client = rawClient(server.address);
    const check = (service: string) => client.call('/grpc.health.v1.Health/Check', healthOf(service)).then(stateOf);
    for (const service of ['', 'm', 'inference.GRPCInferenceService', 'tensorflow.serving.PredictionService']) {
      expect(await check(service)).toBe(1);
    }
    await expect(check('nobody')).rejects.toMatchObject({ code: Status.NOT_FOUND });
    isReady = false;
    for (const service of ['', 'm', 'inference.GRPCInferenceService']) expect(await check(service)).toBe(2);
    client.close();
    await server.close();
    await runner.close();
  });

  it('is watched, and closing is told first of all', async () => {
    const runner = await echo('float32');
    const clock = createVirtualClock();
    let isReady = true;
    const server = await serveGrpc({ m: runner }, { ...quick, clock, isReady: () => isReady });
    const client = rawClient(server.address);
    const watch = client.watch('/grpc.health.v1.Health/Watch', healthOf(''));
    const states: number[] = [];
    let heard = (): void => {};
    const next = () =>
      new Promise<void>((resolve) => {
        heard = resolve;
      });
    watch.on('data', (bytes: Buffer) => {
      states.push(stateOf(bytes));
      heard();
    });
    const ended = new Promise((resolve) => watch.on('end', resolve));
    await next();
    isReady = false;
    const told = next();
    await clock.advance(1000);
    await told;
    isReady = true;
    const again = next();
    await clock.advance(1000);
    await again;
    await Promise.all([server.close(), ended]);
    expect(states).toEqual([1, 2, 1, 2]);
    client.close();
    await runner.close();
  });
});

describe('a stream of requests', () => {
  it('is answered in order, and no more is read than is computed', async () => {
    let computing = 0;
    let most = 0;
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 3] });
    const runner = await mock(
      {
        signature: { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 },
        compute: async ({ x }) => {
          most = Math.max(most, computing);
          await new Promise((resolve) => setImmediate(resolve));
          return { y: x as never };
        },
      },
      '1',
      { maxBatchRows: 4 },
    );
    const observer = {
      begin: () => {
        computing++;
        return { end: () => void computing-- };
      },
    };
    const server = await serveGrpc({ m: runner }, { ...quick, maxStreamRequests: 3, observers: [observer] });
    const client = rawClient(server.address);
    const stream = client.stream(streamPath);
    const ids: string[] = [];
    const failures: string[] = [];
    stream.on('data', (bytes: Buffer) => {
      const { infer_response: response, error_message: failure } = messages.ModelStreamInferResponse.decode(bytes, 100);
      ids.push(response?.id ?? '');
      if (failure !== '') failures.push(`${response?.id}: ${failure}`);
    });
    const ended = new Promise<unknown>((resolve) => stream.on('status', resolve));
    for (let index = 0; index < 200; index++) {
      stream.write(inferOf(index === 77 ? 'nobody' : 'm', [index, 1, 2], String(index)));
    }
    stream.end();
    expect(await ended).toMatchObject({ code: Status.OK });
    expect(ids).toEqual(Array.from({ length: 200 }, (_, index) => String(index)));
    expect(failures).toEqual([expect.stringMatching(/^77: No model "nobody"/)]);
    expect(most).toBeLessThanOrEqual(3);
    client.close();
    await server.close();
    await runner.close();
  });

  it('ends with what was accepted answered when the server closes', async () => {
    const { runner, started, release } = await held();
    const server = await serveGrpc({ m: runner }, quick);
    const client = rawClient(server.address);
    const stream = client.stream(streamPath);
    const ids: string[] = [];
    stream.on('data', (bytes: Buffer) => {
      ids.push(messages.ModelStreamInferResponse.decode(bytes, 100).infer_response?.id ?? '');
    });
    stream.on('error', () => {});
    const ended = new Promise<unknown>((resolve) => stream.on('status', resolve));
    stream.write(inferOf('m', [1, 2, 3], 'first'));
    await started;
    const closing = server.close();
    release();
    expect(await ended).toMatchObject({ code: Status.UNAVAILABLE });
    expect(ids).toEqual(['first']);
    await closing;
    client.close();
    await runner.close();
  });
});

describe('bounds', () => {
  it('a message that does not come to its end is given up', async () => {
    const runner = await echo('float32');
    const server = await serveGrpc({ m: runner }, { ...quick, requestTimeoutMs: 50 });
    const client = rawClient(server.address);
    const stream = client.client.makeClientStreamRequest(
      inferPath,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      () => {},
    );
    const ended = new Promise<unknown>((resolve) => stream.on('status', resolve));
    // The message is whole, but nobody says that it was all.
    stream.write(inferOf('m'));
    expect(await ended).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      details: expect.stringContaining('did not arrive within 50 ms'),
    });
    client.close();
    await server.close();
    await runner.close();
  });

  it('messages that are on their way count, and one too many is refused', async () => {
    const wide = await echo('float32', ['batch', 100_000]);
    const { runner: slow, started, release } = await held();
    const host = { maxConcurrentBodyBytes: 1000, maxConcurrentRequests: 100 };
    const server = await serveGrpc({ wide, slow }, { ...quick, ...host });
    const client = rawClient(server.address);
    // One alone is always taken.
    await client.call(inferPath, inferOf('wide', new Array(100_000).fill(1)));
    const first = client.call(inferPath, inferOf('slow'));
    await started;
    const refused = client.call(inferPath, inferOf('wide', new Array(100_000).fill(1)));
    await expect(refused).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    release();
    await first;
    await client.call(inferPath, inferOf('wide', new Array(100_000).fill(1)));
    client.close();
    await server.close();
    await Promise.all([wide.close(), slow.close()]);
  });

  it('one connection too many is closed', async () => {
    const runner = await echo('float32');
    const server = await serveGrpc({ m: runner }, { ...quick, maxConnections: 1 });
    const client = rawClient(server.address);
    await client.call(inferPath, inferOf('m'));
    const second = connect(server.port, '127.0.0.1');
    await new Promise((resolve) => second.on('close', resolve).on('error', () => {}));
    await client.call(inferPath, inferOf('m'));
    client.close();
    await server.close();
    await runner.close();
  });
});

describe('TLS', () => {
  const authority = createAuthority('ca');
  const issue = (name: string) => authority.issue({ commonName: name, names: [`DNS:${name}`] });
  const files: Readonly<Record<string, string>> = {
    'ca.pem': authority.cert,
    ...Object.fromEntries(
      ['localhost', 'client'].flatMap((name) => {
        const { cert, key } = issue(name);
        return [
          [`${name}.pem`, cert],
          [`${name}.key`, key],
        ];
      }),
    ),
  };
  const read = (name: string): string => files[name] ?? '';
  let runner: ModelRunner;
  beforeAll(async () => {
    runner = await echo('float32');
  });
  afterAll(() => runner.close());

  it('encrypts, and the client trusts whom it is told to', async () => {
    const tls = { cert: read('localhost.pem'), key: read('localhost.key') };
    const server = await serveGrpc({ m: runner }, { ...quick, tls });
    const url = `grpcs://localhost:${server.port}`;
    const trusting = await remoteGrpc({ url, model: 'm', tls: { ca: read('ca.pem') }, logger: silent });
    expect((await trusting.run({ x: Float32Array.of(1, 2, 3) })).outputs.y?.data[1]).toBe(2);
    await trusting.close();
    for (const options of [{ url }, { url: `grpc://localhost:${server.port}` }]) {
      await expect(remoteGrpc({ model: 'm', timeoutMs: 5000, ...options })).rejects.toMatchObject({
        code: 'REMOTE_FAILED',
      });
    }
    await server.close();
  });

  it('refuses what it cannot use, says what it takes, and quotes no key', async () => {
    const pair = { cert: read('localhost.pem'), key: read('localhost.key') };
    const secret = String(pair.key).split('\n')[1] as string;
    for (const [tls, field] of [
      [true, 'tls'],
      [{ cert: pair.cert }, 'tls.key'],
      // As serve() has them.
      [{ cert: './localhost.pem', key: './localhost.key' }, 'tls.cert'],
      [{ ...pair, key: { pem: String(pair.key) } }, 'tls.key'],
      [{ ...pair, requestClientCertificate: 'required' }, 'tls.requestClientCertificate'],
      [{ ...pair, requireClientCertificate: 'yes' }, 'tls.requireClientCertificate'],
      [{ cert: pair.key, key: pair.cert }, 'tls.cert'],
      [{ ...pair, ca: 'nobody', requireClientCertificate: true }, 'tls.ca'],
      [{ ...pair, cert: read('ca.pem') }, 'tls.cert'],
    ] as const) {
      const error = await serveGrpc({ m: runner }, { ...quick, tls: tls as never }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'INVALID_OPTION', details: { field } });
      expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain(secret.slice(0, 20));
    }
  });

  it('of both sides: who has no certificate is not let in, and the guard sees who has', async () => {
    const certificates: unknown[] = [];
    const guard: Guard = {
      admit({ peer }) {
        certificates.push(peer?.certificate);
        return undefined;
      },
    };
    const tls = {
      cert: read('localhost.pem'),
      key: read('localhost.key'),
      ca: read('ca.pem'),
      requireClientCertificate: true,
    };
    const server = await serveGrpc({ m: runner }, { ...quick, tls, guard });
    const url = `grpcs://localhost:${server.port}`;
    const own = { ca: read('ca.pem'), cert: read('client.pem'), key: read('client.key') };
    const known = await remoteGrpc({ url, model: 'm', tls: own, logger: silent });
    expect(certificates[0]).toMatchObject({
      subject: { CN: 'client' },
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      alternativeNames: ['DNS:client'],
    });
    await known.close();
    const stranger = remoteGrpc({ url, model: 'm', tls: { ca: read('ca.pem') }, timeoutMs: 5000 });
    await expect(stranger).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    await server.close();
  });
});
