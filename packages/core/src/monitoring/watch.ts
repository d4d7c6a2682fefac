import type { Tensors } from '../tensor/tensor';
import { attribute, type FeatureReport } from './attribution';
import { EvidenceProcess } from './detectors/evidence-process';
import type { Reference } from './reference';
import { invalidInput, type RowView, viewRows } from './rows';
import { BinSketch } from './sketches/bin-sketch';
import { type FeatureLayout, layOut } from './sketches/feature-layout';
import { slotsOfColumn } from './sketches/slots-of-column';
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
  /** NaN by feature. */
  readonly #missing: Float64Array;
  readonly #slots = new Uint16Array(blockRows);
  #alarmEvidence: Float64Array | undefined;

  /** @param minimumEffect a Kolmogorov–Smirnov distance that is no drift */
  constructor(reference: Reference, window: WindowLength, minimumEffect: number) {
    this.reference = reference;
    this.#layout = layOut(reference);
    this.#process = new EvidenceProcess(this.#layout, minimumEffect);
    this.#window = new SlidingWindow(this.#layout, window);
    this.#comparison = new WindowComparison(this.#layout);
    this.#missing = new Float64Array(reference.features.length);
    this.#compared = new BinSketch(this.#layout);
  }

  /**
   * Sees the inputs as rows, one view for each input of the reference.
   * @throws FairleadError `INVALID_INPUT` when an input is missing, or has another dtype, width or number of rows
   */
  viewRows(inputs: Tensors, batchAxis: number): RowView[] {
    const views: RowView[] = [];
    for (const { name, dtype, width } of this.#layout.inputs) {
      const tensor = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
      if (tensor === undefined) {
        throw invalidInput(
          name,
          'a tensor of this input, which the reference describes',
          Object.keys(inputs).join(', '),
        );
      }
      const view = viewRows(tensor, name, batchAxis);
      if (tensor.dtype !== dtype) throw invalidInput(`${name}.dtype`, `${dtype}, as the reference has`, tensor.dtype);
      if (view.width !== width)
        throw invalidInput(name, `${width} values a row, as the reference has`, `${view.width}`);
      const rows = views[0]?.rows ?? view.rows;
      if (view.rows !== rows) throw invalidInput(name, `${rows} rows, as the other inputs have`, `${view.rows}`);
      views.push(view);
    }
    return views;
  }

  /** Most rows that the next block can take. */
  get room(): number {
    return Math.min(blockRows, this.#process.blockRows, this.#window.room);
  }

  /**
   * Counts a block of rows.
   *
   * @param picked indices of the rows, at most {@link ReferenceWatch.room} of them
   * @param mass time for each of them, in the unit of the alarm
   * @param absorb whether they may be like the reference
   * @returns the evidence so far
   */
  addBlock(views: readonly RowView[], picked: Int32Array, rows: number, mass: number, absorb: boolean): number {
    const { bucket } = this.#window;
    const { inputs, binSlots } = this.#layout;
    const slots = this.#slots;
    let feature = 0;
    for (let i = 0; i < inputs.length; i++) {
      const view = views[i] as RowView;
      for (let place = 0; place < view.width; place++) {
        const sum = slotsOfColumn(this.#layout, feature, view, place, picked, rows, slots);
        bucket.addColumn(feature, slots, rows, sum);
        this.#process.addColumn(feature, slots, rows, mass);
        for (let row = 0; row < rows; row++) {
          if (slots[row] === binSlots) this.#missing[feature] = (this.#missing[feature] as number) + 1;
        }
        feature++;
      }
    }
    bucket.rows += rows;
    this.#isCompared = false;
    return this.#process.endBlock(rows, absorb);
  }

  /**
   * Moves the window on.
   * @returns buckets that ended, each of which is a time to look
   */
  advanceTo(now: number): number {
    const ended = this.#window.advanceTo(now);
    if (ended > 0) this.#isCompared = false;
    return ended;
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
      this.#compared = this.#window.total();
      this.#comparison.compare(this.#compared);
      this.#isCompared = true;
    }
    return this.#comparison;
  }

  /** NaN values of a feature that were counted. */
  missing(feature: number): number {
    return this.#missing[feature] as number;
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
}
