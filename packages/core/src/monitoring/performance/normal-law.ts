import { lnChiSquaredSurvival, lnGamma } from '../null-law/special-functions';

/** P(Z ≥ z) of the standard normal law, with full relative precision in both tails. */
export function normalSurvival(z: number): number {
  if (Number.isNaN(z)) return Number.NaN;
  // Z² is χ² with one degree of freedom.
  const tail = 0.5 * Math.exp(lnChiSquaredSurvival(z * z, 1));
  return z >= 0 ? tail : 1 - tail;
}

/**
 * The z with P(Z ≥ z) = `tail`, for a tail above 0 and below 1: Newton's method on the logarithm of the tail, which is
 * concave, so that it converges from anywhere on one side.
 */
export function normalUpperQuantile(tail: number): number {
  if (tail === 0.5) return 0;
  if (tail > 0.5) return -normalUpperQuantile(1 - tail);
  const lnTail = Math.log(tail);
  let z = Math.sqrt(-2 * lnTail);
  for (let i = 0; i < 100; i++) {
    const survival = normalSurvival(z);
    const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
    const step = ((Math.log(survival) - lnTail) * survival) / density;
    z += step;
    if (Math.abs(step) < 1e-14 * Math.max(1, z)) break;
  }
  return z;
}

/**
 * P(X ≤ k) for X binomial of `n` trials with chance `p`, exact: the terms are summed from k downwards, where the first
 * is the largest unless k lies above the mode.
 */
export function binomialAtMost(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  if (k >= n || p <= 0) return 1;
  if (p >= 1) return 0;
  if (k > n * p) return 1 - binomialAtMost(n - k - 1, n, 1 - p);
  let term = Math.exp(
    lnGamma(n + 1) - lnGamma(k + 1) - lnGamma(n - k + 1) + k * Math.log(p) + (n - k) * Math.log1p(-p),
  );
  const odds = (1 - p) / p;
  let sum = 0;
  for (let i = k; i >= 0 && term > sum * 1e-17; i--) {
    sum += term;
    term *= (i / (n - i + 1)) * odds;
  }
  return Math.min(1, sum);
}
