import { lnChoose, lnGamma, lnKolmogorovSurvival } from './special-functions';

/*
 * The null laws of the two-sided Kolmogorov–Smirnov distance D at finite sizes.
 *
 * Two samples of n and m rows without ties: all C(n+m, n) orders of their rows are equally likely, so P(D ≥ d) is the
 * share of lattice paths from (0, 0) to (n, m) that somewhere leave the band |i·m − j·n| < d·n·m.
 *
 * One sample of n rows against a continuous law, to which `asymptotic` reduces two samples with n·m/(n+m) rows: Durbin's
 * matrix (Marsaglia, Tsang & Wang 2003), the expansion of Pelz & Good (1976), and twice Smirnov's one-sided law,
 * which differs from the two-sided one by the chance of leaving on both sides, 2·exp(−8nd²) or so. Which is used where
 * follows Simard & L'Ecuyer (2011).
 */

/**
 * P(D ≥ d) of two samples, exactly; with ties it is an upper bound. The time is proportional to rows times the band's
 * width. Nothing is subtracted, so a small probability keeps its digits down to 1e-300.
 *
 * @param steps d·n·m, a whole number: the distance in steps of 1/(n·m)
 */
export function exactTwoSampleSurvival(steps: number, n: number, m: number): number {
  if (steps <= 0) return 1;
  // outside[j]: the share of the paths from (0, 0) to (i, j) that have left the band.
  const outside = new Float64Array(m + 1).fill(1);
  for (let i = 0; i <= n; i++) {
    const lowest = Math.max(0, Math.floor((i * m - steps) / n) + 1);
    const highest = Math.min(m, Math.ceil((i * m + steps) / n) - 1);
    let left = 1;
    for (let j = lowest; j <= highest; j++) {
      if (i + j === 0) left = 0;
      else left = (i * (outside[j] as number) + j * left) / (i + j);
      outside[j] = left;
    }
  }
  return outside[m] as number;
}

const largestForMatrix = 140;
const largestForSum = 100_000;

/** P(D ≥ d) of one sample of `n` rows against a continuous law: what scipy calls `kstwo.sf(d, n)`. */
export function oneSampleSurvival(d: number, n: number): number {
  const steps = n * d;
  if (d >= 1) return 0;
  if (steps <= 0.5) return 1;
  const square = steps * d;
  if (d >= 0.5 || square >= (n > largestForMatrix ? 2.2 : 4)) return Math.min(1, 2 * oneSidedSurvival(d, n));
  const matrix = n <= largestForMatrix || (n <= 100_000 && n * d ** 1.5 <= 1.4);
  return Math.max(0, Math.min(1, 1 - (matrix ? matrixCumulative(d, n) : pelzGoodCumulative(d, n))));
}

/** P(D⁺ ≥ d): Smirnov's sum d Σ C(n, j) (d + j/n)^(j−1) (1 − d − j/n)^(n−j), and its expansion for very many rows. */
function oneSidedSurvival(d: number, n: number): number {
  // Past Smirnov's own -2nd² − 2d/3 the terms were checked against the sum: what is left is of the order (nd⁶ + d⁴).
  if (n > largestForSum) return Math.exp(-2 * n * d * d - (2 / 3) * d - (4 / 9) * (n * d ** 4 - d * d));
  let sum = 0;
  for (let j = 0; j <= Math.floor(n * (1 - d)); j++) {
    const rest = 1 - d - j / n;
    if (rest <= 0) continue;
    sum += Math.exp(lnChoose(n, j) + (j - 1) * Math.log(d + j / n) + (n - j) * Math.log(rest));
  }
  return d * sum;
}

