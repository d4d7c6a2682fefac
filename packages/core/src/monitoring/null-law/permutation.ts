import { createRandom } from '../random';
import { toleranceBelow } from './hypergeometric';

/** Permutations unless the caller says otherwise: the smallest p-value is then .001. */
export const defaultPermutations = 999;

/** The most permutations that a caller may ask for. */
export const mostPermutations = 1_000_000;

/** How many of `permutations` draws reach the observed statistic, as a p-value: (1 + how many) / (1 + draws). */
export function permutationPValue(observed: number, permutations: number, next: () => number): number {
  const atLeast = toleranceBelow(observed);
  let reached = 0;
  for (let permutation = 0; permutation < permutations; permutation++) if (next() >= atLeast) reached++;
  return (1 + reached) / (1 + permutations);
}

/**
 * Makes a function that deals `rows` rows to two samples anew.
 *
 * @param chosenRows rows of the sample that is chosen; the rest is the other's
 * @returns the indices of the chosen rows, in no order; the array is overwritten by the next call
 */
export function createRowPermutation(rows: number, chosenRows: number, seed: number): () => Uint32Array {
  const random = createRandom(seed);
  const indices = Uint32Array.from({ length: rows }, (_, row) => row);
  const chosen = indices.subarray(0, chosenRows);
  return () => {
    // Fisher and Yates' shuffle, ended once the chosen rows stand in front.
    for (let row = 0; row < chosenRows; row++) {
      const other = row + Math.floor(random() * (rows - row));
      const kept = indices[row] as number;
      indices[row] = indices[other] as number;
      indices[other] = kept;
    }
    return chosen;
  };
}
