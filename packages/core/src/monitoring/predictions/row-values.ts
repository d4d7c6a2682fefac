import { allocateData, type DataOf } from '../../tensor/dtype';
import { halfToNumber } from '../../tensor/float16';
import { elementCount, type Tensor, type Tensors } from '../../tensor/tensor';
import type { LoggedValues, TensorSummary } from './prediction-record';

/** How much of a tensor is kept: all of it, a summary, or nothing. */
export type KeepValues = 'full' | 'summary' | 'none';

/** One row of tensors: a copy, with 1 as the size of the batch axis. A tensor without that many rows is copied whole. */
export function rowOf(tensors: Tensors, batchAxis: number, rows: number, row: number): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, takeRow(tensor, batchAxis, rows, row)]),
  );
}

function takeRow({ dtype, shape, data }: Tensor, batchAxis: number, rows: number, row: number): Tensor {
  if (shape[batchAxis] !== rows) return { dtype, shape, data: data.slice() as DataOf };
  const inner = elementCount(shape.slice(batchAxis + 1));
  const outer = elementCount(shape.slice(0, batchAxis));
  const rowShape = shape.map((size, axis) => (axis === batchAxis ? 1 : size));
  const start = row * inner;
  if (outer === 1) return { dtype, shape: rowShape, data: data.slice(start, start + inner) as DataOf };
  const taken = allocateData(dtype, outer * inner) as unknown[];
  for (let block = 0; block < outer; block++) {
    for (let i = 0; i < inner; i++) taken[block * inner + i] = data[block * rows * inner + start + i];
  }
  return { dtype, shape: rowShape, data: taken as unknown as DataOf };
}

/** What is kept of tensors. */
export function keepOf(tensors: Tensors, keep: KeepValues): LoggedValues {
  if (keep === 'none') return {};
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name,
      keep === 'full' ? { form: 'full', tensor } : { form: 'summary', summary: summarise(tensor) },
    ]),
  );
}

/** The same values, those that are kept in full as summaries. */
export function summariseAll(values: LoggedValues): LoggedValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      value.form === 'full' ? { form: 'summary', summary: summarise(value.tensor) } : value,
    ]),
  );
}

/** A tensor in a few numbers. */
export function summarise({ dtype, shape, data }: Tensor): TensorSummary {
  const about = { dtype, shape, count: data.length };
  if (dtype === 'string') {
    const characters = (data as string[]).reduce((sum, text) => sum + text.length, 0);
    return { ...about, missing: 0, infinite: 0, characters };
  }
  let missing = 0;
  let infinite = 0;
  let finite = 0;
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  let mean = 0;
  for (const element of data as Iterable<number | bigint>) {
    const value = dtype === 'float16' ? halfToNumber(element as number) : Number(element);
    if (Number.isNaN(value)) missing++;
    else if (!Number.isFinite(value)) infinite++;
    else {
      finite++;
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
      mean += (value - mean) / finite;
    }
  }
  return { ...about, missing, infinite, ...(finite === 0 ? {} : { least, greatest, mean }) };
}
