import type { BufferPool } from '../batching/buffer-pool';
import { bytesPerElement, type NumericData, type NumericDType, viewData } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import type { PackedTensor } from './messages';

/** Tensors laid out one after the other in a single buffer, so that one transfer carries them all. */
export interface Packed {
  readonly buffer?: ArrayBuffer;
  readonly tensors: readonly PackedTensor[];
}

/** Every tensor starts at a multiple of this, the widest element's size. */
const alignment = 8;
const smallestBuffer = 256;

/**
 * Copies tensors into a buffer of the pool, once; the arrays that were given stay as they are. Strings are not copied
 * here: the post clones them.
 */
export function packTensors(tensors: Tensors, pool: BufferPool): Packed {
  const packed: PackedTensor[] = [];
  let bytes = 0;
  for (const name of Object.keys(tensors)) {
    const tensor = tensors[name] as Tensor;
    const { dtype, shape, data } = tensor;
    if (dtype === 'string') {
      packed.push({ name, dtype, shape, strings: data as string[] });
      continue;
    }
    packed.push({ name, dtype, shape, offset: bytes, length: data.length });
    bytes += roundUp(data.length * bytesPerElement(dtype), alignment);
  }
  if (bytes === 0) return { tensors: packed };
  const buffer = pool.take(sizeClass(bytes));
  for (const entry of packed) {
    if (entry.dtype === 'string') continue;
    const source = (tensors[entry.name] as Tensor<NumericDType>).data as NumericData;
    new Uint8Array(buffer, entry.offset, source.byteLength).set(
      new Uint8Array(source.buffer, source.byteOffset, source.byteLength),
    );
  }
  return { buffer, tensors: packed };
}

/** Views of packed tensors; nothing is copied. */
export function unpackTensors(packed: Packed): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const entry of packed.tensors) {
    const { name, dtype, shape } = entry;
    if (dtype === 'string') {
      tensors[name] = { dtype, shape, data: entry.strings as string[] };
      continue;
    }
    const data = viewData(dtype, packed.buffer ?? new ArrayBuffer(0), entry.offset, entry.length);
    tensors[name] = { dtype, shape, data };
  }
  return tensors;
}

/**
 * Makes outputs ready for the post: their own buffers are moved where that is possible, and copied where it is not,
 * because the runtime keeps the memory, several outputs or a part of a bigger buffer share it, or it is the input's.
 *
 * @param copyAll copies every output
 */
export function detachOutputs(
  outputs: Tensors,
  inputBuffer: ArrayBuffer | undefined,
  copyAll: boolean,
): { readonly outputs: Tensors; readonly transfer: ArrayBuffer[] } {
  const detached: Record<string, Tensor> = {};
  const transfer = new Set<ArrayBuffer>();
  for (const name of Object.keys(outputs)) {
    const { dtype, shape, data } = outputs[name] as Tensor;
    if (dtype === 'string') {
      detached[name] = { dtype, shape, data };
      continue;
    }
    let own = data as NumericData;
    const whole =
      own.buffer instanceof ArrayBuffer &&
      own.byteLength === own.buffer.byteLength &&
      own.buffer !== inputBuffer &&
      !transfer.has(own.buffer);
    // `slice` of a Node Buffer is a view; a fresh view of the dtype's own class copies for certain.
    if (copyAll || !whole) own = viewData(dtype, own.buffer, own.byteOffset, own.length).slice() as NumericData;
    if (own.byteLength > 0) transfer.add(own.buffer as ArrayBuffer);
    detached[name] = { dtype, shape, data: own };
  }
  return { outputs: detached, transfer: [...transfer] };
}

/** Rounds up by at most an eighth, so that batches of similar sizes share buffers. */
function sizeClass(bytes: number): number {
  if (bytes <= smallestBuffer) return smallestBuffer;
  const step = 2 ** Math.max(3, Math.floor(Math.log2(bytes)) - 3);
  return roundUp(bytes, step);
}

function roundUp(bytes: number, step: number): number {
  return Math.ceil(bytes / step) * step;
}
