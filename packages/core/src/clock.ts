/** A timer that a {@link Clock} started. */
export interface ClockTimer {
  /** Ends the timer; a timer that already fired or was cleared is left alone. */
  clear(): void;
}

/**
 * Where time comes from. Everything in Fairlead that measures, waits or expires asks a clock, so that tests run on a
 * virtual one (`createVirtualClock` in `@fairlead/core/testing`).
 */
export interface Clock {
  /** Monotonic time in milliseconds, with fractions; its zero means nothing. */
  now(): number;
  /** Wall-clock time in milliseconds since 1970-01-01 UTC. */
  epochMs(): number;
  /** Calls `callback` once after `delayMs` milliseconds. A pending timer does not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): ClockTimer;
  /** Calls `callback` once, after everything that is due in this turn of the event loop. */
  defer(callback: () => void): void;
}

interface TimerHandle {
  unref?: () => void;
}

/** Runs callbacks in a later turn of the event loop: `setImmediate` where it exists, else a message channel. */
function createDefer(): (callback: () => void) => void {
  const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate;
  if (typeof immediate === 'function') return (callback) => void immediate(callback);
  if (typeof MessageChannel !== 'function') return (callback) => void setTimeout(callback, 0);
  let channel: MessageChannel | undefined;
  const pending: (() => void)[] = [];
  return (callback) => {
    if (channel === undefined) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => pending.shift()?.();
    }
    pending.push(callback);
    channel.port2.postMessage(0);
  };
}

const defer = createDefer();

/** Platforms count timers in 32 bits, and fire a longer one at once. */
const longestMs = 2 ** 31 - 1;

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer(callback, delayMs) {
    let handle: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number): void => {
      handle = leftMs > longestMs ? setTimeout(wait, longestMs, leftMs - longestMs) : setTimeout(callback, leftMs);
      (handle as unknown as TimerHandle).unref?.();
    };
    wait(delayMs);
    return { clear: () => clearTimeout(handle) };
  },
  defer,
};
