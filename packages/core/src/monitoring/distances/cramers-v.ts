import { checkCounts } from './check-arguments';
import { chiSquaredOfCounts } from './chi-squared';
import { sumOf } from './counts';

/**
 * Cramér's V of the table of two samples counted in the same cells, √(χ² / N) without Yates' correction: how strongly a
 * row's cell tells which of the two samples it came from. It depends on how the rows divide between the samples, so
 * compare only values of equal sizes; for the strength of a drift itself prefer a distance.
 *
 * @param reference counts of the reference by cell
 * @param window counts of the window by the same cells
 * @returns 0 for equal shares, at most 1
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, or a sample is empty
 */
export function cramersV(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  checkCounts(reference, window);
  return cramersVOfCounts(reference, window);
}

/** {@link cramersV}, unchecked. */
export function cramersVOfCounts(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const rows = sumOf(reference) + sumOf(window);
  // Two samples, so the smaller side of the table less one is 1 (or 0 for a single cell, where χ² is 0).
  return Math.min(1, Math.sqrt(chiSquaredOfCounts(reference, window) / rows));
}
