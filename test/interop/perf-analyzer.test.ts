import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createRunner, type Logger, type ModelRunner, type Tensor } from '@fairlead/core';
import { createModelHost, type ModelHost } from '@fairlead/core/serving';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { type GrpcServer, serveGrpc } from '@fairlead/node/grpc';
import { type Server, serve } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { preparePerfAnalyzer } from './setup';

const prepared = { command: '', libraries: '', missing: undefined, ...preparePerfAnalyzer() };
const { command, libraries, missing } = prepared;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

describe.skipIf(missing !== undefined)("Triton's perf_analyzer", { timeout: 180_000 }, () => {
  let runner: ModelRunner;
  let host: ModelHost;
  let server: Server;
  let grpcServer: GrpcServer;

  beforeAll(async () => {
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 64] });
    const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
    const backend = createMockBackend({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    // It takes versions for numbers, as Triton has them.
    runner = await createRunner({ model: mockModel('1'), backend, warmUp: false, logger: silent });
    host = createModelHost({ echo: runner }, { logger: silent });
    server = await serve(host, { port: 0, drainDelayMs: 0 });
    grpcServer = await serveGrpc(host, { port: 0, drainDelayMs: 0 });
  });
  afterAll(async () => {
    await server?.close();
    await grpcServer?.close();
    await runner?.close();
  });

  it.each([
    ['HTTP', ['-i', 'http']],
    ['HTTP, with its own batches', ['-i', 'http', '-b', '8']],
    ['gRPC', ['-i', 'grpc', '-b', '8']],
    ['gRPC, with requests that overlap', ['-i', 'grpc', '--async']],
    ['gRPC by a stream', ['-i', 'grpc', '--streaming']],
  ])('measures over %s, and finds the statistics that it asks for', async (_how, options) => {
    const url = options.includes('http') ? new URL(server.url).host : grpcServer.address;
    const { stdout } = await promisify(execFile)(
      command,
      [
        ...['-m', 'echo', '-u', url, ...options, '--concurrency-range', '4'],
        // Whether it is steady is no matter here: after three windows of so many requests it tells what it has.
        ...['--measurement-mode', 'count_windows', '--measurement-request-count', '50', '-r', '3', '-s', '100000'],
      ],
      { env: { ...process.env, LD_LIBRARY_PATH: libraries } },
    );
    expect(stdout).toMatch(/Concurrency: 4, throughput: [1-9][\d.]* infer\/sec, latency [1-9]\d* usec/);
    expect(stdout).toMatch(/Inference count: [1-9]/);
    const [model] = host.catalog.all();
    expect(model?.statistics.write('echo', runner.model, '1')).toMatchObject([
      { inference_stats: { fail: { count: 0 } } },
    ]);
  });
});
