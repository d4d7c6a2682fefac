import { ksErrorOfCounts, ksOfCounts, scaleOf } from './distances/kolmogorov-smirnov';
import { psiOfCounts } from './distances/psi';
import { lnChiSquaredSurvival, lnHypergeometric, lnKolmogorovSurvival } from './null-law/special-functions';
import type { BinSketch } from './sketches/bin-sketch';
import { type FeatureLayout, tallySlots } from './sketches/feature-layout';

/*
 * The p-value of a feature for the hypothesis that window and reference rows were drawn independently from one distribution.
 * Three statistics are asked: P_f = min(1, 3 · min(P_psi, P_ks, P_rare)), and over all features P = min(1, F · min P_f), after
 * Bonferroni: valid for any dependence between features.
 *
 *    P_psi, over the bins (tallies of NaN and ±∞ among them) that expect at least ten rows in window and reference.
 *    Let p, q be the two samples' shares. To second order PSI = Σ(p−q)ln(p/q) ≈ Σ(p−q)²/π, and under the null
 *    Var(p−q) = π(1−π)(1/n + 1/m), so PSI is about (1/n + 1/m)·χ² with B−1 degrees of freedom. Beyond second order a
 *    bin that by chance is nearly empty weighs more in PSI than it is improbable, and the law errs by a factor of 4 at
 *    P = 1e-5 where bins expect 20 rows, of 35 where they expect 10. So the likelihood-ratio statistic
 *    G = 2 Σ k ln(k / k̂), which has the same limit law but follows it far into the tail once divided by Bartlett's
 *    factor 1 + (Σ1/π − 1)(1/n + 1/m − 1/(n+m)) / (6(B−1)) (Williams 1976), has to agree: P_psi is the larger of the
 *    two. In simulations of 4 million null draws for each of 20 combinations
 *    of n, m and π with ten expected rows or more, the true probability stayed below 1.3 times P_psi down to 1e-5.
 *
 *    P_ks: √(nm/(n+m))·D on the bins' edges against Kolmogorov's limit law. D on bins is at most the true D, and ties
 *    make it smaller: conservative.
 *
 *    P_rare, for the bins that expect fewer than ten rows: Fisher's exact test of each, times how many there are. Given
 *    the sum of both samples in a bin, the window's part is hypergeometric, and which bins are rare depends on those
 *    sums alone. This is what catches a value that the reference has never had, without the usual alarm at its first
 *    honest occurrence.
 *
 *    The reference's own sampling error is in every one of the three (the 1/m): a reference of few rows makes the
 *    monitor less sensitive, not less honest.
 */

/** How many statistics are asked for each feature. */
const statisticsPerFeature = 3;
/** Rows that a bin must expect in both samples for the limit laws; below, its exact law is asked. */
const fewestExpected = 10;

/**
 * The comparison of a window with the reference, feature by feature: how far they are apart, and whether chance alone does
 * that. It describes, and decides when an episode is over; what raises an alarm is the evidence process. Arrays are made once
 * and overwritten by each comparison.
 */
export class WindowComparison {
  readonly #layout: FeatureLayout;
  readonly #windowCells: Float64Array;
  readonly #referenceCells: Float64Array;
  /** Population stability index of each feature over its bins and tallies. */
  readonly psi: Float64Array;
  /** Kolmogorov–Smirnov distance of each feature on its bins. */
  readonly ks: Float64Array;
  /** How much each true distance can exceed `ks`. */
  readonly ksError: Float64Array;
  /** ln of each feature's p-value. */
  readonly lnP: Float64Array;
  /** ln of the p-value over all features. */
  lnFamilyP = 0;
  /** Rows of the window that was compared. */
  rows = 0;

  constructor(layout: FeatureLayout) {
    const features = layout.features.length;
    this.#layout = layout;
    this.#windowCells = new Float64Array(layout.slots + 1);
    this.#referenceCells = new Float64Array(layout.slots + 1);
    this.psi = new Float64Array(features);
    this.ks = new Float64Array(features);
    this.ksError = new Float64Array(features);
    this.lnP = new Float64Array(features);
  }

