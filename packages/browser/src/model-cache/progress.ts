import type { Clock } from '@fairlead/core';

/** Milliseconds between two reports. */
const reportEveryMs = 100;
/** Over about so many milliseconds a rate is averaged. */
const averageOverMs = 2000;

/** Counts bytes and finds their rate. */
export interface ProgressMeter {
  /** Tells it how many bytes are here now; `undefined` when it is too soon for a report, else bytes a second. */
  at(bytes: number, last?: boolean): number | undefined;
}

/** Makes a meter that starts at `startBytes`. The first report is due at once. */
export function createProgressMeter(clock: Clock, startBytes: number): ProgressMeter {
  let reportedAt: number | undefined;
  let reportedBytes = startBytes;
  let rate: number | undefined;
  return {
    at(bytes, last = false) {
      const now = clock.now();
      if (reportedAt === undefined) {
        reportedAt = now;
        reportedBytes = bytes;
        return 0;
      }
      const elapsedMs = now - reportedAt;
      if (elapsedMs < reportEveryMs && !last) return undefined;
      if (elapsedMs > 0) {
        const present = (Math.max(0, bytes - reportedBytes) / elapsedMs) * 1000;
        const weight = rate === undefined ? 1 : 1 - Math.exp(-elapsedMs / averageOverMs);
        rate = (rate ?? 0) + weight * (present - (rate ?? 0));
        reportedAt = now;
        reportedBytes = bytes;
      }
      return rate ?? 0;
    },
  };
}
