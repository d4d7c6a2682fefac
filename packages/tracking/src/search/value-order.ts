/** What a field of a run holds. */
export type FieldValue = string | number | boolean;

const numeral = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const words: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
]);

/** The number that a value is, or that its text spells; `undefined` for any other text and for booleans. */
export function numberOf(value: FieldValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return undefined;
  return numeral.test(value) ? Number(value) : words.get(value.toLowerCase());
}

/** A value as text: what MLflow would hold of it. */
export function textOf(value: FieldValue): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/**
 * Whether two values are the same. They are compared as numbers where one of them is a number and the other one too, or
 * its text spells one, so that `'1e-05'`, logged by Python, is 0.00001; as text otherwise. NaN is the same as NaN.
 */
export function sameValue(a: FieldValue, b: FieldValue): boolean {
  if (typeof a === 'number' || typeof b === 'number') {
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x !== undefined && y !== undefined) return x === y || (Number.isNaN(x) && Number.isNaN(y));
  }
  // Python writes True and False.
  if (typeof a === 'boolean' || typeof b === 'boolean') return textOf(a).toLowerCase() === textOf(b).toLowerCase();
  return textOf(a) === textOf(b);
}

/** -1, 0 or 1 by the same rules; `undefined` where the two have no order, as NaN has none. */
export function orderOf(a: FieldValue, b: FieldValue): -1 | 0 | 1 | undefined {
  if (typeof a === 'number' || typeof b === 'number') {
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x === undefined || y === undefined || Number.isNaN(x) || Number.isNaN(y)) return undefined;
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const [x, y] = [textOf(a), textOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A list as a filter holds it. */
export function isList<T>(value: T): value is Extract<T, readonly unknown[]> {
  return Array.isArray(value);
}
