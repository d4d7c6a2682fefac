import { fileURLToPath } from 'node:url';
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

/* What Triton's own clients ask for, over HTTP and over gRPC alike. */

const digits = fileURLToPath(new URL('../../examples/models/digits-v2.onnx', import.meta.url));
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

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

/** Models by name, and a repository that knows more of them. */
export interface TritonModels {
  readonly runners: Readonly<Record<string, ModelRunner>>;
  readonly repository: ModelRepository;
  close(): Promise<void>;
}

function mock(
  options: MockBackendOptions,
  version = '1',
  batching: RunnerOptions['batching'] = {},
): Promise<ModelRunner> {
  const backend = createMockBackend(options);
  return createRunner({ model: mockModel(version), backend, warmUp: false, batching, logger: silent });
}

/**
 * `digits`; `echo-DATATYPE` and `wide`, which answer what they get; `failing`; and `slow` and `full`, which are never done by themselves:
 * only the time that a request brings, or its caller's going away, ends them.
 */
export async function openTritonModels(): Promise<TritonModels> {
  const backend = onnx({ device: 'cpu' });
  const signatureOf = (dtype: DType, width: number) => {
    const spec = (name: string) => ({ name, dtype, shape: ['batch', width] });
    return { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
  };
  const echo = (dtype: DType, width: number): Promise<ModelRunner> =>
    mock({ signature: signatureOf(dtype, width), compute: ({ x }) => ({ y: x as Tensor }) });
  const signature = signatureOf('float32', 3);
  const never = () => new Promise<never>(() => {});

  const finite: Record<string, ModelRunner> = {
    digits: await createRunner({ model: digits, backend, lanes: 'inline', logger: silent }),
    wide: await echo('float32', 3000),
    failing: await mock({
      signature,
      compute: () => {
        throw new Error('at Object.<anonymous> (/secret/model.js:1:1)');
      },
    }),
  };
  for (const [datatype, dtype] of Object.entries(datatypes)) {
    finite[`echo-${datatype}`] = await echo(dtype, datatype === 'BYTES' ? 2 : 3);
  }
  let version = 0;
  const repository = createModelRepository(
    {
      spare: () => mock({}, String(++version)),
      broken: () => createRunner({ model: './nowhere.onnx', backend, logger: silent }),
    },
    { logger: silent },
  );
  return {
    runners: {
      ...finite,
      slow: await mock({ signature, compute: never }),
      full: await mock({ signature, compute: never }, '1', { maxBatchRows: 1, maxQueueRows: 2 }),
    },
    repository,
    async close() {
      await repository.close();
      await Promise.all(Object.values(finite).map((runner) => runner.close()));
    },
  };
}
