import { asGoodAsNone } from './traffic';

/** A run is taken to last so many times as long as it is known to: not all are as fast. */
const caution = 1.25;
/** What the last run of a size adds to what is known of its time: less where it was slower, which something else may have made it. */
const fasterWeight = 0.5;
const slowerWeight = 0.2;
/** What a run of another size leaves of a size's time, so that what was once too slow is tried again after a while. */
const forgetting = 0.99;
/** Runs of one request before any other is thought of, unless one fits: the first are slow, since caches are cold. */
const leastTries = 3;

/** How many requests a shadow is given at once. */
export interface RunSizes {
  /**
   * The size that brings most answers for each request of a caller that it meets: where traffic leaves regular lulls, the largest that is
   * over before the next request comes; where requests come at random, a large one, since a batch takes less time than its requests one
   * by one.
   *
   * @param metWithin how many requests come within so many milliseconds from now, on average; undefined where nothing is known
   */
  next(metWithin: (ms: number) => number | undefined): number;
  /** What a run took. */
  note(requests: number, tookMs: number): void;
}

/** Learns what runs take, by powers of two. */
export function createRunSizes(most: number): RunSizes {
  const times = new Map<number, number>();
  let tries = 0;
  /** What a size takes; that of one which was not tried lies on the line through those before, and is at most twice that of its half. */
  const timeOf = (size: number): number => {
    const known = times.get(size);
    if (known !== undefined || size === 1) return known ?? 0;
    const half = timeOf(size / 2);
    const quarter = size > 2 ? timeOf(size / 4) : half;
    return half + Math.min(half, 2 * Math.max(0, half - quarter));
  };
  return {
    next(metWithin) {
      let best = 1;
      let bestWorth = 0;
      for (let size = 1; size < 2 * most; size *= 2) {
        const met = metWithin(caution * timeOf(size));
        if (met === undefined) return most;
        if (size === 1 && tries < leastTries && met > asGoodAsNone) return 1;
        // A run that fits into every lull is worth more than any that does not, until one of those brings many times the answers.
        const worth = Math.min(size, most) / (asGoodAsNone + met);
        if (worth > bestWorth) [best, bestWorth] = [size, worth];
        // One step at a time into what is not known.
        if (!times.has(size)) break;
      }
      return Math.min(best, most);
    },
    note(requests, tookMs) {
      const size = 2 ** Math.ceil(Math.log2(requests));
      if (size === 1) tries++;
      for (const [other, ms] of times) if (other !== size) times.set(other, ms * forgetting);
      const known = times.get(size) ?? tookMs;
      times.set(size, known + (tookMs < known ? fasterWeight : slowerWeight) * (tookMs - known));
    },
  };
}
