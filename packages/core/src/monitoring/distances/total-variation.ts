import { checkCounts } from './check-arguments';
import { sumOf } from './counts';

/**
 * The total variation distance ½ Σ |p − q| of two samples counted in the same cells: the largest difference of
 * probability that any set of cells can have.
 *
 * @param reference counts or shares of the reference by cell
 * @param window counts or shares of the window by the same cells
 * @returns 0 for equal shares, 1 when no cell holds rows of both
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, or a sample is empty
 */
export function totalVariationDistance(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  checkCounts(reference, window);
  return totalVariationOfCounts(reference, window);
}

/** {@link totalVariationDistance}, unchecked. */
export function totalVariationOfCounts(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  let sum = 0;
  for (let cell = 0; cell < reference.length; cell++) {
    sum += Math.abs((window[cell] as number) / windowRows - (reference[cell] as number) / referenceRows);
  }
  return Math.min(1, sum / 2);
}
