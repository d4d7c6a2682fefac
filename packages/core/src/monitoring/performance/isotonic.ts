import { orderOf } from './ranking';

/** A rising curve in straight pieces; to the left and right of its knots it is flat. */
export interface IsotonicCurve {
  /** Ascending, at least one. */
  readonly scores: readonly number[];
  /** As many, never falling. */
  readonly probabilities: readonly number[];
}

/** Scores closer than this count as one, as scikit-learn's isotonic regression has it for doubles. */
const sameScore = 1e-15;

/**
 * The rising curve closest to outcomes by least squares (isotonic regression, by pooling neighbours that fall): rows of one
 * score count as one point of their mean, and knots that lie within a flat piece are left out.
 *
 * @param scores finite, at least one
 * @param outcomes 0 or 1, as many
 */
export function fitIsotonic(scores: ArrayLike<number>, outcomes: ArrayLike<number>): IsotonicCurve {
  const knots: number[] = [];
  const sums: number[] = [];
  const weights: number[] = [];
  for (const row of orderOf(scores)) {
    const score = scores[row] as number;
    const last = knots.length - 1;
    if (last >= 0 && score - (knots[last] as number) < sameScore) {
      sums[last] = (sums[last] as number) + (outcomes[row] as number);
      weights[last] = (weights[last] as number) + 1;
    } else {
      knots.push(score);
      sums.push(outcomes[row] as number);
      weights.push(1);
    }
  }
  return withoutInnerKnots(knots, pool(sums, weights));
}

/** Pools neighbours until their means never fall. */
function pool(sums: readonly number[], weights: readonly number[]): number[] {
  const blocks: { sum: number; weight: number; knots: number }[] = [];
  for (let i = 0; i < sums.length; i++) {
    let block = { sum: sums[i] as number, weight: weights[i] as number, knots: 1 };
    for (let before = blocks.at(-1); before !== undefined; before = blocks.at(-1)) {
      // Compared without dividing, so that equal means of whole counts are found equal.
      if (before.sum * block.weight < block.sum * before.weight) break;
      blocks.pop();
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, knots: before.knots + block.knots };
    }
    blocks.push(block);
  }
  return blocks.flatMap(({ sum, weight, knots }) => new Array<number>(knots).fill(sum / weight));
}

function withoutInnerKnots(scores: readonly number[], values: readonly number[]): IsotonicCurve {
  const kept = scores
    .map((_, i) => i)
    .filter((i) => {
      if (i === 0 || i === scores.length - 1) return true;
      return values[i] !== values[i - 1] || values[i] !== values[i + 1];
    });
  return { scores: kept.map((i) => scores[i] as number), probabilities: kept.map((i) => values[i] as number) };
}

/** The curve's value at a score. */
export function calibrate({ scores, probabilities }: IsotonicCurve, score: number): number {
  const last = scores.length - 1;
  if (score <= (scores[0] as number)) return probabilities[0] as number;
  if (score >= (scores[last] as number)) return probabilities[last] as number;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((scores[middle] as number) <= score) low = middle;
    else high = middle;
  }
  const left = scores[low] as number;
  const from = probabilities[low] as number;
  const slope = ((probabilities[high] as number) - from) / ((scores[high] as number) - left);
  return from + slope * (score - left);
}
