import {
  bytesPerElement,
  type DataOf,
  type DType,
  elementCount,
  FairleadError,
  formatShape,
  type NumericDType,
  type Tensor,
  viewData,
} from '@fairlead/core';
import { createBinaryReader } from '@fairlead/core/serving';
import type { GivenOf } from '../wire/index';
import type { InferTensorContents } from './messages';

/*
 * The two ways in which a tensor's elements travel: raw, as they lie in memory, and typed, in a field for each kind of number, where several
 * dtypes share one.
 */

type Field = keyof InferTensorContents;

/** The field that holds a dtype's elements; FP16 has none. */
const fields: Readonly<Record<DType, Field | undefined>> = {
  bool: 'bool_contents',
  int8: 'int_contents',
  int16: 'int_contents',
  int32: 'int_contents',
  int64: 'int64_contents',
  uint8: 'uint_contents',
  uint16: 'uint_contents',
  uint32: 'uint_contents',
  uint64: 'uint64_contents',
  float32: 'fp32_contents',
  float64: 'fp64_contents',
  string: 'bytes_contents',
  float16: undefined,
};

/** Arrays of dtypes that share the field of a wider one. */
const narrow = { int8: Int8Array, int16: Int16Array, uint8: Uint8Array, uint16: Uint16Array } as const;

/** Whether a dtype has a field of its own; FP16 travels raw alone. */
export function hasField(dtype: DType): boolean {
  return fields[dtype] !== undefined;
}

/**
 * A tensor out of bytes as they lie in memory: a view of them where they begin where an array of the dtype may begin, else a copy.
 * @throws FairleadError `INVALID_INPUT` before anything is allocated when the size is not what dtype and shape ask for
 */
export function tensorOfRaw(dtype: DType, shape: readonly number[], bytes: Uint8Array, name: string): Tensor {
  if (dtype === 'string') {
    const reader = createBinaryReader(bytes);
    return reader.read(dtype, shape, bytes.byteLength, name);
  }
  const count = elementCount(shape);
  const size = bytesPerElement(dtype);
  if (bytes.byteLength !== count * size) {
    throw invalid(
      `${name}: raw contents`,
      `${count * size} bytes for shape ${formatShape(shape)}`,
      `${bytes.byteLength} bytes`,
    );
  }
  const data = viewOf(dtype, bytes, count);
  if (dtype === 'bool') checkBooleans(data as Uint8Array, name);
  return { dtype, shape, data } as Tensor;
}

function viewOf(dtype: NumericDType, bytes: Uint8Array, count: number): DataOf {
  const isAligned = bytes.byteOffset % bytesPerElement(dtype) === 0;
  if (isAligned) return viewData(dtype, bytes.buffer, bytes.byteOffset, count);
  return viewData(dtype, new Uint8Array(bytes).buffer, 0, count);
}

function checkBooleans(data: Uint8Array, name: string): void {
  const index = data.findIndex((value) => value > 1);
  if (index !== -1) throw invalid(`${name}: raw contents[${index}]`, '0 or 1', String(data[index]));
}

/**
 * A tensor out of typed contents.
 * @throws FairleadError `INVALID_INPUT`
 */
export function tensorOfContents(
  dtype: DType,
  shape: readonly number[],
  contents: InferTensorContents | undefined,
  name: string,
): Tensor {
  const field = fields[dtype];
  if (field === undefined) throw invalid(name, 'raw_input_contents, since typed contents have no FP16', 'none');
  const count = elementCount(shape);
  const given = contents?.[field];
  if ((given?.length ?? 0) !== count) {
    const expected = `${count} elements in ${field} or raw_input_contents, for shape ${formatShape(shape)}`;
    throw invalid(`${name}: contents`, expected, `${given?.length ?? 0} in ${field}`);
  }
  if (dtype === 'string') {
    return {
      dtype,
      shape,
      data: ((given ?? []) as readonly Uint8Array[]).map((bytes, index) => textOf(bytes, name, index)),
    };
  }
  if (given === undefined) return { dtype, shape, data: viewData(dtype, new ArrayBuffer(0), 0, 0) } as Tensor;
  const data =
    dtype in narrow ? narrowed(dtype as keyof typeof narrow, given as Int32Array | Uint32Array, name) : given;
  return { dtype, shape, data } as Tensor;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array, name: string, index: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid(`${name}: contents[${index}]`, 'UTF-8', 'other bytes');
  }
}

/** A number that does not fit is refused, and not cut down to another. */
function narrowed(dtype: keyof typeof narrow, wide: Int32Array | Uint32Array, name: string): DataOf {
  const data = new narrow[dtype](wide.length);
  data.set(wide);
  const index = wide.findIndex((value, at) => data[at] !== value);
  if (index !== -1) throw invalid(`${name}: contents[${index}]`, `a number that ${dtype} holds`, String(wide[index]));
  return data;
}

/** A tensor's elements as typed contents. The dtype must have a field. */
export function contentsOf({ dtype, data }: Tensor): GivenOf<InferTensorContents> {
  const field = fields[dtype] as Field;
  if (Array.isArray(data)) return { bytes_contents: data.map((text) => Buffer.from(text, 'utf8')) };
  if (dtype in narrow) {
    const wide = dtype.startsWith('u') ? Uint32Array : Int32Array;
    return { [field]: wide.from(data as Uint8Array) };
  }
  return { [field]: data };
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
