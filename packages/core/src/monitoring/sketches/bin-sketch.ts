import { FairleadError } from '../../errors';
import type { FeatureLayout } from './feature-layout';

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
   * Counts values of one feature; does not change `rows` nor `sums`. Nothing is allocated.
   *
   * @param slots the slot of each value, as {@link slotsOfColumn} finds them
   * @param values how many
   */
  addColumn(feature: number, slots: Uint16Array, values: number): void {
    const { counts } = this;
    const start = feature * this.layout.slots;
    for (let i = 0; i < values; i++) {
      const slot = start + (slots[i] as number);
      counts[slot] = (counts[slot] as number) + 1;
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
