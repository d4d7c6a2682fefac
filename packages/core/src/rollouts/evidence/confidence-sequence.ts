import { optionError } from '../../option-checks';
import { meanOfCapitals } from './e-value';

/** Sums of values in [-1, 1]; sums of several processes add. */
export interface ValueSums {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

/** Where a mean lies. */
export interface MeanInterval {
  readonly mean: number;
  readonly lower: number;
  readonly upper: number;
}

/** The bets: small ones are good for long sequences, large ones for short ones. */
const stakes = [0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75];
/** What a bet pays for its risk: λ + ln(1 - λ), times the squares. */
const prices = stakes.map((stake) => -Math.log1p(-stake) - stake);
/** Halving 26 times leaves less than 1e-7: it is done at every look. */
const halvings = 26;

/**
 * Confidence sequence for the mean of values in [-1, 1]: at every count, and however often it is looked at, both bounds
 * hold together with a probability of at least `1 - alpha`. It needs nothing but sums, so that those of twenty replicas, added in any order,
 * give the sequence of all.
 *
 * For ξ ≥ -1 and 0 ≤ λ < 1, exp(λξ + (λ + ln(1 - λ)) ξ²) ≤ 1 + λξ (Fan, Grama and Liu, "Exponential inequalities for
 * martingales with applications", 2015, Lemma 4.1; the empirical Bernstein bound of Howard, Ramdas, McAuliffe and Sekhon,
 * "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021, Theorem 4). So with the mean μ the products of
 * exp(λx + (λ + ln(1 - λ)) x²) / (1 + λμ) are expected never to grow, and a μ for which their mean over λ exceeds 2 / alpha is
 * left out; for the upper bound the same with -x. What is expected of x, here 0, decides how sharp it is and has no part in
 * its being true: differences and rare shares are near 0.
 *
 * @param alpha how likely a bound may be wrong at any time, more than 0 and less than 1
 * @param least what no mean can be below, at least -1 @default -1
 * @throws FairleadError `INVALID_OPTION` for an alpha that is no probability
 */
export function meanConfidenceSequence(sums: ValueSums, alpha: number, least = -1): MeanInterval {
  if (!(alpha > 0 && alpha < 1))
    throw optionError('meanConfidenceSequence', 'alpha', 'more than 0, less than 1', alpha);
  const { count, sum } = sums;
  if (count === 0) return { mean: 0, lower: least, upper: 1 };
  const limit = 2 / alpha;
  const mean = Math.min(1, Math.max(least, sum / count));
  return {
    mean,
    lower: Math.max(least, lowerBound(sums, limit)),
    upper: Math.min(1, -lowerBound({ ...sums, sum: -sum }, limit)),
  };
}

/** The least mean that is not left out; what is bet against falls as the mean rises. */
function lowerBound(sums: ValueSums, limit: number): number {
  let out = -1;
  let within = Math.max(-1, Math.min(1, sums.sum / sums.count));
  if (capitalAgainst(out, sums) <= limit) return out;
  for (let i = 0; i < halvings; i++) {
    const middle = (out + within) / 2;
    if (capitalAgainst(middle, sums) > limit) out = middle;
    else within = middle;
  }
  // The outer end, so that rounding never makes the interval too short.
  return out;
}

function capitalAgainst(mean: number, { count, sum, squares }: ValueSums): number {
  return meanOfCapitals(
    stakes.map((stake, index) => stake * sum - (prices[index] as number) * squares - count * Math.log1p(stake * mean)),
  );
}
