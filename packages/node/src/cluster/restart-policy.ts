import type { Clock } from '@fairlead/core';

/** How often, and how soon, a process that died is started again. */
export interface RestartPolicy {
  /**
   * A process has died.
   * @returns milliseconds to wait before the next one is started; undefined when that was one death too many
   */
  died(): number | undefined;
}

/** The first pause, in milliseconds; each further death within the window doubles it, up to the longest. */
const [firstMs, longestMs] = [100, 10_000];

/**
 * Makes the policy of one place in a cluster.
 *
 * @param maxRestarts deaths within `windowMs` after which another process is started; the next death is one too many
 */
export function createRestartPolicy(maxRestarts: number, windowMs: number, clock: Clock): RestartPolicy {
  let deaths: number[] = [];
  return {
    died() {
      const now = clock.now();
      deaths = [...deaths.filter((at) => now - at < windowMs), now];
      if (deaths.length > maxRestarts) return undefined;
      return Math.min(longestMs, firstMs * 2 ** (deaths.length - 1));
    },
  };
}
