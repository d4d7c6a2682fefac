import { type ClientHttp2Session, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ModelRunner } from '@fairlead/core';
import { createModelRepository, type ModelRepository } from '@fairlead/core/serving';
import { status as Status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echo, rawClient, silent } from './grpc.fixture';
import { HealthCheckRequest } from './health/messages';
import * as hostile from './hostile.fixture';
import { type GrpcServer, serveGrpc } from './index';
import * as messages from './inference/messages';
import * as tensorflow from './tensorflow/messages';

const { framed, good, inferPath } = hostile;
const paths = [
  inferPath,
  '/inference.GRPCInferenceService/ModelStreamInfer',
  '/inference.GRPCInferenceService/ModelMetadata',
  '/inference.GRPCInferenceService/ModelStatistics',
  '/tensorflow.serving.PredictionService/Predict',
  '/tensorflow.serving.PredictionService/Classify',
  '/tensorflow.serving.PredictionService/GetModelMetadata',
  '/tensorflow.serving.ModelService/GetModelStatus',
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
];
const goodPredict = tensorflow.PredictRequest.encode({
  model_spec: { name: 'm' },
  inputs: new Map([
    ['x', { dtype: 1, tensor_shape: { dim: [{ size: 1 }, { size: 3 }] }, float_val: Float32Array.of(1, 2, 3) }],
  ]),
});

