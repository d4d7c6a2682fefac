import { refuseArgument } from '../monitoring/sketches/arguments';

/*
 * Differential privacy of counts (Dwork, McSherry, Nissim and Smith 2006). A mechanism that adds to each of a vector of
 * counts independent noise X with P(X = x) ∝ exp(−|x| · ε / Δ), where one person's or row's presence changes the vector
 * by at most Δ in sum, is ε-differentially private. Over whole numbers this law is the discrete Laplace, or two-sided
 * geometric, law (Ghosh, Roughgarden and Sundararajan 2009).
 *
 * It is sampled exactly, by whole numbers alone, after Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential
 * Privacy" (2020), algorithms 1 and 2: what a logarithm of a rounded uniform number gives is not quite that law, and the
 * difference has been used to undo the protection (Mironov 2012).
 */

/** Whole uniform numbers: below `limit`, which is 1 to 2⁵³. */
export type UniformBelow = (limit: number) => number;

/** Uniform numbers from the platform's cryptographic source, in blocks. */
export function createSecureUniform(): UniformBelow {
  const pool = new Uint32Array(1024);
  let used = pool.length;
  const word = (): number => {
    if (used === pool.length) {
      globalThis.crypto.getRandomValues(pool);
      used = 0;
    }
    return pool[used++] as number;
  };
  return (limit) => {
    const span = limit <= 2 ** 32 ? 2 ** 32 : 2 ** 53;
    const fair = span - (span % limit);
    for (;;) {
      const value = span === 2 ** 32 ? word() : (word() >>> 11) * 2 ** 32 + word();
      if (value < fair) return value % limit;
    }
  };
}

/** Parts of 1 in which a scale is told. */
const scaleParts = 16;

/** The least scale that is no less than `scale` and can be sampled exactly: a multiple of a sixteenth. */
export function exactScale(scale: number): number {
  return Math.max(1, Math.ceil(scale * scaleParts)) / scaleParts;
}

/** Whether something happens that has the probability exp(−numerator / denominator), for a quotient of 0 to 1. */
function happensExponentially(numerator: number, denominator: number, uniform: UniformBelow): boolean {
  let round = 1;
  while (uniform(denominator * round) < numerator) round++;
  return round % 2 === 1;
}

/**
 * One number of the discrete Laplace law P(X = x) = (1 − α)/(1 + α) · α^|x| with α = exp(−1 / scale).
 * @param scale Δ / ε, a multiple of a sixteenth as {@link exactScale} makes it
 */
export function discreteLaplace(scale: number, uniform: UniformBelow): number {
  const whole = Math.round(scale * scaleParts);
  for (;;) {
    const part = uniform(whole);
    if (!happensExponentially(part, whole, uniform)) continue;
    let turns = 0;
    while (happensExponentially(1, 1, uniform)) turns++;
    const size = Math.floor((part + whole * turns) / scaleParts);
    const isNegative = uniform(2) === 1;
    if (isNegative && size === 0) continue; // Otherwise 0 would come twice as often.
    return isNegative ? -size : size;
  }
}

/** The variance of {@link discreteLaplace}: 2α / (1 − α)². */
export function varianceOfNoise(scale: number): number {
  if (scale === 0) return 0;
  const alpha = Math.exp(-1 / scale);
  return (2 * alpha) / (1 - alpha) ** 2;
}

/** How the budget of a window is spent. */
export interface NoisePlan {
  readonly epsilon: number;
  readonly featureScale: number;
  readonly otherScale: number;
}

/** Counts beside those of features that a row changes: the number of rows by 1, of failures by 1, and batches by 2 as one moves. */
const otherSensitivity = 4;

/**
 * Splits a budget: one half for the features, one for all other counts.
 *
 * - A row changes one count of each feature by 1, so Δ is the number of features that are told.
 * - Of the others it changes the rows by 1, one prediction by 1, the failures by 1, and moves its batch from one class of latency
 *   to another, which is 2. What it does to the times of other batches is not covered.
 *
 * @param epsilon ε of the whole window, above 0
 * @param rows rows that are protected together: 1, or the most that a window has
 * @param features features in the report
 * @param hasPredictions whether predictions are counted
 * @throws FairleadError `INVALID_ARGUMENT` where the noise would be too large for the format
 */
export function planNoise(epsilon: number, rows: number, features: number, hasPredictions: boolean): NoisePlan {
  const half = epsilon / 2;
  const featureScale = exactScale((rows * Math.max(1, features)) / half);
  const otherScale = exactScale((rows * (otherSensitivity + (hasPredictions ? 1 : 0))) / half);
  if (featureScale > mostScale || otherScale > mostScale) {
    throw refuseArgument(
      'epsilon',
      `an epsilon that asks for noise of a scale of ${mostScale} at most (tell fewer features, protect fewer rows, or spend more)`,
      `${epsilon}, for a scale of ${Math.max(featureScale, otherScale)}`,
    );
  }
  return { epsilon, featureScale, otherScale };
}

/** The largest scale of noise that a report may have. */
export const mostScale = 1e7;
