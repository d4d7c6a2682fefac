import type { Clock } from '@fairlead/core';
import type { Delay } from '@fairlead/core/serving';

/** Tells what the event loop itself takes of the time of requests. */
export interface LoopDelay {
  /** A request was read: what it lost before, and will lose until its answer can be sent. */
  read(): Delay;
  /** Milliseconds for which there has always been more to read than the loop had read; 0 where it keeps up. */
  behindMs(): number;
}

/** A turn that takes less delays nobody by much. */
const shortMs = 1;

/**
 * Watches the event loop, by nothing but the requests that it reads.
 *
 * In one turn, a loop reads whatever has come since the turn before. Where that turn took 40 ms, a request that is read now may have waited
 * for 40 ms in the buffers of the system, where no deadline counts; and an answer that is there now may have to wait until this turn is
 * over, and will then have been on its way for twice as long. Where the turn after found nothing to read, the loop keeps up, and a
 * request is read as it comes.
 */
export function createLoopDelay(clock: Clock): LoopDelay {
  let turn = 0;
  let startedAt = 0;
  let isReading = false;
  /** Whether the last turn that looked for requests found none waiting. */
  let keepsUp = true;
  let behindSince = 0;
  /** Milliseconds of the turn before, where this one goes on from it. */
  let previousMs = 0;

  /** The turn is over. The next one either reads the first request that waited meanwhile, or finds none. */
  const endTurn = (): void => {
    isReading = false;
    if (clock.now() - startedAt < shortMs) {
      keepsUp = true;
      return;
    }
    const ended = turn;
    clock.defer(() => {
      if (turn === ended) keepsUp = true;
    });
  };

  const beginTurn = (now: number): void => {
    previousMs = keepsUp ? 0 : now - startedAt;
    if (keepsUp) behindSince = now;
    keepsUp = false;
    startedAt = now;
    isReading = true;
    turn++;
    clock.defer(endTurn);
  };

  return {
    read() {
      const now = clock.now();
      if (!isReading) beginTurn(now);
      const elapsedMs = now - startedAt;
      return {
        // Requests are read in the order in which they came: the first came when the turn before began, the last when this one did.
        beforeMs: Math.max(elapsedMs, previousMs),
        // The rest of this turn, for what is computed in this thread is sent at its end; and half of the next one, in which what a
        // worker computed is found.
        afterMs: Math.max(0, previousMs - elapsedMs) + previousMs / 2,
      };
    },
    behindMs: () => (keepsUp ? 0 : clock.now() - behindSince),
  };
}
