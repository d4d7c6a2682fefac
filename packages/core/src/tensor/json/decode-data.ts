import { FairleadError } from '../../errors';
import { allocateData, type DataOf, type DType } from '../dtype';
import { numberToHalf } from '../float16';
import { elementCount, formatShape } from '../tensor';
import { describeGiven } from './describe-given';
import { roundedInteger } from './lenient-json';
import { NumberText, notPlain } from './number-text';

/** How elements are read from JSON. */
export interface ElementOptions {
  /** Whether `null` in a float tensor means NaN, as in what MLServer answers. An input must say "NaN". */
  readonly nullIsNaN: boolean;
}

/** More axes than any model has; bounds the depth of nested data. */
const maxRank = 32;

/**
 * Reads a shape.
 * @param name how messages name the tensor
 * @throws FairleadError `INVALID_INPUT`
 */
export function decodeShape(shape: unknown, name: string): number[] {
  const fits =
    Array.isArray(shape) && shape.length <= maxRank && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!fits) throw invalid(`${name}.shape`, `at most ${maxRank} whole numbers ≥ 0`, describeGiven(shape));
  return shape as number[];
}

/**
 * Reads the elements of a tensor, flat or nested like its shape.
 *
 * Floats may be numbers or the strings "NaN", "Infinity", "-Infinity"; int64 and uint64 numbers or strings of digits;
 * bool `true`, `false`, 1 or 0; strings as they are. A float16 is written as the number that it stands for.
 *
 * @param name how messages name the tensor
 * @throws FairleadError `INVALID_INPUT`; {@link roundedInteger} when `readJson` must read the text again
 */
export function decodeData(
  dtype: DType,
  shape: readonly number[],
  data: unknown,
  name: string,
  options: ElementOptions,
): DataOf {
  const texts: NumberText[] = [];
  if (collectTexts(data, shape, 0, texts)) return readTexts(dtype, elementCount(shape), texts);
  return decodeElements(dtype, flatten(data, shape, elementCount(shape), name), name, options);
}

/**
 * Collects the arrays of numbers that nobody has parsed yet: the flat one, or the innermost ones of nested data.
 * @returns whether the data is such arrays and nothing else
 */
function collectTexts(data: unknown, shape: readonly number[], axis: number, texts: NumberText[]): boolean {
  if (data instanceof NumberText) {
    texts.push(data);
    return axis === 0 || axis === shape.length - 1;
  }
  if (!Array.isArray(data) || axis >= shape.length - 1 || data.length !== shape[axis] || data.length === 0)
    return false;
  for (const value of data) if (!collectTexts(value, shape, axis + 1, texts)) return false;
  return true;
}

function readTexts(dtype: DType, count: number, texts: readonly NumberText[]): DataOf {
  const each = count / texts.length;
  if (!Number.isInteger(each) || !texts.every((text) => text.canHold(each))) throw notPlain;
  const data = allocateData(dtype, count);
  for (let index = 0; index < texts.length; index++) {
    if (!texts[index]?.read(dtype, data, index * each, each)) throw notPlain;
  }
  return data;
}

/** The elements in row-major order, exactly `count` of them. */
function flatten(data: unknown, shape: readonly number[], count: number, name: string): unknown[] {
  if (shape.length === 0 && !Array.isArray(data)) return [data];
  if (!Array.isArray(data)) throw invalid(`${name}.data`, 'an array', describeGiven(data));
  if (shape.length > 1 && Array.isArray(data[0])) {
    const flat: unknown[] = [];
    flattenAxis(data, shape, 0, flat, name);
    return flat;
  }
  if (data.length !== count) {
    throw invalid(`${name}.data`, `${count} elements for shape ${formatShape(shape)}`, `${data.length} elements`);
  }
  return data;
}

function flattenAxis(values: unknown, shape: readonly number[], axis: number, flat: unknown[], name: string): void {
  if (!Array.isArray(values) || values.length !== shape[axis]) {
    const given = Array.isArray(values)
      ? `${values.length} on axis ${axis}`
      : `${describeGiven(values)} on axis ${axis}`;
    throw invalid(`${name}.data`, `arrays nested like shape ${formatShape(shape)}`, given);
  }
  if (axis === shape.length - 1) {
    for (const value of values) flat.push(value);
    return;
  }
  for (const value of values) flattenAxis(value, shape, axis + 1, flat, name);
}

/** Lowest and highest value of each integer type that a double holds exactly. */
export const integerRanges: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 4294967295],
};

function decodeElements(dtype: DType, elements: unknown[], name: string, options: ElementOptions): DataOf {
  switch (dtype) {
    case 'float32':
      return decodeFloat32(elements, name, options);
    case 'float64':
      return decodeFloats(elements, name, options, new Float64Array(elements.length), identity);
    case 'float16':
      return decodeFloats(elements, name, options, new Uint16Array(elements.length), checkedHalf);
    case 'int64':
      return decodeBigInts(elements, name, new BigInt64Array(elements.length), -(2n ** 63n), 2n ** 63n - 1n);
    case 'uint64':
      return decodeBigInts(elements, name, new BigUint64Array(elements.length), 0n, 2n ** 64n - 1n);
    case 'bool':
      return decodeBools(elements, name);
    case 'string':
      return decodeStrings(elements, name);
    default:
      return decodeIntegers(dtype, elements, name);
  }
}

