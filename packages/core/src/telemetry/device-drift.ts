import { ksOfCounts } from '../monitoring/distances/kolmogorov-smirnov';
import { psiOfCounts } from '../monitoring/distances/psi';
import { lnChiSquaredSurvival } from '../monitoring/null-law/special-functions';
import { tallySlots } from '../monitoring/sketches/feature-layout';
import type { MergedCounts } from './merged-counts';

/*
 * How far merged counts are from the reference, and what chance and noise alone would do.
 *
 * Let c_b be the window's counts with noise η_b of variance V each, n = Σ c_b, p = c/n, and q the shares of m reference rows;
 * B cells hold rows. To first order p_b − q_b = sampling error + (η_b − q_b Σ η)/n, so that for D_b = (p_b − q_b)/√π_b
 *
 *   Cov(D_b, D_c) = s·(δ − √(π_b π_c)) + V/n² · (δ − π_b − π_c + B π_b π_c) / √(π_b π_c),      s = 1/n + 1/m.
 *
 * The statistic is Q = Σ D_b², Pearson's distance, to which PSI is equal to second order. Its mean is the trace of that matrix,
 * (B − 1) s + V/n² · (Σ 1/π − B), and its variance under a normal law twice the sum of its squared entries. Q is compared with
 * g·χ² of h degrees of freedom that has that mean and variance (Satterthwaite 1946); without noise that is s·χ²(B − 1).
 *
 * It describes. Devices are not believed enough to raise an alarm.
 */

/** One feature as devices saw it. */
export interface DeviceFeature {
  readonly name: string;
  /** Values that were counted of it; with noise an estimate. */
  readonly values: number;
  /** Population stability index of its counts, negative ones taken as 0, less what noise alone adds to it; 0 or more. */
  readonly psi: number;
  /** What sampling and noise make of the index on average when nothing drifted; where it is near 1, `psi` says nothing. */
  readonly psiOfChance: number;
  /** Kolmogorov–Smirnov distance on the bins, of counts with negative ones taken as 0; noise is not taken out of it. */
  readonly ks: number;
  /** Standard deviation that noise gives to the distribution function where it is largest, by which `ks` is uncertain. */
  readonly ksNoise: number;
  /** Probability of shares at least as far from the reference when nothing drifted, noise allowed for; 1 where nothing is known. */
  readonly pValue: number;
}

/** The least share that a cell is taken to have, as for PSI. */
const leastShare = 1e-4;

/** What one feature says. */
export function driftOfFeature(merged: MergedCounts, feature: number): DeviceFeature {
  const { layout } = merged;
  const { slots, binSlots, counts: referenceCounts, rows: referenceRows } = layout;
  const described = layout.features[feature];
  const bins = described?.counts.length ?? 0;
  const start = feature * slots;
  const cells = bins + tallySlots;
  const reference = new Float64Array(cells);
  const counted = new Float64Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    const slot = start + (cell < bins ? cell : binSlots + cell - bins);
    reference[cell] = referenceCounts[slot] as number;
    counted[cell] = merged.counts[slot] as number;
  }
  const variance = merged.featureVariance[feature] as number;
  const values = counted.reduce((sum, count) => sum + count, 0);
  const name = described?.name ?? '';
  if (!(values > 0)) return { name, values, psi: 0, psiOfChance: 0, ks: 0, ksNoise: 0, pValue: 1 };

  const positive = counted.map((count) => Math.max(0, count));
  const law = lawOf(reference, counted, referenceRows, values, variance);
  const psi = psiOfCounts(reference, 0, positive, 0, cells);
  return {
    name,
    values,
    psi: Math.max(0, psi - law.noise),
    psiOfChance: law.mean,
    ks: bins > 1 ? ksOfCounts(reference, 0, positive, 0, bins) : 0,
    // The noise of a sum over half the bins, with the sum over all held fixed.
    ksNoise: Math.sqrt((variance * bins) / 4) / values,
    pValue: law.pValue,
  };
}

interface Law {
  /** Mean of Q. */
  readonly mean: number;
  /** The part of it that noise adds. */
  readonly noise: number;
  readonly pValue: number;
}

function lawOf(reference: Float64Array, counted: Float64Array, m: number, n: number, variance: number): Law {
  const held: number[] = [];
  for (let cell = 0; cell < counted.length; cell++) {
    // With noise, an empty cell is not known to be empty.
    if ((reference[cell] as number) > 0 || (counted[cell] as number) !== 0) held.push(cell);
  }
  const size = held.length;
  if (size < 2) return { mean: 0, noise: 0, pValue: 1 };
  const pooled = variance === 0;
  const raw = held.map((cell) => {
    const inReference = reference[cell] as number;
    // Without noise both samples tell the share; with it the reference alone is sure.
    return Math.max(leastShare, pooled ? (inReference + (counted[cell] as number)) / (m + n) : inReference / m);
  });
  const sum = raw.reduce((total, share) => total + share, 0);
  const shares = raw.map((share) => share / sum);
  const s = 1 / n + 1 / m;
  const perCell = variance / n ** 2;
  let statistic = 0;
  let mean = 0;
  let noise = 0;
  let squares = 0;
  for (let i = 0; i < size; i++) {
    const a = shares[i] as number;
    const cell = held[i] as number;
    const difference = (counted[cell] as number) / n - (reference[cell] as number) / m;
    statistic += difference ** 2 / a;
    noise += (perCell * (1 - 2 * a + size * a * a)) / a;
    for (let j = 0; j < size; j++) {
      const b = shares[j] as number;
      const root = Math.sqrt(a * b);
      const same = i === j ? 1 : 0;
      const covariance = s * (same - root) + (perCell * (same - a - b + size * a * b)) / root;
      squares += covariance ** 2;
      if (i === j) mean += covariance;
    }
  }
  const scale = squares / mean;
  const degrees = mean ** 2 / squares;
  return { mean, noise, pValue: Math.exp(lnChiSquaredSurvival(statistic / scale, degrees)) };
}
