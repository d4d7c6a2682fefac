import { psiFloor } from './distances/psi';
import { benjaminiHochberg } from './multiple-testing/adjust-p-values';
import type { BinSketch } from './sketches/bin-sketch';
import { type FeatureLayout, tallySlots } from './sketches/feature-layout';
import type { WindowComparison } from './window-comparison';

/** What one bin adds to a feature's drift. */
export interface BinReport {
  /** `range` for a bin of values, otherwise a tally. */
  readonly kind: 'range' | 'missing' | 'negative-infinity' | 'positive-infinity';
  /** Values of the bin lie above this; `null` without limit, and for tallies. */
  readonly above: number | null;
  /** Values of the bin lie at or below this; `null` without limit, and for tallies. */
  readonly upTo: number | null;
  /** Part of the reference's rows in it, 0 to 1. */
  readonly referenceShare: number;
  /** Part of the window's rows in it, 0 to 1. */
  readonly windowShare: number;
  /** Its term in the feature's PSI. */
  readonly psi: number;
}

/** How far one feature is from its reference. */
export interface FeatureReport {
  readonly name: string;
  /** Population stability index. */
  readonly psi: number;
  /** Kolmogorov–Smirnov distance on the reference's bins: a lower bound. */
  readonly ks: number;
  /** How much the true distance can exceed `ks`. */
  readonly ksError: number;
  /** The p-value of its window: 0.001 means that chance alone makes one window in a thousand differ as much. */
  readonly pValue: number;
  /**
   * `pValue` adjusted for how many features there are, after Benjamini and Hochberg: of the features of one report at or below
   * 0.05, at most one in twenty is expected to be there by chance. It is about one window; over a series of reports, what keeps
   * its rate of false alarms is the monitor's own state.
   */
  readonly adjustedPValue: number;
  /** log₁₀ of its own evidence: what it adds to that of all features is a mean. During an episode, as of the last alarm. */
  readonly evidenceLog10: number;
  /**
   * Its part of the evidence of all features, 0 to 1. The parts add up to 1, or to 0 as long as no feature has evidence for a
   * warning.
   */
  readonly share: number;
  /** Mean of the window's finite values; `null` where there are none. */
  readonly windowMean: number | null;
  /** Mean of the reference's finite values. */
  readonly referenceMean: number | null;
  /** Difference of the means in standard deviations of the reference; `null` where that is 0 or unknown. */
  readonly meanShift: number | null;
  /** Part of the window's rows that are NaN, 0 to 1. */
  readonly missingShare: number;
  /** The bins that add most to the PSI, at most three, the greatest first. */
  readonly topBins: readonly BinReport[];
}

const topBinCount = 3;

/**
 * Says of each feature how far it drifted and what part it has in the whole, the strongest first. A feature has a part when its
 * own evidence is enough for a warning, so that the noise of quiet ones adds nothing.
 *
 * @param evidenceOf the evidence of a feature
 * @param warningLevel evidence that raises a warning
 */
export function attribute(
  layout: FeatureLayout,
  comparison: WindowComparison,
  window: BinSketch,
  evidenceOf: (feature: number) => number,
  warningLevel: number,
): FeatureReport[] {
  const { features } = layout;
  const evidence = features.map((_, index) => evidenceOf(index));
  const parts = evidence.map((own) => (own >= warningLevel ? own : 0));
  const sum = parts.reduce((total, part) => total + part, 0);
  const pValues = comparison.lnP.map((lnP) => Math.exp(lnP));
  const adjusted = benjaminiHochberg(pValues);
  const reports = features.map((feature, index): FeatureReport => {
    const windowMean = meanOf(layout, window, index);
    const { mean, deviation } = feature;
    const shift = windowMean !== null && mean !== null && deviation !== null && deviation > 0;
    return {
      name: feature.name,
      psi: comparison.psi[index] as number,
      ks: comparison.ks[index] as number,
      ksError: comparison.ksError[index] as number,
      pValue: pValues[index] as number,
      adjustedPValue: adjusted[index] as number,
      evidenceLog10: Math.log10(Math.max(1, evidence[index] as number)),
      share: sum > 0 ? (parts[index] as number) / sum : 0,
      windowMean,
      referenceMean: mean,
      meanShift: shift ? (windowMean - mean) / deviation : null,
      missingShare: window.rows > 0 ? tally(layout, window, index, 0) / window.rows : 0,
      topBins: topBinsOf(layout, window, index),
    };
  });
  return reports.sort((left, right) => right.share - left.share || left.pValue - right.pValue || right.psi - left.psi);
}

function tally(layout: FeatureLayout, window: BinSketch, feature: number, which: number): number {
  return window.counts[feature * layout.slots + layout.binSlots + which] as number;
}

function meanOf(layout: FeatureLayout, window: BinSketch, feature: number): number | null {
  let finite = window.rows;
  for (let which = 0; which < tallySlots; which++) finite -= tally(layout, window, feature, which);
  return finite > 0 ? (window.sums[feature] as number) / finite : null;
}

const tallyKinds = ['missing', 'negative-infinity', 'positive-infinity'] as const;

function topBinsOf(layout: FeatureLayout, window: BinSketch, index: number): BinReport[] {
  if (window.rows === 0) return [];
  return binsOf(layout, window, index)
    .filter(({ psi }) => psi > 0)
    .sort((left, right) => right.psi - left.psi)
    .slice(0, topBinCount);
}

/** All bins of a feature from the lowest to the highest, then its tallies. */
export function binsOf(layout: FeatureLayout, window: BinSketch, index: number): BinReport[] {
  const { binSlots, slots } = layout;
  const edges = layout.features[index]?.edges ?? [];
  const reports: BinReport[] = [];
  const add = (slot: number, kind: BinReport['kind'], above: number | null, upTo: number | null): void => {
    const referenceShare = (layout.counts[index * slots + slot] as number) / layout.rows;
    const windowShare = window.rows > 0 ? (window.counts[index * slots + slot] as number) / window.rows : 0;
    const q = Math.max(referenceShare, psiFloor);
    const p = Math.max(windowShare, psiFloor);
    reports.push({ kind, above, upTo, referenceShare, windowShare, psi: (p - q) * Math.log(p / q) });
  };
  for (let bin = 0; bin <= edges.length; bin++) add(bin, 'range', edges[bin - 1] ?? null, edges[bin] ?? null);
  tallyKinds.forEach((kind, which) => {
    add(binSlots + which, kind, null, null);
  });
  return reports;
}
