import { availableParallelism } from 'node:os';

/** Milliseconds for which the event loop is kept turning at most. */
const vigilMs = 0.2;
/** A worker that took longer than this the last time will not answer during a vigil. */
const shortMs = 0.3;

/** Waits awake for a worker that will answer at once. */
export interface Vigil {
  /** The worker owes an answer. */
  begin(): void;
  /** It owes none any more. */
  end(): void;
}

/** Where time and turns come from; tests give their own. */
export interface VigilParts {
  /** Milliseconds. */
  readonly now?: () => number;
  /** Calls back in the next turn of the event loop. */
  readonly defer?: (callback: () => void) => void;
  readonly cores?: number;
}

/**
 * Keeps the event loop turning, instead of asleep, for the fifth of a millisecond after an idle worker was given something,
 * when it was quick with what it was given before: on an idle machine the processor sleeps with the thread, and waking it
 * takes longer than a small batch. Nothing is held up by it, since whatever is due in the loop has its turn. A worker with
 * enough to do is never idle, so under load this costs nothing; nor does it do anything on one core, which the worker needs.
 */
export function createVigil(parts: VigilParts = {}): Vigil {
  const { now = () => performance.now(), defer = setImmediate, cores = availableParallelism() } = parts;
  let since = 0;
  let lastMs = Number.POSITIVE_INFINITY;
  let busy = false;
  let turning = false;
  const turn = (): void => {
    if (busy && now() - since < vigilMs) defer(turn);
    else turning = false;
  };
  return {
    begin() {
      busy = true;
      since = now();
      if (turning || cores === 1 || lastMs > shortMs) return;
      turning = true;
      defer(turn);
    },
    end() {
      busy = false;
      lastMs = now() - since;
    },
  };
}
