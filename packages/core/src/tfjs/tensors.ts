import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import { FairleadError } from '../errors';
import type { DType } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import type { Tensorflow, TfjsDevice } from './packages';

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
export async function fromTf(
  names: readonly string[],
  outputs: readonly TfTensor[],
  device: TfjsDevice,
): Promise<Tensors> {
  const tensors = outputs.map(async (output, index): Promise<[string, Tensor]> => {
    const name = names[index] as string;
    const { dtype } = output;
    if (!isTfjsDType(dtype)) {
      throw new FairleadError('OUTPUT_INVALID', `The output "${name}" came as ${dtype}, which has no place here.`, {
        details: { field: name, expected: 'a dtype of the signature', given: dtype },
      });
    }
    const shape = output.shape.slice();
    const data = await output.data();
    // Elsewhere than from WebAssembly, where it is a copy, the array may be an input's or a weight's as well.
    return [name, { dtype, shape, data: device === 'wasm' ? data : data.slice() } as Tensor];
  });
  return Object.fromEntries(await Promise.all(tensors));
}
