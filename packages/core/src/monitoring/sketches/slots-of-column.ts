import type { RowView } from '../rows';
import type { FeatureLayout } from './feature-layout';

/**
 * Finds the slot of each value of one feature in a block of rows: its bin, or the tally of NaN, −∞ or +∞. A value's bin is the
 * number of edges below it, found in the same few steps for every value: no step depends on a guess of the processor.
 *
 * @param view the rows of the feature's input
 * @param place index of the value within a row of the input
 * @param picked indices of the rows
 * @param rows how many of them
 * @param slots where to write them
 * @returns the sum of the finite values
 */
export function slotsOfColumn(
  { edges, binSlots }: FeatureLayout,
  feature: number,
  view: RowView,
  place: number,
  picked: Int32Array,
  rows: number,
  slots: Uint16Array,
): number {
  const { data, inner } = view;
  const outer = Math.floor(place / inner);
  const base = outer * view.rows * inner + (place - outer * inner);
  const first = feature * binSlots;
  const half = binSlots >> 1;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const value = data[base + (picked[i] as number) * inner] as number;
    if (value - value === 0) {
      let low = first;
      for (let step = half; step > 0; step >>= 1) low += (edges[low + step - 1] as number) < value ? step : 0;
      slots[i] = low - first;
      sum += value;
    } else {
      slots[i] = binSlots + (Number.isNaN(value) ? 0 : value < 0 ? 1 : 2);
    }
  }
  return sum;
}
