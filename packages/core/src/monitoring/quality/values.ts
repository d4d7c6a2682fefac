import type { FieldType } from './schema';

/** The kinds that a present value can have; `other` is what no field can hold, such as an object. */
export type ValueKind = Exclude<FieldType, 'any'> | 'other';

/** Whether a value counts as missing: absent, `null`, NaN, or a `Date` that is none. */
export function isMissing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === 'number') return Number.isNaN(value);
  return value instanceof Date && Number.isNaN(value.getTime());
}

/** The kind of a value that is not missing. */
export function kindOf(value: unknown): ValueKind {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return 'number';
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    default:
      return value instanceof Date ? 'date' : 'other';
  }
}

/** Numbers and dates as a number; `undefined` for all else. */
export function measureOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return value instanceof Date ? value.getTime() : undefined;
}
