import { lnChiSquaredSurvival } from '../null-law/special-functions';
import { checkCounts } from './check-arguments';

/** The least share that a bin is taken to hold, so that an empty one does not make the index infinite. */
export const psiFloor = 1e-4;

/**
 * The population stability index Σ (p − q) ln(p / q) of two samples counted in the same bins. A share below 1e-4 is
 * lifted to 1e-4, then the shares of each sample are divided by their sum again.
 *
 * @param reference counts of the reference by bin
 * @param window counts of the window by the same bins
 * @returns 0 for equal shares, growing without limit
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, or a sample is empty
 */
export function psi(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  checkCounts(reference, window);
  return psiOfCounts(reference, 0, window, 0, reference.length);
}

/** {@link psi} of a stretch of two arrays, unchecked; 0 when a sample is empty. */
export function psiOfCounts(
  reference: ArrayLike<number>,
  referenceStart: number,
  window: ArrayLike<number>,
  windowStart: number,
  bins: number,
): number {
  let referenceRows = 0;
  let windowRows = 0;
  for (let bin = 0; bin < bins; bin++) {
    referenceRows += reference[referenceStart + bin] as number;
    windowRows += window[windowStart + bin] as number;
  }
  if (referenceRows === 0 || windowRows === 0) return 0;
  let referenceSum = 0;
  let windowSum = 0;
  for (let bin = 0; bin < bins; bin++) {
    referenceSum += Math.max((reference[referenceStart + bin] as number) / referenceRows, psiFloor);
    windowSum += Math.max((window[windowStart + bin] as number) / windowRows, psiFloor);
  }
  let index = 0;
  for (let bin = 0; bin < bins; bin++) {
    const q = Math.max((reference[referenceStart + bin] as number) / referenceRows, psiFloor) / referenceSum;
    const p = Math.max((window[windowStart + bin] as number) / windowRows, psiFloor) / windowSum;
    index += (p - q) * Math.log(p / q);
  }
  return Math.max(0, index);
}

/**
 * The probability of a PSI at least this large when nothing drifted, by its limit law: PSI is then about
 * (1/n + 1/m) · χ² with bins − 1 degrees of freedom. Good where every bin expects 50 rows or more in both samples;
 * below that the true probability is larger (at 20 expected rows twice at 1e-4), which is why the monitor's alarm
 * asks a second statistic too, and why `compareCounts` corrects the law or permutes.
 *
 * @param index a population stability index
 * @param windowRows rows of the window (n)
 * @param referenceRows rows of the reference (m)
 * @param bins bins that hold rows of either sample
 */
export function psiPValue(index: number, windowRows: number, referenceRows: number, bins: number): number {
  return Math.exp(lnChiSquaredSurvival(index / (1 / windowRows + 1 / referenceRows), bins - 1));
}
