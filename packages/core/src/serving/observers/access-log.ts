import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import { createLineLimit } from '../../line-limit';
import { consoleLogger, type Logger } from '../../logger';
import type { Arrival, CallObserver, CallOutcome, Operation } from '../host/call';
import { operationsField, usualOperations } from './operations';
import { readTraceParent } from './trace-parent';

/** Options of {@link accessLog}. */
export interface AccessLogOptions {
  /** Where lines go, at level `info`; a pino logger fits. The console's logger of Fairlead drops that level. */
  readonly logger: Logger;
  /** Share of the answered calls that are written, 0 to 1; evenly, so .01 is every hundredth. @default 1 */
  readonly sample?: number;
  /**
   * Failed calls that are written of each code within 10 s; those past it are counted, and told by one line. 0 or more.
   * @default 100
   */
  readonly maxFailureLines?: number;
  /** What is written. @default ['infer', 'reward', 'load', 'unload'] */
  readonly operations?: readonly Operation[];
  /** @default systemClock */
  readonly clock?: Clock;
}

const schema = z.strictObject({
  logger: z.custom<Logger>((value) => typeof value === 'object' && value !== null, 'a logger'),
  sample: z.optional(z.number().check(z.gte(0), z.lte(1))),
  maxFailureLines: z.optional(z.int().check(z.gte(0))),
  operations: operationsField,
  clock: z.optional(z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'a clock')),
});

/** A line of the log, beside its message. Fields of which nothing is known are absent. */
export interface AccessLogLine {
  /** The client's header `x-request-id`, where it is printable and of 128 characters at most; else a new UUID. */
  readonly requestId: string;
  /** Of the client's trace, by its header `traceparent`. */
  readonly traceId?: string;
  readonly protocol: string;
  readonly operation: Operation;
  /** The name under which the model is served. */
  readonly model?: string;
  /** Version of the model that answered. */
  readonly version?: string;
  /** `OK`, or the code of the error. */
  readonly code: string;
  /** From the arrival to the end. */
  readonly durationMs: number;
  readonly queueMs?: number;
  readonly computeMs?: number;
  readonly rows?: number;
  /** Rows of the batch in which it was computed. */
  readonly batchRows?: number;
  readonly address?: string;
  /** Whom the guard took the caller for. */
  readonly principal?: string;
}

/**
 * Writes a line for each call that is sampled, and for each that fails, as an {@link AccessLogLine}; for the option `observers` of
 * `createHandler`, `serve` and the like. Nothing of a request's body, and no header but those two, is written.
 *
 * However fast calls fail, the log does not grow faster than `maxFailureLines` allows.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function accessLog(options: AccessLogOptions): CallObserver {
  const parsed = parseOptions(schema, options, 'accessLog');
  const { logger = consoleLogger, sample = 1, maxFailureLines = 100, clock = systemClock } = parsed;
  const operations = parsed.operations ?? usualOperations;
  const failures = createLineLimit({
    clock,
    maxLines: maxFailureLines,
    onSuppressed: (code, count, windowMs) =>
      logger.info({ code, count, windowMs }, `${count} more calls failed with ${code} within ${windowMs / 1000} s.`),
  });
  let due = 0;
  const isSampled = (): boolean => {
    due += sample;
    if (due < 1) return false;
    due -= 1;
    return true;
  };

  return {
    begin(call) {
      if (!operations.includes(call.operation)) return undefined;
      return {
        end(outcome) {
          const { code } = outcome;
          if (code === undefined ? !isSampled() : !failures.admits(code)) return;
          const name = outcome.served === undefined ? call.operation : `${call.operation} ${outcome.served}`;
          logger.info(lineOf(call, outcome), `${name}: ${code ?? 'OK'}`);
        },
      };
    },
  };
}

function lineOf(
  { header, protocol, operation, peer }: Arrival,
  { code, durationMs, facts, principal, served }: CallOutcome,
): AccessLogLine {
  const traceId = readTraceParent(header('traceparent'))?.traceId;
  return {
    requestId: requestIdOf(header('x-request-id')),
    ...(traceId !== undefined && { traceId }),
    protocol,
    operation,
    ...(served !== undefined && { model: served }),
    ...(facts !== undefined && { version: facts.model.version }),
    code: code ?? 'OK',
    durationMs: rounded(durationMs),
    ...(facts !== undefined && {
      queueMs: rounded(facts.timing.queueMs),
      computeMs: rounded(facts.timing.computeMs),
      rows: facts.rows,
      batchRows: facts.batchSize,
    }),
    ...(peer?.address !== undefined && { address: peer.address }),
    ...(principal !== undefined && { principal: principal.id }),
  };
}

/** A client writes nothing into the log that its reader's terminal would obey. */
function requestIdOf(given: string | null | undefined): string {
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : crypto.randomUUID();
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
