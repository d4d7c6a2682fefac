import { FairleadError, isDType, type Tensor, type Tensors } from '@fairlead/core';
import type * as Ort from 'onnxruntime-node';
import type { Runtime } from './runtime';

/**
 * How float16 data is handed to the runtime. Where JavaScript has a Float16Array, onnxruntime's tensors insist on it,
 * and its native part then reads zero bytes; there the bits are put in front of it.
 */
export type Float16Way = 'plain' | 'bits';

/** The runtime's own tensors over the same arrays; nothing is copied. */
export function toOrt(ort: Runtime, tensors: Tensors, float16: Float16Way): Record<string, Ort.Tensor> {
  const feeds: Record<string, Ort.Tensor> = {};
  for (const name of Object.keys(tensors)) {
    const { dtype, data, shape } = tensors[name] as Tensor;
    const feed = new ort.Tensor(dtype, data as Ort.Tensor.DataTypeMap[typeof dtype], shape);
    if (dtype === 'float16' && float16 === 'bits') Object.defineProperty(feed, 'data', { value: data });
    feeds[name] = feed;
  }
  return feeds;
}

/**
 * Plain tensors over the arrays of the runtime's answer; nothing is copied.
 * @throws FairleadError `OUTPUT_INVALID` for an output of another dtype than the metadata promised
 */
export function fromOrt(outputs: Ort.InferenceSession.OnnxValueMapType): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const name of Object.keys(outputs)) {
    const { type, dims, data } = outputs[name] as Ort.Tensor;
    if (!isDType(type)) {
      const given = `dtype ${String(type)}`;
      throw new FairleadError(
        'OUTPUT_INVALID',
        `The output "${name}" came with ${given}, which has no place in JavaScript.`,
        {
          details: { field: name, expected: 'a dtype of the signature', given },
        },
      );
    }
    tensors[name] = { dtype: type, shape: dims as number[], data: type === 'float16' ? bitsOf(data) : data } as Tensor;
  }
  return tensors;
}

/** Where there is a Float16Array, the runtime answers one; a tensor holds the bits. */
function bitsOf(data: Ort.Tensor['data']): Uint16Array {
  if (data instanceof Uint16Array) return data;
  const { buffer, byteOffset, length } = data as unknown as Uint16Array;
  return new Uint16Array(buffer, byteOffset, length);
}
