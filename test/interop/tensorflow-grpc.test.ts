import { fileURLToPath } from 'node:url';
import { createRunner, dtypes, type Logger, type ModelRunner, type Tensor } from '@fairlead/core';
import { createMockBackend, type MockBackendOptions, mockModel } from '@fairlead/core/testing';
import { onnx } from '@fairlead/node';
import { type GrpcServer, serveGrpc } from '@fairlead/node/grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runClient } from './run-client';
import { prepareTensorflowServingApi } from './setup';

const { command = '', missing } = { command: undefined, ...prepareTensorflowServingApi() };
const digits = fileURLToPath(new URL('../../examples/models/digits-v2.onnx', import.meta.url));
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** What the stubs do, a function each; one that is missing here would not be looked at. */
const cases = [
  'every_dtype_as_content_and_in_fields',
  'strings',
  'one_value_for_all',
  'a_real_model',
  'asynchronous',
  'versions',
  'metadata',
  'status',
  'classify',
  'regress',
  'refusals',
];

describe.skipIf(missing !== undefined)("TensorFlow's own gRPC stubs", { timeout: 180_000 }, () => {
  const runners: Record<string, ModelRunner> = {};
  let server: GrpcServer;
  let results: Record<string, string>;

  const mock = (options: MockBackendOptions): Promise<ModelRunner> =>
    createRunner({ model: mockModel('1'), backend: createMockBackend(options), warmUp: false, logger: silent });

  beforeAll(async () => {
    runners.digits = await createRunner({
      model: digits,
      backend: onnx({ device: 'cpu' }),
      lanes: 'inline',
      logger: silent,
    });
    for (const dtype of dtypes) {
      const spec = (name: string) => ({ name, dtype, shape: ['batch', dtype === 'string' ? 2 : 3] });
      const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
      runners[`echo-${dtype}`] = await mock({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    }
    const spec = (name: string, width: number) => ({ name, dtype: 'float32' as const, shape: ['batch', width] });
    const signature = { inputs: [spec('x', 3)], outputs: [spec('scores', 3)], batchAxis: 0 };
    runners.scores = await mock({ signature, compute: ({ x }) => ({ scores: x as Tensor }) });
    runners.sum = await mock({
      signature: { ...signature, outputs: [spec('y', 1)] },
      compute: ({ x }) => {
        const { data, shape } = x as Tensor<'float32'>;
        const sums = Float32Array.from({ length: shape[0] as number }, (_, row) =>
          data.subarray(3 * row, 3 * row + 3).reduce((sum, value) => sum + value, 0),
        );
        return { y: { dtype: 'float32', shape: [sums.length, 1], data: sums } };
      },
    });
    runners.failing = await mock({
      signature,
      compute: () => {
        throw new Error('at Object.<anonymous> (/secret/model.js:1:1)');
      },
    });
    // Never done by itself: only the time that a request brings ends it.
    runners.slow = await mock({ signature, compute: () => new Promise(() => {}) });
    server = await serveGrpc(runners, { port: 0, drainDelayMs: 0, drainTimeoutMs: 0, logger: silent });
    results = await runClient(command, 'tensorflow_grpc.py', server.address);
  }, 240_000);

  afterAll(async () => {
    await server?.close();
    const { slow: _, ...rest } = runners;
    await Promise.all(Object.values(rest).map((runner) => runner.close()));
  });

  it.each(cases)('%s', (name) => {
    expect(results[name]).toBe('ok');
  });

  it('do nothing that is not looked at here', () => {
    expect(Object.keys(results).sort()).toEqual([...cases].sort());
  });
});
