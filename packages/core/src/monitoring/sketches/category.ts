import { describeValue } from '../../config';
import { refuseArgument } from './arguments';
import { corruptState, numberIn, type PlainNumber, plainNumber } from './state-checks';

/**
 * What a categorical feature can be. A bigint that a double holds exactly (up to ±2⁵³) is the same category as that number;
 * 0 and −0 are one, and so is NaN. Text is never the same as a number: `'1'` is not `1`.
 */
export type Category = string | number | bigint;

/** The plain form of a category: a bigint is `{ bigint: '…' }`, as JSON has none. */
export type CategoryJson = string | number | { readonly bigint: string } | { readonly number: PlainNumber };

const leastInt64 = -(2n ** 63n);
const mostUint64 = 2n ** 64n - 1n;
const exact = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * The one form of a category that maps and comparisons know it by.
 * @throws FairleadError `INVALID_ARGUMENT` for a bigint beyond 64 bits, or for what is no category
 */
export function canonicalCategory(value: Category): Category {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return value === 0 ? 0 : value;
    case 'bigint':
      if (value >= -exact && value <= exact) return Number(value);
      if (value < leastInt64 || value > mostUint64) {
        throw refuseArgument('category', 'a bigint of 64 bits; give a larger one as a string', 'a larger one');
      }
      return value;
    default:
      throw refuseArgument('category', 'a string, number or bigint', describeValue(value));
  }
}

/** A total order of canonical categories: numbers with NaN first, bigints, strings by code units. */
export function compareCategories(left: Category, right: Category): number {
  const kinds = kindOf(left) - kindOf(right);
  if (kinds !== 0) return kinds;
  if (left === right || Object.is(left, right)) return 0;
  if (Number.isNaN(left)) return -1;
  if (Number.isNaN(right)) return 1;
  return left < right ? -1 : 1;
}

function kindOf(value: Category): number {
  return typeof value === 'number' ? 0 : typeof value === 'bigint' ? 1 : 2;
}

/** The plain form of a category. */
export function plainCategory(value: Category): CategoryJson {
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (typeof value === 'number' && !Number.isFinite(value)) return { number: plainNumber(value) };
  return value;
}

/**
 * The category of a plain form.
 * @throws FairleadError `STORE_CORRUPT`
 */
export function categoryIn(plain: unknown, field: string): Category {
  if (typeof plain === 'string') return plain;
  if (typeof plain === 'number' && Number.isFinite(plain) && !Object.is(plain, -0)) return plain;
  const { bigint, number } = (plain ?? {}) as { bigint?: unknown; number?: unknown };
  if (typeof bigint === 'string' && /^-?\d{1,20}$/.test(bigint)) {
    const value = BigInt(bigint);
    if ((value > exact || value < -exact) && value >= leastInt64 && value <= mostUint64) return value;
  }
  if (typeof number === 'string' && number !== '-0') return numberIn(number, field);
  throw corruptState(field, 'a string, a number or a bigint of 64 bits', describeValue(plain));
}
