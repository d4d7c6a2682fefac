import type { Clock } from '@fairlead/core';

/** What the event loop did before a request was read. */
export interface Reading {
  /** Milliseconds for which the request waited for the loop. */
  readonly beforeMs: number;
  /** Milliseconds that this turn of the loop has taken so far, and the requests that it read, with this one. */
  readonly turnMs: number;
  readonly turnReads: number;
}

/** Tells what the event loop itself takes of the time of requests. */
export interface LoopDelay {
  /** A request was read. */
  read(): Reading;
  /** Milliseconds for which there has always been more to read than the loop had read; 0 where it keeps up. */
  behindMs(): number;
}

/** A turn that takes less delays nobody by much. */
const shortMs = 1;

/**
 * Watches the event loop, by nothing but the requests that it reads.
 *
 * In one turn, a loop reads whatever has come since the turn before. Where that turn took 40 ms, a request that is read now may have waited
 * for 40 ms in the buffers of the system, where no deadline counts. Where the turn after found nothing to read, the loop keeps up, and a
 * request is read as it comes.
 *
 * That an answer waits for the loop as well is not told here: the times of batches, as the loop sees them come back, already hold it. Counted
 * twice, a turn of 3 ms refused requests that had 10 ms and took 7.
 */
export function createLoopDelay(clock: Clock): LoopDelay {
  let turn = 0;
  let startedAt = 0;
  let turnReads = 0;
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
    turnReads = 0;
    isReading = true;
    turn++;
    clock.defer(endTurn);
  };

  return {
    read() {
      const now = clock.now();
      if (!isReading) beginTurn(now);
      const turnMs = now - startedAt;
      // Requests are read in the order in which they came: the first came when the turn before began, the last when this one did.
      return { beforeMs: Math.max(turnMs, previousMs), turnMs, turnReads: ++turnReads };
    },
    behindMs: () => (keepsUp ? 0 : clock.now() - behindSince),
  };
}
