import type { FeatureLayout } from '../sketches/feature-layout';
import { BetScratch, betCount, fillPayoffs, stakes } from './bets';

/*
 * How one number, the mean time between false alarms T, becomes the alarm: an e-detector (Shin, Ramdas and Rinaldo 2022) of the
 * Shiryaev–Roberts kind, on all features together, against a reference that is a sample and not the truth.
 *
 * 1. A bet. Before each row, bets are placed on the cells that its values may fall into (`bets.ts`). If nothing has changed, a
 *    bet pays 1 on average, given everything before: a payoff e.
 *
 * 2. The sum. M ← (M + w)·e, where w is the time since the row before: 1 where time is counted in rows, milliseconds where it
 *    is a duration. M sums, over all moments at which a drift might have begun, what a stake placed then has grown to. As every
 *    payoff is 1 on average, M − elapsed time is a martingale; M starts at 0, so at the alarm its mean is the mean time to the
 *    alarm. An alarm is raised when M ≥ T: hence the mean time to a false one is at least T. By how much M jumps over T
 *    decides how much longer it is: by some 10 to 40 %.
 *
 * 3. Many bets, many features. The mean of such sums is one of them again, however they depend on each other. So M is a
 *    weighted mean over all bets of a feature and the mean over all features, and the number of features costs ln F of evidence, no correction.
 *
 * 4. The reference is a sample. What the bets are measured against is not a distribution that somebody knows but the rows of
 *    the reference and all rows since, the newest included: if nothing changed, each of these is as likely as any other to be
 *    the last. Bins between order statistics of the reference make that exact: a Pólya urn that began with the reference's
 *    counts (Dirichlet-distributed spacings). So the mean time holds on average over references of any size, small ones
 *    included; what a small reference costs is the power to see small shifts. While an episode of drift lasts nothing is added,
 *    so that the drift does not become the norm.
 *
 * 5. A change that is none. With a minimum effect ε every payoff is divided by the most that a change of distribution
 *    functions by ε can add to its mean, so that the mean stays at most 1 under each of them.
 *
 * The assumption: rows are independent draws. Where they are not, the promise fails and false alarms come faster: rows that are
 * sent over and over, autocorrelation (frames of a video, one user's requests in a row), seasons that the reference does not
 * know. Payoffs are worked out again once the counts grew by 1/64, and after 256 rows at most; within such a block the rows do
 * not yet know of one another, which changes them by less than that.
 */

/** Payoffs are worked out again after this part of the counted rows … */
const refreshShare = 1 / 64;
/** … and after so many rows at most. */
const refreshRows = 256;
/** Rows after which a recent one counts 1/e. */
const recentMemory = 200;
/** Far above every level, and far below where doubles end. */
const mostEvidence = 1e250;

/** The evidence against "nothing has changed", of all features of a layout. Nothing is allocated once it is made. */
export class EvidenceProcess {
  readonly #layout: FeatureLayout;
  readonly #minimumEffect: number;
  /** The reference's rows and those since, by slot. */
  readonly #counts: Float64Array;
  readonly #recent: Float64Array;
  /** By slot, then by bet. */
  readonly #payoffs: Float64Array;
  /** M by feature, then by bet. */
  readonly #sums: Float64Array;
  readonly #scratch: BetScratch;
  /** By row of the block, over the features that were added. */
  readonly #rowSums: Float64Array;
  /** In an array, since a number that is passed for each feature costs an allocation each. */
  readonly #mass = new Float64Array(1);
  #peak = 0;
  #untilRefresh = 0;
  readonly #mostRows: number;
  #rows: number;

  /**
   * @param minimumEffect a Kolmogorov–Smirnov distance that is no drift, 0 to 1
   * @param blockRows most rows of a block
   * @param sums the evidence of another process with as many features, to be shared
   */
  constructor(layout: FeatureLayout, minimumEffect: number, blockRows: number, sums?: Float64Array) {
    this.#rowSums = new Float64Array(blockRows);
    this.#mostRows = blockRows;
    this.#layout = layout;
    this.#minimumEffect = minimumEffect;
    this.#counts = layout.counts.slice();
    this.#recent = new Float64Array(layout.counts.length);
    this.#payoffs = new Float64Array(layout.counts.length * betCount);
    this.#sums = sums ?? new Float64Array(layout.features.length * betCount);
    this.#scratch = new BetScratch(layout.binSlots);
    this.#rows = layout.rows;
    this.#refresh();
  }

  /** The evidence by feature, then by bet. */
  get sums(): Float64Array {
    return this.#sums;
  }

  /** Rows until the payoffs have to be worked out again. */
  get untilRefresh(): number {
    return this.#untilRefresh;
  }

