import type { DataOf } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';

/** A slab that takes further rows, as the choice of a bucket sees it. */
export interface OpenSlab {
  readonly layout: { readonly key: string };
  /** Rows that still fit. */
  readonly room: number;
}

/** A bucket that a request may be brought into. */
export interface ShapePlace {
  readonly shapeKey: string;
  readonly fit: ShapeFit;
}

/**
 * How requests of certain sizes are brought into a bucket: padded when they are copied, and their answers cut back. A
 * runner without buckets has none, and pays one branch a request for that.
 */
export interface ShapeFit {
  /** Shape of one row of each input after padding, in the signature's order. */
  readonly rowShapes: readonly (readonly number[])[];
  /**
   * A larger bucket that a request should join, because others wait there already and that costs less than a batch of
   * its own; undefined for its own bucket.
   * @param open the slabs that take further rows
   */
  joinLarger(rows: number, open: Iterable<OpenSlab>): ShapePlace | undefined;
  /**
   * Copies the rows of a request into the arrays of a slab and writes the padding around them.
   * @param targets one array an input, in the signature's order
   * @param start number of the first row in the slab
   */
  place(targets: readonly DataOf[], tensors: readonly Tensor[], start: number, rows: number): void;
  /**
   * The rows of one caller, without what padding added to them.
   * @param start number of his first row in the batch
   * @param batchRows rows of the whole batch
   */
  cut(outputs: Tensors, start: number, rows: number, batchRows: number): Tensors;
}
