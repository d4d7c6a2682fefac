import type { Clock } from '@fairlead/core';

/** How often somebody may ask: a bucket of `burst` requests that fills up by `requestsPerSecond`. */
export interface RateLimit {
  /** More than 0; 0.1 is one request in ten seconds. */
  readonly requestsPerSecond: number;
  /** Requests that may come at once. 1 or more. @default `requestsPerSecond`, or 1 where that is less */
  readonly burst?: number;
}

/** Buckets by name. */
export interface RateLimiter {
  /**
   * Takes one request out of a bucket; without a limit there is always one.
   * @returns 0 when there was one; else the milliseconds until there is, and nothing is taken
   */
  take(id: string, limit: RateLimit | undefined): number;
}

interface Bucket {
  tokens: number;
  /** When `tokens` was right, by the clock. */
  at: number;
}

/**
 * Makes buckets that are full at first. A bucket that nobody has used for long is forgotten when there are too many: it would be full
 * again anyway.
 *
 * @param maxBuckets how many are remembered
 */
export function createRateLimiter(clock: Clock, maxBuckets = 100_000): RateLimiter {
  // In the order of their last use.
  const buckets = new Map<string, Bucket>();
  return {
    take(id, limit) {
      if (limit === undefined) return 0;
      const { requestsPerSecond, burst = Math.max(1, requestsPerSecond) } = limit;
      const now = clock.now();
      const bucket = buckets.get(id) ?? { tokens: burst, at: now };
      const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * requestsPerSecond);
      bucket.at = now;
      // A hair's breadth below one is one: times are sums of fractions.
      bucket.tokens = tokens >= 1 - 1e-9 ? Math.max(0, tokens - 1) : tokens;
      buckets.delete(id);
      buckets.set(id, bucket);
      if (buckets.size > maxBuckets) buckets.delete(buckets.keys().next().value as string);
      return tokens >= 1 - 1e-9 ? 0 : ((1 - tokens) / requestsPerSecond) * 1000;
    },
  };
}
