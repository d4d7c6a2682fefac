import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRunner, type Logger, type ModelRunner, type Tensor } from '@fairlead/core';
import { createModelHost } from '@fairlead/core/serving';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { onnx } from '@fairlead/node';
import { type GrpcServer, serveGrpc } from '@fairlead/node/grpc';
import { type Server, serve } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareKserve } from './setup';

const { command = '', missing } = { command: undefined, ...prepareKserve() };
const script = fileURLToPath(new URL('kserve_client.py', import.meta.url));
const digits = fileURLToPath(new URL('../../examples/models/digits-v2.onnx', import.meta.url));
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** What the client does, a function each; one that is missing here would not be looked at. */
const cases = ['health', 'a_real_model', 'both_ways_agree', 'strings', 'refusals'];

describe.skipIf(missing !== undefined)("KServe's own client over REST and gRPC", { timeout: 180_000 }, () => {
  const runners: Record<string, ModelRunner> = {};
  let server: Server;
  let grpcServer: GrpcServer;
  let results: Record<string, string>;

  beforeAll(async () => {
    const backend = onnx({ device: 'cpu' });
    runners.digits = await createRunner({ model: digits, backend, lanes: 'inline', logger: silent });
    const spec = (name: string) => ({ name, dtype: 'string' as const, shape: ['batch', 2] });
    const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
    const strings = createMockBackend({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    runners.echo = await createRunner({ model: mockModel('1'), backend: strings, warmUp: false, logger: silent });
    const host = createModelHost(runners, { logger: silent });
    server = await serve(host, { port: 0, drainDelayMs: 0 });
    grpcServer = await serveGrpc(host, { port: 0, drainDelayMs: 0 });
    const { stdout } = await promisify(execFile)(command, [script, server.url, grpcServer.address], {
      maxBuffer: 10e6,
    });
    results = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, string>;
  }, 240_000);

  afterAll(async () => {
    await server?.close();
    await grpcServer?.close();
    await Promise.all(Object.values(runners).map((runner) => runner.close()));
  });

  it.each(cases)('%s', (name) => {
    expect(results[name]).toBe('ok');
  });

  it('does nothing that is not looked at here', () => {
    expect(Object.keys(results).sort()).toEqual([...cases].sort());
  });
});