/** P(D < d) as n!/nⁿ times the middle element of the n-th power of Durbin's matrix. */
function matrixCumulative(d: number, n: number): number {
  const k = Math.ceil(n * d);
  const size = 2 * k - 1;
  const h = k - n * d;
  const base = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= Math.min(size - 1, row + 1); column++) {
      // The number of rows between two crossings is Poisson; the first column and the last row are cut off by h.
      const order = row - column + 1;
      let element = 1;
      if (column === 0 && row === size - 1) {
        element = 1 - 2 * h ** size + Math.max(0, 2 * h - 1) ** size;
      } else if (column === 0) {
        element = 1 - h ** (row + 1);
      } else if (row === size - 1) {
        element = 1 - h ** (size - column);
      }
      base[row * size + column] = element * Math.exp(-lnGamma(order + 1));
    }
  }
  // The row vector of the middle times base^n, by the bits of n from the lowest, both rescaled on the way.
  let row = new Float64Array(size);
  row[k - 1] = 1;
  let lnScale = 0;
  let lnPowerScale = 0;
  let power = base;
  for (let rest = n; rest > 0; ) {
    if (rest % 2 === 1) {
      row = timesMatrix(row, power, 1, size);
      lnScale += lnPowerScale;
      lnScale += rescale(row);
    }
    rest = Math.floor(rest / 2);
    if (rest === 0) break;
    power = timesMatrix(power, power, size, size);
    lnPowerScale = 2 * lnPowerScale + rescale(power);
  }
  const middle = row[k - 1] as number;
  return middle <= 0 ? 0 : Math.exp(Math.log(middle) + lnScale + lnGamma(n + 1) - n * Math.log(n));
}

function timesMatrix(left: Float64Array, right: Float64Array, rows: number, size: number): Float64Array<ArrayBuffer> {
  const product = new Float64Array(rows * size);
  for (let row = 0; row < rows; row++) {
    for (let inner = 0; inner < size; inner++) {
      const factor = left[row * size + inner] as number;
      if (factor === 0) continue;
      for (let column = 0; column < size; column++) {
        const at = row * size + column;
        product[at] = (product[at] as number) + factor * (right[inner * size + column] as number);
      }
    }
  }
  return product;
}

/** Divides by the largest element, so that powers neither overflow nor vanish; returns its logarithm. */
function rescale(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  if (most === 0) return 0;
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) / most;
  return Math.log(most);
}

/** P(D < d) ≈ K₀(z) + K₁(z)/√n + K₂(z)/n + K₃(z)/n^1.5 at z = d√n. */
function pelzGoodCumulative(d: number, n: number): number {
  const z = d * Math.sqrt(n);
  const z2 = z * z;
  const z4 = z2 * z2;
  const z6 = z4 * z2;
  const pi2 = Math.PI ** 2;
  let k0 = 0;
  let k1 = 0;
  let k2 = 0;
  let k3 = 0;
  // Sums over all whole k: the terms of k + ½ come in equal pairs, and so do those of k and −k.
  for (let k = 0; k < 20; k++) {
    const half = pi2 * (k + 0.5) ** 2;
    const weight = 2 * Math.exp(-half / (2 * z2));
    k0 += weight;
    k1 += weight * (half - z2);
    k2 += weight * (6 * z6 + 2 * z4 + half * (2 * z4 - 5 * z2) + half * half * (1 - 2 * z2));
    k3 +=
      weight *
      (half ** 3 * (5 - 30 * z2) +
        half * half * (-60 * z2 + 212 * z4) +
        half * (135 * z4 - 96 * z6) -
        30 * z6 -
        90 * z4 * z4);
  }
  let wholeK2 = 0;
  let wholeK3 = 0;
  for (let k = 1; k < 20; k++) {
    const whole = pi2 * k * k;
    const weight = 2 * Math.exp(-whole / (2 * z2));
    wholeK2 += weight * whole;
    wholeK3 += weight * (3 * z2 * whole - whole * whole);
  }
  const root = Math.sqrt(Math.PI / 2);
  return (
    (root * k0) / z +
    (root * k1) / (6 * z4) / Math.sqrt(n) +
    (root * (k2 / (72 * z6 * z) - wholeK2 / (36 * z2 * z))) / n +
    (root * (k3 / (6480 * z6 * z4) + wholeK3 / (216 * z6))) / n ** 1.5
  );
}

/** P(D ≥ d) by Kolmogorov's limit law at √(n·m/(n+m))·d. */
export function limitSurvival(d: number, n: number, m: number): number {
  return Math.exp(lnKolmogorovSurvival(Math.sqrt((n * m) / (n + m)) * d));
}
