import * as z from 'zod/mini';
import type { Clock } from '../clock';
import { parseOptions } from '../config';
import { type ErrorCode, FairleadError, messageOf } from '../errors';
import { createEvents, type EventListeners, type Events } from '../events';
import type { Logger } from '../logger';
import { labelOf } from '../runner/model-info';
import type { ModelInfo, ModelRunner, RunResult } from '../runner/runner';
import type { AnySignature } from '../signature';
import { Circuit, type CircuitState, type SampledFailures } from './circuit';
import { clockField, listenersField, loggerField } from './options';
import { codeOf, codesField, codesFor } from './remedies';
import { stageAround } from './stage';

/** Options of {@link withCircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** What opens the circuit: so many failures in a row (1 or more), or a share of the last requests. @default 5 */
  readonly failures?: number | SampledFailures;
  /** Milliseconds that it stays open before one request may try. More than 0. @default 10000 */
  readonly halfOpenAfterMs?: number;
  /**
   * Codes that count as failures. All others, such as `ABORTED`, `INVALID_INPUT` and `OVERLOADED`, say nothing about the
   * health of the runner and count neither way.
   * @default BACKEND_UNAVAILABLE, DEADLINE_EXCEEDED, LANE_LOST, OUTPUT_INVALID, PROTOCOL_ERROR, REMOTE_FAILED, RUN_FAILED
   */
  readonly codes?: readonly ErrorCode[];
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<CircuitEventMap>;
  /** Is warned when the circuit opens and nobody listens. @default the console */
  readonly logger?: Logger;
  /** Where time comes from; the runner's own. @default the clock of the process */
  readonly clock?: Clock;
}

/** The circuit opened: requests are refused. */
export interface CircuitOpenEvent {
  readonly model: ModelInfo;
  /** The last failure. */
  readonly error: unknown;
  /** Milliseconds until a request may try. */
  readonly retryAfterMs: number;
}

/** What a circuit breaker tells beside the events of the runner inside. */
export interface CircuitEventMap {
  /** Also when a probe failed and it opens once more. */
  'circuit-open': CircuitOpenEvent;
  /** One request may try whether the runner is back: the circuit is half open. */
  'circuit-probe': { readonly model: ModelInfo };
  /** The runner answered: all requests pass again. */
  'circuit-close': {
    readonly model: ModelInfo;
    /** Milliseconds since the circuit opened. */
    readonly openMs: number;
  };
}

/** What a circuit breaker did and how it stands. */
export interface CircuitStats {
  readonly state: CircuitState;
  /** Milliseconds after which a request has a chance again; 0 when one may pass now. */
  readonly retryAfterMs: number;
  readonly requests: number;
  /** Requests that were turned away without being tried. */
  readonly refused: number;
  readonly failures: number;
  /** How often it opened, failed probes included. */
  readonly opened: number;
}

/** A runner with a circuit breaker around it. */
export interface CircuitBreakerRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  readonly circuitEvents: Events<CircuitEventMap>;
  circuitStats(): CircuitStats;
}

const sampledSchema = z
  .strictObject({
    share: z.number().check(z.gt(0), z.lt(1)),
    windowRequests: z.int().check(z.gte(1), z.lte(100_000)),
    minimumRequests: z.optional(z.int().check(z.gte(1))),
  })
  .check(z.refine(({ windowRequests, minimumRequests = 1 }) => minimumRequests <= windowRequests));

const optionsSchema = z.strictObject({
  failures: z._default(
    z.union([z.int().check(z.gte(1)), sampledSchema], {
      error:
        'failures in a row (1 or more), or { share (between 0 and 1), windowRequests (1 to 100000), minimumRequests (at most windowRequests) }',
    }),
    5,
  ),
  halfOpenAfterMs: z._default(z.number().check(z.gt(0)), 10_000),
  codes: codesField,
  on: listenersField<CircuitEventMap>(),
  logger: loggerField,
  clock: clockField,
});

/**
 * Stops asking a runner that keeps failing. Open, it refuses every request at once with `OVERLOADED` and `retryAfterMs`,
 * so that callers lose no time and a runner that is down is left in peace. After `halfOpenAfterMs` one single request is
 * let through: if it is answered the circuit closes, if it fails the circuit stays open as long again. A probe that ends
 * without telling anything (an abort, bad input) hands its turn to the next request; one that has not ended after
 * `halfOpenAfterMs` is taken for lost, and another may try.
 *
 * Answers are the inner runner's own promises. Closing closes the runner inside.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function withCircuitBreaker<S extends AnySignature>(
  runner: ModelRunner<S>,
  options: CircuitBreakerOptions = {},
): CircuitBreakerRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return breakerAround(runner as unknown as ModelRunner, options) as unknown as CircuitBreakerRunner<S>;
}

function breakerAround(runner: ModelRunner, options: CircuitBreakerOptions): CircuitBreakerRunner {
  const settings = parseOptions(optionsSchema, options, 'withCircuitBreaker');
  const { halfOpenAfterMs, clock, logger } = settings;
  const counted = settings.codes === undefined ? codesFor('circuit') : new Set(settings.codes);
  const circuitEvents = createEvents<CircuitEventMap>(logger, settings.on);
  let requests = 0;
  let refused = 0;
  let failures = 0;
  let opened = 0;

  const circuit = new Circuit(settings.failures as number | SampledFailures, halfOpenAfterMs, clock, {
    onOpen(error) {
      opened++;
      const { model } = runner;
      if (circuitEvents.listenerCount('circuit-open') === 0) {
        const message = `The circuit of ${labelOf(model)} opened: ${messageOf(error)} The next try is in ${halfOpenAfterMs} ms.`;
        logger.warn({ error }, message);
      }
      circuitEvents.emit('circuit-open', { model, error, retryAfterMs: halfOpenAfterMs });
    },
    onProbe: () => circuitEvents.emit('circuit-probe', { model: runner.model }),
    onClose: (openMs) => circuitEvents.emit('circuit-close', { model: runner.model, openMs }),
  });

  const refusal = (): FairleadError => {
    refused++;
    const retryAfterMs = Math.max(1, Math.ceil(circuit.retryAfterMs));
    const state = circuit.state === 'open' ? 'is open' : 'is half open and its probe is under way';
    return new FairleadError(
      'OVERLOADED',
      `The circuit of ${labelOf(runner.model)} ${state}. Retry after ${retryAfterMs} ms, or ask another runner.`,
      { details: { retryAfterMs, circuit: circuit.state } },
    );
  };

  const stage = stageAround(runner, {
    name: 'a circuit breaker',
    run(inputs, runOptions) {
      requests++;
      const ticket = circuit.enter();
      if (ticket === undefined) throw refusal();
      let result: Promise<RunResult>;
      try {
        result = runner.run(inputs, runOptions);
      } catch (error) {
        result = Promise.reject(error);
      }
      result.then(
        () => circuit.leave(ticket, 'success'),
        (error) => {
          const failed = counted.has(codeOf(error));
          if (failed) failures++;
          circuit.leave(ticket, failed ? 'failure' : 'neutral', error);
        },
      );
      return result;
    },
    release: circuitEvents.clear,
  });

  return Object.assign(stage, {
    circuitEvents,
    circuitStats: () => ({
      state: circuit.state,
      retryAfterMs: circuit.retryAfterMs,
      requests,
      refused,
      failures,
      opened,
    }),
  });
}
