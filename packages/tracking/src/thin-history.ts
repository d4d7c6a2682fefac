import { invalidArgument } from './names';
import type { MetricHistory } from './store/stored-run';

/** Positions of the smallest and the largest value from `from` to before `to`, in order; NaN counts only where all are. */
function extremes(values: Float64Array, from: number, to: number): readonly number[] {
  let low = from;
  let high = from;
  for (let i = from + 1; i < to; i++) {
    const value = values[i] as number;
    if (value < (values[low] as number) || Number.isNaN(values[low])) low = i;
    if (value > (values[high] as number) || Number.isNaN(values[high])) high = i;
  }
  return low === high ? [low] : low < high ? [low, high] : [high, low];
}

/**
 * Leaves out points so that a chart of what stays looks the same: the first and the last point stay, and of each of
 * `maxPoints / 2 - 1` equal stretches between them the smallest and the largest value, in their order.
 *
 * @param maxPoints 4 or more; absent, every point stays
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function thinHistory(history: MetricHistory, maxPoints: number | undefined): MetricHistory {
  if (maxPoints === undefined) return history;
  if (!Number.isSafeInteger(maxPoints) || maxPoints < 4) {
    throw invalidArgument('maxPoints', 'a whole number, 4 or more', maxPoints);
  }
  const { key, steps, timestamps, values } = history;
  const count = values.length;
  if (count <= maxPoints) return history;
  const stretches = Math.floor(maxPoints / 2) - 1;
  const kept: number[] = [0];
  for (let i = 0; i < stretches; i++) {
    const from = 1 + Math.floor((i * (count - 2)) / stretches);
    kept.push(...extremes(values, from, 1 + Math.floor(((i + 1) * (count - 2)) / stretches)));
  }
  kept.push(count - 1);
  const pick = (column: Float64Array): Float64Array => Float64Array.from(kept, (at) => column[at] as number);
  return { key, steps: pick(steps), timestamps: pick(timestamps), values: pick(values) };
}
