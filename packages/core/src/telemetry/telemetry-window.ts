import type { ErrorCode } from '../errors';
import type { Reference } from '../monitoring/reference';
import { emptyView, type RowView } from '../monitoring/rows';
import { BinSketch } from '../monitoring/sketches/bin-sketch';
import { type FeatureLayout, layOut, tallySlots } from '../monitoring/sketches/feature-layout';
import { slotsOfColumn } from '../monitoring/sketches/slots-of-column';
import { viewInputs } from '../monitoring/view-inputs';
import type { Tensors } from '../tensor/tensor';
import type { ClassReader } from './predictions';
import { latencyBounds } from './report';

const blockRows = 64;

/** Counts that were taken out of a window. */
export interface WindowCounts {
  readonly rows: number;
  /** By index of the feature, for those that were asked for. */
  readonly features: readonly number[];
  readonly counts: readonly number[][];
  readonly predictions: readonly number[];
  readonly latency: readonly number[];
  readonly failures: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** What a window holds that was not told, as plain data that a database can keep. */
export interface WindowRest {
  readonly rows: number;
  readonly cells: Uint32Array;
  readonly predictions: Uint32Array;
  readonly latency: Uint32Array;
  readonly failures: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** What a device counts between two reports, against one reference. Its memory is fixed. */
export class TelemetryWindow {
  readonly layout: FeatureLayout;
  readonly #sketch: BinSketch;
  readonly #views;
  readonly #slots = new Uint16Array(blockRows);
  readonly #picked = new Int32Array(blockRows);
  readonly #classes: ClassReader | undefined;
  readonly #predictions: Float64Array;
  readonly #latency = new Float64Array(latencyBounds.length + 1);
  readonly #failures = new Map<ErrorCode, number>();
  readonly #mostRows: number;
  #rows = 0;
  #batches = 0;
  #failed = 0;
  /** Rows that came when the window had as many as it may. */
  rowsOverLimit = 0;

  /** @param mostRows rows that are counted between two reports; further ones are not, nor their batches, nor as many failures */
  constructor(reference: Reference, classes: ClassReader | undefined, mostRows: number) {
    this.layout = layOut(reference);
    this.#sketch = new BinSketch(this.layout);
    this.#views = this.layout.inputs.map(emptyView);
    this.#classes = classes;
    this.#predictions = new Float64Array(classes === undefined ? 0 : classes.size + 1);
    this.#mostRows = mostRows;
  }

  /** Rows since the last report; with minimum counts also what those before left over. */
  get rows(): number {
    return this.#rows;
  }

  /** Whether anything is counted that was not told. */
  get isHolding(): boolean {
    return this.#rows > 0 || this.hasFailures || this.#sketch.counts.some((count) => count > 0);
  }

