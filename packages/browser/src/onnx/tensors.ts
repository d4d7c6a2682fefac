import { FairleadError, isDType, type Tensor, type Tensors } from '@fairlead/core';
import type * as Ort from 'onnxruntime-web';

/** The runtime's own tensors over the same arrays; nothing is copied. */
export function toOrt(ort: typeof Ort, tensors: Tensors): Record<string, Ort.Tensor> {
  const feeds: Record<string, Ort.Tensor> = {};
  for (const [name, { dtype, data, shape }] of Object.entries(tensors)) {
    feeds[name] = new ort.Tensor(dtype, data as Ort.Tensor.DataTypeMap[typeof dtype], shape);
  }
  return feeds;
}

/**
 * Plain tensors of the runtime's answer.
 * @throws FairleadError `OUTPUT_INVALID` for an output that is no tensor of a known dtype
 */
export function fromOrt(outputs: Ort.InferenceSession.OnnxValueMapType): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(outputs)) {
    const { type, dims, data } = value as Ort.Tensor;
    if (!isDType(type)) {
      throw new FairleadError(
        'OUTPUT_INVALID',
        `The output "${name}" has dtype ${String(type)}, which Fairlead does not know.`,
        {
          details: { field: name, expected: 'a known dtype', given: String(type) },
        },
      );
    }
    tensors[name] = { dtype: type, shape: [...dims], data: type === 'float16' ? bitsOf(data) : data } as Tensor;
  }
  return tensors;
}

/** Browsers with Float16Array answer in it; a tensor holds the bits. */
function bitsOf(data: Ort.Tensor['data']): Uint16Array {
  if (data instanceof Uint16Array) return data;
  const { buffer, byteOffset, length } = data as unknown as Uint16Array;
  return new Uint16Array(buffer, byteOffset, length);
}
