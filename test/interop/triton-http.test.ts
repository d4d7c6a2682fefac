import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRunner, type DType, type Logger, type ModelRunner, type Tensor } from '@fairlead/core';
import { createModelRepository, type ModelRepository } from '@fairlead/core/serving';
import { createMockBackend, type MockBackendOptions, mockModel } from '@fairlead/core/testing';
import { onnx } from '@fairlead/node';
import { type Server, serve } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareTritonClient } from './setup';

const { command = '', missing } = { command: undefined, ...prepareTritonClient() };
const script = fileURLToPath(new URL('triton_http.py', import.meta.url));
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
  'every_datatype_as_bytes_and_as_json',
  'strings_as_bytes_and_as_json',
  'bits_of_nan_survive_as_bytes',
  'not_finite_numbers_as_json',
  'no_rows',
  'health',
  'metadata',
  'config',
  'a_real_model',
  'requested_outputs',
  'classes',
  'asynchronous',
  'asyncio_client',
  'packed_bodies',
  'parameters',
  'statistics',
  'repository',
  'refusals',
];

describe.skipIf(missing !== undefined)("Triton's own client over HTTP", { timeout: 180_000 }, () => {
  const runners: Record<string, ModelRunner> = {};
  let repository: ModelRepository;
  let server: Server;
  let results: Record<string, string>;

  const mock = (options: MockBackendOptions, version = '1'): Promise<ModelRunner> =>
    createRunner({ model: mockModel(version), backend: createMockBackend(options), warmUp: false, logger: silent });

  beforeAll(async () => {
    const backend = onnx({ device: 'cpu' });
    runners.digits = await createRunner({ model: digits, backend, lanes: 'inline', logger: silent });
    for (const [datatype, dtype] of Object.entries(datatypes)) {
      const shape = ['batch', datatype === 'BYTES' ? 2 : 3];
      const spec = (name: string) => ({ name, dtype, shape });
      const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
      runners[`echo-${datatype}`] = await mock({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    }
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 3] });
    const signature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
    const failing = () => {
      throw new Error('at Object.<anonymous> (/secret/model.js:1:1)');
    };
    runners.failing = await mock({ signature, compute: failing });
    // Never done by itself: only the time that a request brings ends it.
    runners.slow = await mock({ signature, compute: () => new Promise(() => {}) });
    let version = 0;
    repository = createModelRepository(
      {
        spare: () => mock({}, String(++version)),
        broken: () => createRunner({ model: './nowhere.onnx', backend, logger: silent }),
      },
      { logger: silent },
    );
    const { slow, ...rest } = runners;
    server = await serve(
      { ...rest, slow: slow as ModelRunner },
      { port: 0, repository, maxBodyBytes: 4_000_000, drainDelayMs: 0, drainTimeoutMs: 0, logger: silent },
    );
    const { stdout } = await promisify(execFile)(command, [script, new URL(server.url).host], { maxBuffer: 10e6 });
    results = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, string>;
  }, 240_000);

  afterAll(async () => {
    await server?.close();
    await repository?.close();
    const { slow: _, ...rest } = runners;
    await Promise.all(Object.values(rest).map((runner) => runner.close()));
  });

  it.each(cases)('%s', (name) => {
    expect(results[name]).toBe('ok');
  });

  it('does nothing that is not looked at here', () => {
    expect(Object.keys(results).sort()).toEqual([...cases].sort());
  });
});
