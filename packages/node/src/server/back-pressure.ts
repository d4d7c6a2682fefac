import type { Socket } from 'node:net';
import type { Clock, ClockTimer } from '@fairlead/core';
import type { Delay } from '@fairlead/core/serving';
import type { LoopDelay } from './loop-delay';

/** Keeps what comes in within what can be read, by not reading connections whose request was just refused. */
export interface BackPressure {
  /** What is to be kept of a connection, and given with all that is told of it. */
  open(socket: Socket): ReadConnection;
  /** A request was read from a connection: what it lost before, and whether it is one too many. */
  arrived(connection: ReadConnection): Delay;
  /** A request was answered otherwise than by a refusal. */
  answered(connection: ReadConnection): void;
  /**
   * A request is about to be refused.
   * @returns milliseconds that its connection is likely not to be read, for which `hold` must then be called; undefined where it will be
   */
  refuse(connection: ReadConnection): number | undefined;
  /** Stops reading a connection for a while. */
  hold(connection: ReadConnection): void;
  /** Reads all connections again, and holds none from now on. */
  end(): void;
  /** Connections that are not read. */
  readonly held: number;
}

/** A loop that was behind for so long, in milliseconds, does not keep up. */
const behindAfterMs = 50;
/** Requests that are answered for each connection that is read again while the loop is behind: what refusals may cost. */
const answersPerRelease = 256;
/** How often is looked whether the loop keeps up again, in milliseconds. */
const intervalMs = 10;
/** Of the connections that are read, the share that is held at most within that time. */
const mostHeldAtOnce = 0.3;
/** Connections that are read in any case. To refuse all of so few takes little time, and batches of fewer waste the lanes. */
const fewestRead = 32;
/** Requests by which is counted how many connections are read. */
const stretchReads = 512;
/** Looks in a row that found that the loop keeps up, with nobody held between them, after which it is believed. */
const looksOfDoubt = 5;
/** Until then one connection is read again at every so many of those that found so. */
const looksPerRelease = 4;
/** How many times as many are read again at each look after that. */
const growth = 4;
/** Requests read since the last look for each connection that is then read again: a loop that has time for a moment has not time for twice as many. */
const readsPerRelease = 8;
/**
 * Milliseconds that a turn of the loop may take to read requests while connections are held, and how many it reads in any case: as many as
 * fill a batch. Each of several hundred under way takes a fifth longer than each of 64, and what is read more of than that only waits.
 */
const longestTurnMs = 6;
const fewestTurnReads = 64;
/** Connections that are held at once; a client that has gone away is not noticed while its connection is. */
const mostHeld = 4096;

/** What is known of a connection. */
export interface ReadConnection {
  readonly socket: Socket;
  /** The span in which a request was last read from it. */
  span: number;
  /** The stretch in which one was; undefined while it is held. */
  stretch: number | undefined;
  /** Where it is read again, and may have a request that waited for that: when reading it had stopped. */
  heldAt: number | undefined;
  /** Whether its request has waited so, and its next refusal holds nobody. */
  isPardoned: boolean;
}

/**
 * Makes the back-pressure of a server.
 *
 * To refuse a request costs a good part of what answering one costs: its bytes are read and its head is parsed either way. At three times
 * what a server can do, refusing alone would take all of its time, and since every request then waits longer than its caller does
 * before it is read, nothing at all would be answered in time. So while the event loop does not keep up, a connection whose request was
 * refused is not read for a while: its client is told to come back later, and if it does not wait, its request waits in the
 * system's buffers, in turn with those of others, and costs nothing there. What is read is fresh.
 *
 * Those that have waited longest are read first: one for every {@link answersPerRelease} answers, and each after `longestMs` at
 * the latest. A request that lay there as its connection was read again counts as sent when reading stopped, for it may have been;
 * its refusal stops reading no second time, so that the next one of its connection has its chance.
 *
 * Once one is held, others that are refused are held too, until none is, but not many of those that are read at once: a thread that stood
 * still for ten milliseconds is late with all that came meanwhile, and were all of it held, few would be left to read. Batches would be
 * small, and the loop would turn for two or three requests at a time, until as many were read again. That may be for good: on a busy machine
 * the few are late now and then as well, whose connections are held as fast as others are read again. So {@link fewestRead} always are.
 *
 * A loop whose overload is held back keeps up now and then, if only because a client or a lane stood still for some milliseconds: would that
 * end it, all would be read again, and refused, until the loop had been behind for long enough again. For the same reason few are read
 * again until the loop has kept up for a while in which nobody had to be held, and then never many beside what is read anyway: each
 * costs a refusal of what has waited there too long, and another as soon as it is one too many.
 *
 * @param longestMs milliseconds that a connection is held at most
 * @param keepAliveMs milliseconds that a connection may be idle once it is read again
 */
