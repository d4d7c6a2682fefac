import { countBySortedEdges, quantileEdges } from '../binning';
import { argumentError, checkArray } from './check-arguments';

/** Two samples counted in the same cells. */
export interface CountedSamples {
  /** Rows of the reference by cell. */
  readonly reference: readonly number[];
  /** Rows of the window by the same cells. */
  readonly window: readonly number[];
  /** What each cell holds: `(0, 1.5]` for a bin of values, or `NaN`, `-Infinity`, `Infinity`. */
  readonly cells: readonly string[];
}

/** Most bins that may be asked for. */
export const mostBins = 10_000;

/**
 * Counts two samples of values by quantile bins of the reference: the first and the last are open, equal edges are
 * joined, and a value that fills a bin's share of the reference by itself gets a bin of its own. NaN and ±∞ are tallied
 * as cells of their own, behind the bins, where either sample has any.
 *
 * @param reference values of the reference, in any order; at least one of them finite
 * @param window values of the window, in any order
 * @param bins how many quantile bins to aim at, 2 to 10,000; with many ties there are up to 2·bins − 1 @default 10
 * @throws FairleadError `INVALID_ARGUMENT` when a sample is empty, the reference has no finite value, or a value is no
 *   number
 */
export function countByReferenceQuantiles(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  bins = 10,
): CountedSamples {
  if (!(Number.isSafeInteger(bins) && bins >= 2 && bins <= mostBins)) {
    throw argumentError('bins', `a whole number, 2 to ${mostBins}`, String(bins));
  }
  const first = tally('reference', reference);
  const second = tally('window', window);
  if (first.sorted.length === 0) throw argumentError('reference', 'at least one finite value', 'none');
  const edges = quantileEdges(first.sorted, bins);
  const counts = countTallied(first, second, edges);
  const cells = [...edges, Number.POSITIVE_INFINITY].map((edge, bin) => {
    const above = bin === 0 ? Number.NEGATIVE_INFINITY : edges[bin - 1];
    return `(${above}, ${edge}${bin < edges.length ? ']' : ')'}`;
  });
  nonFiniteValues.forEach((value, kind) => {
    if ((first.nonFinite[kind] as number) + (second.nonFinite[kind] as number) > 0) cells.push(String(value));
  });
  return { ...counts, cells };
}

/** The values that have a cell each, in this order. */
const nonFiniteValues = [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

/** A sample taken apart. */
export interface TalliedSample {
  /** Its finite values, ascending. */
  readonly sorted: Float64Array;
  /** How many rows are NaN, −∞ and +∞. */
  readonly nonFinite: readonly number[];
}

/** Takes a sample of numbers apart; nothing else is checked. */
export function tally(field: string, sample: ArrayLike<number>): TalliedSample {
  checkArray(field, sample);
  if (sample.length === 0) throw argumentError(field, 'at least one value', 'none');
  const finite = new Float64Array(sample.length);
  const nonFinite = [0, 0, 0];
  let kept = 0;
  for (let row = 0; row < sample.length; row++) {
    const value: unknown = sample[row];
    if (typeof value !== 'number') throw argumentError(`${field}[${row}]`, 'a number', typeof value);
    const kind = nonFiniteValues.findIndex((nonFiniteValue) => Object.is(nonFiniteValue, value));
    if (kind < 0) finite[kept++] = value;
    else nonFinite[kind] = (nonFinite[kind] as number) + 1;
  }
  return { sorted: finite.subarray(0, kept).sort(), nonFinite };
}

/** Counts two samples by the same edges; a kind of non-finite value that neither has gets no cell. */
export function countTallied(
  reference: TalliedSample,
  window: TalliedSample,
  edges: readonly number[],
): { readonly reference: number[]; readonly window: number[] } {
  const counts = {
    reference: countBySortedEdges(reference.sorted, edges),
    window: countBySortedEdges(window.sorted, edges),
  };
  for (let kind = 0; kind < nonFiniteValues.length; kind++) {
    const inReference = reference.nonFinite[kind] as number;
    const inWindow = window.nonFinite[kind] as number;
    if (inReference + inWindow === 0) continue;
    counts.reference.push(inReference);
    counts.window.push(inWindow);
  }
  return counts;
}
