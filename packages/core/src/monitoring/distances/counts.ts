/** A statistic of two samples counted in the same cells, both with at least one row; nothing is checked. */
export type CountStatistic = (reference: ArrayLike<number>, window: ArrayLike<number>) => number;

/** The sum of an array. */
export function sumOf(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let cell = 0; cell < counts.length; cell++) sum += counts[cell] as number;
  return sum;
}

/** Copies the cells that hold a row of either sample; the order stays. */
export function occupiedCells(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
): { readonly reference: Float64Array; readonly window: Float64Array } {
  let occupied = 0;
  const keptReference = new Float64Array(reference.length);
  const keptWindow = new Float64Array(reference.length);
  for (let cell = 0; cell < reference.length; cell++) {
    const inReference = reference[cell] as number;
    const inWindow = window[cell] as number;
    if (inReference + inWindow === 0) continue;
    keptReference[occupied] = inReference;
    keptWindow[occupied] = inWindow;
    occupied++;
  }
  return { reference: keptReference.subarray(0, occupied), window: keptWindow.subarray(0, occupied) };
}

/** The fewest rows that an occupied cell would hold in either sample if both came from one law. */
export function fewestExpectedRows(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const referenceRows = sumOf(reference);
  const windowRows = sumOf(window);
  const smallerShare = Math.min(referenceRows, windowRows) / (referenceRows + windowRows);
  let fewest = Number.POSITIVE_INFINITY;
  for (let cell = 0; cell < reference.length; cell++) {
    const both = (reference[cell] as number) + (window[cell] as number);
    if (both > 0) fewest = Math.min(fewest, both * smallerShare);
  }
  return fewest;
}