export function createBackPressure(
  clock: Clock,
  loop: LoopDelay,
  longestMs: number,
  keepAliveMs: number,
): BackPressure {
  /** When reading stopped, by connection; the longest held first. */
  const held = new Map<ReadConnection, number>();
  let timer: ClockTimer | undefined;
  let answers = 0;
  /** Looks in a row that found that the loop keeps up, with nobody held before them. */
  let calmLooks = 0;
  /** Looks that found so. */
  let looks = 0;
  /** Requests that were read since the last look, but for those that had waited on a connection that was held. */
  let reads = 0;
  /** Whether one was held since the last look. */
  let hasHeld = false;
  let hasEnded = false;
  /** What a connection was held for lately. */
  let lastHoldMs = 0;

  /** Connections that a request was read from in this span of `intervalMs`, and in the one before. */
  let [active, activeBefore] = [0, 0];
  /** The number of this span, and when it began. */
  let [span, spanBeganAt] = [0, Number.NEGATIVE_INFINITY];
  /** The number of this stretch of requests, and how many were read in it. */
  let [stretch, stretchRead] = [0, 0];
  /** Connections that are not held, and from which a request was last read in this stretch, and in the one before. */
  let [recent, older] = [0, 0];
  /** Connections that may be held in this span. */
  let mayHold = 0;

  /** Begins the next span once this one is over. */
  const enterSpan = (): void => {
    const now = clock.now();
    if (now - spanBeganAt < intervalMs) return;
    spanBeganAt = now;
    span++;
    [active, activeBefore] = [0, active];
    mayHold = Math.ceil(mostHeldAtOnce * activeBefore);
    // A stretch knows few: where it knows as many as this, there may be more, and enough are left.
    const isRead = recent + older;
    if (isRead < 2 * fewestRead) mayHold = Math.min(mayHold, isRead - fewestRead);
  };

  const forget = (connection: ReadConnection): void => {
    if (connection.stretch === stretch) recent--;
    else if (connection.stretch === stretch - 1) older--;
    connection.stretch = undefined;
  };

  /** Counts a connection among those that are read. */
  const count = (connection: ReadConnection): void => {
    if (++stretchRead > stretchReads) {
      [recent, older] = [0, recent];
      stretch++;
      stretchRead = 1;
    }
    if (connection.stretch === stretch) return;
    forget(connection);
    connection.stretch = stretch;
    recent++;
  };

  const release = (count: number, heldBefore = Number.POSITIVE_INFINITY): void => {
    const released: ReadConnection[] = [];
    for (const [connection, heldAt] of held) {
      if (released.length >= count || heldAt > heldBefore) break;
      held.delete(connection);
      lastHoldMs = clock.now() - heldAt;
      connection.heldAt = heldAt;
      released.push(connection);
      const { socket } = connection;
      if (!socket.destroyed) socket.setTimeout(keepAliveMs).resume();
    }
    if (held.size === 0) lastHoldMs = 0;
    if (released.length === 0) return;
    // Whatever lay there is read in the next turn; what comes after that is fresh.
    clock.defer(() =>
      clock.defer(() => {
        for (const connection of released) connection.heldAt = undefined;
      }),
    );
  };

  const look = (): void => {
    timer = undefined;
    release(Number.POSITIVE_INFINITY, clock.now() - longestMs);
    const keepsUp = loop.behindMs() === 0;
    calmLooks = keepsUp && !hasHeld ? calmLooks + 1 : 0;
    hasHeld = false;
    if (keepsUp) {
      // Where nothing comes any more, most were held for nothing.
      if (reads === 0) release(growth ** calmLooks);
      else if (calmLooks > looksOfDoubt)
        release(Math.min(growth ** (calmLooks - looksOfDoubt), Math.max(1, Math.floor(reads / readsPerRelease))));
      else if (looks++ % looksPerRelease === 0) release(1);
    }
    reads = 0;
    wait();
  };
  const wait = (): void => {
    if (held.size > 0) timer ??= clock.setTimer(look, intervalMs);
  };

  return {
    get held() {
      return held.size;
    },
    open: (socket) => ({ socket, span: -1, stretch: undefined, heldAt: undefined, isPardoned: false }),
    arrived(connection) {
      const { beforeMs, turnMs, turnReads } = loop.read();
      enterSpan();
      count(connection);
      if (connection.span !== span) {
        connection.span = span;
        active++;
      }
      const { heldAt } = connection;
      if (heldAt === undefined) {
        reads++;
        return { beforeMs, isTooMuch: held.size > 0 && turnMs > longestTurnMs && turnReads > fewestTurnReads };
      }
      connection.heldAt = undefined;
      connection.isPardoned = true;
      return { beforeMs: Math.max(beforeMs, clock.now() - heldAt) };
    },
    answered(connection) {
      connection.isPardoned = false;
      if (held.size === 0 || ++answers < answersPerRelease) return;
      answers = 0;
      release(1);
    },
    refuse(connection) {
      const { isPardoned } = connection;
      connection.isPardoned = false;
      if (isPardoned || hasEnded || held.size >= mostHeld) return undefined;
      if (held.size === 0 && loop.behindMs() < behindAfterMs) return undefined;
      enterSpan();
      if (mayHold <= 0) return undefined;
      mayHold--;
      const [longestHeldAt = clock.now()] = held.values();
      return Math.min(longestMs, Math.max(intervalMs, lastHoldMs, clock.now() - longestHeldAt));
    },
    hold(connection) {
      const { socket } = connection;
      if (hasEnded || socket.destroyed) return;
      // It is not idle: whatever comes is left where it is.
      socket.setTimeout(0).pause();
      held.set(connection, clock.now());
      forget(connection);
      hasHeld = true;
      wait();
    },
    end() {
      hasEnded = true;
      timer?.clear();
      timer = undefined;
      release(Number.POSITIVE_INFINITY);
    },
  };
}
