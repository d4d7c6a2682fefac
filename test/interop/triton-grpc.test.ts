import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  createRunner,
  type DType,
  type Logger,
  type ModelRunner,
  type RunnerOptions,
  type Tensor,
} from '@fairlead/core';
import { createModelRepository, type ModelRepository } from '@fairlead/core/serving';
import { createMockBackend, type MockBackendOptions, mockModel } from '@fairlead/core/testing';
import { onnx } from '@fairlead/node';
import { type GrpcServer, serveGrpc } from '@fairlead/node/grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareTritonGrpcClient } from './setup';

const { command = '', missing } = { command: undefined, ...prepareTritonGrpcClient() };
const script = fileURLToPath(new URL('triton_grpc.py', import.meta.url));
const digits = fileURLToPath(new URL('../../examples/models/digits-v2.onnx', import.meta.url));
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The datatypes of the protocol, with the dtype of the model that answers what it gets. */
const datatypes: Readonly<Record<string, DType>> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
};

/** What the client does, a function each; one that is missing here would not be looked at. */
const cases = [
  'every_datatype_raw',
  'every_datatype_typed',
  'strings',
  'bits_of_nan_survive',
  'health',
  'metadata',
  'config',
  'a_real_model',
  'a_large_message',
  'requested_outputs',
  'classes',
  'asynchronous',
  'cancelled',
  'asyncio_client',
  'stream',
  'packed_messages',
  'parameters',
  'statistics',
  'repository',
  'full',
  'refusals',
];

describe.skipIf(missing !== undefined)("Triton's own client over gRPC", { timeout: 180_000 }, () => {
  const runners: Record<string, ModelRunner> = {};
  let repository: ModelRepository;
  let server: GrpcServer;
  let results: Record<string, string>;

  const mock = (
    options: MockBackendOptions,
    version = '1',
    batching: RunnerOptions['batching'] = {},
  ): Promise<ModelRunner> =>
    createRunner({
      model: mockModel(version),
      backend: createMockBackend(options),
      warmUp: false,
      batching,
      logger: silent,
    });

  beforeAll(async () => {
    const backend = onnx({ device: 'cpu' });
    runners.digits = await createRunner({ model: digits, backend, lanes: 'inline', logger: silent });
    for (const [datatype, dtype] of Object.entries(datatypes)) {
      const shape = ['batch', datatype === 'BYTES' ? 2 : 3];
      const spec = (name: string) => ({ name, dtype, shape });
      const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
      runners[`echo-${datatype}`] = await mock({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    }
    const wide = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 3000] });
    const wideSignature = { inputs: [wide('x')], outputs: [wide('y')], batchAxis: 0 };
    runners.wide = await mock({ signature: wideSignature, compute: ({ x }) => ({ y: x as Tensor }) });
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 3] });
    const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
    const failing = () => {
      throw new Error('at Object.<anonymous> (/secret/model.js:1:1)');
    };
    runners.failing = await mock({ signature, compute: failing });
    // Never done by themselves: only the time that a request brings, or its caller's going away, ends them.
    const never = () => new Promise<never>(() => {});
    runners.slow = await mock({ signature, compute: never });
    runners.full = await mock({ signature, compute: never }, '1', { maxBatchRows: 1, maxQueueRows: 2 });
    let version = 0;
    repository = createModelRepository(
      {
        spare: () => mock({}, String(++version)),
        broken: () => createRunner({ model: './nowhere.onnx', backend, logger: silent }),
      },
      { logger: silent },
    );
    server = await serveGrpc(runners, {
      port: 0,
      repository,
      maxBodyBytes: 16_000_000,
      drainDelayMs: 0,
      drainTimeoutMs: 0,
      logger: silent,
    });
    const { stdout } = await promisify(execFile)(command, [script, server.address], { maxBuffer: 10e6 });
    results = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, string>;
  }, 240_000);

  afterAll(async () => {
    await server?.close();
    await repository?.close();
    const { slow: _slow, full: _full, ...rest } = runners;
    await Promise.all(Object.values(rest).map((runner) => runner.close()));
  });

  it.each(cases)('%s', (name) => {
    expect(results[name]).toBe('ok');
  });

  it('does nothing that is not looked at here', () => {
    expect(Object.keys(results).sort()).toEqual([...cases].sort());
  });
});
