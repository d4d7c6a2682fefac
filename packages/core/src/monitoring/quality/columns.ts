import type { DType } from '../../tensor/dtype';
import { checkTensor, formatShape, type Tensors } from '../../tensor/tensor';
import { invalidInput, viewRows } from '../rows';

/** One field of a batch of tensors: the value of row r is `data[base + r · stride]`. */
export interface Column {
  readonly data: ArrayLike<number> | readonly string[];
  readonly base: number;
  readonly stride: number;
  /** Whether 0 and 1 stand for `false` and `true`. */
  readonly bool: boolean;
  /** Whether the values were rounded to single precision or less, so that bounds must be rounded too. */
  readonly single: boolean;
}

/** The fields of one tensor, in the order of a row's values. */
export interface TensorFields {
  readonly dtype: DType;
  readonly rows: number;
  readonly width: number;
  readonly columns: readonly Column[];
}

/**
 * Sees a tensor, of numbers or strings, as columns.
 *
 * @param name of the input, for messages
 * @param batchAxis the axis that counts rows, 0 or more
 * @throws FairleadError `INVALID_INPUT` for a tensor that is missing, not well formed, or one without that axis
 */
export function viewColumns(tensors: Tensors, name: string, batchAxis: number): TensorFields {
  const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
  if (tensor === undefined) {
    throw invalidInput(name, 'a tensor of this input, which the schema describes', Object.keys(tensors).join(', '));
  }
  checkTensor(tensor, name);
  const { dtype, shape } = tensor;
  const { data, rows, outer, inner } =
    dtype === 'string'
      ? viewStrings(tensor.data as string[], name, shape, batchAxis)
      : viewRows(tensor, name, batchAxis);
  const single = dtype === 'float32' || dtype === 'float16';
  const columns: Column[] = [];
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      columns.push({ data, base: o * rows * inner + i, stride: inner, bool: dtype === 'bool', single });
    }
  }
  return { dtype, rows, width: outer * inner, columns };
}

function viewStrings(data: readonly string[], name: string, shape: readonly number[], batchAxis: number) {
  const rows = shape[batchAxis];
  if (rows === undefined) throw invalidInput(name, `a batch axis ${batchAxis}`, `shape ${formatShape(shape)}`);
  let outer = 1;
  let inner = 1;
  for (let axis = 0; axis < batchAxis; axis++) outer *= shape[axis] as number;
  for (let axis = batchAxis + 1; axis < shape.length; axis++) inner *= shape[axis] as number;
  return { data, rows, outer, inner };
}

/** The value of a row. */
export function cellAt({ data, base, stride, bool }: Column, row: number): number | string | boolean {
  const value = data[base + row * stride] as number | string;
  return bool ? value !== 0 : value;
}

/** What the values of an input are called where nobody named them: by the input, and its place where it has several. */
export function defaultFieldNames(name: string, width: number): string[] {
  return width === 1 ? [name] : Array.from({ length: width }, (_, index) => `${name}[${index}]`);
}

/** Whether a value looks like a tensor, and a record of which it is the first value like tensors by name. */
export function looksLikeTensor(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value && 'data' in value;
}
