import { FairleadError } from '../errors';
import { arrayNameOf, bytesPerElement, type DataOf, type DType, isDataOf, isDType } from './dtype';

/**
 * A dense array of one element type, row-major. A plain object, so that anything can make one.
 * `data.length` equals the product of `shape`.
 */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  /** Size of each axis; `[]` is a scalar with one element. */
  readonly shape: readonly number[];
  readonly data: DataOf<D>;
}

/** Tensors by name: the inputs or outputs of a model. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Number of elements of a shape. A product past 2^53 is infinite, never a wrong number. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) count *= size;
  return Number.isSafeInteger(count) ? count : Number.POSITIVE_INFINITY;
}

/** Bytes of a tensor's elements. Strings count as 8 bytes each. */
export function byteSize(tensor: Tensor): number {
  return tensor.data.length * bytesPerElement(tensor.dtype);
}

/**
 * Makes a tensor and checks it.
 *
 * @param dtype element type
 * @param shape size of each axis
 * @param data the elements, row-major; taken as it is, not copied
 * @throws FairleadError `INVALID_INPUT` when the array does not fit dtype or shape
 */
export function createTensor<D extends DType>(dtype: D, shape: readonly number[], data: DataOf<D>): Tensor<D> {
  const tensor = { dtype, shape, data };
  checkTensor(tensor, 'tensor');
  return tensor;
}

/**
 * Checks that a value is a well-formed tensor.
 *
 * @param field how the message names it
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkTensor(value: unknown, field: string): asserts value is Tensor {
  if (typeof value !== 'object' || value === null) throw invalid(field, 'a tensor {dtype, shape, data}', String(value));
  const { dtype, shape, data } = value as Partial<Tensor>;
  if (!isDType(dtype)) throw invalid(`${field}.dtype`, 'a dtype such as "float32"', String(dtype));
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw invalid(`${field}.shape`, 'whole numbers ≥ 0', formatShape(shape));
  }
  if (!isDataOf(dtype, data)) {
    throw invalid(`${field}.data`, `a ${arrayNameOf(dtype)} for dtype ${dtype}`, nameOfData(data));
  }
  const count = elementCount(shape);
  if (data.length !== count) {
    throw invalid(`${field}.data`, `${count} elements for shape ${formatShape(shape)}`, `${data.length} elements`);
  }
}

/** A shape as a person reads it: `[batch, 64]`. */
export function formatShape(shape: unknown): string {
  return Array.isArray(shape) ? `[${shape.join(', ')}]` : String(shape);
}

/** What kind of array a value is, for messages. */
export function nameOfData(data: unknown): string {
  if (data === null || data === undefined) return 'nothing';
  return typeof data === 'object' ? (data.constructor?.name ?? 'an object') : typeof data;
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
