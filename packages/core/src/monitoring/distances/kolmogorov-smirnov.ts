import { exactTwoSampleSurvival, limitSurvival, oneSampleSurvival } from '../null-law/kolmogorov-smirnov-law';
import { argumentError, checkCounts, finiteSample } from './check-arguments';

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
 * How a p-value of the Kolmogorov–Smirnov distance is computed; always two-sided.
 *
 * - `exact`: the law of two samples of these sizes, by counting (scipy's `method='exact'`).
 * - `asymptotic`: the law of one sample of n·m/(n + m) rows, rounded: `kstwo.sf(D, round(n·m/(n + m)))` (scipy's
 *   `method='asymp'`).
 * - `kolmogorov`: the limit law at √(n·m/(n + m))·D, too large for small samples.
 */
export type KolmogorovSmirnovMode = 'exact' | 'asymptotic' | 'kolmogorov';

/** Most steps that the exact law may take: rows of the window times rows of the reference. */
const mostExactSteps = 1e9;

/**
 * The probability of a distance at least this large when nothing drifted. On bins, and on values with ties, the true
 * probability is smaller in every mode.
 *
 * @param statistic a distance in [0, 1]
 * @param windowRows rows of the window (n)
 * @param referenceRows rows of the reference (m)
 * @param mode which law @default 'kolmogorov'
 * @throws FairleadError `INVALID_ARGUMENT` for a statistic outside [0, 1], rows that are no positive whole number, or a
 *   mode that does not exist; `LIMIT_EXCEEDED` when the mode is `exact` and n·m is above 1e9
 */
export function kolmogorovSmirnovPValue(
  statistic: number,
  windowRows: number,
  referenceRows: number,
  mode: KolmogorovSmirnovMode = 'kolmogorov',
): number {
  if (!(statistic >= 0 && statistic <= 1)) throw argumentError('statistic', 'a number from 0 to 1', String(statistic));
  for (const [field, rows] of [['windowRows', windowRows] as const, ['referenceRows', referenceRows] as const]) {
    if (!(Number.isSafeInteger(rows) && rows > 0)) {
      throw argumentError(field, 'a whole number of rows, 1 or more', String(rows));
    }
  }
  switch (mode) {
    case 'exact': {
      if (windowRows * referenceRows > mostExactSteps) {
        const expected = "at most 1e9 rows of the window times rows of the reference (say 'asymptotic' for more)";
        throw argumentError('mode', expected, String(windowRows * referenceRows), 'LIMIT_EXCEEDED');
      }
      const steps = Math.round(statistic * windowRows * referenceRows);
      return exactTwoSampleSurvival(steps, windowRows, referenceRows);
    }
    case 'asymptotic':
      return oneSampleSurvival(statistic, roundHalfToEven((windowRows * referenceRows) / (windowRows + referenceRows)));
    case 'kolmogorov':
      return limitSurvival(statistic, windowRows, referenceRows);
    default:
      throw argumentError('mode', "'exact', 'asymptotic' or 'kolmogorov'", String(mode));
  }
}

/** As scipy rounds: 2.5 becomes 2. At least one row. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return Math.max(1, rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded);
}

/**
 * The Kolmogorov–Smirnov distance sup |F − G| of two samples of values, which need not be sorted and may have ties.
 *
 * @param reference finite values of the reference
 * @param window finite values of the window
 * @returns 0 where the two distribution functions are equal, at most 1
 * @throws FairleadError `INVALID_ARGUMENT` when a sample is empty or holds what is no finite number
 */
export function kolmogorovSmirnovDistance(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const sortedReference = finiteSample('reference', reference, 'refuse').values.sort();
  const sortedWindow = finiteSample('window', window, 'refuse').values.sort();
  return ksOfSorted(sortedReference, sortedWindow);
}

/** The distance of two ascending samples. */
export function ksOfSorted(reference: Float64Array, window: Float64Array): number {
  const m = reference.length;
  const n = window.length;
  // In steps of 1/(n·m), which are whole numbers: ties of the distance itself stay ties.
  let widest = 0;
  let i = 0;
  let j = 0;
  while (i < n && j < m) {
    const value = Math.min(window[i] as number, reference[j] as number);
    while (i < n && (window[i] as number) === value) i++;
    while (j < m && (reference[j] as number) === value) j++;
    widest = Math.max(widest, Math.abs(i * m - j * n));
  }
  return widest / (n * m);
}

/** √(n·m / (n + m)), by which a distance is scaled to Kolmogorov's law. */
export function scaleOf(windowRows: number, referenceRows: number): number {
  return Math.sqrt((windowRows * referenceRows) / (windowRows + referenceRows));
}
