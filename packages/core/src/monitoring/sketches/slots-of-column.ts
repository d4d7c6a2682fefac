import type { RowView } from '../rows';
import { type FeatureLayout, gridCells } from './feature-layout';

/**
 * Finds the slot of each value of one feature in a block of rows: its bin, or the tally of NaN, −∞ or +∞. A value's bin is the
 * number of edges below it.
 *
 * @param view the rows of the feature's input
 * @param place index of the value within a row of the input
 * @param picked indices of the rows
 * @param rows how many of them
 * @param slots where to write them
 * @param sums where the sum of the finite values is added, at the feature's place: a number that is returned costs an allocation
 */
export function slotsOfColumn(
  { edges, binSlots, grid }: FeatureLayout,
  feature: number,
  view: RowView,
  place: number,
  picked: Int32Array,
  rows: number,
  slots: Uint16Array,
  sums: Float64Array,
): void {
  const { data, inner } = view;
  const { bins } = grid;
  const outer = Math.floor(place / inner);
  const base = outer * view.rows * inner + (place - outer * inner);
  const firstEdge = feature * binSlots;
  const firstCell = feature * gridCells;
  const origin = grid.origins[feature] as number;
  const scale = grid.scales[feature] as number;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const value = data[base + (picked[i] as number) * inner] as number;
    if (value - value === 0) {
      const along = (value - origin) * scale;
      // Beyond the last cell, the search goes on from its beginning; `along` may be too large for an integer.
      const cell = along >= 0 ? (along < gridCells ? along | 0 : gridCells - 1) : 0;
      let bin = bins[firstCell + cell] as number;
      while ((edges[firstEdge + bin] as number) < value) bin++;
      slots[i] = bin;
      sum += value;
    } else {
      slots[i] = binSlots + (Number.isNaN(value) ? 0 : value < 0 ? 1 : 2);
    }
  }
  sums[feature] = (sums[feature] as number) + sum;
}
