import { ksOfCounts } from '../monitoring/distances/kolmogorov-smirnov';
import { psiFloor, psiOfCounts } from '../monitoring/distances/psi';
import { lnChiSquaredSurvival } from '../monitoring/null-law/special-functions';
import { tallySlots } from '../monitoring/sketches/feature-layout';
import type { MergedCounts } from './merged-counts';

/*
 * How far merged counts are from the reference, and what chance and noise alone would do.
 *
 * Let c_b be the window's counts with noise η_b of variance V each, n = Σ c_b, p = c/n, and q the shares of m reference rows;
 * B cells hold rows. To first order p_b − q_b = sampling error + (η_b − q_b Σ η)/n, so that under the null law π
 *
 *   Cov(p_b − q_b, p_c − q_c) = s·(δ π_b − π_b π_c) + V/n² · (δ − π_b − π_c + B π_b π_c),      s = 1/n + 1/m.
 *
 * The statistic is Q = Σ (p_b − q_b)² / v_b with v_b = s π_b + V/n², so that a cell weighs less the more noise it has; without
 * noise it is Pearson's χ² with B − 1 degrees of freedom. With it, Q is compared with g·χ² of h degrees of freedom that has the
 * mean of Q, Σ Cov_bb / v_b, and its variance under a normal law, 2 Σ Cov_bc² / (v_b v_c) (Satterthwaite 1946).
 *
 * PSI is made of logarithms of shares, which noise swamps where they are small. So cells are joined, those with the smallest
 * shares first, until what they make together expects twice the standard deviation of its noise. Of k_b cells in one, noise
 * then adds V/n² · (Σ k_b/π_b − Σ k_b) to PSI, to second order, and that is taken off.
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

/** A feature's counts beside the reference's: bins, then tallies. */
interface FeatureCells {
  readonly name: string;
  readonly bins: number;
  readonly reference: Float64Array;
  readonly counted: Float64Array;
  /** Sum of `counted`. */
  readonly values: number;
  readonly variance: number;
}

function cellsOf({ layout, counts, featureVariance }: MergedCounts, feature: number): FeatureCells {
  const { slots, binSlots, features, counts: referenceCounts } = layout;
  const described = features[feature];
  const bins = described?.counts.length ?? 0;
  const start = feature * slots;
  const reference = new Float64Array(bins + tallySlots);
  const counted = new Float64Array(bins + tallySlots);
  let values = 0;
  for (let cell = 0; cell < counted.length; cell++) {
    const slot = start + (cell < bins ? cell : binSlots + cell - bins);
    const count = counts[slot] as number;
    reference[cell] = referenceCounts[slot] as number;
    counted[cell] = count;
    values += count;
  }
  return {
    name: described?.name ?? '',
    bins,
    reference,
    counted,
    values,
    variance: featureVariance[feature] as number,
  };
}

/** What one feature says. */
export function driftOfFeature(merged: MergedCounts, feature: number): DeviceFeature {
  const cells = cellsOf(merged, feature);
  const { name, bins, reference, counted, values, variance } = cells;
  if (!(values > 0)) return { name, values, psi: 0, psiOfChance: 0, ks: 0, ksNoise: 0, pValue: 1 };
  const { rows } = merged.layout;
  return {
    name,
    values,
    ...psiOf(cells, rows),
    ks: ksOf(cells),
    // The noise of a sum over half the bins, with the sum over all held fixed.
    ksNoise: Math.sqrt(variance * bins) / 2 / values,
    pValue: pValueOf(reference, counted, rows, values, variance),
  };
}

/** The largest distances of any feature: what costs little, for sums that are many. */
export function largestDistances(merged: MergedCounts): { readonly psi: number; readonly ks: number } {
  let [psi, ks] = [0, 0];
  for (let feature = 0; feature < merged.layout.features.length; feature++) {
    const cells = cellsOf(merged, feature);
    if (!(cells.values > 0)) continue;
    psi = Math.max(psi, psiOf(cells, merged.layout.rows).psi);
    ks = Math.max(ks, ksOf(cells));
  }
  return { psi, ks };
}