  /** Most rows of the next block: then the payoffs have to be worked out again. */
  get blockRows(): number {
    return Math.min(this.#mostRows, this.#untilRefresh);
  }

  /**
   * Begins a block of rows.
   * @param mass time for each row: since the row before
   */
  beginBlock(mass: number): void {
    this.#mass[0] = mass;
  }

  /**
   * Takes the values of one feature in the block of rows.
   *
   * @param slots the slot of each value
   * @param rows how many
   */
  addColumn(feature: number, slots: Uint16Array, rows: number): void {
    const mass = this.#mass[0] as number;
    const payoffs = this.#payoffs;
    const sums = this.#sums;
    const rowSums = this.#rowSums;
    const start = feature * this.#layout.slots;
    const at = feature * betCount;
    let a = sums[at] as number;
    let b = sums[at + 1] as number;
    let c = sums[at + 2] as number;
    let d = sums[at + 3] as number;
    let e = sums[at + 4] as number;
    let f = sums[at + 5] as number;
    let g = sums[at + 6] as number;
    let h = sums[at + 7] as number;
    let i = sums[at + 8] as number;
    let j = sums[at + 9] as number;
    // One variable a bet, all in registers: a loop over the bets takes three times as long.
    for (let row = 0; row < rows; row++) {
      const slot = start + (slots[row] as number);
      const pays = slot * betCount;
      a = (a + mass) * (payoffs[pays] as number);
      b = (b + mass) * (payoffs[pays + 1] as number);
      c = (c + mass) * (payoffs[pays + 2] as number);
      d = (d + mass) * (payoffs[pays + 3] as number);
      e = (e + mass) * (payoffs[pays + 4] as number);
      f = (f + mass) * (payoffs[pays + 5] as number);
      g = (g + mass) * (payoffs[pays + 6] as number);
      h = (h + mass) * (payoffs[pays + 7] as number);
      i = (i + mass) * (payoffs[pays + 8] as number);
      j = (j + mass) * (payoffs[pays + 9] as number);
      rowSums[row] =
        (rowSums[row] as number) +
        (stakes.shift * (a + b + (c + d) + (e + f)) + (stakes.spread * (g + h) + stakes.other * (i + j)));
    }
    sums[at] = a;
    sums[at + 1] = b;
    sums[at + 2] = c;
    sums[at + 3] = d;
    sums[at + 4] = e;
    sums[at + 5] = f;
    sums[at + 6] = g;
    sums[at + 7] = h;
    sums[at + 8] = i;
    sums[at + 9] = j;
  }

  /**
   * Ends a block, of which every feature was added.
   * @returns the evidence of all features together after its last row, in the unit of the mass
   */
  endBlock(rows: number): number {
    this.#untilRefresh -= rows;
    let peak = 0;
    const last = this.#rowSums[rows - 1] as number;
    for (let row = 0; row < rows; row++) {
      const sum = this.#rowSums[row] as number;
      if (sum > peak) peak = sum;
      this.#rowSums[row] = 0;
    }
    const features = this.#layout.features.length;
    this.#peak = peak / features;
    const evidence = last / features;
    if (evidence < mostEvidence) return evidence;
    for (let at = 0; at < this.#sums.length; at++) this.#sums[at] = Math.min(mostEvidence, this.#sums[at] as number);
    return mostEvidence;
  }

  /** The most evidence after any row of the last block: what an alarm goes by. */
  get peak(): number {
    return this.#peak;
  }

  /**
   * Takes note of the rows since the last time, and works the payoffs out again once there is no room.
   *
   * @param rows by slot
   * @param absorb whether they may have come from what the reference did: not while a drift lasts
   */
  takeNote(counts: Float64Array, rows: number, absorb: boolean): void {
    const keep = Math.exp(-rows / recentMemory);
    for (let slot = 0; slot < counts.length; slot++) {
      const count = counts[slot] as number;
      this.#recent[slot] = keep * (this.#recent[slot] as number) + count;
      if (absorb) this.#counts[slot] = (this.#counts[slot] as number) + count;
    }
    if (absorb) this.#rows += rows;
    if (this.#untilRefresh <= 0) this.#refresh();
  }

  /** What one feature adds to the evidence: the features' mean is the evidence of all. */
  evidenceOf(feature: number): number {
    let sum = 0;
    for (let bet = 0; bet < betCount; bet++) {
      const stake = bet < 6 ? stakes.shift : bet < 8 ? stakes.spread : stakes.other;
      sum += stake * (this.#sums[feature * betCount + bet] as number);
    }
    return sum;
  }

  /** Forgets the evidence, as after an alarm; what was counted stays. */
  restart(): void {
    this.#sums.fill(0);
  }

  #refresh(): void {
    const { features, slots, binSlots } = this.#layout;
    for (let feature = 0; feature < features.length; feature++) {
      const bins = features[feature]?.counts.length ?? 0;
      fillPayoffs(
        bins,
        binSlots,
        this.#counts,
        this.#recent,
        feature * slots,
        this.#payoffs,
        this.#minimumEffect,
        this.#scratch,
      );
    }
    this.#untilRefresh = Math.max(1, Math.min(refreshRows, Math.floor(this.#rows * refreshShare)));
  }
}
