import { FairleadError } from '../../errors';
import type { RowView } from '../rows';
import type { FeatureLayout, InputLayout } from './feature-layout';

/**
 * What was counted of a number of rows: for each feature a count for each bin of the reference, tallies of NaN, −∞ and
 * +∞, and the sum of the finite values. The memory is fixed at creation: with ten bins 160 bytes a feature. Counts are
 * whole numbers in doubles, exact up to 2⁵³ rows.
 */
export class BinSketch {
  readonly layout: FeatureLayout;
  /** Rows by slot, `layout.slots` a feature. */
  readonly counts: Float64Array;
  /** Sum of the finite values of each feature. */
  readonly sums: Float64Array;
  /** Rows that were counted. */
  rows = 0;

  constructor(layout: FeatureLayout) {
    this.layout = layout;
    this.counts = new Float64Array(layout.features.length * layout.slots);
    this.sums = new Float64Array(layout.features.length);
  }

  /**
   * Counts a row's values of one input; does not change `rows`. Nothing is allocated.
   *
   * @param view the input's rows
   * @param row index of the row
   */
  addRow(view: RowView, input: InputLayout, row: number): void {
    const { data, outer, inner, rows } = view;
    for (let o = 0; o < outer; o++) {
      this.#count(data, (o * rows + row) * inner, inner, input.firstFeature + o * inner);
    }
  }

  /**
   * The hot loop. A value's bin is the number of edges below it, found in the same few steps for every value: no step
   * depends on a guess of the processor.
   */
  #count(data: ArrayLike<number>, start: number, length: number, firstFeature: number): void {
    const { counts, sums } = this;
    const { edges, binSlots, slots } = this.layout;
    const half = binSlots >> 1;
    let edge = firstFeature * binSlots;
    let slot = firstFeature * slots;
    for (let i = 0; i < length; i++) {
      const value = data[start + i] as number;
      if (value - value === 0) {
        let low = edge;
        for (let step = half; step > 0; step >>= 1) low += (edges[low + step - 1] as number) < value ? step : 0;
        const place = slot + low - edge;
        counts[place] = (counts[place] as number) + 1;
        sums[firstFeature + i] = (sums[firstFeature + i] as number) + value;
      } else {
        const tally = Number.isNaN(value) ? 0 : value < 0 ? 1 : 2;
        const place = slot + binSlots + tally;
        counts[place] = (counts[place] as number) + 1;
      }
      edge += binSlots;
      slot += slots;
    }
  }

  /**
   * Adds what another sketch counted; the result is the same as if this one had seen its rows too.
   * @throws FairleadError `INVALID_ARGUMENT` when the other has other features or edges
   */
  merge(other: BinSketch): void {
    if (!sameEdges(this.layout, other.layout)) {
      throw new FairleadError(
        'INVALID_ARGUMENT',
        'other: expected a sketch with the same features and edges. Make both from the same reference.',
        { details: { field: 'other', expected: 'the same features and edges', given: 'others' } },
      );
    }
    for (let i = 0; i < this.counts.length; i++) {
      this.counts[i] = (this.counts[i] as number) + (other.counts[i] as number);
    }
    for (let i = 0; i < this.sums.length; i++) this.sums[i] = (this.sums[i] as number) + (other.sums[i] as number);
    this.rows += other.rows;
  }

  /** Forgets everything. */
  reset(): void {
    this.counts.fill(0);
    this.sums.fill(0);
    this.rows = 0;
  }
}

function sameEdges(left: FeatureLayout, right: FeatureLayout): boolean {
  if (left === right) return true;
  if (left.features.length !== right.features.length || left.binSlots !== right.binSlots) return false;
  if (!left.features.every(({ name }, index) => name === right.features[index]?.name)) return false;
  return left.edges.every((edge, index) => edge === right.edges[index]);
}
