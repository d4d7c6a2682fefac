import { checkCounts } from './check-arguments';
import { sumOf } from './counts';

/**
 * The L∞ distance max |p − q| of two samples counted in the same cells: how far the cell that moved most has moved.
 *
 * @param reference counts or shares of the reference by cell
 * @param window counts or shares of the window by the same cells
 * @returns 0 for equal shares, at most 1
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, or a sample is empty
 */
export function lInfinityDistance(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  checkCounts(reference, window);
  return lInfinityOfCounts(reference, window);
}

/** {@link lInfinityDistance}, unchecked. */
export function lInfinityOfCounts(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  let most = 0;
  for (let cell = 0; cell < reference.length; cell++) {
    const gap = Math.abs((window[cell] as number) / windowRows - (reference[cell] as number) / referenceRows);
    if (gap > most) most = gap;
  }
  return most;
}
