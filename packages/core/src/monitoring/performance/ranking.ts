/** Area under the ROC curve, and the variance of its estimate. */
export interface Ranking {
  /** The chance that a positive row has a higher score than a negative one; ties count half. */
  readonly auc: number;
  /** DeLong's estimate of its variance; 0 where the classes are told apart without a fault. */
  readonly variance: number;
  readonly positives: number;
  readonly negatives: number;
}

/** The rows in ascending order of their scores. */
export function orderOf(scores: ArrayLike<number>): Uint32Array {
  const order = Uint32Array.from(scores, (_, row) => row);
  return order.sort((a, b) => (scores[a] as number) - (scores[b] as number));
}

/**
 * The exact area under the ROC curve of scores, ties counted half, with DeLong's variance.
 *
 * @param scores finite, one for each row
 * @param positive 1 for a row of the positive class, 0 for another
 * @returns `undefined` unless there are rows of both classes
 */
export function rankScores(scores: ArrayLike<number>, positive: ArrayLike<number>): Ranking | undefined {
  const rows = scores.length;
  let positives = 0;
  for (let row = 0; row < rows; row++) positives += positive[row] as number;
  const negatives = rows - positives;
  if (positives === 0 || negatives === 0) return undefined;
  const order = orderOf(scores);
  let negativesBelow = 0;
  let positivesBelow = 0;
  let wins = 0;
  let squares10 = 0;
  let squares01 = 0;
  for (let start = 0; start < rows; ) {
    let end = start;
    let tiedPositives = 0;
    const score = scores[order[start] as number] as number;
    while (end < rows && scores[order[end] as number] === score) {
      tiedPositives += positive[order[end] as number] as number;
      end++;
    }
    const tiedNegatives = end - start - tiedPositives;
    // What part of the other class lies on the right side of each row of this group.
    const above = (negativesBelow + tiedNegatives / 2) / negatives;
    const below = (positives - positivesBelow - tiedPositives / 2) / positives;
    wins += tiedPositives * above;
    squares10 += tiedPositives * above * above;
    squares01 += tiedNegatives * below * below;
    negativesBelow += tiedNegatives;
    positivesBelow += tiedPositives;
    start = end;
  }
  const auc = wins / positives;
  const spread = (squares: number, count: number): number =>
    count < 2 ? 0 : Math.max(0, (squares - count * auc * auc) / (count - 1)) / count;
  return { auc, variance: spread(squares10, positives) + spread(squares01, negatives), positives, negatives };
}
