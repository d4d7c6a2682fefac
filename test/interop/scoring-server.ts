import {
  createRunner,
  type Logger,
  type ModelRunner,
  type ModelSignature,
  type Tensor,
  type Tensors,
} from '@fairlead/core';
import { createMockBackend, mockModel } from '@fairlead/core/testing';

/* What the tests of MLflow's and SageMaker's clients serve. */

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const tabular: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 2] },
    { name: 'scale', dtype: 'float32', shape: ['batch', 1] },
  ],
  outputs: [
    { name: 'total', dtype: 'float32', shape: ['batch'] },
    { name: 'label', dtype: 'string', shape: ['batch'] },
  ],
  batchAxis: 0,
};

function sum({ x, scale }: Tensors): Tensors {
  const [values, factors] = [x?.data as Float32Array, scale?.data as Float32Array];
  const data = factors.map((factor, row) => factor * ((values[2 * row] ?? 0) + (values[2 * row + 1] ?? 0)));
  const total: Tensor = { dtype: 'float32', shape: [data.length], data };
  const label: Tensor = {
    dtype: 'string',
    shape: [data.length],
    data: Array.from(data, (each) => (each > 0 ? 'yes' : 'no')),
  };
  return { total, label };
}

/** A model that doubles a matrix of two columns. */
export function doubleRunner(): Promise<ModelRunner> {
  return createRunner({ model: mockModel('1'), backend: createMockBackend(), warmUp: false, logger: silent });
}

/** A model of two inputs and two outputs, `total` the sum of a row times its scale. */
export function tabularRunner(): Promise<ModelRunner> {
  const backend = createMockBackend({ signature: tabular, compute: sum });
  return createRunner({ model: mockModel('1'), backend, warmUp: false, logger: silent });
}
