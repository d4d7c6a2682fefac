import type { Tensors } from '../tensor/tensor';
import { attribute, type BinReport, binsOf, type FeatureReport } from './attribution';
import { EvidenceProcess } from './detectors/evidence-process';
import type { Reference } from './reference';
import { emptyView, type ReusableView, type RowView } from './rows';
import { BinSketch } from './sketches/bin-sketch';
import { type FeatureLayout, layOut } from './sketches/feature-layout';
import { createFeatureSketch, type FeatureSketch } from './sketches/feature-sketch';
import { slotsOfColumn } from './sketches/slots-of-column';
import { viewInputs } from './view-inputs';
import { SlidingWindow, type WindowLength } from './window';
import { WindowComparison } from './window-comparison';

/** Most rows that are taken at a time. */
export const blockRows = 64;

/**
 * The comparison of live rows with one reference: the evidence process that raises the alarm, and a window that says what
 * differs. With another reference another watch begins.
 */
export class ReferenceWatch {
  readonly reference: Reference;
  readonly #layout: FeatureLayout;
  readonly #process: EvidenceProcess;
  readonly #window: SlidingWindow;
  readonly #comparison: WindowComparison;
  /** All rows of the window when it was compared. */
  #compared: BinSketch;
  #isCompared = false;
  /** Rows that neither the window nor the process knows of yet: counted once, then handed to both. */
  readonly #fresh: BinSketch;
  /** NaN by feature, without the fresh rows. */
  readonly #missing: Float64Array;
  #absorbs = true;
  readonly #slots = new Uint16Array(blockRows);
  /** What was observed of each feature, all in all. */
  readonly sketches: readonly FeatureSketch[];
  /** Used again for every batch. */
  readonly #views: readonly ReusableView[];
  #alarmEvidence: Float64Array | undefined;

  /**
   * @param minimumEffect a Kolmogorov–Smirnov distance that is no drift
   * @param evidence that of another watch, to be shared
   */
  constructor(reference: Reference, window: WindowLength, minimumEffect: number, evidence?: Float64Array) {
    this.reference = reference;
    this.#layout = layOut(reference);
    this.#views = this.#layout.inputs.map(emptyView);
    this.#process = new EvidenceProcess(this.#layout, minimumEffect, blockRows, evidence);
    this.#window = new SlidingWindow(this.#layout, window);
    this.#comparison = new WindowComparison(this.#layout);
    this.#fresh = new BinSketch(this.#layout);
    this.#missing = new Float64Array(reference.features.length);
    this.#compared = new BinSketch(this.#layout);
    this.sketches = reference.features.map(() => createFeatureSketch());
  }

