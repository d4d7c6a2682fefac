import { maxPatternLength } from './like-pattern';
import type { FilterNode, FilterOperator, RunField } from './query';
import { type FieldType, fieldTypeOf, statusProblem } from './run-field';
import { isList } from './value-order';

/** One comparison of a filter. */
export type FilterComparison = Extract<FilterNode, { kind: 'compare' }>;

/** What a field is compared with. */
export type FilterValue = NonNullable<FilterComparison['value']>;

const comparing = ['=', '!=', '<', '<=', '>', '>='] as const;
const matching = ['LIKE', 'ILIKE'] as const;
const listing = ['IN', 'NOT IN'] as const;
const existing = ['IS NULL', 'IS NOT NULL'] as const;

const byType: Readonly<Record<FieldType, readonly FilterOperator[]>> = {
  number: [...comparing, ...listing, ...existing],
  time: [...comparing, ...existing],
  text: ['=', '!=', ...matching, ...listing, ...existing],
  mixed: [...comparing, ...matching, ...listing, ...existing],
};

/** The operators that a field can be compared by. */
export function operatorsOf(field: RunField): readonly FilterOperator[] {
  return byType[fieldTypeOf(field)];
}

const values: Readonly<Record<FieldType, readonly [expected: string, ...types: string[]]>> = {
  number: ['a number', 'number'],
  time: ['epoch milliseconds', 'number'],
  text: ['text in quotes', 'string'],
  mixed: ['text in quotes, a number, true or false', 'string', 'number', 'boolean'],
};

/** What a field must be compared with, in words, where a value is not that; `undefined` where it is. */
export function valueProblem(
  field: RunField,
  operator: FilterOperator,
  value: FilterValue | undefined,
): string | undefined {
  if (operator === 'IS NULL' || operator === 'IS NOT NULL') return value === undefined ? undefined : 'no value';
  if (operator === 'IN' || operator === 'NOT IN') {
    if (!isList(value) || value.length === 0) return 'a list of one value or more';
    return value.map((item) => singleProblem(field, item)).find((problem) => problem !== undefined);
  }
  if (operator === 'LIKE' || operator === 'ILIKE') {
    if (typeof value !== 'string') return 'a pattern in quotes';
    return value.length > maxPatternLength ? `a pattern of at most ${maxPatternLength} characters` : undefined;
  }
  return singleProblem(field, value);
}

function singleProblem(field: RunField, value: unknown): string | undefined {
  const type = fieldTypeOf(field);
  const [expected, ...types] = values[type];
  if (!types.includes(typeof value)) return expected;
  if (type === 'time' && !Number.isFinite(value)) return expected;
  const isStatus = field.scope === 'attribute' && field.key === 'status';
  return isStatus ? statusProblem(value as string) : undefined;
}
