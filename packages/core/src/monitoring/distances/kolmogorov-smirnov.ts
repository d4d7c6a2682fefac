import { lnKolmogorovSurvival } from '../null-law/special-functions';
import { checkCounts } from './psi';

/** A Kolmogorov–Smirnov distance that was measured on bins. */
export interface BinnedKolmogorovSmirnov {
  /** The largest gap between the two distribution functions at the bins' edges: a lower bound of sup |F − G|. */
  readonly statistic: number;
  /** By how much sup |F − G| can exceed `statistic`: the largest share that either sample holds within one bin. */
  readonly error: number;
}

/**
 * The Kolmogorov–Smirnov distance sup |F − G| of two samples counted in the same ascending bins. Between two edges the
 * gap can be wider than at both, hence a lower bound with its error.
 *
 * @param reference counts of the reference by bin
 * @param window counts of the window by the same bins
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, or a sample is empty
 */
export function kolmogorovSmirnovOnBins(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
): BinnedKolmogorovSmirnov {
  checkCounts(reference, window);
  const statistic = ksOfCounts(reference, 0, window, 0, reference.length);
  return { statistic, error: ksErrorOfCounts(reference, 0, window, 0, reference.length, statistic) };
}

/** The statistic of {@link kolmogorovSmirnovOnBins} for a stretch of two arrays, unchecked; 0 when a sample is empty. */
export function ksOfCounts(
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
  let below = 0;
  let windowBelow = 0;
  let widest = 0;
  for (let bin = 0; bin < bins; bin++) {
    below += reference[referenceStart + bin] as number;
    windowBelow += window[windowStart + bin] as number;
    const gap = Math.abs(windowBelow / windowRows - below / referenceRows);
    if (gap > widest) widest = gap;
  }
  return widest;
}

/** The error of {@link kolmogorovSmirnovOnBins} for a stretch of two arrays, unchecked. */
export function ksErrorOfCounts(
  reference: ArrayLike<number>,
  referenceStart: number,
  window: ArrayLike<number>,
  windowStart: number,
  bins: number,
  statistic: number,
): number {
  let referenceRows = 0;
  let windowRows = 0;
  let referenceMost = 0;
  let windowMost = 0;
  for (let bin = 0; bin < bins; bin++) {
    const inReference = reference[referenceStart + bin] as number;
    const inWindow = window[windowStart + bin] as number;
    referenceRows += inReference;
    windowRows += inWindow;
    if (inReference > referenceMost) referenceMost = inReference;
    if (inWindow > windowMost) windowMost = inWindow;
  }
  if (referenceRows === 0 || windowRows === 0) return 0;
  return Math.min(1 - statistic, Math.max(referenceMost / referenceRows, windowMost / windowRows));
}

/**
 * The probability of a distance at least this large when nothing drifted, by Kolmogorov's limit law at
 * √(n·m / (n + m)) · D (the mode that scipy calls `kstwobign`). On bins, and on values with ties, the true probability
 * is smaller.
 *
 * @param statistic a distance in [0, 1]
 * @param windowRows rows of the window (n)
 * @param referenceRows rows of the reference (m)
 */
export function kolmogorovSmirnovPValue(statistic: number, windowRows: number, referenceRows: number): number {
  return Math.exp(lnKolmogorovSurvival(scaleOf(windowRows, referenceRows) * statistic));
}

/** √(n·m / (n + m)), by which a distance is scaled to Kolmogorov's law. */
export function scaleOf(windowRows: number, referenceRows: number): number {
  return Math.sqrt((windowRows * referenceRows) / (windowRows + referenceRows));
}
