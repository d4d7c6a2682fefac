import { argumentError } from './check-arguments';
import type { CountedSamples } from './quantile-bins';

const mostCategories = 65_536;

/**
 * Counts two samples of categories in the same cells. A category that one of the samples never has gets its cell too.
 *
 * @param reference categories of the reference's rows
 * @param window categories of the window's rows
 * @returns counts in the order in which the categories first appear, those of the reference first
 * @throws FairleadError `INVALID_ARGUMENT` when a sample is empty or a row is no string, number or boolean;
 *   `LIMIT_EXCEEDED` beyond 65,536 categories, which are rather identifiers
 */
export function countCategories(
  reference: Iterable<string | number | boolean>,
  window: Iterable<string | number | boolean>,
): CountedSamples {
  const cellOf = new Map<string | number | boolean, number>();
  const counts: { reference: number[]; window: number[] } = { reference: [], window: [] };
  for (const [field, rows] of [['reference', reference] as const, ['window', window] as const]) {
    let seen = 0;
    for (const category of rows) {
      if (typeof category !== 'string' && typeof category !== 'number' && typeof category !== 'boolean') {
        throw argumentError(`${field}[${seen}]`, 'a string, number or boolean', typeof category);
      }
      seen++;
      let cell = cellOf.get(category);
      if (cell === undefined) {
        cell = cellOf.size;
        if (cell >= mostCategories) {
          const expected = `at most ${mostCategories} categories (keep the most frequent, and count the rest as one)`;
          throw argumentError(field, expected, 'more', 'LIMIT_EXCEEDED');
        }
        cellOf.set(category, cell);
        counts.reference.push(0);
        counts.window.push(0);
      }
      counts[field][cell] = (counts[field][cell] as number) + 1;
    }
    if (seen === 0) throw argumentError(field, 'at least one row', 'none');
  }
  return { ...counts, cells: [...cellOf.keys()].map(String) };
}
