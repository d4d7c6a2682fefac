import { createRowPermutation, permutationPValue } from '../null-law/permutation';
import { argumentError } from './check-arguments';

/** Rows times permutations that one comparison may take: some seconds. */
export const mostPermutedRows = 1e9;

/** What is permuted, how often and from which seed. */
export interface Permuted {
  readonly referenceRows: number;
  readonly windowRows: number;
  readonly permutations: number;
  readonly seed: number;
}

/** Both samples' values, ascending. */
export function poolSorted(reference: Float64Array, window: Float64Array): Float64Array {
  const pooled = new Float64Array(reference.length + window.length);
  pooled.set(reference);
  pooled.set(window, reference.length);
  return pooled.sort();
}

/**
 * The permutation p-value of a statistic of two samples.
 *
 * @param pooled both samples' values, ascending
 * @param statisticOf the statistic where the chosen rows are marked by 1 in `isChosen`, in the order of `pooled`
 */
export function permuteSorted(
  run: Permuted,
  observed: number,
  pooled: Float64Array,
  statisticOf: (isChosen: Uint8Array, chosenRows: number) => number,
): number {
  const { permutations, seed } = run;
  if (permutations * pooled.length > mostPermutedRows) {
    const expected = `at most ${mostPermutedRows} as permutations times the rows of both samples`;
    throw argumentError('options.permutations', expected, `${permutations} of ${pooled.length} rows`, 'LIMIT_EXCEEDED');
  }
  const chosenRows = Math.min(run.referenceRows, run.windowRows);
  const permute = createRowPermutation(pooled.length, chosenRows, seed);
  const isChosen = new Uint8Array(pooled.length);
  return permutationPValue(observed, permutations, () => {
    const chosen = permute();
    for (const row of chosen) isChosen[row] = 1;
    const statistic = statisticOf(isChosen, chosenRows);
    for (const row of chosen) isChosen[row] = 0;
    return statistic;
  });
}
