import { optionError } from '../../option-checks';

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
const prices: readonly number[] = stakes.map((stake) => -Math.log1p(-stake) - stake);
/** Room for one step. */
const logarithms = new Float64Array(stakes.length);
/** Nobody reads more digits of a bound. */
const precision = 1e-7;
const mostSteps = 50;

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

/**
 * The least mean that is not left out. The logarithm of what is won against a mean falls as the mean rises, and is convex, so that Newton's
 * method comes from below and never passes the bound: rounding cannot make the interval too short.
 */
function lowerBound({ count, sum, squares }: ValueSums, limit: number): number {
  const lnLimit = Math.log(limit * stakes.length);
  let mean = -1;
  for (let step = 0; step < mostSteps; step++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let bet = 0; bet < stakes.length; bet++) {
      const stake = stakes[bet] as number;
      logarithms[bet] = stake * sum - (prices[bet] as number) * squares - count * Math.log1p(stake * mean);
      largest = Math.max(largest, logarithms[bet] as number);
    }
    let capital = 0;
    let slope = 0;
    for (let bet = 0; bet < stakes.length; bet++) {
      const stake = stakes[bet] as number;
      const part = Math.exp((logarithms[bet] as number) - largest);
      capital += part;
      slope += (part * count * stake) / (1 + stake * mean);
    }
    const excess = largest + Math.log(capital) - lnLimit;
    const change = (excess * capital) / slope;
    if (!(change > precision)) break;
    mean += change;
  }
  return mean;
}
