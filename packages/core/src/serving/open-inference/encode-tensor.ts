import { encodeElements } from '../../tensor/json/encode-elements';
import type { Tensor } from '../../tensor/tensor';
import { type BinaryParts, toBinary } from './binary';
import { datatypeOf } from './datatypes';

/**
 * Writes a tensor as the protocol's JSON object, `data` flat and row-major.
 *
 * Every finite number reads back as the same element. Integers are written with all their digits, past 2^53 too; NaN and
 * the infinities, which JSON lacks, as the strings "NaN", "Infinity" and "-Infinity", as in the JSON mapping of
 * Protocol Buffers. Where `binary` wants the tensor, its elements go there instead.
 */
export function encodeTensor(name: string, tensor: Tensor, binary?: BinaryParts): string {
  const { dtype, shape } = tensor;
  let sizes = '';
  for (let axis = 0; axis < shape.length; axis++) sizes += axis === 0 ? shape[axis] : `,${shape[axis]}`;
  const head = `{"name":${JSON.stringify(name)},"shape":[${sizes}],"datatype":"${datatypeOf(dtype)}"`;
  if (binary?.wants(name)) {
    const bytes = toBinary(tensor);
    binary.parts.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
  }
  return `${head},"data":[${encodeElements(tensor)}]}`;
}