  /** Compares a window with the reference. */
  compare(window: BinSketch): void {
    const { features, counts, slots, binSlots, rows } = this.#layout;
    this.rows = window.rows;
    this.lnFamilyP = 0;
    if (window.rows === 0) {
      for (const figures of [this.psi, this.ks, this.ksError, this.lnP]) figures.fill(0);
      return;
    }
    let least = 0;
    for (let feature = 0; feature < features.length; feature++) {
      const start = feature * slots;
      const bins = (features[feature]?.counts.length ?? 0) as number;
      // Bins past the feature's last are 0 in both samples; the tallies stand behind them.
      this.#gatherCells(window.counts, start, bins, binSlots);
      const cells = bins + tallySlots;
      const referenceTallies = this.#tallies(this.#referenceCells, bins);
      const windowTallies = this.#tallies(this.#windowCells, bins);
      const ks = ksOfCounts(counts, start, window.counts, start, bins);
      this.psi[feature] = psiOfCounts(this.#referenceCells, 0, this.#windowCells, 0, cells);
      this.ks[feature] = ks;
      this.ksError[feature] = ksErrorOfCounts(counts, start, window.counts, start, bins, ks);
      const finiteInReference = rows - referenceTallies;
      const finiteInWindow = window.rows - windowTallies;
      const lnKs =
        finiteInReference > 0 && finiteInWindow > 0
          ? lnKolmogorovSurvival(scaleOf(finiteInWindow, finiteInReference) * ks)
          : 0;
      const lnCells = this.#lnPOfCells(cells, window.rows, rows);
      const lnP = Math.min(0, Math.log(statisticsPerFeature) + Math.min(lnKs, lnCells));
      this.lnP[feature] = lnP;
      if (lnP < least) least = lnP;
    }
    this.lnFamilyP = Math.min(0, least + Math.log(features.length));
  }

  /** Copies a feature's bins and tallies, without the unused slots between them. */
  #gatherCells(windowCounts: Float64Array, start: number, bins: number, binSlots: number): void {
    const { counts } = this.#layout;
    for (let cell = 0; cell < bins + tallySlots; cell++) {
      const slot = start + (cell < bins ? cell : cell - bins + binSlots);
      this.#windowCells[cell] = windowCounts[slot] as number;
      this.#referenceCells[cell] = counts[slot] as number;
    }
  }

  #tallies(cells: Float64Array, bins: number): number {
    return (cells[bins] as number) + (cells[bins + 1] as number) + (cells[bins + 2] as number);
  }

  /** The smaller of ln P_rare and ln P_psi; moves the cells about. */
  #lnPOfCells(cells: number, windowRows: number, referenceRows: number): number {
    const window = this.#windowCells;
    const reference = this.#referenceCells;
    const smallerShare = Math.min(windowRows, referenceRows) / (windowRows + referenceRows);
    let kept = 0;
    let rare = 0;
    let lnRare = 0;
    let rareInWindow = 0;
    let rareInReference = 0;
    for (let cell = 0; cell < cells; cell++) {
      const inWindow = window[cell] as number;
      const inReference = reference[cell] as number;
      const both = inWindow + inReference;
      if (both === 0) continue;
      if (both * smallerShare >= fewestExpected) {
        window[kept] = inWindow;
        reference[kept] = inReference;
        kept++;
        continue;
      }
      rare++;
      rareInWindow += inWindow;
      rareInReference += inReference;
      lnRare = Math.min(lnRare, lnHypergeometric(inWindow, windowRows, inReference, referenceRows));
    }
    // Together the rare ones may expect enough to stand beside the others.
    if ((rareInWindow + rareInReference) * smallerShare >= fewestExpected) {
      window[kept] = rareInWindow;
      reference[kept] = rareInReference;
      kept++;
    }
    const corrected = rare > 0 ? Math.min(0, lnRare + Math.log(rare)) : 0;
    return Math.min(corrected, lnPsiP(reference, window, kept));
  }
}

/** ln P_psi of cells that all expect enough rows. */
function lnPsiP(reference: Float64Array, window: Float64Array, cells: number): number {
  if (cells < 2) return 0;
  let n = 0;
  let m = 0;
  for (let cell = 0; cell < cells; cell++) {
    n += window[cell] as number;
    m += reference[cell] as number;
  }
  if (n === 0 || m === 0) return 0;
  const scaledPsi = psiOfCounts(reference, 0, window, 0, cells) / (1 / n + 1 / m);
  let likelihoodRatio = 0;
  let sumOfInverses = 0;
  for (let cell = 0; cell < cells; cell++) {
    const inWindow = window[cell] as number;
    const inReference = reference[cell] as number;
    const share = (inWindow + inReference) / (n + m);
    sumOfInverses += 1 / share;
    if (inWindow > 0) likelihoodRatio += inWindow * Math.log(inWindow / (n * share));
    if (inReference > 0) likelihoodRatio += inReference * Math.log(inReference / (m * share));
  }
  const bartlett = 1 + ((sumOfInverses - 1) * (1 / n + 1 / m - 1 / (n + m))) / (6 * (cells - 1));
  return lnChiSquaredSurvival(Math.min(scaledPsi, (2 * likelihoodRatio) / bartlett), cells - 1);
}
