import { FairleadError } from '../errors';

/** Counts what is under way, bounds it, and tells when the last of it has ended. */
export interface InFlight {
  /**
   * Counts one more.
   * @returns what the caller must call once when it ends
   * @throws FairleadError `OVERLOADED` at the bound, `CLOSED` after `shut`
   */
  enter(): () => void;
  /** Lets no one in any more. */
  shut(): void;
  /** Those that have not left. */
  readonly count: number;
  /** Resolves when all have left. */
  whenEmpty(): Promise<void>;
}

export function createInFlight(max: number): InFlight {
  let count = 0;
  let closed = false;
  let onEmpty: (() => void) | undefined;
  const leave = (): void => {
    count -= 1;
    if (count === 0) onEmpty?.();
  };
  return {
    enter() {
      if (closed) throw new FairleadError('CLOSED', 'The remote runner is closed. Make another with remote().');
      if (count >= max) {
        throw new FairleadError('OVERLOADED', `${max} requests are in flight. Wait for some, or raise maxConcurrent.`, {
          details: { field: 'maxConcurrent', retryAfterMs: 100 },
        });
      }
      count += 1;
      return leave;
    },
    shut() {
      closed = true;
    },
    get count() {
      return count;
    },
    whenEmpty() {
      return new Promise((resolve) => {
        if (count === 0) resolve();
        else onEmpty = resolve;
      });
    },
  };
}
