import { describeValue } from '../../config';
import { FairleadError } from '../../errors';

/*
 * Checks of plain data that claims to be the state of a sketch. It may come from another process or from a file, so
 * nothing in it is believed, and nothing is allocated for it before its sizes are known.
 */

/** The error for stored state that cannot be right. */
export function corruptState(field: string, expected: string, given: unknown, cause?: unknown): FairleadError {
  const text = typeof given === 'string' && !given.startsWith('{') ? given : describeValue(given);
  return new FairleadError(
    'STORE_CORRUPT',
    `${field}: expected ${expected}, given ${text}. Take it from the sketch again, or start a new one.`,
    { details: { field, expected, given: text }, ...(cause === undefined ? {} : { cause }) },
  );
}

/** An object that has these keys and no other. */
export function recordIn(value: unknown, field: string, keys: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw corruptState(field, 'an object', value);
  }
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) throw corruptState(`${field}.${key}`, 'no such field', (value as never)[key]);
  }
  for (const key of keys) {
    if (!Object.hasOwn(value, key)) throw corruptState(`${field}.${key}`, 'a value', undefined);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** A whole number in a range; by default a count. */
export function wholeIn(value: unknown, field: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  throw corruptState(field, `a whole number, ${range}`, value);
}

/** An array of no more than so many elements. */
export function listIn(value: unknown, field: string, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  const given = Array.isArray(value) ? `${value.length} elements` : value;
  throw corruptState(field, `an array of at most ${most} elements`, given);
}

/** A number in JSON: those that JSON does not have are strings. */
export type PlainNumber = number | 'NaN' | 'Infinity' | '-Infinity' | '-0';

/** The plain form of a number. */
export function plainNumber(value: number): PlainNumber {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : (String(value) as PlainNumber);
}

/** The number of a plain form. */
export function numberIn(value: unknown, field: string): number {
  if (Number.isFinite(value)) return value as number;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0') return Number(value);
  throw corruptState(field, 'a number', value);
}
