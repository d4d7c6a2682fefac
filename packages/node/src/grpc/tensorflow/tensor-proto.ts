import {
  allocateData,
  type DataOf,
  type DType,
  elementCount,
  FairleadError,
  formatShape,
  type NumericData,
  type Tensor,
} from '@fairlead/core';
import { tensorOfRaw } from '../inference/contents';
import type { GivenOf } from '../wire/index';
import type { TensorInfo, TensorProto } from './messages';

/*
 * TensorFlow's tensors. Their elements come as `tensor_content`, as they lie in memory, or in a field for each kind of number, where several
 * dtypes share one and a last value stands for all that follow it. They are answered in the fields, as TensorFlow Serving does by default,
 * since clients read those without asking.
 */

type Field = Exclude<keyof TensorProto, 'dtype' | 'tensor_shape' | 'tensor_content'>;

/** The number and the field of each dtype. */
const types: Readonly<Record<DType, readonly [number: number, field: Field]>> = {
  float32: [1, 'float_val'],
  float64: [2, 'double_val'],
  int32: [3, 'int_val'],
  uint8: [4, 'int_val'],
  int16: [5, 'int_val'],
  int8: [6, 'int_val'],
  string: [7, 'string_val'],
  int64: [9, 'int64_val'],
  bool: [10, 'bool_val'],
  uint16: [17, 'int_val'],
  float16: [19, 'half_val'],
  uint32: [22, 'uint32_val'],
  uint64: [23, 'uint64_val'],
};

const dtypesByNumber: ReadonlyMap<number, DType> = new Map(
  Object.entries(types).map(([dtype, [number]]) => [number, dtype as DType]),
);

/** Elements that a last value may stand for: so few bytes shall not ask for much memory. */
const maxRepeated = 65_536;

/** TensorFlow's number of a dtype. */
export function dataTypeNumber(dtype: DType): number {
  return types[dtype][0];
}

/** The dtype of a number; of a variable's that of its value. Undefined for what no tensor here can hold. */
export function dtypeOfNumber(number: number): DType | undefined {
  return dtypesByNumber.get(number > 100 ? number - 100 : number);
}

/**
 * Reads a tensor.
 *
 * @param expected the dtype that the model has under that name
 * @throws FairleadError `INVALID_INPUT`; `LIMIT_EXCEEDED` before anything is allocated
 */
export function tensorOfProto(name: string, proto: TensorProto, expected: DType, maxElements: number): Tensor {
  if (proto.dtype !== dataTypeNumber(expected)) {
    throw invalid(`${name}.dtype`, `${dataTypeNumber(expected)} (${expected})`, String(proto.dtype));
  }
  const shape = shapeOf(proto, name);
  const count = elementCount(shape);
  if (count > maxElements) {
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `Input ${name}.tensor_shape: expected at most ${maxElements} elements, given ${formatShape(shape)}. Send fewer rows at once.`,
      { details: { field: `${name}.tensor_shape`, expected: `at most ${maxElements}`, given: formatShape(shape) } },
    );
  }
  if (proto.tensor_content.byteLength > 0 && expected !== 'string') {
    return tensorOfRaw(expected, shape, proto.tensor_content, name);
  }
  const [, field] = types[expected];
  return { dtype: expected, shape, data: elementsOf(name, expected, proto[field], count, field) } as Tensor;
}

function shapeOf({ tensor_shape: shape }: TensorProto, name: string): readonly number[] {
  if (shape?.unknown_rank) throw invalid(`${name}.tensor_shape`, 'a size of each axis', 'unknown_rank');
  const sizes = shape?.dim.map(({ size }) => size) ?? [];
  const wrong = sizes.find((size) => !Number.isSafeInteger(size) || size < 0);
  if (wrong !== undefined) throw invalid(`${name}.tensor_shape`, 'sizes of 0 or more', String(wrong));
  return sizes;
}

type Values = NumericData | readonly Uint8Array[];

function elementsOf(name: string, dtype: DType, values: Values, count: number, field: Field): DataOf {
  const given = values.length;
  if (given > count || (given < count && (given === 0 || count > maxRepeated))) {
    throw invalid(`${name}: ${field}`, `${count} elements, or tensor_content`, String(given));
  }
  if (dtype === 'string') {
    const texts = (values as readonly Uint8Array[]).map((bytes, index) => textOf(bytes, name, index));
    while (texts.length < count) texts.push(texts.at(-1) as string);
    return texts;
  }
  const same = allocateData(dtype, 0);
  if (given === count && same.constructor === values.constructor) return values as NumericData;
  const data = allocateData(dtype, count) as Int32Array;
  data.set(values as Int32Array);
  checkNarrowed(name, field, values as Int32Array, data);
  if (given < count) data.fill(data[given - 1] as number, given);
  return data;
}

/** A number that does not fit is refused, and not cut down to another. */
function checkNarrowed(name: string, field: Field, wide: Int32Array, data: Int32Array): void {
  for (let index = 0; index < wide.length; index++) {
    if (wide[index] !== data[index])
      throw invalid(`${name}: ${field}[${index}]`, 'a number that fits', String(wide[index]));
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array, name: string, index: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid(`${name}: string_val[${index}]`, 'UTF-8', 'other bytes');
  }
}

/** Writes a tensor. */
export function protoOf({ dtype, shape, data }: Tensor): GivenOf<TensorProto> {
  const [number, field] = types[dtype];
  const head = { dtype: number, tensor_shape: { dim: shape.map((size) => ({ size })) } };
  if (Array.isArray(data)) return { ...head, string_val: data.map((text) => Buffer.from(text, 'utf8')) };
  const isShared = field === 'int_val' || field === 'half_val';
  return { ...head, [field]: isShared ? Int32Array.from(data as Int32Array) : data };
}

/** What a signature says of a tensor; an open size is -1. */
export function infoOf(name: string, dtype: DType, shape: readonly (number | string)[]): GivenOf<TensorInfo> {
  const dim = shape.map((size) => ({ size: typeof size === 'number' ? size : -1 }));
  return { name, dtype: dataTypeNumber(dtype), tensor_shape: { dim } };
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
