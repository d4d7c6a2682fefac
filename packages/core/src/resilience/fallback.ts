import * as z from 'zod/mini';
import type { Clock } from '../clock';
import { parseOptions } from '../config';
import { deadlineOf } from '../deadline';
import { type ErrorCode, messageOf, throwIfAborted } from '../errors';
import { createEvents, type EventListeners, type Events } from '../events';
import type { Logger } from '../logger';
import { checkInterchangeable, labelOf } from '../runner/model-info';
import type { ModelInfo, ModelRunner, RunnerHealth, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { DurationEstimate } from './duration-estimate';
import { joinEvents } from './joined-events';
import { clockField, listenersField, loggerField } from './options';
import { codeOf, codesField, codesFor } from './remedies';
import { afterWaiting, createPending, keepInputs, stageAround, withDeadline } from './stage';

/*
 * None of this is cockatiel's: its FallbackPolicy knows neither time nor signals, so it would start a second run for a
 * caller who has left or whom it cannot reach in time.
 */

/** Options of {@link fallback}. */
export interface FallbackOptions {
  /**
   * Milliseconds that must be left before the deadline for the second runner to be asked. 0 or more.
   * @default what most of its answers took so far, learned as they come
   */
  readonly minSlackMs?: number;
  /**
   * Failures of the first runner that the second one may mend.
   * @default all but `ABORTED`, `INVALID_INPUT` and others that are the request's own, and `CLOSED`
   */
  readonly codes?: readonly ErrorCode[];
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<FallbackEventMap>;
  /** Is warned when the second runner takes over and nobody listens. @default the console */
  readonly logger?: Logger;
  /** Where time comes from; that of both runners. @default the clock of the process */
  readonly clock?: Clock;
}

/** The second runner is asked in the place of the first. */
export interface RunnerFallbackEvent {
  readonly from: ModelInfo;
  readonly to: ModelInfo;
  /** What the first runner failed with. */
  readonly error: unknown;
}

/** What a fallback tells beside the events of both runners. */
export interface FallbackEventMap {
  'runner-fallback': RunnerFallbackEvent;
}

/** What a fallback did. */
export interface FallbackStats {
  readonly requests: number;
  /** Requests that the second runner was asked. */
  readonly fallbacks: number;
  /** Requests that the second runner answered. */
  readonly mended: number;
  /** Requests that it was not asked any more, because too little time was left. */
  readonly tooLate: number;
}

/** Two runners as one. */
export interface FallbackRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  readonly fallbackEvents: Events<FallbackEventMap>;
  fallbackStats(): FallbackStats;
}

const optionsSchema = z.strictObject({
  minSlackMs: z.optional(z.number().check(z.gte(0))),
  codes: codesField,
  on: listenersField<FallbackEventMap>(),
  logger: loggerField,
  clock: clockField,
});

/**
 * Asks a second runner within the same request when the first one fails: the GPU and then the CPU, the server and then
 * the model on the device, the large model and then the small one. `model` of the answer says which of them gave it, and
 * `timing.queueMs` counts from the call. The second is asked only while its answer can still come in time; otherwise the
 * first one's error stands. When both fail, the caller gets the second one's error, and listeners of `runner-fallback`
 * have heard the first one's.
 *
 * A first runner that uses up the whole time leaves none: bound it, as in
 * `fallback(withTimeout(server, { timeoutMs: 80 }), onDevice)`. Inputs are copied, so that the second computes what the
 * first was given. `signature`, `model` and `loaded` are the first one's; events are those of both. Closing waits for
 * requests under way, then closes both. It is ready as long as either of them is.
 *
 * @throws FairleadError `INVALID_OPTION`; `SIGNATURE_MISMATCH` when the two are not interchangeable
 */
