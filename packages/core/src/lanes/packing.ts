import type { BufferPool } from '../batching/buffer-pool';
import { bytesPerElement, type DType, type NumericData, type NumericDType, viewData } from '../tensor/dtype';
import { elementCount, type Tensor, type Tensors } from '../tensor/tensor';
import type { FlatValue } from './messages';

/* Tensors in flat messages: each is its name, dtype, rank and sizes, and what holds its elements, one after another. */

/** Every input starts at a multiple of this in the buffer of its batch, the widest element's size. */
const alignment = 8;
const smallestBuffer = 256;

/**
 * Writes inputs into a message and copies their elements, once, into one buffer of the pool, so that a single transfer
 * carries them all; the arrays that were given stay as they are. Strings travel in the message: the post clones them.
 *
 * @returns the buffer; undefined where no input has bytes
 */
export function packInputs(tensors: Tensors, pool: BufferPool, message: FlatValue[]): ArrayBuffer | undefined {
  let bytes = 0;
  for (const name of Object.keys(tensors)) {
    const { dtype, shape, data } = tensors[name] as Tensor;
    message.push(name, dtype, shape.length, ...shape);
    if (dtype === 'string') message.push(data as string[]);
    else bytes += roundUp((data as NumericData).byteLength, alignment);
  }
  if (bytes === 0) return undefined;
  const buffer = pool.take(sizeClass(bytes));
  let offset = 0;
  for (const name of Object.keys(tensors)) {
    const { dtype, data } = tensors[name] as Tensor;
    if (dtype === 'string') continue;
    const source = data as NumericData;
    new Uint8Array(buffer, offset, source.byteLength).set(
      new Uint8Array(source.buffer, source.byteOffset, source.byteLength),
    );
    offset += roundUp(source.byteLength, alignment);
  }
  return buffer;
}

/**
 * Reads the inputs of a message as views of their buffer; nothing is copied.
 * @param at where in the message the first one begins
 */
export function unpackInputs(message: readonly FlatValue[], at: number, buffer = new ArrayBuffer(0)): Tensors {
  const tensors: Record<string, Tensor> = {};
  let offset = 0;
  for (let next = at; next < message.length; ) {
    const { name, dtype, shape, end } = readHead(message, next);
    next = end;
    if (dtype === 'string') {
      tensors[name] = { dtype, shape, data: message[next++] as string[] };
      continue;
    }
    const length = elementCount(shape);
    tensors[name] = { dtype, shape, data: viewData(dtype, buffer, offset, length) };
    offset += roundUp(length * bytesPerElement(dtype), alignment);
  }
  return tensors;
}

/**
 * Writes outputs into a message, ready for the post: their own buffers are moved where that is possible, and copied where
 * it is not, because the runtime keeps the memory, several outputs or a part of a bigger buffer share it, or it is the
 * input's.
 *
 * @param copyAll copies every output
 * @param transfer gets the buffers that move
 */
export function packOutputs(
  outputs: Tensors,
  inputBuffer: ArrayBuffer | undefined,
  copyAll: boolean,
  message: FlatValue[],
  transfer: ArrayBuffer[],
): void {
  for (const name of Object.keys(outputs)) {
    const { dtype, shape, data } = outputs[name] as Tensor;
    message.push(name, dtype, shape.length, ...shape);
    if (dtype === 'string') {
      message.push(data as string[]);
      continue;
    }
    let own = data as NumericData;
    const whole =
      own.buffer instanceof ArrayBuffer &&
      own.byteLength === own.buffer.byteLength &&
      own.buffer !== inputBuffer &&
      !transfer.includes(own.buffer);
    // `slice` of a Node Buffer is a view; a fresh view of the dtype's own class copies for certain.
    if (copyAll || !whole) own = viewData(dtype, own.buffer, own.byteOffset, own.length).slice() as NumericData;
    const buffer = own.buffer as ArrayBuffer;
    if (buffer.byteLength > 0) transfer.push(buffer);
    message.push(buffer);
  }
}

/**
 * Reads the outputs of a message, each over its own buffer.
 * @param at where in the message the first one begins
 */
export function unpackOutputs(message: readonly FlatValue[], at: number): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (let next = at; next < message.length; ) {
    const { name, dtype, shape, end } = readHead(message, next);
    const content = message[end];
    next = end + 1;
    tensors[name] =
      dtype === 'string'
        ? { dtype, shape, data: content as string[] }
        : { dtype, shape, data: viewData(dtype, content as ArrayBuffer, 0, elementCount(shape)) };
  }
  return tensors;
}

interface TensorHead {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Where in the message it ends. */
  readonly end: number;
}

function readHead(message: readonly FlatValue[], at: number): TensorHead {
  const end = at + 3 + (message[at + 2] as number);
  const shape = message.slice(at + 3, end) as number[];
  return { name: message[at] as string, dtype: message[at + 1] as NumericDType, shape, end };
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
