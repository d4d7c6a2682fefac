import type { StoredRun } from '../store/stored-run';
import { checkField } from './check-filter';
import { compileField } from './compile-filter';
import { nodeError } from './filter-error';
import type { OrderTerm } from './query';
import { type FieldType, fieldTypeOf } from './run-field';
import { type FieldValue, numberOf, textOf } from './value-order';

/**
 * The value of one field, ready to be sorted by. The rank comes first, in either direction: 0 numbers, 1 text, 2 NaN,
 * 3 nothing there.
 */
export type SortKey = readonly [rank: 0, value: number] | readonly [rank: 1, value: string] | readonly [rank: 2 | 3];

/** How runs are sorted. */
export interface RunOrder {
  /** One key a term. */
  keysOf(run: StoredRun): readonly SortKey[];
  /** Below 0 where the first comes before the second. */
  compare(a: readonly SortKey[], b: readonly SortKey[]): number;
  /** The terms, with those that break ties. */
  readonly terms: readonly OrderTerm[];
}

const tieBreakers: readonly OrderTerm[] = [
  { field: { scope: 'attribute', key: 'start_time' }, direction: 'desc' },
  { field: { scope: 'attribute', key: 'id' }, direction: 'desc' },
];

function keyOf(value: FieldValue | undefined, type: FieldType): SortKey {
  if (value === undefined) return [3];
  const number = type === 'text' ? undefined : numberOf(value);
  if (number === undefined) return [1, textOf(value)];
  return Number.isNaN(number) ? [2] : [0, number];
}

function checkTerm(term: unknown, index: number): OrderTerm {
  const { field, direction } = (term ?? {}) as Partial<OrderTerm>;
  const path = `orderBy[${index}]`;
  const checked = checkField(field, `${path}.field`);
  if (checked.scope === 'dataset') throw nodeError(`${path}.field`, 'a metric, param, tag or attribute', checked);
  if (direction !== 'asc' && direction !== 'desc') throw nodeError(`${path}.direction`, "'asc' or 'desc'", direction);
  return { field: checked, direction };
}

function sameField(a: OrderTerm, b: OrderTerm): boolean {
  return a.field.scope === b.field.scope && a.field.key === b.field.key;
}

/**
 * Makes an order of terms, completed so that no two runs are equal. Parameters and tags that are or spell numbers are
 * sorted as numbers, and come before other text.
 *
 * @param now epoch milliseconds, by which runs without a sign of life are KILLED
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function createRunOrder(orderBy: readonly OrderTerm[] | undefined, now: number): RunOrder {
  if (orderBy !== undefined && !Array.isArray(orderBy)) throw nodeError('orderBy', 'a list of terms', orderBy);
  const terms = (orderBy ?? []).map(checkTerm);
  for (const last of tieBreakers) if (!terms.some((term) => sameField(term, last))) terms.push(last);
  const fields = terms.map(({ field }) => ({ valueIn: compileField(field, now), type: fieldTypeOf(field) }));
  const signs = terms.map(({ direction }) => (direction === 'asc' ? 1 : -1));
  return {
    terms,
    keysOf: (run) => fields.map(({ valueIn, type }) => keyOf(valueIn(run), type)),
    compare(a, b) {
      for (let i = 0; i < signs.length; i++) {
        const [rankA, valueA] = a[i] as SortKey;
        const [rankB, valueB] = b[i] as SortKey;
        if (rankA !== rankB) return rankA - rankB;
        if (valueA === undefined || valueB === undefined || valueA === valueB) continue;
        return valueA < valueB ? -(signs[i] as number) : (signs[i] as number);
      }
      return 0;
    },
  };
}

/**
 * Compares two runs by an order: below 0 where the first comes before the second. Ties go to the run that started later,
 * then to the greater id. To sort many, {@link searchRuns} takes out the keys once.
 *
 * @param now epoch milliseconds, by which runs without a sign of life are KILLED
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function compileOrder(
  orderBy: readonly OrderTerm[] | undefined,
  now: number,
): (a: StoredRun, b: StoredRun) => number {
  const order = createRunOrder(orderBy, now);
  return (a, b) => order.compare(order.keysOf(a), order.keysOf(b));
}
