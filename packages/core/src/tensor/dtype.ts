/**
 * The element types of tensors. Held in memory as: `float16` its bits in a `Uint16Array`, `bool` one byte an element
 * (0 or 1) in a `Uint8Array`, `int64` and `uint64` in big-integer arrays, `string` in a plain array of strings.
 */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string';

/** The array that holds the elements of each dtype. */
export interface DTypeArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  string: string[];
}

/** The array type of a dtype. */
export type DataOf<D extends DType = DType> = DTypeArrays[D];
/** Every dtype but `string`: its elements have a fixed size in bytes. */
export type NumericDType = Exclude<DType, 'string'>;
/** The typed array of a dtype that is not `string`. */
export type NumericData = DataOf<NumericDType>;

interface TypedArrayConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericData;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericData;
}

const constructors: Readonly<Record<NumericDType, TypedArrayConstructor>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** All dtypes, in a fixed order. */
export const dtypes: readonly DType[] = [...(Object.keys(constructors) as NumericDType[]), 'string'];

/** Whether a value names a dtype. */
export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && (dtypes as readonly string[]).includes(value);
}

/** Bytes of one element. Strings count as 8, the size of a reference. */
export function bytesPerElement(dtype: DType): number {
  return dtype === 'string' ? 8 : constructors[dtype].BYTES_PER_ELEMENT;
}

/** A fresh array of `length` elements: zeros, or empty strings. */
export function allocateData<D extends DType>(dtype: D, length: number): DataOf<D> {
  if (dtype === 'string') return new Array<string>(length).fill('') as DataOf<D>;
  return new constructors[dtype as NumericDType](length) as DataOf<D>;
}

/** A typed view of a buffer, without copying. `byteOffset` in bytes, `length` in elements. */
export function viewData<D extends NumericDType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): DataOf<D> {
  return new constructors[dtype](buffer, byteOffset, length) as DataOf<D>;
}

/** Whether `data` is the array that `dtype` asks for. */
export function isDataOf<D extends DType>(dtype: D, data: unknown): data is DataOf<D> {
  if (dtype === 'string') return Array.isArray(data);
  return data instanceof constructors[dtype as NumericDType];
}

/** The name of the array class that holds a dtype, for messages. */
export function arrayNameOf(dtype: DType): string {
  return dtype === 'string' ? 'string[]' : (constructors[dtype] as unknown as { name: string }).name;
}
