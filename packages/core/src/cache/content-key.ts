import { bytesPerElement } from '../tensor/dtype';
import type { Tensor } from '../tensor/tensor';

/*
 * A cache may never give one input's answer to another, so a hash alone does not decide: it finds the candidates, and
 * their bytes are compared. That allows a hash that is fast instead of one that is strong.
 */

const prime = 0x01000193;

/** Mixes whole 32-bit words into a running hash, after the recipe of FNV-1a with words in place of bytes. */
function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, prime);
  return mixed ^ (mixed >>> 15);
}

function mixText(hash: number, text: string): number {
  let mixed = mix(hash, text.length);
  for (let index = 0; index < text.length; index++) mixed = mix(mixed, text.charCodeAt(index));
  return mixed;
}

function mixBytes(hash: number, view: ArrayBufferView): number {
  let mixed = mix(hash, view.byteLength);
  // Words need an aligned start; what a caller sliced at an odd byte is moved to one, so that it has the hash of its bytes.
  const { buffer, byteOffset, byteLength } = view.byteOffset % 4 === 0 ? view : bytesOf(view).slice();
  const wholeWords = byteLength >> 2;
  const words = new Uint32Array(buffer, byteOffset, wholeWords);
  for (let index = 0; index < words.length; index++) mixed = mix(mixed, words[index] as number);
  const rest = new Uint8Array(buffer, byteOffset + wholeWords * 4, byteLength - wholeWords * 4);
  for (let index = 0; index < rest.length; index++) mixed = mix(mixed, rest[index] as number);
  return mixed;
}

/** A short hash of inputs; different inputs may share one. */
export function contentHash(tensors: readonly Tensor[]): string {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (const { shape, data } of tensors) {
    for (const size of shape) low = mix(low, size);
    if (Array.isArray(data)) for (const text of data) low = mixText(low, text);
    else low = mixBytes(low, data);
    high = mix(high, low);
  }
  return `${(low >>> 0).toString(36)}:${(high >>> 0).toString(36)}`;
}

/** Whether two lists of tensors are the same, bit for bit: NaN equals itself, and 0 differs from −0. */
export function sameTensors(a: readonly Tensor[], b: readonly Tensor[]): boolean {
  return a.length === b.length && a.every((tensor, index) => sameTensor(tensor, b[index] as Tensor));
}

function sameTensor(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length || a.data.length !== b.data.length) return false;
  if (!a.shape.every((size, axis) => size === b.shape[axis])) return false;
  if (Array.isArray(a.data)) return a.data.every((text, index) => text === b.data[index]);
  return sameBytes(a.data, b.data as ArrayBufferView);
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Bytes that tensors take; of a string, two for each of its characters. */
export function tensorBytes(tensors: Iterable<Tensor>): number {
  let bytes = 0;
  for (const { dtype, data } of tensors) {
    bytes += data.length * bytesPerElement(dtype);
    if (Array.isArray(data)) for (const text of data) bytes += text.length * 2;
  }
  return bytes;
}

/** Copies of tensors that share no memory with the originals. */
export function copyTensor(tensor: Tensor): Tensor {
  return { dtype: tensor.dtype, shape: [...tensor.shape], data: tensor.data.slice() } as Tensor;
}
