import { encodeElements } from '../../tensor/json/encode-elements';
import type { Tensor } from '../../tensor/tensor';
import { datatypeOf } from './datatypes';

/**
 * Writes a tensor as the protocol's JSON object, `data` flat and row-major.
 *
 * Every finite number reads back as the same element. Integers are written with all their digits, past 2^53 too; NaN and
 * the infinities, which JSON lacks, as the strings "NaN", "Infinity" and "-Infinity", as in the JSON mapping of
 * Protocol Buffers.
 */
export function encodeTensor(name: string, tensor: Tensor): string {
  const head = `{"name":${JSON.stringify(name)},"shape":[${tensor.shape.join(',')}],"datatype":"${datatypeOf(tensor.dtype)}"`;
  return `${head},"data":[${encodeElements(tensor)}]}`;
}
