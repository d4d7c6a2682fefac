import type { Clock, Session } from '@fairlead/core';

/** Tells when a worker has grown too large. */
export interface MemoryWatch {
  /**
   * Asks a worker what it takes, now and then.
   * @returns its bytes when another should take its place; undefined otherwise
   */
  check(session: Session): Promise<number | undefined> | undefined;
}

/** Milliseconds between two questions. */
const everyMs = 1000;
/** A worker must have grown by so much: one that is too large from the start would be no better the next time. */
const growth = 1.25;

/** Makes the watch of one worker. */
export function createMemoryWatch(clock: Clock, limitBytes: number): MemoryWatch {
  let askedAt = Number.NEGATIVE_INFINITY;
  /** What it took at first. */
  let firstBytes: number | undefined;
  return {
    check(session) {
      const now = clock.now();
      if (session.doMeasure === undefined || now - askedAt < everyMs) return undefined;
      askedAt = now;
      return session.doMeasure().then(
        ({ memoryBytes }) => {
          firstBytes ??= memoryBytes;
          return memoryBytes > limitBytes && memoryBytes > growth * firstBytes ? memoryBytes : undefined;
        },
        // It is gone, which is told elsewhere.
        () => undefined,
      );
    },
  };
}