  /**
   * Sees the inputs as rows, one view for each input of the reference, until the next call.
   * @throws FairleadError `INVALID_INPUT` when an input is missing, or has another dtype, width or number of rows
   */
  viewRows(inputs: Tensors, batchAxis: number): readonly RowView[] {
    return viewInputs(this.#layout, this.#views, inputs, batchAxis);
  }

  /** Most rows that the next block can take. */
  get room(): number {
    return Math.min(this.#process.blockRows, this.#window.room - this.#fresh.rows);
  }

  /**
   * Counts a block of rows.
   *
   * @param picked indices of the rows, at most {@link ReferenceWatch.room} of them
   * @param mass time for each of them, in the unit of the alarm
   * @returns the evidence after the last of them
   */
  addBlock(views: readonly RowView[], picked: Int32Array, rows: number, mass: number): number {
    const fresh = this.#fresh;
    const { inputs } = this.#layout;
    const slots = this.#slots;
    this.#process.beginBlock(mass);
    let feature = 0;
    for (let i = 0; i < inputs.length; i++) {
      const view = views[i] as RowView;
      for (let place = 0; place < view.width; place++) {
        slotsOfColumn(this.#layout, feature, view, place, picked, rows, slots, fresh.sums);
        fresh.addColumn(feature, slots, rows);
        this.#process.addColumn(feature, slots, rows);
        this.#sketch(feature, view, place, picked, rows);
        feature++;
      }
    }
    fresh.rows += rows;
    this.#isCompared = false;
    const evidence = this.#process.endBlock(rows);
    if (this.#process.blockRows <= 0) this.#handOver();
    return evidence;
  }

  /** The most evidence after any row of the last block. */
  get peak(): number {
    return this.#process.peak;
  }

  /**
   * Moves the window on.
   * @returns buckets that ended, each of which is a time to look
   */
  advanceTo(now: number): number {
    if (this.#window.room <= this.#fresh.rows || this.#window.isOver(now)) this.#handOver();
    const ended = this.#window.advanceTo(now);
    if (ended > 0) this.#isCompared = false;
    return ended;
  }

  /**
   * Says whether the rows from now on may be like the reference, and belong to what the evidence is measured against: not
   * while a drift lasts.
   */
  set absorbs(absorbs: boolean) {
    if (absorbs === this.#absorbs) return;
    this.#handOver();
    this.#absorbs = absorbs;
  }

  /** The evidence, to be shared with the watch of another season. */
  get evidence(): Float64Array {
    return this.#process.sums;
  }

  /** Takes over from the watch of another season. */
  follow(before: ReferenceWatch): void {
    this.absorbs = before.#absorbs;
    this.#alarmEvidence = before.#alarmEvidence;
  }

  /** Starts the evidence anew after an alarm, and remembers which features it came from. */
  restart(): void {
    this.#alarmEvidence ??= new Float64Array(this.#missing.length);
    for (let feature = 0; feature < this.#missing.length; feature++) {
      this.#alarmEvidence[feature] = this.#process.evidenceOf(feature);
    }
    this.#process.restart();
  }

  /** Forgets what the last alarm came from, since its episode is over. */
  forgetAlarm(): void {
    this.#alarmEvidence = undefined;
  }

  /** The window compared with the reference. Costs a look when rows came since the last. */
  get comparison(): WindowComparison {
    if (!this.#isCompared) {
      this.#handOver();
      this.#compared = this.#window.total();
      this.#comparison.compare(this.#compared);
      this.#isCompared = true;
    }
    return this.#comparison;
  }

  /** NaN values of a feature that were counted. */
  missing(feature: number): number {
    const { slots, binSlots } = this.#layout;
    return (this.#missing[feature] as number) + (this.#fresh.counts[feature * slots + binSlots] as number);
  }

  /** What one feature adds to the evidence; during an episode, what it had added at the last alarm. */
  evidenceOf(feature: number): number {
    return this.#alarmEvidence?.[feature] ?? this.#process.evidenceOf(feature);
  }

  /**
   * What each feature has to do with the evidence, and how its window differs.
   * @param warningLevel evidence that raises a warning
   */
  features(warningLevel: number): FeatureReport[] {
    const { comparison } = this;
    const evidenceOf = (feature: number): number => this.evidenceOf(feature);
    return attribute(this.#layout, comparison, this.#compared, evidenceOf, warningLevel);
  }

  #sketch(
    feature: number,
    { data, rows: count, inner }: RowView,
    place: number,
    picked: Int32Array,
    rows: number,
  ): void {
    const sketch = this.sketches[feature] as FeatureSketch;
    const outer = Math.floor(place / inner);
    const base = outer * count * inner + (place - outer * inner);
    const first = picked[0] as number;
    if ((picked[rows - 1] as number) - first === rows - 1) {
      sketch.addColumn(data, base + first * inner, inner, rows);
      return;
    }
    for (let i = 0; i < rows; i++) sketch.add(data[base + (picked[i] as number) * inner] as number);
  }

  /** Every bin of every feature, by the feature's name. */
  bins(): Record<string, readonly BinReport[]> {
    const { comparison } = this;
    const named = this.#layout.features.map(({ name }, index) => [name, binsOf(this.#layout, this.#compared, index)]);
    return comparison.rows === 0 ? {} : Object.fromEntries(named);
  }

  /** Hands the fresh rows to the window and to the process. */
  #handOver(): void {
    const fresh = this.#fresh;
    if (fresh.rows === 0) return;
    const { slots, binSlots } = this.#layout;
    for (let feature = 0; feature < this.#missing.length; feature++) {
      const missing = fresh.counts[feature * slots + binSlots] as number;
      this.#missing[feature] = (this.#missing[feature] as number) + missing;
    }
    this.#window.bucket.merge(fresh);
    this.#process.takeNote(fresh.counts, fresh.rows, this.#absorbs);
    fresh.reset();
  }
}
