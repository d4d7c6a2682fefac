import type { DataOf } from '../tensor/dtype';
import type { Element } from './padding';

/* Padding and cutting by the index of every element: slow, plain, and what the real thing is held against. */

/** Every index of a shape, in row-major order. */
export function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (before, size) => before.flatMap((index) => Array.from({ length: size }, (_, next) => [...index, next])),
    [[]],
  );
}

/** The elements of a tensor of shape `real`, padded at the end of each axis to the shape `padded`. */
export function padNaively(
  data: DataOf,
  real: readonly number[],
  padded: readonly number[],
  pad: Element | undefined,
): unknown[] {
  const at = offsetIn(real);
  return indicesOf(padded).map((index) =>
    index.every((position, axis) => position < (real[axis] as number)) ? data[at(index)] : pad,
  );
}

/** The elements of a tensor of shape `padded` that lie within the shape `real`. */
export function cutNaively(data: DataOf, padded: readonly number[], real: readonly number[]): unknown[] {
  const at = offsetIn(padded);
  return indicesOf(real).map((index) => data[at(index)]);
}

function offsetIn(shape: readonly number[]): (index: readonly number[]) => number {
  return (index) => index.reduce((offset, position, axis) => offset * (shape[axis] as number) + position, 0);
}
