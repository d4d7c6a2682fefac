import type { SharedSums, Tally } from '../contracts';
import { createRunningQuantile } from './running-quantile';

/** A quantile of what this process saw of late, and of what all replicas saw until it has seen enough. */
export interface SharedQuantile {
  add(values: readonly number[]): void;
  /** `undefined` where not even all of them have seen enough. */
  readonly value: number | undefined;
  readonly shared: SharedSums;
}

/** Each bin reaches to so much more than the one before: a quantile of all replicas is at most this much too high. */
const growth = 1.05;
/** What lies below is counted there. */
const leastValue = 0.001;

/**
 * Keeps a running quantile, whose first values go to the other replicas as counts by bins of 5 %: a process that begins anew, or has
 * little traffic, takes the quantile of all together. Then it takes its own, since one machine is not as fast as another, and what is
 * compared is of one process.
 */
export function createSharedQuantile(quantile: number, window: number, least: number): SharedQuantile {
  const running = createRunningQuantile(quantile, window, least);
  let untaken: Record<string, number> = {};
  let given = 0;
  let ofAll: number | undefined;

  return {
    add(values) {
      // Every replica gives as many as one needs, so that none outweighs the others and what is kept stays small.
      for (const value of values.slice(0, Math.max(0, least - given))) {
        const bin = Math.ceil(Math.log(Math.max(leastValue, value)) / Math.log(growth));
        untaken[bin] = (untaken[bin] ?? 0) + 1;
        given++;
      }
      running.add(values);
    },
    get value() {
      return running.value ?? ofAll;
    },
    shared: {
      take() {
        const taken: Tally = untaken;
        untaken = {};
        return Object.keys(taken).length === 0 ? undefined : taken;
      },
      setKnown(sum) {
        ofAll = quantileOf(sum, quantile, least);
      },
      restart() {
        untaken = {};
        given = 0;
        ofAll = undefined;
      },
    },
  };
}

/** The upper end of the bin that a quantile lies in. */
function quantileOf(bins: Tally, quantile: number, least: number): number | undefined {
  const counted = Object.entries(bins)
    .map(([bin, count]) => ({ bin: Number(bin), count: Number(count) }))
    .sort((one, other) => one.bin - other.bin);
  const all = counted.reduce((sum, { count }) => sum + count, 0);
  if (all < least) return undefined;
  let below = 0;
  for (const { bin, count } of counted) {
    below += count;
    if (below >= quantile * all) return growth ** bin;
  }
  return undefined;
}