  /** Whether a request failed that was not told of. */
  get hasFailures(): boolean {
    for (const times of this.#failures.values()) if (times > 0) return true;
    return false;
  }

  /**
   * Counts a batch.
   *
   * @param taken rows whose features are counted, spread evenly over the batch; all rows count otherwise
   * @param phase where the first of them is, from 0 up to 1: by chance, so that no row is favoured
   * @throws FairleadError `INVALID_INPUT` when inputs do not fit the reference, and then nothing is counted
   */
  addBatch(
    inputs: Tensors,
    outputs: Tensors,
    batchAxis: number,
    computeMs: number,
    taken: number,
    phase: number,
  ): void {
    const views = viewInputs(this.layout, this.#views, inputs, batchAxis);
    const all = views[0]?.rows ?? 0;
    const rows = Math.min(all, Math.max(0, this.#mostRows - this.#rows));
    this.rowsOverLimit += all - rows;
    if (rows === 0) return;
    this.#rows += rows;
    this.#addRows(views, rows, Math.min(taken, rows), phase);
    this.#addPredictions(outputs, rows, all);
    if (this.#batches >= this.#mostRows) return;
    this.#batches++;
    let bucket = 0;
    while (bucket < latencyBounds.length && (latencyBounds[bucket] as number) < computeMs) bucket++;
    this.#latency[bucket] = (this.#latency[bucket] as number) + 1;
  }

  /** Counts a request that failed. */
  addFailure(code: ErrorCode): void {
    if (this.#failed >= this.#mostRows) return;
    this.#failed++;
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
  }

  /**
   * Takes out what was counted, as far as it comes in multiples of `unit`; what is left over stays for the next report, so that
   * nothing is lost and no count that is told is smaller.
   *
   * @param features those to tell
   */
  take(features: readonly number[], unit: number): WindowCounts {
    const { slots, binSlots, features: described } = this.layout;
    const cells = this.#sketch.counts;
    const takeFrom = (store: Float64Array, place: number): number => {
      const value = store[place] as number;
      const told = value - (value % unit);
      store[place] = value - told;
      return told;
    };
    const takeAll = (store: Float64Array): number[] => Array.from(store, (_, place) => takeFrom(store, place));
    const counts = features.map((feature) => {
      const bins = described[feature]?.counts.length ?? 0;
      const start = feature * slots;
      return Array.from({ length: bins + tallySlots }, (_, cell) =>
        takeFrom(cells, start + (cell < bins ? cell : binSlots + cell - bins)),
      );
    });
    const failures: Partial<Record<ErrorCode, number>> = {};
    for (const [code, times] of this.#failures) {
      const told = times - (times % unit);
      this.#failures.set(code, times - told);
      if (told > 0) failures[code] = told;
    }
    const rows = this.#rows - (this.#rows % unit);
    this.#rows -= rows;
    this.#batches = 0;
    this.#failed = 0;
    return {
      rows,
      features,
      counts,
      predictions: takeAll(this.#predictions),
      latency: takeAll(this.#latency),
      failures,
    };
  }

  /** What is left, taken out. */
  takeRest(): WindowRest {
    const rest = {
      rows: this.#rows,
      cells: Uint32Array.from(this.#sketch.counts),
      predictions: Uint32Array.from(this.#predictions),
      latency: Uint32Array.from(this.#latency),
      failures: Object.fromEntries(this.#failures),
    };
    this.reset();
    return rest;
  }

  /**
   * Adds what another window of the same reference and classes left.
   * @returns false where it has another shape
   */
  addRest({ rows, cells, predictions, latency, failures }: WindowRest): boolean {
    const pairs = [
      [this.#sketch.counts, cells],
      [this.#predictions, predictions],
      [this.#latency, latency],
    ] as const;
    if (pairs.some(([own, other]) => own.length !== other.length)) return false;
    for (const [own, other] of pairs) {
      for (let i = 0; i < own.length; i++) own[i] = (own[i] as number) + (other[i] as number);
    }
    for (const [code, times] of Object.entries(failures) as [ErrorCode, number][]) {
      this.#failures.set(code, (this.#failures.get(code) ?? 0) + times);
    }
    this.#rows += rows;
    return true;
  }

  /** Forgets everything. */
  reset(): void {
    this.#sketch.reset();
    this.#predictions.fill(0);
    this.#latency.fill(0);
    this.#failures.clear();
    this.#rows = 0;
    this.#batches = 0;
    this.#failed = 0;
  }

  #addRows(views: readonly RowView[], rows: number, taken: number, phase: number): void {
    const [picked, slots] = [this.#picked, this.#slots];
    for (let from = 0; from < taken; from += blockRows) {
      const size = Math.min(blockRows, taken - from);
      for (let i = 0; i < size; i++) picked[i] = Math.floor(((from + i + phase) * rows) / taken);
      let feature = 0;
      for (const view of views) {
        for (let place = 0; place < view.width; place++) {
          slotsOfColumn(this.layout, feature, view, place, picked, size, slots, this.#sketch.sums);
          this.#sketch.addColumn(feature, slots, size);
          feature++;
        }
      }
    }
  }

  #addPredictions(outputs: Tensors, rows: number, all: number): void {
    const reader = this.#classes;
    if (reader === undefined) return;
    const tensor = Object.hasOwn(outputs, reader.output) ? outputs[reader.output] : undefined;
    for (let row = 0; row < rows; row++) {
      const place = tensor === undefined ? reader.size : reader.classOf(tensor, row, all);
      this.#predictions[place] = (this.#predictions[place] as number) + 1;
    }
  }
}
