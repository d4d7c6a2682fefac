import { describeValue } from '../config';
import { FairleadError } from '../errors';
import type { DataOf, DType, NumericData } from '../tensor/dtype';
import { checkTensor, formatShape, type Tensor } from '../tensor/tensor';

/** Elements that arithmetic can read as they are. */
export type NumberArray = Exclude<NumericData, BigInt64Array | BigUint64Array>;

/**
 * The rows of a tensor along its batch axis: value i of row r is
 * `data[⌊i / inner⌋ · rows · inner + r · inner + i mod inner]`.
 */
export interface RowView {
  readonly data: NumberArray;
  readonly rows: number;
  /** Values of a row: `outer · inner`. */
  readonly width: number;
  /** Product of the axes before the batch axis. */
  readonly outer: number;
  /** Product of the axes after the batch axis. */
  readonly inner: number;
}

/**
 * Sees a tensor as rows.
 *
 * @param field how messages name it
 * @param batchAxis the axis that counts rows, 0 or more
 * @throws FairleadError `INVALID_INPUT` for strings, for a tensor that is not well formed, or one without that axis
 */
export function viewRows(value: unknown, field: string, batchAxis: number): RowView {
  const view = emptyView();
  viewRowsInto(view, value, field, batchAxis);
  return view;
}

/** A view that can be turned to other rows. */
export type ReusableView = { -readonly [Field in keyof RowView]: RowView[Field] };

/** A view of no rows, to be turned to some. */
export function emptyView(): ReusableView {
  return { data: noNumbers, rows: 0, width: 0, outer: 1, inner: 1 };
}

/** {@link viewRows} into a view that is there already, for those who look at many tensors one after another. */
export function viewRowsInto(view: ReusableView, value: unknown, field: string, batchAxis: number): void {
  checkTensor(value, field);
  const { shape } = value;
  const rows = shape[batchAxis];
  if (rows === undefined) {
    const expected = `a batch axis ${batchAxis}`;
    throw invalidInput(field, expected, `shape ${formatShape(shape)}`);
  }
  let outer = 1;
  let inner = 1;
  for (let axis = 0; axis < batchAxis; axis++) outer *= shape[axis] as number;
  for (let axis = batchAxis + 1; axis < shape.length; axis++) inner *= shape[axis] as number;
  view.data = readableData(value, field);
  view.rows = rows;
  view.width = outer * inner;
  view.outer = outer;
  view.inner = inner;
}

const noNumbers = new Float64Array(0);

/** The elements as numbers; copies only what arithmetic cannot read: half floats and big integers. */
function readableData(tensor: Tensor, field: string): NumberArray {
  const { dtype, data } = tensor as { dtype: DType; data: DataOf };
  switch (dtype) {
    case 'string':
      throw invalidInput(`${field}.dtype`, 'a numeric dtype: strings have no bins', 'string');
    case 'float16':
      return Float32Array.from(data as Uint16Array, halfToNumber);
    case 'int64':
    case 'uint64':
      return Float64Array.from(data as BigInt64Array | BigUint64Array as unknown as ArrayLike<bigint>, Number);
    default:
      return data as NumberArray;
  }
}

/** The number that the bits of a half float stand for. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** An error about rows, with its details. */
export function invalidInput(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

/** A value in words, for messages about rows. */
export function describeRow(value: unknown): string {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const { length } = value as unknown as ArrayLike<unknown>;
    return `${value.constructor.name} of ${length} elements`;
  }
  return describeValue(value);
}
