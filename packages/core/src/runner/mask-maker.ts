import type { Element } from '../batching/padding';
import { allocateData, type NumericData, type NumericDType } from '../tensor/dtype';
import { elementCount, type Tensor } from '../tensor/tensor';

/** A mask that was left out is kept for the next request up to this many elements. */
const maxKeptMask = 65_536;

/**
 * Makes the masks of requests that leave theirs out: everything is real.
 * @param real what the mask holds where that is so
 */
export function createMaskMaker(
  dtype: NumericDType,
  real: Element,
  batchAxis: number | null,
): (rowShape: readonly number[], rows: number) => Tensor {
  let kept = allocateData(dtype, 0);
  const elements = (count: number): NumericData => {
    if (count <= kept.length) return kept.subarray(0, count);
    const made = allocateData(dtype, count);
    (made as Float32Array).fill(real as number);
    if (count <= maxKeptMask) kept = made;
    return made;
  };
  return (rowShape, rows) => {
    const shape = batchAxis === null ? rowShape : [rows, ...rowShape];
    return {
      dtype,
      shape,
      // Made when it is copied: by then the request has passed the limits of the queue.
      get data() {
        return elements(elementCount(shape));
      },
    };
  };
}
