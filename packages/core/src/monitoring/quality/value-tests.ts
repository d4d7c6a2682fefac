import type { MonotoneRule, PatternRule, RangeRule } from './rules';
import type { Category, FieldType } from './schema';
import { kindOf, measureOf } from './values';

/** Whether a present value breaks a rule. `single` says that it was rounded to single precision. */
export type ValueTest = (value: unknown, single: boolean) => boolean;

/** Keys that are kept at a time to find two equal ones. */
export const mostKeys = 65_536;
const longestSearched = 10_000;

/** Whether a value is of another type. */
export function typeTest(type: FieldType, integer: boolean): ValueTest {
  if (type === 'any') return () => false;
  return (value) => {
    const kind = kindOf(value);
    // Numbers stand for dates where times come as milliseconds.
    if (kind !== type && !(type === 'date' && kind === 'number')) return true;
    return integer && typeof value === 'number' && !Number.isInteger(value);
  };
}

/** Whether a number or date lies outside the bounds. Single precision rounds the value, and so the bounds. */
export function rangeTest(bounds: Omit<RangeRule, 'rule' | 'field' | 'name' | 'tolerance'>): ValueTest {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = bounds;
  const { exclusiveMinimum = Number.NEGATIVE_INFINITY, exclusiveMaximum = Number.POSITIVE_INFINITY } = bounds;
  const low = Math.max(minimum, exclusiveMinimum);
  const high = Math.min(maximum, exclusiveMaximum);
  const lowStrict = bounds.exclusiveMinimum !== undefined && exclusiveMinimum === low;
  const highStrict = bounds.exclusiveMaximum !== undefined && exclusiveMaximum === high;
  const outside = outsideTest(low, high, lowStrict, highStrict);
  const singleLow = roundToSingle(low);
  const singleHigh = roundToSingle(high);
  // What is more than a bound may round to the bound's own rounding, unless that is the bound itself.
  const singleOutside = outsideTest(
    singleLow,
    singleHigh,
    lowStrict && singleLow === low,
    highStrict && singleHigh === high,
  );
  return (value, single) => {
    const measure = measureOf(value);
    return measure !== undefined && (single ? singleOutside(measure) : outside(measure));
  };
}

const greatestSingle = 3.4028234663852886e38;

/** Rounds a bound to single precision; a finite one stays finite, so that ∞ lies outside. */
function roundToSingle(bound: number): number {
  if (!Number.isFinite(bound)) return bound;
  return Math.min(greatestSingle, Math.max(-greatestSingle, Math.fround(bound)));
}

function outsideTest(low: number, high: number, lowStrict: boolean, highStrict: boolean): (measure: number) => boolean {
  return (measure) =>
    measure < low || measure > high || (lowStrict && measure === low) || (highStrict && measure === high);
}

/** Whether a value is none of a closed set. */
export function categoryTest(values: readonly Category[]): ValueTest {
  const exact = new Set<unknown>(values);
  const single = new Set<unknown>(values.map((value) => (typeof value === 'number' ? Math.fround(value) : value)));
  return (value, isSingle) => !(isSingle ? single : exact).has(typeof value === 'bigint' ? Number(value) : value);
}

/** Whether a string is too short or too long. */
export function lengthTest(minimum = 0, maximum = Number.POSITIVE_INFINITY): ValueTest {
  return (value) => typeof value === 'string' && (value.length < minimum || value.length > maximum);
}

/** Whether a string does not match. */
export function patternTest({ pattern }: PatternRule): ValueTest {
  return (value) => {
    if (typeof value !== 'string') return false;
    if (value.length > longestSearched) return true;
    // A pattern with the flag g or y would go on from where it stopped.
    pattern.lastIndex = 0;
    return !pattern.test(value);
  };
}

/** Whether a number or date goes the wrong way; after a violation the next is compared with it. */
export function monotoneTest({ direction, strict = false }: MonotoneRule): ValueTest {
  const sign = direction === 'increasing' ? 1 : -1;
  let before = Number.NEGATIVE_INFINITY;
  return (value) => {
    const measure = measureOf(value);
    if (measure === undefined) return false;
    const signed = measure * sign;
    const broken = signed < before || (strict && signed === before);
    before = signed;
    return broken;
  };
}

/** Whether a value was there before, among the last {@link mostKeys} at most. Strings are kept as hashes of 53 bits. */
export function uniqueTest(): { readonly test: ValueTest; readonly forget: () => void } {
  const seen = new Set<unknown>();
  return {
    test: (value) => {
      const key = typeof value === 'string' ? `#${hash53(value)}` : (measureOf(value) ?? value);
      if (seen.has(key)) return true;
      if (seen.size >= mostKeys) seen.clear();
      seen.add(key);
      return false;
    },
    forget: () => seen.clear(),
  };
}

/** A hash of 53 bits from two multiplicative hashes of 32 bits with different odd factors. */
function hash53(text: string): number {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x5bd1e995);
    high ^= low >>> 15;
  }
  high ^= high >>> 16;
  low = Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  return (high >>> 0) * 2 ** 21 + ((low >>> 0) >>> 11);
}