export function fallback<S extends AnySignature>(
  first: ModelRunner<S>,
  second: ModelRunner<S>,
  options: FallbackOptions = {},
): FallbackRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  const [a, b] = [first, second] as unknown as [ModelRunner, ModelRunner];
  return fallbackBetween(a, b, options) as unknown as FallbackRunner<S>;
}

function fallbackBetween(first: ModelRunner, second: ModelRunner, options: FallbackOptions): FallbackRunner {
  const settings = parseOptions(optionsSchema, options, 'fallback');
  const { minSlackMs, clock, logger } = settings;
  checkInterchangeable(first.signature, second.signature);
  const mendable = settings.codes === undefined ? codesFor('fallback') : new Set(settings.codes);
  const fallbackEvents = createEvents<FallbackEventMap>(logger, settings.on);
  const pending = createPending();
  const duration = new DurationEstimate();
  let requests = 0;
  let fallbacks = 0;
  let mended = 0;
  let tooLate = 0;
  /** Whether the first runner answered last, so that a warning is new. */
  let firstIsWell = true;

  const hasSlack = (deadline: number): boolean => {
    const slackMs = deadline - clock.now();
    if (slackMs > 0 && slackMs >= (minSlackMs ?? duration.mostMs)) return true;
    tooLate++;
    if (slackMs > 0) duration.fade();
    return false;
  };

  const tell = (error: unknown): void => {
    const event: RunnerFallbackEvent = { from: first.model, to: second.model, error };
    if (firstIsWell && fallbackEvents.listenerCount('runner-fallback') === 0) {
      const message = `${labelOf(event.to)} answers in the place of ${labelOf(event.from)}: ${messageOf(error)}`;
      logger.warn({ error }, message);
    }
    firstIsWell = false;
    fallbackEvents.emit('runner-fallback', event);
  };

  const askSecond = async (inputs: InputsOf, call: RunOptions, calledAt: number): Promise<RunResult> => {
    fallbacks++;
    const begunAt = clock.now();
    try {
      const result = await second.run(inputs, call);
      duration.add(clock.now() - begunAt);
      mended++;
      return afterWaiting(result, begunAt - calledAt);
    } catch (error) {
      // It would have taken longer still. Other failures say nothing about how long an answer takes.
      if (codeOf(error) === 'DEADLINE_EXCEEDED') duration.add(clock.now() - begunAt);
      throw error;
    }
  };

  const run = async (inputs: InputsOf, runOptions: RunOptions): Promise<RunResult> => {
    const calledAt = clock.now();
    const deadline = deadlineOf(runOptions, clock);
    const call = withDeadline(runOptions, deadline);
    const kept = keepInputs(inputs);
    try {
      const result = await first.run(inputs, call);
      firstIsWell = true;
      return result;
    } catch (error) {
      if (!mendable.has(codeOf(error))) throw error;
      throwIfAborted(call.signal, 'The request');
      if (!hasSlack(deadline)) throw error;
      tell(error);
    }
    return askSecond(kept, call, calledAt);
  };

  const stage = stageAround(first, {
    name: 'a fallback',
    async run(inputs, runOptions) {
      requests++;
      pending.enter();
      try {
        return await run(inputs, runOptions);
      } finally {
        pending.leave();
      }
    },
    drain: pending.drained,
    async release() {
      fallbackEvents.clear();
      await second.close();
    },
  });

  const firstHealth = stage.health;
  const health = (): RunnerHealth => {
    const inFirst = (firstHealth as NonNullable<typeof firstHealth>)();
    if (inFirst.ready || inFirst.status === 'closed' || second.health?.().ready === false) return inFirst;
    const reasons = [...inFirst.reasons, `${labelOf(second.model)} answers in its place.`];
    return { ...inFirst, status: 'degraded', ready: true, reasons };
  };

  return Object.assign(stage, {
    ...(firstHealth === undefined ? {} : { health }),
    events: joinEvents([first.events, second.events]),
    fallbackEvents,
    fallbackStats: () => ({ requests, fallbacks, mended, tooLate }),
  });
}
