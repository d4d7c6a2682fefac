/** Share of a lull that a run may take: lulls are not all as long as the mean. */
const lullShare = 0.8;
/** What the last run of a size adds to what is known of its time. */
const timeWeight = 0.5;
/** What a run of another size leaves of a size's time, so that what was once too slow is tried again after a while. */
const forgetting = 0.99;

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
  const fits = (size: number, lullMs: number): boolean => (times.get(size) ?? 0) <= lullShare * lullMs;
  return {
    next(lullMs) {
      if (!(lullMs > 0) || !fits(1, lullMs)) return most;
      let size = 1;
      // A larger one is tried when the one before is known: a batch of two often takes little more than one request.
      while (2 * size <= most && times.has(size) && fits(2 * size, lullMs)) size *= 2;
      return size;
    },
    note(requests, tookMs) {
      const size = 2 ** Math.ceil(Math.log2(requests));
      for (const [other, ms] of times) if (other !== size) times.set(other, ms * forgetting);
      const known = times.get(size);
      times.set(size, known === undefined ? tookMs : known + timeWeight * (tookMs - known));
    },
  };
}
