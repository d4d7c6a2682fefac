import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import * as z from 'zod/mini';
import type { Clock } from '../clock';
import { parseOptions } from '../config';
import { deadlineOf } from '../deadline';
import { FairleadError } from '../errors';
import { createEvents, type EventListeners, type Events } from '../events';
import type { Logger } from '../logger';
import type { ModelInfo, ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { clockField, listenersField, loggerField } from './options';
import { pause } from './pause';
import { codeOf, codesFor } from './remedies';
import { RetryBudget } from './retry-budget';
import { afterWaiting, createPending, keepInputs, stageAround, withDeadline } from './stage';

/*
 * Of cockatiel this stage takes the delays (ExponentialBackoff with its decorrelated jitter). Its RetryPolicy waits on
 * timers of the platform, which no test can move and no deadline ends, and knows no budget; the loop below is ours.
 */

/** How many retries there may be. */
export interface RetryBudgetOptions {
  /** Retries for each request of the last ten seconds, 0 to 1. @default 0.1 */
  readonly share?: number;
  /** Retries a second, over the same ten seconds, that are allowed however few requests there are. 0 or more. @default 1 */
  readonly perSecond?: number;
}

/** Options of {@link withRetry}. */
export interface RetryOptions {
  /** Attempts of one request, the first one included. 2 to 100. @default 3 */
  readonly maxAttempts?: number;
  /** Bounds the retries of all requests together, so that they cannot multiply the load on a runner that is down. */
  readonly budget?: RetryBudgetOptions;
  /** About how many milliseconds to wait before the first retry; twice as many before each further one. More than 0. @default 50 */
  readonly initialDelayMs?: number;
  /**
   * Most milliseconds to wait before a retry, `initialDelayMs` or more. A failure whose `retryAfterMs` is longer is not
   * tried again. @default 2000
   */
  readonly maxDelayMs?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<RetryEventMap>;
  /** Where the errors of listeners go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from; the runner's own. @default the clock of the process */
  readonly clock?: Clock;
}

/** A request is going to be tried again. */
export interface RequestRetryEvent {
  readonly model: ModelInfo;
  /** Number of the attempt to come, from 2. */
  readonly attempt: number;
  /** Milliseconds until it begins. */
  readonly delayMs: number;
  /** What the attempt before failed with. */
  readonly error: unknown;
}

/** What a retrying runner tells beside the events of the runner inside. */
export interface RetryEventMap {
  'request-retry': RequestRetryEvent;
}

/** What retries did. */
export interface RetryStats {
  readonly requests: number;
  readonly retries: number;
  /** Requests that were answered by a later attempt than the first. */
  readonly recovered: number;
  /** Requests that might have been tried again and were not, by why. */
  readonly givenUp: {
    /** They had used up `maxAttempts`. */
    readonly attempts: number;
    /** The budget was spent. */
    readonly budget: number;
    /** The next attempt would have begun after the deadline, or its `retryAfterMs` is longer than `maxDelayMs`. */
    readonly time: number;
  };
}

/** A runner with retries around it. */
export interface RetryRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  readonly retryEvents: Events<RetryEventMap>;
  retryStats(): RetryStats;
}

const optionsSchema = z
  .strictObject({
    maxAttempts: z._default(z.int().check(z.gte(2), z.lte(100)), 3),
    budget: z._default(
      z.strictObject({
        share: z._default(z.number().check(z.gte(0), z.lte(1)), 0.1),
        perSecond: z._default(z.number().check(z.gte(0)), 1),
      }),
      { share: 0.1, perSecond: 1 },
    ),
    initialDelayMs: z._default(z.number().check(z.gt(0)), 50),
    maxDelayMs: z._default(z.number().check(z.gt(0), z.lte(2 ** 31 - 1)), 2000),
    on: listenersField<RetryEventMap>(),
    logger: loggerField,
    clock: clockField,
  })
  .check(
    z.refine(({ initialDelayMs, maxDelayMs }) => initialDelayMs <= maxDelayMs, {
      path: ['maxDelayMs'],
      error: 'initialDelayMs or more',
    }),
  );

const worthRetrying = codesFor('retry');
/** Bad gateway, unavailable, gateway timeout: what a server says when another one, or itself a little later, may answer. */
const passingStatuses: ReadonlySet<unknown> = new Set([502, 503, 504]);

