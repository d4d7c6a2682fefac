import type { Tensors } from '../tensor/tensor';
import { attribute, type FeatureReport } from './attribution';
import { Evidence } from './evidence';
import type { Reference } from './reference';
import { invalidInput, type RowView, viewRows } from './rows';
import { BinSketch } from './sketches/bin-sketch';
import { type FeatureLayout, layOut } from './sketches/feature-layout';
import { SlidingWindow } from './window';

/**
 * The comparison of live rows with one reference: a window, and the evidence of its last look. With another reference
 * another watch begins.
 */
export class ReferenceWatch {
  readonly reference: Reference;
  readonly evidence: Evidence;
  readonly #layout: FeatureLayout;
  readonly #window: SlidingWindow;
  /** NaN by feature, in the buckets that are full. */
  readonly #missing: Float64Array;
  #lookedAt: BinSketch;

  /** @param windowRows rows of the window */
  constructor(reference: Reference, windowRows: number) {
    this.reference = reference;
    this.#layout = layOut(reference);
    this.#window = new SlidingWindow(this.#layout, windowRows);
    this.evidence = new Evidence(this.#layout);
    this.#missing = new Float64Array(reference.features.length);
    this.#lookedAt = new BinSketch(this.#layout);
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

  /**
   * Counts one row.
   * @returns whether it filled a bucket, so that it is time to look
   */
  addRow(views: readonly RowView[], row: number): boolean {
    const { bucket } = this.#window;
    const { inputs } = this.#layout;
    for (let i = 0; i < inputs.length; i++) {
      bucket.addRow(views[i] as RowView, inputs[i] as FeatureLayout['inputs'][number], row);
    }
    bucket.rows++;
    return bucket.rows >= this.#window.bucketRows;
  }

  /** Compares the window with the reference; to be called when a bucket is full. */
  look(): void {
    const { bucket } = this.#window;
    for (let i = 0; i < this.#missing.length; i++) this.#missing[i] = this.#missingSoFar(i, bucket);
    this.#window.advance();
    this.#lookedAt = this.#window.total();
    this.evidence.compare(this.#lookedAt);
  }

  /** NaN values of a feature that were counted. */
  missing(feature: number): number {
    return this.#missingSoFar(feature, this.#window.bucket);
  }

  /** What each feature has to do with the evidence of the last look. */
  features(): FeatureReport[] {
    return attribute(this.#layout, this.evidence, this.#lookedAt);
  }

  #missingSoFar(feature: number, bucket: BinSketch): number {
    const { slots, binSlots } = this.#layout;
    return (this.#missing[feature] as number) + (bucket.counts[feature * slots + binSlots] as number);
  }
}
