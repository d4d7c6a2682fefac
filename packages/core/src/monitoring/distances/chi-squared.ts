import { lnChiSquaredSurvival } from '../null-law/special-functions';
import { checkCounts } from './check-arguments';
import { sumOf } from './counts';

/** Rows that each cell must expect in both samples for the χ² law. */
export const fewestExpectedForChiSquared = 5;

/**
 * Pearson's χ² of the two-sample contingency table of two samples counted in the same cells, without a correction. Cells
 * that hold no row of either sample add nothing.
 *
 * @param reference counts of the reference by cell
 * @param window counts of the window by the same cells
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, or a sample is empty
 */
export function chiSquaredStatistic(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  checkCounts(reference, window);
  return chiSquaredOfCounts(reference, window);
}

/** {@link chiSquaredStatistic}, unchecked. */
export function chiSquaredOfCounts(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  // A cell's two terms, (window − expected)²/expected and the same for the reference, in one.
  let sum = 0;
  for (let cell = 0; cell < reference.length; cell++) {
    const both = (reference[cell] as number) + (window[cell] as number);
    if (both === 0) continue;
    const gap = (window[cell] as number) / windowRows - (reference[cell] as number) / referenceRows;
    sum += (gap * gap) / both;
  }
  return sum * referenceRows * windowRows;
}

/** χ² of a table of two samples in two cells after Yates: each count half a row closer to what is expected. */
export function yatesChiSquaredOfCounts(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  const rows = referenceRows + windowRows;
  const firstCell = (reference[0] as number) + (window[0] as number);
  const secondCell = rows - firstCell;
  const gap = Math.abs((window[0] as number) - (windowRows * firstCell) / rows);
  const closer = Math.max(0, gap - 0.5);
  return (closer * closer * rows ** 3) / (windowRows * referenceRows * firstCell * secondCell);
}

/**
 * Joins the cells that expect fewer than five rows in either sample into one, which comes last.
 *
 * @returns the joined table, or `undefined` where even the joined cell expects fewer, or fewer than two cells are left
 */
export function poolRareCells(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
): { readonly reference: Float64Array; readonly window: Float64Array; readonly pooledCells: number } | undefined {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  const smallerShare = Math.min(referenceRows, windowRows) / (referenceRows + windowRows);
  const pooledReference: number[] = [];
  const pooledWindow: number[] = [];
  let rareInReference = 0;
  let rareInWindow = 0;
  let pooledCells = 0;
  for (let cell = 0; cell < reference.length; cell++) {
    const inReference = reference[cell] as number;
    const inWindow = window[cell] as number;
    if ((inReference + inWindow) * smallerShare >= fewestExpectedForChiSquared) {
      pooledReference.push(inReference);
      pooledWindow.push(inWindow);
    } else if (inReference + inWindow > 0) {
      rareInReference += inReference;
      rareInWindow += inWindow;
      pooledCells++;
    }
  }
  if (pooledCells > 0) {
    if ((rareInReference + rareInWindow) * smallerShare < fewestExpectedForChiSquared) return undefined;
    pooledReference.push(rareInReference);
    pooledWindow.push(rareInWindow);
  }
  if (pooledReference.length < 2) return undefined;
  return { reference: Float64Array.from(pooledReference), window: Float64Array.from(pooledWindow), pooledCells };
}

/** ln of the probability of a χ² at least this large in a table of two samples and so many occupied cells. */
export function lnChiSquaredPValue(statistic: number, cells: number): number {
  return lnChiSquaredSurvival(statistic, cells - 1);
}
