import { describeValue } from '../config';
import { FairleadError } from '../errors';
import type { DataOf, DType } from '../tensor/dtype';
import { numberToHalf } from '../tensor/float16';
import type { Entity, FeatureElement, FeatureValue } from './feature-store';

/* What values of features are, and how they become elements of a tensor. */

/** Whether a value is one that a feature may have. */
export function isFeatureValue(value: unknown): value is FeatureValue {
  return Array.isArray(value) ? value.every(isElement) : isElement(value);
}

function isElement(value: unknown): value is FeatureElement {
  return ['number', 'bigint', 'string', 'boolean'].includes(typeof value);
}

/**
 * Checks an entity that a user made.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkEntity(entity: unknown, owner: string): asserts entity is Entity {
  const expected = 'an entity such as { user_id: "u1" }, whose values are texts, finite numbers or big integers';
  const isKey = (value: unknown): boolean =>
    typeof value === 'string' || typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value));
  const passes =
    typeof entity === 'object' &&
    entity !== null &&
    !Array.isArray(entity) &&
    Object.keys(entity).length > 0 &&
    Object.values(entity).every(isKey);
  if (passes) return;
  const given = describeValue(entity);
  throw new FairleadError('INVALID_ARGUMENT', `${owner}: expected ${expected}, given ${given}.`, {
    details: { field: 'entity', expected, given },
  });
}

/** Makes the element of a dtype; undefined for a value that cannot be one. */
type Encoder = (value: FeatureElement) => number | bigint | string | undefined;

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const wholeNumber = /^-?\d{1,20}$/;

/** A number, or a text that is one, as stores of texts have them. */
function numberOf(value: FeatureElement): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
  if (value === 'NaN') return Number.NaN;
  return jsonNumber.test(value) ? Number(value) : undefined;
}

function wholeWithin(minimum: number, maximum: number): Encoder {
  return (value) => {
    const number = numberOf(value);
    return number !== undefined && Number.isInteger(number) && number >= minimum && number <= maximum
      ? number
      : undefined;
  };
}

function bigWithin(minimum: bigint, maximum: bigint): Encoder {
  return (value) => {
    let big: bigint | undefined;
    if (typeof value === 'bigint') big = value;
    else if (typeof value === 'boolean') big = value ? 1n : 0n;
    // Past 2^53 a number is no longer the one that was meant.
    else if (typeof value === 'number') big = Number.isSafeInteger(value) ? BigInt(value) : undefined;
    else if (wholeNumber.test(value)) big = BigInt(value);
    return big !== undefined && big >= minimum && big <= maximum ? big : undefined;
  };
}

const encoders: Readonly<Record<DType, Encoder>> = {
  float32: numberOf,
  float64: numberOf,
  float16: (value) => {
    const number = numberOf(value);
    return number === undefined ? undefined : numberToHalf(number);
  },
  int8: wholeWithin(-128, 127),
  int16: wholeWithin(-32_768, 32_767),
  int32: wholeWithin(-(2 ** 31), 2 ** 31 - 1),
  int64: bigWithin(-(2n ** 63n), 2n ** 63n - 1n),
  uint8: wholeWithin(0, 255),
  uint16: wholeWithin(0, 65_535),
  uint32: wholeWithin(0, 2 ** 32 - 1),
  uint64: bigWithin(0n, 2n ** 64n - 1n),
  bool: (value) => {
    if (value === 'true' || value === 'false') return value === 'true' ? 1 : 0;
    const number = numberOf(value);
    return number === 0 || number === 1 ? number : undefined;
  },
  string: (value) => (typeof value === 'string' ? value : String(value)),
};

/** What a value must be for a dtype, for a message. */
export function describeElements(dtype: DType, size: number): string {
  const one = dtype === 'string' ? 'text' : dtype === 'bool' ? 'true or false' : `number that is a ${dtype}`;
  return size === 1 ? `one ${one}` : `${size} elements, each one ${one}`;
}

/** Writes the elements of a feature into a tensor's array at a place; false where they do not fit, and nothing is sure there. */
export function writeElements(dtype: DType, data: DataOf, offset: number, size: number, value: FeatureValue): boolean {
  const encode = encoders[dtype];
  // One loop for every array class: each takes what its encoder makes.
  const target = data as unknown as (number | bigint | string)[];
  if (!Array.isArray(value)) {
    if (size !== 1) return false;
    const element = encode(value as FeatureElement);
    if (element === undefined) return false;
    target[offset] = element;
    return true;
  }
  if (value.length !== size) return false;
  for (let index = 0; index < size; index++) {
    const element = encode(value[index] as FeatureElement);
    if (element === undefined) return false;
    target[offset + index] = element;
  }
  return true;
}

/** The dtypes that a join key may have: what can be compared exactly. */
export const keyDTypes: readonly DType[] = [
  'string',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
];
