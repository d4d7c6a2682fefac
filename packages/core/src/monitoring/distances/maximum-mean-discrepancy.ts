import { createRowPermutation, permutationPValue } from '../null-law/permutation';
import { argumentError, finiteSample } from './check-arguments';

/** How rows of numbers are compared. */
export interface MaximumMeanDiscrepancyOptions {
  /** Numbers of one row; the samples hold rows one behind the other. @default 1 */
  readonly width?: number;
  /**
   * σ of the kernel exp(−|x − y|² / 2σ²), in the values' unit.
   *
   * @default the median distance between two rows of both samples together; where more than half of them are equal, the
   *   median of the distances that are not 0
   */
  readonly bandwidth?: number;
}

/** Most rows of both samples together: the kernel's matrix then takes 67 MB, and as much again for its median. */
export const mostRowsForDiscrepancy = 4096;
const mostWork = 2e10;

/**
 * The squared maximum mean discrepancy of two samples of rows, as the unbiased U-statistic with the kernel
 * exp(−|x − y|² / 2σ²). It sees any difference of two distributions, of rows of any width, and being unbiased is below 0
 * about as often as above where there is none. Time and memory grow with the square of the rows: compare reservoirs.
 *
 * @param reference rows of the reference, at least two
 * @param window rows of the window, at least two
 * @throws FairleadError `INVALID_ARGUMENT` when a sample has fewer than two rows, holds what is no finite number or a
 *   broken row; `LIMIT_EXCEEDED` when both samples together have more than 4096 rows
 */
export function maximumMeanDiscrepancy(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  options: MaximumMeanDiscrepancyOptions = {},
): number {
  const { width = 1, bandwidth } = options;
  if (!(Number.isSafeInteger(width) && width >= 1)) {
    throw argumentError('options.width', 'a whole number of numbers a row, 1 or more', String(width));
  }
  if (bandwidth !== undefined && !(bandwidth > 0 && bandwidth < Number.POSITIVE_INFINITY)) {
    throw argumentError('options.bandwidth', 'a finite number above 0', String(bandwidth));
  }
  checkDiscrepancySize(reference, window, width);
  const first = finiteSample('reference', reference, 'refuse', width, 2).values;
  const second = finiteSample('window', window, 'refuse', width, 2).values;
  return createDiscrepancy(first, second, width, bandwidth).observed;
}

/** Refuses samples whose kernel would take too much memory or time, before anything is copied. */
export function checkDiscrepancySize(reference: ArrayLike<number>, window: ArrayLike<number>, width: number): void {
  const rows = (reference.length + window.length) / width;
  if (rows > mostRowsForDiscrepancy) {
    const expected = `at most ${mostRowsForDiscrepancy} rows of both samples together (compare reservoirs of them)`;
    throw argumentError('reference', expected, `${rows} rows`, 'LIMIT_EXCEEDED');
  }
  if (rows * rows * width > mostWork) {
    const expected = `at most ${mostWork} as the square of the rows times their width (compare fewer rows)`;
    throw argumentError('options.width', expected, String(rows * rows * width), 'LIMIT_EXCEEDED');
  }
}

/** The discrepancy of two samples, ready to be permuted. */
export interface Discrepancy {
  /** The squared maximum mean discrepancy. */
  readonly observed: number;
  /** Its permutation p-value. */
  pValue(permutations: number, seed: number): number;
}

/** Computes the kernel of all pairs of rows once; a permutation then only adds up what is there. */
export function createDiscrepancy(
  reference: Float64Array,
  window: Float64Array,
  width: number,
  bandwidth?: number,
): Discrepancy {
  const rows = new Float64Array(reference.length + window.length);
  rows.set(window);
  rows.set(reference, window.length);
  const count = rows.length / width;
  const n = window.length / width;
  const m = count - n;
  // The pairs i > j, row by row: pair (i, j) stands at i(i−1)/2 + j.
  const unit = unitOf(rows);
  for (let i = 0; i < rows.length; i++) rows[i] = (rows[i] as number) / unit;
  const kernel = squaredDistances(rows, width);
  const sigma = bandwidth === undefined ? medianDistance(kernel) : bandwidth / unit;
  const scale = sigma === 0 ? 0 : -1 / (2 * sigma * sigma);
  const sums = new Float64Array(count);
  let total = 0;
  for (let i = 1, pair = 0; i < count; i++) {
    for (let j = 0; j < i; j++, pair++) {
      const value = Math.exp(scale * (kernel[pair] as number));
      kernel[pair] = value;
      sums[i] = (sums[i] as number) + value;
      sums[j] = (sums[j] as number) + value;
      total += value;
    }
  }
  const smaller = Math.min(n, m);
  const larger = count - smaller;

  /** Of the pairs, those within the chosen rows, across, and within the rest follow from the first and the row sums. */
  function discrepancyOf(chosen: Uint32Array): number {
    let within = 0;
    let all = 0;
    for (let a = 0; a < smaller; a++) {
      const i = chosen[a] as number;
      all += sums[i] as number;
      for (let b = 0; b < a; b++) {
        const j = chosen[b] as number;
        within += kernel[i > j ? (i * (i - 1)) / 2 + j : (j * (j - 1)) / 2 + i] as number;
      }
    }
    const across = all - 2 * within;
    const rest = total - within - across;
    return (
      (2 * within) / (smaller * (smaller - 1)) +
      (2 * rest) / (larger * (larger - 1)) -
      (2 * across) / (smaller * larger)
    );
  }

  const firstOfSmaller = n <= m ? 0 : n;
  const observed = discrepancyOf(Uint32Array.from({ length: smaller }, (_, row) => firstOfSmaller + row));
  return {
    observed,
    pValue: (permutations, seed) => {
      const permute = createRowPermutation(count, smaller, seed);
      // The statistic is a difference of sums near 1, so equal ones may differ by their rounding.
      return permutationPValue(observed - 1e-12, permutations, () => discrepancyOf(permute()));
    },
  };
}

/** What rows of very large or very small numbers are divided by, so that squares neither overflow nor vanish; otherwise 1. */
function unitOf(rows: Float64Array): number {
  let most = 0;
  for (const value of rows) most = Math.max(most, Math.abs(value));
  return most > 1e100 || (most < 1e-100 && most > 0) ? most : 1;
}

function squaredDistances(rows: Float64Array, width: number): Float64Array {
  const count = rows.length / width;
  const distances = new Float64Array((count * (count - 1)) / 2);
  for (let i = 1, pair = 0; i < count; i++) {
    for (let j = 0; j < i; j++, pair++) {
      let sum = 0;
      for (let column = 0; column < width; column++) {
        const gap = (rows[i * width + column] as number) - (rows[j * width + column] as number);
        sum += gap * gap;
      }
      distances[pair] = sum;
    }
  }
  return distances;
}

function medianDistance(squares: Float64Array): number {
  const sorted = squares.slice().sort();
  const median = middleOf(sorted);
  if (median > 0) return median;
  const firstAboveZero = sorted.findIndex((square) => square > 0);
  return firstAboveZero < 0 ? 0 : middleOf(sorted.subarray(firstAboveZero));
}

/** The median of the roots of ascending squares. */
function middleOf(sorted: Float64Array): number {
  const upper = Math.sqrt(sorted[sorted.length >>> 1] as number);
  if (sorted.length % 2 === 1) return upper;
  return (upper + Math.sqrt(sorted[(sorted.length >>> 1) - 1] as number)) / 2;
}
