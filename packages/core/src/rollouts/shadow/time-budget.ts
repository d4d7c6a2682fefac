import type { Clock } from '../../clock';

/** Seconds whose share is saved up at most, so that a quiet hour is not followed by a long burst. */
const savedMs = 10_000;

/** A share of time that may be spent. */
export interface TimeBudget {
  /** Whether something is left. What it then costs may be more: the debt is paid before the next. */
  readonly isOpen: boolean;
  /** Milliseconds until something is left again; 0 where it is. */
  readonly waitMs: number;
  /** Milliseconds that were spent in all. */
  readonly spentMs: number;
  spend(ms: number): void;
}

/** Makes the budget of a share of the time from now on. */
export function createTimeBudget(share: number, clock: Clock): TimeBudget {
  // What a first round costs is not known: it is let begin, and paid for afterwards.
  let balanceMs = Number.MIN_VALUE;
  let countedAt = clock.now();
  let spentMs = 0;
  const count = (): number => {
    const now = clock.now();
    balanceMs = Math.min(savedMs * share, balanceMs + (now - countedAt) * share);
    countedAt = now;
    return balanceMs;
  };
  return {
    get isOpen() {
      return count() > 0;
    },
    get waitMs() {
      return Math.max(0, -count() / share);
    },
    get spentMs() {
      return spentMs;
    },
    spend(ms) {
      balanceMs = count() - ms;
      spentMs += ms;
    },
  };
}
