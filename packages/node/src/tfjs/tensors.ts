import { type DType, FairleadError, type Tensor, type Tensors } from '@fairlead/core';
import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { TfjsDevice } from './options';
import type { Tensorflow } from './runtime';

/** The dtypes that a tensor of TensorFlow.js can have and one of ours too; it also has complex64. */
const shared = ['float32', 'int32', 'bool', 'string'] as const satisfies readonly DType[];

/** A dtype that both have. */
export type TfjsDType = (typeof shared)[number];

/** Whether a name is that of a dtype that both have. */
export function isTfjsDType(dtype: unknown): dtype is TfjsDType {
  return (shared as readonly unknown[]).includes(dtype);
}

/** A tensor of the runtime; on the CPU it is a view of the same array. Dispose of it. */
export function toTf(tf: Tensorflow, { dtype, shape, data }: Tensor): TfTensor {
  return tf.tensor(data as Float32Array, shape as number[], dtype as TfjsDType);
}

/**
 * Plain tensors of what the runtime answered, in arrays of their own. The runtime's tensors stay for their owner to
 * dispose of.
 *
 * @param names of the outputs, in their order
 * @throws FairleadError `OUTPUT_INVALID` for a complex output
 */
export function fromTf(names: readonly string[], outputs: readonly TfTensor[], device: TfjsDevice): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const [index, output] of outputs.entries()) {
    const name = names[index] as string;
    const { dtype } = output;
    if (!isTfjsDType(dtype)) {
      throw new FairleadError('OUTPUT_INVALID', `The output "${name}" came as ${dtype}, which has no place here.`, {
        details: { field: name, expected: 'a dtype of the signature', given: dtype },
      });
    }
    const data = output.dataSync();
    // On the CPU the array may be an input's or a weight's as well; from WebAssembly it comes as a copy.
    tensors[name] = { dtype, shape: output.shape.slice(), data: device === 'cpu' ? data.slice() : data } as Tensor;
  }
  return tensors;
}
