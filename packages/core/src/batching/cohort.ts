import type { Priority, RunResult } from '../runner/runner';
import type { Slab } from './slab';
import type { UrgencyList } from './urgency-list';

/** Where a cohort stands. It leaves `done` never again, so that its requests end exactly once. */
export type CohortState = 'queued' | 'in-flight' | 'done';

/** Priority classes by rank: 0 leaves first. */
export const priorityRanks: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 };

/** A request that waits this long moves up by one priority class, so that low priority still moves under load. */
export const ageingMs = 1000;

/** What the queue looks at, the same for all requests of a cohort. */
export interface CohortTraits {
  /** Rank of its priority class; 0 leaves first. */
  readonly rank: number;
  /** Absolute, in milliseconds of the clock; infinite without one. */
  readonly deadline: number;
  /** Milliseconds of the clock. */
  readonly enqueuedAt: number;
  /** Whose share it is taken from; undefined where the caller named nobody. */
  readonly key: string | undefined;
  /** Share of that key beside others. */
  readonly weight: number;
  /** Whether it may be run again when the worker that computed it died. */
  readonly idempotent: boolean;
}

type Resolve = (result: RunResult) => void;
type Reject = (error: unknown) => void;

/**
 * Requests that came in one turn, lie side by side in one slab, and differ in nothing that the queue looks at: queued,
 * taken and expired as one, so that what a request costs is little more than its promise. A request that has an abort
 * signal of its own is a cohort of one.
 */
export class Cohort {
  state: CohortState = 'queued';
  rows = 0;
  /** Rows of each request. */
  readonly memberRows: number[] = [];
  readonly resolves: Resolve[] = [];
  readonly rejects: Reject[] = [];
  /** Neighbours in their slot of the expiry wheel. */
  expiryPrevious: Cohort | undefined = undefined;
  expiryNext: Cohort | undefined = undefined;
  expirySlot: number = Number.NaN;
  /** The list that it waits in. */
  list: UrgencyList | undefined = undefined;
  /**
   * What orders cohorts of one class, in milliseconds of the clock: the deadline, but no later than one ageing time
   * after the arrival, so that a request without a deadline is not passed for ever by those that have one.
   */
  readonly urgency: number;
  /** Removes the abort listener; there is one only where a signal was given. */
  unlisten: (() => void) | undefined = undefined;
  /** Part of a larger request, which tells of its end itself. */
  isPart = false;
  /** How often it was run again because its worker had died. */
  reruns = 0;

  constructor(
    readonly slab: Slab,
    /** First row in the slab. */
    public start: number,
    readonly traits: CohortTraits,
  ) {
    this.urgency = Math.min(traits.deadline, traits.enqueuedAt + ageingMs);
  }

  get requests(): number {
    return this.memberRows.length;
  }

  add(rows: number, resolve: Resolve, reject: Reject): void {
    this.rows += rows;
    this.memberRows.push(rows);
    this.resolves.push(resolve);
    this.rejects.push(reject);
  }

  /** How many of its first requests have at most `maxRows` rows together. */
  fitting(maxRows: number): number {
    if (this.rows <= maxRows) return this.memberRows.length;
    let rows = 0;
    for (let index = 0; index < this.memberRows.length; index++) {
      rows += this.memberRows[index] as number;
      if (rows > maxRows) return index;
    }
    return this.memberRows.length;
  }

  /** Takes the first `requests` requests out into a cohort of their own, which holds the slab too. */
  takeFirst(requests: number): Cohort {
    const first = new Cohort(this.slab, this.start, this.traits);
    this.slab.hold();
    first.isPart = this.isPart;
    first.reruns = this.reruns;
    for (let index = 0; index < requests; index++) {
      first.add(this.memberRows[index] as number, this.resolves[index] as Resolve, this.rejects[index] as Reject);
    }
    this.memberRows.splice(0, requests);
    this.resolves.splice(0, requests);
    this.rejects.splice(0, requests);
    this.start += first.rows;
    this.rows -= first.rows;
    return first;
  }
}
