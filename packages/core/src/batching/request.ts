import type { Priority, RunResult } from '../runner/runner';
import type { Slab } from './slab';

/** Where a request stands. It leaves `done` never again, so that it ends exactly once. */
export type RequestState = 'queued' | 'in-flight' | 'done';

/** Priority classes by rank: 0 leaves first. */
export const priorityRanks: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 };

/** A request that waits this long moves up by one priority class, so that low priority still moves under load. */
export const ageingMs = 1000;

/** One request inside the batcher. One shape and no closures, since there are a million of them a second. */
export class BatchRequest {
  state: RequestState = 'queued';
  /** Neighbours in their slot of the expiry wheel. */
  expiryPrevious: BatchRequest | undefined = undefined;
  expiryNext: BatchRequest | undefined = undefined;
  expirySlot: number = Number.NaN;
  /**
   * What orders requests of one class, in milliseconds of the clock: the deadline, but no later than one ageing time
   * after the arrival, so that a request without a deadline is not passed for ever by those that have one.
   */
  readonly urgency: number;
  /** Removes the abort listener; there is one only where a signal was given. */
  unlisten: (() => void) | undefined = undefined;
  /** Part of a larger request, which tells of its end itself. */
  isPart = false;

  constructor(
    readonly slab: Slab,
    /** First row in the slab. */
    readonly start: number,
    readonly rows: number,
    readonly rank: number,
    /** Absolute, in milliseconds of the clock; infinite without one. */
    readonly deadline: number,
    /** Milliseconds of the clock. */
    readonly enqueuedAt: number,
    readonly resolve: (result: RunResult) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.urgency = Math.min(deadline, enqueuedAt + ageingMs);
  }
}