/** From here on, a double rounds to an infinite float32. */
const float32Overflow = 3.4028235677973366e38;

function decodeFloat32(elements: unknown[], name: string, options: ElementOptions): Float32Array {
  const data = new Float32Array(elements.length);
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index];
    if (typeof element === 'number' && element < float32Overflow && element > -float32Overflow) data[index] = element;
    else data[index] = decodeFloat(element, name, index, options, checkedFloat32);
  }
  return data;
}

type FloatData = Float64Array | Uint16Array;
/** Turns a finite number into what is stored; undefined when it is out of range. */
type StoreFloat = (value: number) => number | undefined;

const identity: StoreFloat = (value) => value;
const checkedFloat32: StoreFloat = (value) => (Math.abs(value) < float32Overflow ? value : undefined);
const checkedHalf: StoreFloat = (value) => (Math.abs(value) < 65520 ? value : undefined);

function decodeFloats<D extends FloatData>(
  elements: unknown[],
  name: string,
  options: ElementOptions,
  data: D,
  store: StoreFloat,
): D {
  const isHalf = data instanceof Uint16Array;
  for (let index = 0; index < elements.length; index++) {
    const value = decodeFloat(elements[index], name, index, options, store);
    data[index] = isHalf ? numberToHalf(value) : value;
  }
  return data;
}

function decodeFloat(
  element: unknown,
  name: string,
  index: number,
  options: ElementOptions,
  store: StoreFloat,
): number {
  const value = typeof element === 'string' ? floatOfString(element) : element;
  if (value === null && options.nullIsNaN) return Number.NaN;
  if (typeof value === 'number') {
    // A number of JSON is finite: what the parser made infinite was out of range.
    const isNamed = typeof element === 'string' && !Number.isFinite(value);
    const stored = isNamed ? value : Number.isFinite(value) ? store(value) : undefined;
    if (stored !== undefined) return stored;
    throw invalid(`${name}.data[${index}]`, 'a number in the range of its datatype', describeGiven(element));
  }
  throw invalid(`${name}.data[${index}]`, 'a number, "NaN", "Infinity" or "-Infinity"', describeGiven(element));
}

/** Long integers arrive as strings of digits when a message had to be read without loss. */
function floatOfString(text: string): number | string {
  if (text === 'NaN') return Number.NaN;
  if (text === 'Infinity') return Number.POSITIVE_INFINITY;
  if (text === '-Infinity') return Number.NEGATIVE_INFINITY;
  return /^-?\d{1,309}$/.test(text) ? Number(text) : text;
}

function decodeIntegers(dtype: DType, elements: unknown[], name: string): DataOf {
  const [lowest, highest] = integerRanges[dtype] as readonly [number, number];
  const data = allocateData(dtype, elements.length) as Int32Array;
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index];
    if (!Number.isInteger(element) || (element as number) < lowest || (element as number) > highest) {
      throw invalid(`${name}.data[${index}]`, `a whole number from ${lowest} to ${highest}`, describeGiven(element));
    }
    data[index] = element as number;
  }
  return data;
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function decodeBigInts<D extends BigInt64Array | BigUint64Array>(
  elements: unknown[],
  name: string,
  data: D,
  lowest: bigint,
  highest: bigint,
): D {
  const words = new Int32Array(data.buffer);
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index];
    if (littleEndian && Number.isSafeInteger(element) && ((element as number) >= 0 || lowest < 0n)) {
      // Two 32-bit words cost a fraction of a BigInt.
      words[2 * index] = element as number;
      words[2 * index + 1] = Math.floor((element as number) / 2 ** 32);
      continue;
    }
    const value = bigIntOf(element);
    if (value === undefined || value < lowest || value > highest) {
      throw invalid(`${name}.data[${index}]`, `a whole number from ${lowest} to ${highest}`, describeGiven(element));
    }
    data[index] = value;
  }
  return data;
}

function bigIntOf(element: unknown): bigint | undefined {
  if (typeof element === 'number') {
    if (Number.isSafeInteger(element)) return BigInt(element);
    if (Number.isInteger(element)) throw roundedInteger;
    return undefined;
  }
  return typeof element === 'string' && /^-?\d{1,20}$/.test(element) ? BigInt(element) : undefined;
}

function decodeBools(elements: unknown[], name: string): Uint8Array {
  const data = new Uint8Array(elements.length);
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index];
    if (element === true || element === 1) data[index] = 1;
    else if (element !== false && element !== 0) {
      throw invalid(`${name}.data[${index}]`, 'true or false', describeGiven(element));
    }
  }
  return data;
}

function decodeStrings(elements: unknown[], name: string): string[] {
  for (let index = 0; index < elements.length; index++) {
    if (typeof elements[index] !== 'string') {
      throw invalid(`${name}.data[${index}]`, 'a string', describeGiven(elements[index]));
    }
  }
  return elements as string[];
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Input ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
