/*
 * Logarithms of tail probabilities. Evidence of a drift is far below 1e-300, so everything here stays in logarithms
 * (base e) and never underflows.
 */

// Lanczos' approximation with g = 7 and 9 terms: relative error below 1e-14 for positive arguments.
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/** ln Γ(x) for x > 0, by Lanczos' approximation. */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const shifted = x - 1;
  let sum: number = lanczos[0];
  for (let i = 1; i < lanczos.length; i++) sum += (lanczos[i] ?? 0) / (shifted + i);
  const t = shifted + 7.5;
  return halfLogTwoPi + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** ln of the number of ways to choose k of n. */
export function lnChoose(n: number, k: number): number {
  return lnGamma(n + 1) - lnGamma(k + 1) - lnGamma(n - k + 1);
}

const mostTerms = 10_000;

/**
 * ln P(X ≥ x) for X of χ² with `degrees` degrees of freedom: the regularised upper incomplete gamma function
 * Q(degrees/2, x/2), by its series below the mode and Lentz' continued fraction above.
 */
export function lnChiSquaredSurvival(x: number, degrees: number): number {
  if (!(x > 0) || degrees <= 0) return 0;
  if (x === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  const a = degrees / 2;
  const half = x / 2;
  const lnFactor = a * Math.log(half) - half - lnGamma(a);
  if (half < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < mostTerms && term > sum * 1e-17; n++) {
      term *= half / (a + n);
      sum += term;
    }
    return Math.log1p(-Math.min(1, Math.exp(lnFactor) * sum));
  }
  const tiny = 1e-300;
  let b = half + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < mostTerms; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = numerator * d + b;
    if (Math.abs(d) < tiny) d = tiny;
    c = b + numerator / c;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const change = d * c;
    h *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return lnFactor + Math.log(h);
}

/** ln P(K ≥ λ) for Kolmogorov's limit law: 2 Σ (−1)^(j−1) exp(−2j²λ²), or its theta form where that converges faster. */
export function lnKolmogorovSurvival(lambda: number): number {
  if (!(lambda > 0)) return 0;
  if (lambda < 1.18) {
    const y = (Math.PI * Math.PI) / (8 * lambda * lambda);
    let cumulative = 0;
    for (let j = 1; j <= 9; j += 2) cumulative += Math.exp(-j * j * y);
    return Math.log1p(-Math.min(1, (Math.sqrt(2 * Math.PI) / lambda) * cumulative));
  }
  const square = 2 * lambda * lambda;
  // Relative to the first term, so that the logarithm of a tiny survival is exact.
  let relative = 1;
  for (let j = 2; j <= 6; j++) relative += (j % 2 === 0 ? -1 : 1) * Math.exp(-(j * j - 1) * square);
  return Math.LN2 - square + Math.log(relative);
}

/**
 * ln of the two-sided p-value (twice the smaller tail, at most 1) of finding `inWindow` of `windowRows` and
 * `inReference` of `referenceRows` in one cell when both samples come from one law: given the sum of the two, the
 * window's part is hypergeometric. Exact at every sample size (Fisher's exact test, with doubled tail).
 */
export function lnHypergeometric(
  inWindow: number,
  windowRows: number,
  inReference: number,
  referenceRows: number,
): number {
  const marked = inWindow + inReference;
  const all = windowRows + referenceRows;
  if (marked === 0 || windowRows === 0 || referenceRows === 0) return 0;
  const lnAtCount =
    lnChoose(marked, inWindow) + lnChoose(all - marked, windowRows - inWindow) - lnChoose(all, windowRows);
  const upward = inWindow * all >= windowRows * marked;
  let relative = 1;
  let sum = 1;
  for (let x = inWindow; relative > sum * 1e-17; ) {
    if (upward) {
      relative *= ((marked - x) * (windowRows - x)) / ((x + 1) * (all - marked - windowRows + x + 1));
      x++;
    } else {
      relative *= (x * (all - marked - windowRows + x)) / ((marked - x + 1) * (windowRows - x + 1));
      x--;
    }
    sum += relative;
  }
  return Math.min(0, Math.LN2 + lnAtCount + Math.log(sum));
}