describe('hostile gRPC', { timeout: 120_000 }, () => {
  let runner: ModelRunner;
  let repository: ModelRepository;
  let loads = 0;
  let server: GrpcServer;
  let session: ClientHttp2Session;

  beforeAll(async () => {
    runner = await echo('float32');
    const load = async () => {
      loads++;
      return echo('float32');
    };
    repository = createModelRepository({ spare: load }, { logger: silent });
    server = await serveGrpc(
      { m: runner },
      { port: 0, logger: silent, repository, maxBodyBytes: 1_000_000, drainDelayMs: 0, requestTimeoutMs: 2000 },
    );
    session = hostile.hostileSession(server.address);
  });
  afterAll(async () => {
    session.destroy();
    await server.close();
    await repository.close();
    await runner.close();
  });

  const send = (path: string, body: Uint8Array, headers: Record<string, string> = {}, over = session) =>
    hostile.send(over, path, body, headers);
  const stillAnswers = () => hostile.stillAnswers(server.address);

  it('any bytes in the place of a message: 3000 cases', async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 3 }),
      async (path, chunks) => {
        const status = await send(path, Buffer.concat(chunks.map((chunk) => framed(chunk))));
        expect(status).not.toBe(Status.INTERNAL);
        expect(status).not.toBe(Status.UNKNOWN);
      },
    );
    await fc.assert(property, { numRuns: 3000 });
    await stillAnswers();
  });

  it('messages that are almost right: 3000 cases', async () => {
    const cases = fc.tuple(
      fc.constantFrom<readonly [string, Buffer]>(
        [inferPath, good],
        ['/tensorflow.serving.PredictionService/Predict', goodPredict],
      ),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(),
    );
    const property = fc.asyncProperty(cases, async ([[path, message], changes, cut]) => {
      const changed = Buffer.from(message);
      for (const [at, value] of changes) changed[at % changed.length] = value;
      const status = await send(path, framed(changed.subarray(0, 1 + (cut % changed.length))));
      expect([
        Status.OK,
        Status.INVALID_ARGUMENT,
        Status.NOT_FOUND,
        // A name or a parameter that asks for what there is not, and a timeout that has passed.
        Status.UNIMPLEMENTED,
        Status.DEADLINE_EXCEEDED,
      ]).toContain(status);
    });
    await fc.assert(property, { numRuns: 3000 });
    await stillAnswers();
  });

  it('frames that lie about their length, are cut off or packed wrong: 500 cases', async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.integer({ min: 1, max: 2 ** 32 - 200 }),
      fc.nat(255),
      fc.uint8Array({ maxLength: 100 }),
      fc.constantFrom('', 'gzip', 'deflate', 'brotli', 'identity'),
      async (path, missing, flag, bytes, encoding) => {
        const message = framed(bytes, bytes.byteLength + missing, flag);
        const status = await send(path, message, encoding === '' ? {} : { 'grpc-encoding': encoding });
        // A stream may end without a message.
        if (!path.endsWith('ModelStreamInfer')) expect(status).not.toBe(Status.OK);
      },
    );
    await fc.assert(property, { numRuns: 500 });
    await stillAnswers();
  });

  it.each<[what: string, body: () => Buffer, headers: Record<string, string>]>([
    ['a message past the limit', () => framed(Buffer.alloc(1_000_001)), {}],
    ['a length of 4 GiB', () => framed(Buffer.alloc(10), 2 ** 32 - 1), {}],
    [
      'a small message that unpacks to a large one',
      () => framed(gzipSync(Buffer.alloc(50_000_000)), undefined, 1),
      { 'grpc-encoding': 'gzip' },
    ],
  ])('%s is refused', async (_what, body, headers) => {
    expect(await send(inferPath, body(), headers)).toBe(Status.RESOURCE_EXHAUSTED);
    await stillAnswers();
  });

  it.each<[what: string, shape: readonly number[], bytes: number]>([
    ['a shape that multiplies past 2^53', [2 ** 31, 2 ** 31, 4], 12],
    ['a shape past 2^63', [2 ** 62, 2 ** 62], 12],
    ['a negative size', [-1, 3], 12],
    ['more elements than there are bytes', [1000, 1000, 3], 12],
    ['fewer', [1, 2], 12],
    ['sixty-four thousand axes', new Array(65_000).fill(1), 12],
  ])('%s is refused', async (_what, shape, bytes) => {
    const request = messages.ModelInferRequest.encode({
      model_name: 'm',
      inputs: [{ name: 'x', datatype: 'FP32', shape }],
      raw_input_contents: [Buffer.alloc(bytes)],
    });
    expect(await send(inferPath, framed(request))).toBe(Status.INVALID_ARGUMENT);
  });

  it('a message of nothing but empty parts is refused before it fills the memory', async () => {
    // Two bytes each: an input, or a parameter, or a part of typed contents without anything in it.
    for (const tag of [0x2a, 0x22, 0x32]) {
      const bytes = Buffer.alloc(900_000);
      for (let at = 0; at < bytes.length; at += 2) bytes[at] = tag;
      const status = await send(inferPath, framed(bytes));
      expect([Status.INVALID_ARGUMENT, Status.NOT_FOUND]).toContain(status);
    }
    const groups = Buffer.alloc(100_000, 0x7b);
    expect(await send(inferPath, framed(groups))).toBe(Status.INVALID_ARGUMENT);
    await stillAnswers();
  });

  it('shapes that lie, past 2^53 and elsewhere: 1000 cases', async () => {
    const size = fc.oneof(
      fc.integer(),
      fc.constantFrom(0, -1, 2 ** 31, 2 ** 32 + 1, 2 ** 52, 2 ** 53 - 1, 2 ** 62, -(2 ** 62)),
    );
    const property = fc.asyncProperty(fc.array(size, { maxLength: 6 }), fc.boolean(), async (shape, isTyped) => {
      fc.pre(String(shape) !== '1,3');
      const tensor = { name: 'x', datatype: 'FP32', shape };
      const request = messages.ModelInferRequest.encode(
        isTyped
          ? { model_name: 'm', inputs: [{ ...tensor, contents: { fp32_contents: Float32Array.of(1, 2, 3) } }] }
          : { model_name: 'm', inputs: [tensor], raw_input_contents: [Buffer.alloc(12)] },
      );
      expect(await send(inferPath, framed(request))).toBe(Status.INVALID_ARGUMENT);
    });
    await fc.assert(property, { numRuns: 1000 });
    await stillAnswers();
  });

  it('raw contents of any length, for any number of inputs: 1000 cases', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.constantFrom('x', 'y', ''), { maxLength: 3 }),
      fc.array(fc.nat(40), { maxLength: 4 }),
      fc.nat(3),
      async (names, lengths, rows) => {
        const request = messages.ModelInferRequest.encode({
          model_name: 'm',
          inputs: names.map((name) => ({ name, datatype: 'FP32', shape: [rows, 3] })),
          raw_input_contents: lengths.map((length) => Buffer.alloc(length)),
        });
        // A request without rows is refused too.
        const isRight = names.join() === 'x' && lengths.length === 1 && rows > 0 && lengths[0] === 12 * rows;
        expect(await send(inferPath, framed(request))).toBe(isRight ? Status.OK : Status.INVALID_ARGUMENT);
      },
    );
    await fc.assert(property, { numRuns: 1000 });
    await stillAnswers();
  });

  it('packed messages that are none: 500 cases', async () => {
    const packed = gzipSync(good);
    const property = fc.asyncProperty(
      fc.constantFrom('gzip', 'deflate'),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      async (encoding, changes, cut) => {
        const changed = Buffer.from(packed);
        for (const [at, value] of changes) changed[at % changed.length] = value;
        const body = framed(changed.subarray(0, 1 + (cut % changed.length)), undefined, 1);
        // Some of what a header of gzip says makes no difference.
        const status = await send(inferPath, body, { 'grpc-encoding': encoding });
        expect([Status.INVALID_ARGUMENT, Status.OK]).toContain(status);
      },
    );
    await fc.assert(property, { numRuns: 500 });
    await stillAnswers();
  });

  it("names that climb, as frames and through gRPC's own client: 1000 cases", async () => {
    const pieces = [
      '..',
      '/',
      '.',
      '%2e',
      '%2f',
      '\\',
      '\0',
      '//',
      'etc/passwd',
      '~',
      '__proto__',
      'constructor',
      'C:',
      '*',
    ];
    const piece = fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 8, unit: 'binary' }));
    const name = fc.array(piece, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));
    const infer = '/inference.GRPCInferenceService';
    const requestOf = fc.constantFrom<(name: string) => readonly [path: string, message: Buffer]>(
      (each) => [inferPath, messages.ModelInferRequest.encode({ model_name: each })],
      (each) => [inferPath, messages.ModelInferRequest.encode({ model_name: 'm', model_version: each })],
      (each) => [`${infer}/ModelMetadata`, messages.ModelRequest.encode({ name: each })],
      (each) => [`${infer}/ModelConfig`, messages.ModelRequest.encode({ name: 'm', version: each })],
      (each) => [`${infer}/ModelStatistics`, messages.ModelRequest.encode({ name: each })],
      (each) => [`${infer}/RepositoryModelLoad`, messages.RepositoryModelRequest.encode({ model_name: each })],
      (each) => [`${infer}/RepositoryModelUnload`, messages.RepositoryModelRequest.encode({ model_name: each })],
      (each) => [
        '/tensorflow.serving.PredictionService/Predict',
        tensorflow.PredictRequest.encode({ model_spec: { name: each } }),
      ],
      (each) => [
        '/tensorflow.serving.ModelService/GetModelStatus',
        tensorflow.GetModelStatusRequest.encode({ model_spec: { name: each } }),
      ],
      (each) => ['/grpc.health.v1.Health/Check', HealthCheckRequest.encode({ service: each })],
    );
    const client = rawClient(server.address);
    const refusals = [Status.NOT_FOUND, Status.INVALID_ARGUMENT, Status.FAILED_PRECONDITION];
    const property = fc.asyncProperty(name, requestOf, async (text, of) => {
      fc.pre(!['m', '1', 'spare', ''].includes(text));
      const [path, message] = of(text);
      expect(refusals).toContain(await send(path, framed(message)));
      const error = await client.call(path, message).catch((thrown) => thrown);
      expect(refusals).toContain(error.code);
    });
    await fc.assert(property, { numRuns: 1000 });
    client.close();
    expect(loads).toBe(0);
    await stillAnswers();
  });

  it('unknown services, methods and headers: 500 cases', async () => {
    const word = fc.stringMatching(/^[!-~]{0,40}$/);
    const property = fc.asyncProperty(
      word,
      word,
      fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), word),
      async (service, method, headers) => {
        const safe = Object.fromEntries(Object.entries(headers).map(([name, value]) => [`x-${name}`, value]));
        const status = await send(`/${service}/${method}`, framed(good), safe);
        expect(status).toBe(Status.UNIMPLEMENTED);
      },
    );
    await fc.assert(property, { numRuns: 500 });
    for (const path of ['/', '/%00', '/../../etc/passwd', `/${'a'.repeat(5000)}`]) {
      expect(await send(path, framed(good))).toBe(Status.UNIMPLEMENTED);
    }
    await stillAnswers();
  });

  it('deadlines that are none, and metadata that are none', async () => {
    for (const timeout of ['-1S', 'x', '1', '999999999H', '1e9S', '0n']) {
      expect(await send(inferPath, framed(good), { 'grpc-timeout': timeout })).not.toBe(Status.UNKNOWN);
    }
    for (const value of ['%%%', '=', 'a'.repeat(2000)]) {
      expect(await send(inferPath, framed(good), { 'x-thing-bin': value })).toBe(Status.OK);
    }
    await stillAnswers();
  });

  it('a flood of headers ends its connection at most', async () => {
    const flooding = hostile.hostileSession(server.address);
    const headers = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`x-${index}`, 'y'.repeat(100)]));
    expect(await send(inferPath, framed(good), headers, flooding)).not.toBe(Status.OK);
    flooding.destroy();
    await stillAnswers();
  });

  it('bytes that are no HTTP/2, and connections that end anywhere: 300 cases', async () => {
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const isOver = ([isPrefaced, bytes]: readonly [boolean, Uint8Array]): Promise<void> =>
      new Promise((resolve) => {
        const socket = connectTcp(server.port, '127.0.0.1', () => {
          socket.end(isPrefaced ? Buffer.concat([preface, bytes]) : Buffer.from(bytes));
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve());
        socket.resume();
      });
    // A server waits for what may still come on a connection that was begun well, so that many are opened at once.
    const cases = fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 300 })), { minLength: 30, maxLength: 30 });
    const property = fc.asyncProperty(cases, async (given) => void (await Promise.all(given.map(isOver))));
    await fc.assert(property, { numRuns: 10 });
    await stillAnswers();
  });

  it('calls that are cancelled at any time leave nothing behind', async () => {
    const calls = Array.from({ length: 300 }, (_, index) => {
      const stream = hostile.begin(session, inferPath);
      const closed = new Promise<void>((resolve) => stream.on('close', () => resolve()));
      const message = framed(good);
      stream.write(message.subarray(0, index % message.length));
      setImmediate(() => stream.close(constants.NGHTTP2_CANCEL));
      return closed;
    });
    await Promise.all(calls);
    await stillAnswers();
  });
});
