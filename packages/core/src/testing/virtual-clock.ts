import { type Clock, type ClockTimer, systemClock } from '../clock';

/** A clock that moves only when told to. */
export interface VirtualClock extends Clock {
  /**
   * Moves time forward and runs everything that falls due, in order of time. Between two callbacks pending promise
   * reactions run, as they would in a real event loop.
   */
  advance(ms: number): Promise<void>;
  /** Runs deferred callbacks and promise reactions at the present time until none is left. */
  settle(): Promise<void>;
  /** Timers that wait. A test that ends with some left has found a leak. */
  readonly pendingTimers: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Runs promise reactions, and those that they lead to, however long the chain: a turn of the real event loop. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => systemClock.defer(resolve));
}

/**
 * Makes a virtual clock.
 * @param startEpochMs what `epochMs()` says at the beginning, in milliseconds since 1970-01-01 UTC
 */
export function createVirtualClock(startEpochMs = 1_700_000_000_000): VirtualClock {
  let now = 0;
  let order = 0;
  let timers: Timer[] = [];
  let deferred: (() => void)[] = [];

  const settle = async (): Promise<void> => {
    await drainMicrotasks();
    while (deferred.length > 0) {
      const due = deferred;
      deferred = [];
      for (const callback of due) {
        callback();
        await drainMicrotasks();
      }
    }
  };

  const nextDue = (limit: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > limit) continue;
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  };

  return {
    now: () => now,
    epochMs: () => startEpochMs + now,
    setTimer(callback, delayMs): ClockTimer {
      const timer: Timer = { at: now + Math.max(0, delayMs), order: order++, callback };
      timers.push(timer);
      return {
        clear: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
    defer: (callback) => void deferred.push(callback),
    settle,
    async advance(ms) {
      const target = now + ms;
      await settle();
      for (let timer = nextDue(target); timer !== undefined; timer = nextDue(target)) {
        const due = timer;
        timers = timers.filter((other) => other !== due);
        now = Math.max(now, due.at);
        due.callback();
        await settle();
      }
      now = target;
      await settle();
    },
    get pendingTimers() {
      return timers.length;
    },
  };
}
