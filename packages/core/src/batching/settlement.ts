import type { Clock } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { type ErrorCode, FairleadError, messageOf } from '../errors';
import type { ModelInfo, RunTiming } from '../runner/runner';
import type { Cohort, Split } from './cohort';
import type { ExpiryWheel } from './expiry-wheel';

/**
 * An answer must reach its caller so long before its deadline, in milliseconds, or that share of the time that the request had where it is
 * less: from the last look at the clock to the caller are some promises, and now and then a pause of the garbage collector.
 */
const [mostSpareMs, spareShare] = [0.5, 0.01];

/** Ends cohorts: answers or fails each of their requests, exactly once, and counts. */
export class Settlement {
  readonly #model: ModelInfo;
  readonly #expiry: ExpiryWheel;
  readonly #clock: Clock;
  readonly #onRequestFail: (code: ErrorCode, rows: number) => void;
  /** Requests answered. */
  requests = 0;
  /** Rows answered. */
  rows = 0;

  constructor(
    model: ModelInfo,
    expiry: ExpiryWheel,
    clock: Clock,
    onRequestFail: (code: ErrorCode, rows: number) => void,
  ) {
    this.#model = model;
    this.#expiry = expiry;
    this.#clock = clock;
    this.#onRequestFail = onRequestFail;
  }

  /** Gives every request of a cohort its rows; `start` is the cohort's first row in the batch of `batchSize` rows. */
  answer(cohort: Cohort, split: Split, start: number, timing: RunTiming, batchSize: number): void {
    this.#forget(cohort);
    this.rows += cohort.rows;
    if (!cohort.isPart) this.requests += cohort.requests;
    const late = cohort.traits.deadline === noDeadline ? undefined : (rows: number) => this.#lateError(cohort, rows);
    cohort.end({ split, start, model: this.#model, timing, batchSize, late });
  }

  /**
   * The error of a request whose answer was given in time, and is collected too late: the system may hold a thread up in between, for
   * milliseconds, which nobody can foresee.
   */
  #lateError(cohort: Cohort, rows: number): FairleadError | undefined {
    const { deadline, enqueuedAt } = cohort.traits;
    const spareMs = Math.min(mostSpareMs, (deadline - enqueuedAt) * spareShare);
    if (this.#clock.now() + spareMs <= deadline) return undefined;
    this.rows -= rows;
    const error = deadlineError('while its answer was on its way');
    if (!cohort.isPart) {
      this.requests--;
      this.#onRequestFail(error.code, rows);
    }
    return error;
  }

  /** Fails every request of a cohort that has not ended. */
  fail(cohort: Cohort, thrown: unknown): void {
    if (cohort.state === 'done') return;
    this.#forget(cohort);
    cohort.end({ error: thrown });
    if (cohort.isPart) return;
    const { code } = asRunError(thrown);
    for (const rows of cohort.memberRows) this.#onRequestFail(code, rows);
  }

  /** Fails a cohort whose time ran out. */
  expire(cohort: Cohort): void {
    this.fail(cohort, deadlineError(cohort.state === 'queued' ? 'in the queue' : 'while its batch was computed'));
  }

  /** A request that was sent in parts has ended: answered, or failed with `error`. */
  endWhole(rows: number, error?: unknown): void {
    if (error === undefined) this.requests++;
    else this.#onRequestFail(asRunError(error).code, rows);
  }

  /** A request was turned away before it was queued. */
  refuse(code: ErrorCode, rows: number): void {
    this.#onRequestFail(code, rows);
  }

  #forget(cohort: Cohort): void {
    cohort.state = 'done';
    this.#expiry.remove(cohort);
    cohort.listening?.leave(cohort);
  }
}

/** Whatever a runtime threw, as an error with a code. */
export function asRunError(thrown: unknown): FairleadError {
  if (FairleadError.isInstance(thrown)) return thrown;
  return new FairleadError('RUN_FAILED', `The runtime failed: ${messageOf(thrown)}`, { cause: thrown });
}
