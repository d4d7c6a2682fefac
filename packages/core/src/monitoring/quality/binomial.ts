import { lnChoose } from '../null-law/special-functions';

/** ln P(X = k) for X binomial with `trials` trials of probability `p`, 0 < p < 1. */
function lnMass(k: number, trials: number, p: number): number {
  return lnChoose(trials, k) + k * Math.log(p) + (trials - k) * Math.log1p(-p);
}

/**
 * ln P(X ≥ k) for X binomial, exact at every size: the mass at k, and beyond it the terms by their ratios, on the side
 * where they fall.
 *
 * @param k whole number, 0 or more
 * @param trials whole number, 0 or more
 * @param p probability of each trial, 0 to 1
 */
export function lnBinomialUpperTail(k: number, trials: number, p: number): number {
  if (k <= 0) return 0;
  if (k > trials || p <= 0) return Number.NEGATIVE_INFINITY;
  if (p >= 1) return 0;
  if (k <= trials * p) return Math.log1p(-Math.min(1, Math.exp(lnBinomialLowerTail(k - 1, trials, p))));
  const odds = p / (1 - p);
  let relative = 1;
  let sum = 1;
  for (let i = k; i < trials && relative > sum * 1e-17; i++) {
    relative *= ((trials - i) / (i + 1)) * odds;
    sum += relative;
  }
  return Math.min(0, lnMass(k, trials, p) + Math.log(sum));
}

/** ln P(X ≤ k) for X binomial, as {@link lnBinomialUpperTail}. */
export function lnBinomialLowerTail(k: number, trials: number, p: number): number {
  if (k < 0) return Number.NEGATIVE_INFINITY;
  if (k >= trials || p <= 0) return 0;
  if (p >= 1) return Number.NEGATIVE_INFINITY;
  if (k >= trials * p) return Math.log1p(-Math.min(1, Math.exp(lnBinomialUpperTail(k + 1, trials, p))));
  const odds = (1 - p) / p;
  let relative = 1;
  let sum = 1;
  for (let i = k; i > 0 && relative > sum * 1e-17; i--) {
    relative *= (i / (trials - i + 1)) * odds;
    sum += relative;
  }
  return Math.min(0, lnMass(k, trials, p) + Math.log(sum));
}

/**
 * The largest share that `marked` of `rows` rows leave possible (Clopper and Pearson's one-sided bound): with any larger
 * one, as few as `marked` would have come with a probability below `1 − confidence`.
 */
export function shareUpperBound(marked: number, rows: number, confidence: number): number {
  if (marked >= rows) return 1;
  const lnMiss = Math.log1p(-confidence);
  let low = marked / rows;
  let high = 1;
  // Halving 60 times leaves less than the rounding of a share.
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (lnBinomialLowerTail(marked, rows, middle) > lnMiss) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The fewest of `rows` rows whose number is too high for the share `tolerance`: as many or more come with a probability
 * of at most exp(`lnLevel`). `rows + 1` where even all of them would not be.
 */
export function criticalCount(rows: number, tolerance: number, lnLevel: number): number {
  let low = 0;
  let high = rows + 1;
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    if (lnBinomialUpperTail(middle, rows, tolerance) <= lnLevel) high = middle;
    else low = middle;
  }
  return high;
}
