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
  return { data: readableData(value, field), rows, width: outer * inner, outer, inner };
}

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
