import { quantileEdges } from '../binning';
import { createRowPermutation, permutationPValue } from '../null-law/permutation';
import { argumentError } from './check-arguments';
import type { Permuter } from './count-test';
import { mostPermutedRows } from './permute-sorted';
import { countTallied, type TalliedSample } from './quantile-bins';

/**
 * Deals the rows of two samples of values anew, and finds the quantile bins of each new reference again. With the bins
 * kept as they are, every count of the reference would stay what the bins made it, and a small reference would look more
 * certain than it is.
 */
export function createQuantilePermuter(
  reference: TalliedSample,
  window: TalliedSample,
  bins: number,
  permutations: number,
  seed: number,
): Permuter {
  return (statistic, observed) => {
    const pooled = new Float64Array(reference.sorted.length + window.sorted.length);
    pooled.set(reference.sorted);
    pooled.set(window.sorted, reference.sorted.length);
    pooled.sort();
    // Behind the finite rows stand those that are NaN, −∞ and +∞: of each, how many rows of both samples.
    const nonFinite = reference.nonFinite.map((count, kind) => count + (window.nonFinite[kind] as number));
    const windowRows = rowsOf(window);
    const rows = windowRows + rowsOf(reference);
    if (permutations * rows > mostPermutedRows) {
      const expected = `at most ${mostPermutedRows} as permutations times the rows of both samples`;
      throw argumentError('options.permutations', expected, `${permutations} of ${rows} rows`, 'LIMIT_EXCEEDED');
    }
    const isWindowChosen = windowRows * 2 <= rows;
    const permute = createRowPermutation(rows, isWindowChosen ? windowRows : rows - windowRows, seed);
    const isChosen = new Uint8Array(rows);
    const buffers = [new Float64Array(pooled.length), new Float64Array(pooled.length)] as const;
    return permutationPValue(observed, permutations, () => {
      const chosenRows = permute();
      for (const row of chosenRows) isChosen[row] = 1;
      const [rest, chosen] = split(pooled, nonFinite, isChosen, buffers);
      for (const row of chosenRows) isChosen[row] = 0;
      const [trialReference, trialWindow] = isWindowChosen ? [rest, chosen] : [chosen, rest];
      const counts = countTallied(trialReference, trialWindow, quantileEdges(trialReference.sorted, bins));
      return statistic(counts.reference, counts.window);
    });
  };
}

function rowsOf({ sorted, nonFinite }: TalliedSample): number {
  return nonFinite.reduce((sum, count) => sum + count, sorted.length);
}

/** The rows that are not chosen, and those that are; the buffers hold their values until the next call. */
function split(
  pooled: Float64Array,
  nonFinite: readonly number[],
  isChosen: Uint8Array,
  buffers: readonly [Float64Array, Float64Array],
): [TalliedSample, TalliedSample] {
  const [rest, chosen] = buffers;
  let kept = 0;
  for (let row = 0; row < pooled.length; row++) {
    if (isChosen[row] === 1) chosen[kept++] = pooled[row] as number;
    else rest[row - kept] = pooled[row] as number;
  }
  let row = pooled.length;
  const chosenCounts = nonFinite.map((count) => {
    let marked = 0;
    for (const end = row + count; row < end; row++) marked += isChosen[row] as number;
    return marked;
  });
  const restCounts = nonFinite.map((count, kind) => count - (chosenCounts[kind] as number));
  return [
    { sorted: rest.subarray(0, pooled.length - kept), nonFinite: restCounts },
    { sorted: chosen.subarray(0, kept), nonFinite: chosenCounts },
  ];
}