function psiOf(
  { reference, counted, values, variance }: FeatureCells,
  m: number,
): Pick<DeviceFeature, 'psi' | 'psiOfChance'> {
  const {
    reference: base,
    counted: window,
    members,
  } = variance === 0
    ? { reference, counted, members: new Float64Array(counted.length).fill(1) }
    : poolSwamped(reference, counted, m, values, Math.sqrt(variance));
  const { sampling, noise } = expectedPsi(base, window, members, m, values, variance);
  const psi = psiOfCounts(base, 0, window.map(atLeastZero), 0, base.length);
  return { psi: Math.max(0, psi - noise), psiOfChance: sampling + noise };
}

function ksOf({ reference, counted, bins }: FeatureCells): number {
  return bins > 1 ? ksOfCounts(reference, 0, counted.map(atLeastZero), 0, bins) : 0;
}

const atLeastZero = (count: number): number => Math.max(0, count);

interface Cells {
  readonly reference: Float64Array;
  readonly counted: Float64Array;
  /** How many cells are in each. */
  readonly members: Float64Array;
}

/** Counts as one the cells that noise swamps. */
function poolSwamped(reference: Float64Array, counted: Float64Array, m: number, n: number, deviation: number): Cells {
  const order = Array.from(reference, (_, cell) => cell).sort(
    (a, b) => (reference[a] as number) - (reference[b] as number),
  );
  const pooled: { reference: number; counted: number; members: number }[] = [];
  // Ascending, so that the first that is not swamped, with what came before it, is the smallest.
  let open = { reference: 0, counted: 0, members: 0 };
  for (const cell of order) {
    open.reference += reference[cell] as number;
    open.counted += counted[cell] as number;
    open.members++;
    if ((open.reference / m) * n < 2 * deviation * Math.sqrt(open.members)) continue;
    pooled.push(open);
    open = { reference: 0, counted: 0, members: 0 };
  }
  const last = pooled.at(-1);
  if (last === undefined) pooled.push(open);
  else {
    last.reference += open.reference;
    last.counted += open.counted;
    last.members += open.members;
  }
  const column = (key: keyof typeof open): Float64Array => Float64Array.from(pooled, (each) => each[key]);
  return { reference: column('reference'), counted: column('counted'), members: column('members') };
}

/** What sampling and noise add to PSI on average. */
function expectedPsi(
  reference: Float64Array,
  counted: Float64Array,
  members: Float64Array,
  m: number,
  n: number,
  variance: number,
): { readonly sampling: number; readonly noise: number } {
  let held = 0;
  let inverse = 0;
  let all = 0;
  for (let cell = 0; cell < reference.length; cell++) {
    const inReference = reference[cell] as number;
    if (inReference + (counted[cell] as number) > 0) held++;
    inverse += (members[cell] as number) / Math.max(psiFloor, inReference / m);
    all += members[cell] as number;
  }
  const sampling = Math.max(0, held - 1) * (1 / n + 1 / m);
  return { sampling, noise: held < 2 || variance === 0 ? 0 : (variance / n ** 2) * (inverse - all) };
}

/** P of Q. */
function pValueOf(reference: Float64Array, counted: Float64Array, m: number, n: number, variance: number): number {
  const held: number[] = [];
  for (let cell = 0; cell < counted.length; cell++) {
    // With noise, an empty cell is not known to be empty.
    if (variance > 0 || (reference[cell] as number) + (counted[cell] as number) > 0) held.push(cell);
  }
  const size = held.length;
  if (size < 2) return 1;
  // Without noise both samples tell a share; with it the reference alone is sure.
  const shares = held.map((cell) => {
    const inReference = reference[cell] as number;
    return variance === 0 ? (inReference + (counted[cell] as number)) / (m + n) : inReference / m;
  });
  const s = 1 / n + 1 / m;
  const perCell = variance / n ** 2;
  const weights = shares.map((share) => 1 / (s * share + perCell));
  let statistic = 0;
  let mean = 0;
  let squares = 0;
  for (let i = 0; i < size; i++) {
    const a = shares[i] as number;
    const cell = held[i] as number;
    const difference = (counted[cell] as number) / n - (reference[cell] as number) / m;
    statistic += difference ** 2 * (weights[i] as number);
    for (let j = 0; j < size; j++) {
      const b = shares[j] as number;
      const same = i === j ? 1 : 0;
      const covariance = s * (same * a - a * b) + perCell * (same - a - b + size * a * b);
      squares += covariance ** 2 * (weights[i] as number) * (weights[j] as number);
      if (i === j) mean += covariance * (weights[i] as number);
    }
  }
  return Math.exp(lnChiSquaredSurvival((statistic * mean) / squares, mean ** 2 / squares));
}
