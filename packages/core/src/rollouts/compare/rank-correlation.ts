import { FairleadError } from '../../errors';

/**
 * Kendall's τ-b of two rows of scores: how many pairs of places both put in the same order less how many in the other, by what could
 * be had with their ties: (C - D) / √((n₀ - n₁)(n₀ - n₂)) with n₀ pairs of places, n₁ and n₂ of them tied in one and in the other
 * (Kendall, "The treatment of ties in ranking problems", 1945). In O(n²): for rows of classes, not for whole data sets.
 *
 * @returns -1 to 1; `undefined` where one of them has no order, since all its scores are equal or there are fewer than two
 * @throws FairleadError `INVALID_ARGUMENT` where their lengths differ
 */
export function kendallTau(first: ArrayLike<number>, second: ArrayLike<number>): number | undefined {
  checkLengths('kendallTau', first, second);
  let score = 0;
  let firstOrdered = 0;
  let secondOrdered = 0;
  for (let i = 0; i < first.length; i++) {
    for (let j = 0; j < i; j++) {
      const one = Math.sign((first[i] as number) - (first[j] as number));
      const other = Math.sign((second[i] as number) - (second[j] as number));
      score += one * other;
      firstOrdered += one * one;
      secondOrdered += other * other;
    }
  }
  const possible = Math.sqrt(firstOrdered) * Math.sqrt(secondOrdered);
  return possible > 0 ? Math.max(-1, Math.min(1, score / possible)) : undefined;
}

/**
 * Spearman's ρ of two rows of scores: Pearson's correlation of their ranks, ties with the mean of the ranks they share.
 *
 * @returns -1 to 1; `undefined` where one of them has no order, since all its scores are equal or there are fewer than two
 * @throws FairleadError `INVALID_ARGUMENT` where their lengths differ
 */
export function spearmanRho(first: ArrayLike<number>, second: ArrayLike<number>): number | undefined {
  checkLengths('spearmanRho', first, second);
  const [one, other] = [ranksOf(first), ranksOf(second)];
  const middle = (first.length - 1) / 2;
  let products = 0;
  let firstSquares = 0;
  let secondSquares = 0;
  for (let index = 0; index < first.length; index++) {
    const a = (one[index] as number) - middle;
    const b = (other[index] as number) - middle;
    products += a * b;
    firstSquares += a * a;
    secondSquares += b * b;
  }
  const possible = Math.sqrt(firstSquares) * Math.sqrt(secondSquares);
  return possible > 0 ? Math.max(-1, Math.min(1, products / possible)) : undefined;
}

/** The rank of each place from 0, the least first. */
function ranksOf(scores: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: scores.length }, (_, index) => index);
  order.sort((a, b) => (scores[a] as number) - (scores[b] as number));
  const ranks = new Float64Array(scores.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && scores[order[end] as number] === scores[order[start] as number]) end++;
    for (let place = start; place < end; place++) ranks[order[place] as number] = (start + end - 1) / 2;
    start = end;
  }
  return ranks;
}

function checkLengths(owner: string, first: ArrayLike<number>, second: ArrayLike<number>): void {
  if (first.length === second.length) return;
  throw new FairleadError(
    'INVALID_ARGUMENT',
    `${owner}: the two rows must have the same length, given ${first.length} and ${second.length}.`,
    { details: { field: 'second', expected: `${first.length} scores`, given: `${second.length}` } },
  );
}
