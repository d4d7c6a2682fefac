/** Share of a lull that a run may take: lulls are not all as long as the mean. */
const lullShare = 0.8;
/** What the last run of a size adds to what is known of its time: less where it was slower, which something else may have made it. */
const fasterWeight = 0.5;
const slowerWeight = 0.2;
/** What a run of another size leaves of a size's time, so that what was once too slow is tried again after a while. */
const forgetting = 0.99;
/** Runs of one request before none is taken to fit: the first are slow, since caches are cold. */
const leastTries = 3;

/** How many requests a shadow is given at once. */
export interface RunSizes {
  /**
   * The most requests whose run is over before a lull of this length is. Where not even one would be, as many as may be: then each
   * run meets callers, and the fewest for each answer where a batch is large.
   */
  next(lullMs: number): number;
  /** What a run took. */
  note(requests: number, tookMs: number): void;
}

/** Learns what runs take, by powers of two. */
export function createRunSizes(most: number): RunSizes {
  const times = new Map<number, number>();
  let tries = 0;
  const fits = (size: number, lullMs: number): boolean => (times.get(size) ?? 0) <= lullShare * lullMs;
  return {
    next(lullMs) {
      if (!(lullMs > 0)) return most;
      if (!fits(1, lullMs)) return tries < leastTries ? 1 : most;
      let size = 1;
      // A larger one is tried when the one before is known: a batch of two often takes little more than one request.
      while (2 * size <= most && times.has(size) && fits(2 * size, lullMs)) size *= 2;
      return size;
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
