import { argumentError, checkArray, checkCounts, finiteSample } from './check-arguments';
import { sumOf } from './counts';

/** The least standard deviation that a distance is divided by, so that a constant reference does not make it infinite. */
export const leastDeviation = 0.001;

/**
 * The Wasserstein distance ∫ |F − G| of two samples of values, in the values' own unit: how far a row has to move on
 * average to make one sample of the other. Samples need not be sorted and may have ties.
 *
 * @param reference finite values of the reference
 * @param window finite values of the window
 * @throws FairleadError `INVALID_ARGUMENT` when a sample is empty or holds what is no finite number
 */
export function wassersteinDistance(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const sortedReference = finiteSample('reference', reference, 'refuse').values.sort();
  const sortedWindow = finiteSample('window', window, 'refuse').values.sort();
  return wassersteinOfSorted(sortedReference, sortedWindow);
}

/**
 * {@link wassersteinDistance} in standard deviations of the reference: divided by the larger of the reference's standard
 * deviation (of its rows, not of what they were drawn from: ddof 0) and .001. So one threshold serves features of any unit.
 *
 * @param reference finite values of the reference
 * @param window finite values of the window
 * @throws FairleadError `INVALID_ARGUMENT` when a sample is empty or holds what is no finite number
 */
export function normalizedWassersteinDistance(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const deviation = deviationOf(finiteSample('reference', reference, 'refuse').values);
  return wassersteinDistance(reference, window) / Math.max(deviation, leastDeviation);
}

/**
 * The Wasserstein distance of two samples counted in the same cells, each of which stands for one value.
 *
 * @param reference counts or shares of the reference by cell
 * @param window counts or shares of the window by the same cells
 * @param values the finite value of each cell, in any order
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative or not finite, a sample is empty,
 *   or a value is not finite
 */
export function wassersteinOnCounts(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  values: ArrayLike<number>,
): number {
  checkCounts(reference, window);
  return createWassersteinOfCounts(checkValues(values, reference.length))(reference, window);
}

/** Refuses values that do not fit the cells. */
export function checkValues(values: ArrayLike<number>, cells: number): ArrayLike<number> {
  checkArray('values', values);
  if (values.length !== cells) {
    throw argumentError('values', `${cells} values, one for each cell`, `${values.length} values`);
  }
  return finiteSample('values', values, 'refuse').values;
}

/** The distance for cells of these values, unchecked. */
export function createWassersteinOfCounts(
  values: ArrayLike<number>,
): (reference: ArrayLike<number>, window: ArrayLike<number>) => number {
  const order = Uint32Array.from({ length: values.length }, (_, cell) => cell);
  order.sort((a, b) => (values[a] as number) - (values[b] as number));
  return (reference, window) => {
    const referenceRows = sumOf(reference);
    const windowRows = sumOf(window);
    let referenceBelow = 0;
    let windowBelow = 0;
    let distance = 0;
    for (let rank = 0; rank + 1 < order.length; rank++) {
      const cell = order[rank] as number;
      referenceBelow += reference[cell] as number;
      windowBelow += window[cell] as number;
      const width = (values[order[rank + 1] as number] as number) - (values[cell] as number);
      // Equal values have no width, and infinite ones of an overflow no share to weigh.
      const gap = Math.abs(windowBelow / windowRows - referenceBelow / referenceRows);
      if (gap > 0) distance += gap * width;
    }
    return distance;
  };
}

/** The distance of two ascending samples. */
export function wassersteinOfSorted(reference: Float64Array, window: Float64Array): number {
  const m = reference.length;
  const n = window.length;
  let i = 0;
  let j = 0;
  let at = Math.min(reference[0] as number, window[0] as number);
  let distance = 0;
  while (i < n || j < m) {
    const next = Math.min(i < n ? (window[i] as number) : Infinity, j < m ? (reference[j] as number) : Infinity);
    const gap = Math.abs(i / n - j / m);
    if (gap > 0) distance += gap * (next - at);
    at = next;
    while (i < n && (window[i] as number) === next) i++;
    while (j < m && (reference[j] as number) === next) j++;
  }
  return distance;
}

/** The standard deviation of a sample's own rows, around its mean. */
export function deviationOf(values: Float64Array): number {
  // Halved first, and by the number of rows, so that the largest doubles do not overflow.
  let scale = 0;
  for (const value of values) scale = Math.max(scale, Math.abs(value));
  if (scale === 0) return 0;
  let mean = 0;
  for (const value of values) mean += value / scale / values.length;
  let square = 0;
  for (const value of values) square += (value / scale - mean) ** 2 / values.length;
  return Math.sqrt(square) * scale;
}
