import * as z from 'zod/mini';
import type { Clock } from '../clock';
import { parseOptions } from '../config';
import { deadlineError, deadlineOf } from '../deadline';
import type { ModelRunner, RunResult } from '../runner/runner';
import type { AnySignature } from '../signature';
import { clockField } from './options';
import { stageAround, withDeadline } from './stage';

/** Options of {@link withTimeout}. */
export interface TimeoutOptions {
  /** Most milliseconds that a request may take. More than 0. A caller's own, shorter `timeoutMs` or deadline counts. */
  readonly timeoutMs: number;
  /** Where time comes from; the runner's own. @default the clock of the process */
  readonly clock?: Clock;
}

/** What a timeout did. */
export interface TimeoutStats {
  readonly requests: number;
  /** Requests that it ended because the runner inside had not. */
  readonly timeouts: number;
}

/** A runner with a timeout around it. */
export interface TimeoutRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  timeoutStats(): TimeoutStats;
}

const optionsSchema = z.strictObject({
  // A timer of the platform holds 31 bits.
  timeoutMs: z.number().check(z.gt(0), z.lte(2 ** 31 - 1)),
  clock: clockField,
});

/**
 * Bounds the time of every request. The deadline is fixed here, once, and every stage inside reads it; a request whose
 * time is out is ended here with `DEADLINE_EXCEEDED`, whether the runner inside kept the deadline or not. What such a
 * runner answers later is dropped. Closing closes the runner inside.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function withTimeout<S extends AnySignature>(runner: ModelRunner<S>, options: TimeoutOptions): TimeoutRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return timeoutAround(runner as unknown as ModelRunner, options) as unknown as TimeoutRunner<S>;
}

function timeoutAround(runner: ModelRunner, options: TimeoutOptions): TimeoutRunner {
  const { timeoutMs, clock } = parseOptions(optionsSchema, options, 'withTimeout');
  let requests = 0;
  let timeouts = 0;

  const stage = stageAround(runner, {
    name: 'a timeout',
    run(inputs, runOptions) {
      requests++;
      const now = clock.now();
      const deadline = Math.min(deadlineOf(runOptions, clock), now + timeoutMs);
      if (deadline <= now) throw deadlineError('before it was sent');
      return end(runner.run(inputs, withDeadline(runOptions, deadline)), deadline);
    },
  });

  const end = (result: Promise<RunResult>, deadline: number): Promise<RunResult> =>
    new Promise((resolve, reject) => {
      let expired = false;
      const expire = (): void => {
        // The answer may come long after the timer.
        if (expired) return;
        expired = true;
        timeouts++;
        reject(deadlineError('before there was an answer'));
      };
      const timer = clock.setTimer(expire, deadline - clock.now());
      result.then(
        (value) => {
          timer.clear();
          // Timers are late where the event loop is blocked; the promise holds all the same.
          if (clock.now() > deadline) expire();
          else resolve(value);
        },
        (error) => {
          timer.clear();
          reject(error);
        },
      );
    });

  return Object.assign(stage, { timeoutStats: () => ({ requests, timeouts }) });
}
