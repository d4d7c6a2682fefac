import type { DataOf } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';

/**
 * How requests of certain sizes are brought into a bucket: padded when they are copied, and their answers cut back. A
 * runner without buckets has none, and pays one branch a request for that.
 */
export interface ShapeFit {
  /** Shape of one row of each input after padding, in the signature's order. */
  readonly rowShapes: readonly (readonly number[])[];
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
