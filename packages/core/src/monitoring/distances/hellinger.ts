import { checkCounts } from './check-arguments';
import { sumOf } from './counts';

/**
 * The Hellinger distance √(1 − Σ √(p q)) of two samples counted in the same cells, computed as √(½ Σ (√p − √q)²), which
 * is the same and keeps its digits where the shares are nearly equal.
 *
 * @param reference counts or shares of the reference by cell
 * @param window counts or shares of the window by the same cells
 * @returns 0 for equal shares, 1 when no cell holds rows of both
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, or a sample is empty
 */
export function hellingerDistance(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  checkCounts(reference, window);
  return hellingerOfCounts(reference, window);
}

/** {@link hellingerDistance}, unchecked. */
export function hellingerOfCounts(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  let sum = 0;
  for (let cell = 0; cell < reference.length; cell++) {
    const gap =
      Math.sqrt((window[cell] as number) / windowRows) - Math.sqrt((reference[cell] as number) / referenceRows);
    sum += gap * gap;
  }
  return Math.min(1, Math.sqrt(sum / 2));
}
