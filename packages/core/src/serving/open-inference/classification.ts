import { FairleadError } from '../../errors';
import type { DType } from '../../tensor/dtype';
import { elementCount, type Tensor, type Tensors } from '../../tensor/tensor';

/*
 * Triton's classification extension: in place of an output its greatest elements, each as the string "value:index". Labels,
 * which the extension leaves open, are not known here.
 */

/** What a server calls the extension in its metadata. */
export const classificationExtension = 'classification';

/**
 * Replaces outputs by their greatest elements, the greatest first: those of each row where rows are joined along the first
 * axis, else those of the whole output. Of equal ones the first comes first; NaN comes last.
 *
 * @param classes how many, by output; more than there are give all
 * @returns string tensors of shape [rows, count] or [count]; the other outputs as they are
 * @throws FairleadError `INVALID_INPUT` for an output that has no order
 */
export function classify(outputs: Tensors, classes: ReadonlyMap<string, number>, batchAxis: number | null): Tensors {
  // No prototype, so that an output may have any name.
  const replaced: Record<string, Tensor> = Object.assign(Object.create(null), outputs);
  for (const [name, count] of classes) {
    const tensor = outputs[name];
    if (tensor !== undefined) replaced[name] = greatest(name, tensor, count, batchAxis === 0);
  }
  return replaced;
}

function greatest(name: string, tensor: Tensor, wanted: number, byRow: boolean): Tensor<'string'> {
  const { dtype, shape, data } = tensor;
  if (dtype === 'string' || dtype === 'bool' || dtype === 'float16') {
    throw new FairleadError(
      'INVALID_INPUT',
      `Output ${name} holds ${dtype}, which is not ordered into classes here. Ask for it without "classification".`,
      { details: { field: `${name}.parameters.classification`, expected: 'an output of numbers', given: dtype } },
    );
  }
  const rows = byRow ? (shape[0] ?? 1) : 1;
  const size = elementCount(byRow ? shape.slice(1) : shape);
  const count = Math.min(wanted, size);
  const texts: string[] = [];
  for (let row = 0; row < rows; row++) {
    const valueAt = (index: number): number | bigint => data[row * size + index] as number | bigint;
    for (const index of greatestIndexes(size, count, valueAt)) texts.push(`${textOf(dtype, valueAt(index))}:${index}`);
  }
  return { dtype: 'string', shape: byRow ? [rows, count] : [count], data: texts };
}

/** More classes than these are found by sorting all: to put each into its place would take the square of their number. */
const mostInserted = 256;

/** The indexes of the `count` greatest of `size` values. Few of many, as is usual, take one pass; sorting all would hold up a server. */
function greatestIndexes(
  size: number,
  count: number,
  valueAt: (index: number) => number | bigint,
): readonly number[] | Uint32Array {
  if (count > mostInserted) {
    const all = Uint32Array.from({ length: size }, (_, index) => index);
    return all.sort((left, right) => descending(valueAt(left), valueAt(right)) || left - right).subarray(0, count);
  }
  const best: number[] = [];
  for (let index = 0; index < size && count > 0; index++) {
    const value = valueAt(index);
    const last = best.at(-1);
    if (best.length === count && last !== undefined && descending(value, valueAt(last)) >= 0) continue;
    let from = 0;
    let to = best.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (descending(valueAt(best[middle] as number), value) <= 0) from = middle + 1;
      else to = middle;
    }
    best.splice(from, 0, index);
    if (best.length > count) best.pop();
  }
  return best;
}

function descending(left: number | bigint, right: number | bigint): number {
  if (Number.isNaN(left)) return Number.isNaN(right) ? 0 : 1;
  if (Number.isNaN(right)) return -1;
  return left > right ? -1 : left < right ? 1 : 0;
}

/** The shortest text that reads back as the same element. */
function textOf(dtype: DType, value: number | bigint): string {
  if (dtype !== 'float32' || typeof value === 'bigint') return String(value);
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}
