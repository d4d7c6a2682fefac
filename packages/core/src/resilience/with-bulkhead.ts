import * as z from 'zod/mini';
import type { Clock } from '../clock';
import { parseOptions } from '../config';
import { deadlineError, deadlineOf, noDeadline } from '../deadline';
import { abortedError, FairleadError, throwIfAborted } from '../errors';
import type { ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { DurationEstimate } from './duration-estimate';
import { clockField } from './options';
import { afterWaiting, createPending, keepInputs, stageAround, withDeadline } from './stage';
import { type Waiting, WaitingLine } from './waiting-line';

/*
 * None of this is cockatiel's: in the queue of its BulkheadPolicy an aborted request keeps its place until its turn
 * comes, and there are neither deadlines nor priorities.
 */

/** Options of {@link withBulkhead}. */
export interface BulkheadOptions {
  /** Most requests inside at once. 1 or more. */
  readonly maxConcurrent: number;
  /** Most requests that may wait for a place; one more is refused. 0 or more. @default 0 */
  readonly maxQueued?: number;
  /** Where time comes from; the runner's own. @default the clock of the process */
  readonly clock?: Clock;
}

/** What a bulkhead did and how full it is. */
export interface BulkheadStats {
  /** Requests inside now. */
  readonly running: number;
  /** Requests that wait now. */
  readonly queued: number;
  readonly requests: number;
  /** Requests that were turned away because the queue was full. */
  readonly refused: number;
  /** Requests whose time ran out in the queue. */
  readonly expired: number;
}

/** A runner with a bulkhead around it. */
export interface BulkheadRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  bulkheadStats(): BulkheadStats;
}

interface QueuedRequest extends Waiting {
  /** Takes its place, or ends without it when its time is out. */
  start(): void;
}

const optionsSchema = z.strictObject({
  maxConcurrent: z.int().check(z.gte(1)),
  maxQueued: z._default(z.int().check(z.gte(0)), 0),
  clock: clockField,
});

/** Advice to those who are turned away before anything is known about how long requests take. */
const unknownRetryMs = 100;

/**
 * Bounds how many requests are inside a runner at once, so that one model, tenant or remote server cannot take all of
 * the memory or connections. Further ones wait: the higher priority first, the earlier first within a priority, and a
 * request of a lower one that has waited a second longer before either. An abort or the deadline takes a request out of
 * the queue at once. When the queue is full, `OVERLOADED` says with `retryAfterMs` when a place should be free.
 *
 * A request that finds a place at once gets the inner runner's own promise. One that waits has its inputs copied, and
 * `timing.queueMs` of its answer counts from the call. Closing lets those who wait still run, then closes the runner
 * inside.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function withBulkhead<S extends AnySignature>(
  runner: ModelRunner<S>,
  options: BulkheadOptions,
): BulkheadRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return bulkheadAround(runner as unknown as ModelRunner, options) as unknown as BulkheadRunner<S>;
}

function bulkheadAround(runner: ModelRunner, options: BulkheadOptions): BulkheadRunner {
  const { maxConcurrent, maxQueued, clock } = parseOptions(optionsSchema, options, 'withBulkhead');
  const line = new WaitingLine<QueuedRequest>();
  const pending = createPending();
  const duration = new DurationEstimate();
  let running = 0;
  let requests = 0;
  let refused = 0;
  let expired = 0;

  const begin = (inputs: InputsOf, call: RunOptions): Promise<RunResult> => {
    const begunAt = clock.now();
    running++;
    pending.enter();
    let result: Promise<RunResult>;
    try {
      result = runner.run(inputs, call);
    } catch (error) {
      result = Promise.reject(error);
    }
    const end = (): void => {
      duration.add(clock.now() - begunAt);
      running--;
      // Before leaving, so that a bulkhead that drains never seems empty while somebody waits.
      fill();
      pending.leave();
    };
    result.then(end, end);
    return result;
  };

  const fill = (): void => {
    while (running < maxConcurrent) {
      const next = line.shift();
      if (next === undefined) return;
      next.start();
    }
  };

  const enqueue = (inputs: InputsOf, call: RunOptions, deadline: number): Promise<RunResult> => {
    const { signal, priority = 'normal' } = call;
    const kept = keepInputs(inputs);
    const enqueuedAt = clock.now();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer?.clear();
        signal?.removeEventListener('abort', onAbort);
        line.delete(request);
      };
      const onAbort = (): void => {
        leave();
        reject(abortedError(signal as AbortSignal, 'The request'));
      };
      const expire = (): void => {
        expired++;
        leave();
        reject(deadlineError('while it waited for a place'));
      };
      const request: QueuedRequest = {
        enqueuedAt,
        priority,
        start() {
          const waitedMs = clock.now() - enqueuedAt;
          // Timers are late where the event loop is blocked.
          if (enqueuedAt + waitedMs >= deadline) return expire();
          leave();
          begin(kept, call).then((result) => resolve(afterWaiting(result, waitedMs)), reject);
        },
      };
      const timer = deadline === noDeadline ? undefined : clock.setTimer(expire, deadline - enqueuedAt);
      signal?.addEventListener('abort', onAbort, { once: true });
      line.add(request);
    });
  };

  const refusal = (): FairleadError => {
    refused++;
    const perPlaceMs = (duration.meanMs ?? unknownRetryMs) / maxConcurrent;
    const retryAfterMs = Math.max(1, Math.ceil(perPlaceMs * (line.size + 1)));
    return new FairleadError(
      'OVERLOADED',
      `${running} requests run and ${line.size} wait, as many as the bulkhead allows. Retry after ${retryAfterMs} ms, or raise maxConcurrent or maxQueued.`,
      {
        details: { field: 'maxQueued', expected: `at most ${maxQueued}`, given: `${line.size} waiting`, retryAfterMs },
      },
    );
  };

  const stage = stageAround(runner, {
    name: 'a bulkhead',
    run(inputs, runOptions) {
      requests++;
      const deadline = deadlineOf(runOptions, clock);
      const call = withDeadline(runOptions, deadline);
      throwIfAborted(runOptions.signal, 'The request');
      if (deadline <= clock.now()) throw deadlineError('before it was sent');
      if (running < maxConcurrent) return begin(inputs, call);
      if (line.size >= maxQueued) throw refusal();
      return enqueue(inputs, call, deadline);
    },
    drain: pending.drained,
  });

  return Object.assign(stage, {
    bulkheadStats: () => ({ running, queued: line.size, requests, refused, expired }),
  });
}