/** Whether a failure may pass. A server that refused or failed on the request itself would do so again. */
function mayPass(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== 'REMOTE_FAILED' || !FairleadError.isInstance(error)) return worthRetrying.has(code);
  const { status } = error.details;
  return status === undefined || passingStatuses.has(status);
}

/**
 * Tries a request again when it failed for a reason that passes: `LANE_LOST`, `OVERLOADED`, and `REMOTE_FAILED` where the
 * server was not reached or answered 502, 503 or 504. Answering the same request twice does no harm. A stated
 * `retryAfterMs` is waited for; otherwise delays grow, with a random part, so that callers who failed together do not
 * come back together. No attempt begins after the request's deadline, and the request that is given up fails with the
 * error of its last attempt. Inputs are copied, so that a later attempt computes what the first was given.
 *
 * `timing.queueMs` of an answer counts from the call, whichever attempt it came from. Closing waits for requests that
 * are being tried, then closes the runner inside.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function withRetry<S extends AnySignature>(runner: ModelRunner<S>, options: RetryOptions = {}): RetryRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return retryAround(runner as unknown as ModelRunner, options) as unknown as RetryRunner<S>;
}

function retryAround(runner: ModelRunner, options: RetryOptions): RetryRunner {
  const settings = parseOptions(optionsSchema, options, 'withRetry');
  const { maxAttempts, initialDelayMs, maxDelayMs, clock } = settings;
  const budget = new RetryBudget(settings.budget.share, settings.budget.perSecond);
  const delays = new ExponentialBackoff({ initialDelay: initialDelayMs, maxDelay: maxDelayMs });
  const retryEvents = createEvents<RetryEventMap>(settings.logger, settings.on);
  const pending = createPending();
  const givenUp = { attempts: 0, budget: 0, time: 0 };
  let requests = 0;
  let retries = 0;
  let recovered = 0;

  /** Why a failed request is not tried again, as `givenUp` counts it; undefined when it is. */
  const obstacle = (attempt: number, delayMs: number, deadline: number): keyof typeof givenUp | undefined => {
    const now = clock.now();
    if (attempt >= maxAttempts) return 'attempts';
    if (delayMs > maxDelayMs || now + delayMs >= deadline) return 'time';
    return budget.take(now) ? undefined : 'budget';
  };

  const runWithRetries = async (inputs: InputsOf, call: RunOptions, deadline: number): Promise<RunResult> => {
    const kept = keepInputs(inputs);
    const calledAt = clock.now();
    let backoff: IBackoff<unknown> | undefined;
    for (let attempt = 1; ; attempt++) {
      const begunAt = clock.now();
      try {
        const result = await runner.run(attempt === 1 ? inputs : kept, call);
        if (attempt === 1) return result;
        recovered++;
        return afterWaiting(result, begunAt - calledAt);
      } catch (error) {
        if (!mayPass(error)) throw error;
        backoff = (backoff ?? delays).next(undefined);
        const delayMs = Math.max(retryAfterOf(error), Math.min(backoff.duration, maxDelayMs));
        const why = obstacle(attempt, delayMs, deadline);
        if (why !== undefined) {
          givenUp[why]++;
          throw error;
        }
        retries++;
        retryEvents.emit('request-retry', { model: runner.model, attempt: attempt + 1, delayMs, error });
        await pause(delayMs, call.signal, clock);
      }
    }
  };

  const stage = stageAround(runner, {
    name: 'retries',
    async run(inputs, runOptions) {
      const now = clock.now();
      const deadline = deadlineOf(runOptions, clock);
      requests++;
      budget.addRequest(now);
      pending.enter();
      try {
        return await runWithRetries(inputs, withDeadline(runOptions, deadline), deadline);
      } finally {
        pending.leave();
      }
    },
    drain: pending.drained,
    release: retryEvents.clear,
  });

  return Object.assign(stage, {
    retryEvents,
    retryStats: () => ({ requests, retries, recovered, givenUp: { ...givenUp } }),
  });
}

/** Milliseconds that a failure asks to wait; 0 where it does not say. */
function retryAfterOf(error: unknown): number {
  const retryAfterMs = FairleadError.isInstance(error) ? error.details.retryAfterMs : undefined;
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0;
}
