import type { DataOf } from '../dtype';
import type { Tensor } from '../tensor';
import { encodeElements } from './encode-elements';

/** Writes the elements of a tensor, separated by commas. */
export type ElementPrinter = (tensor: Tensor) => string;

/**
 * A tensor as JSON arrays nested like its shape; a scalar as its one element.
 * @param print @default NaN and the infinities as strings, as {@link encodeElements} has it
 */
export function encodeNested(tensor: Tensor, print: ElementPrinter = encodeElements): string {
  if (tensor.shape.length === 0) return print(tensor);
  return `[${tensor.shape.length === 1 ? print(tensor) : encodeRows(tensor, print).join(',')}]`;
}

/**
 * Each row along the first axis as JSON.
 * @param tensor has at least one axis
 */
export function encodeRows(tensor: Tensor, print: ElementPrinter = encodeElements): string[] {
  const { shape } = tensor;
  const last = shape.length === 1 ? 1 : (shape[shape.length - 1] as number);
  let sizes = shape.length === 1 ? shape : shape.slice(0, -1);
  let texts: string[] = [];
  const lists = sizes.reduce((product, size) => product * size, 1);
  for (let index = 0; index < lists; index++) {
    const text = last === 0 ? '' : print(part(tensor, index * last, last));
    texts.push(shape.length === 1 ? text : `[${text}]`);
  }
  // From the innermost axis outwards, so many texts at a time become one.
  for (; sizes.length > 1; sizes = sizes.slice(0, -1)) texts = joinGroups(texts, sizes);
  return texts;
}

function joinGroups(texts: readonly string[], sizes: readonly number[]): string[] {
  const size = sizes[sizes.length - 1] as number;
  const groups = sizes.slice(0, -1).reduce((product, each) => product * each, 1);
  const joined: string[] = [];
  for (let index = 0; index < groups; index++) {
    joined.push(`[${texts.slice(index * size, (index + 1) * size).join(',')}]`);
  }
  return joined;
}

function part({ dtype, data }: Tensor, from: number, length: number): Tensor {
  const elements = Array.isArray(data) ? data.slice(from, from + length) : data.subarray(from, from + length);
  return { dtype, shape: [length], data: elements as DataOf } as Tensor;
}
