import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import type { EventListeners } from '../events';
import { consoleLogger, type Logger } from '../logger';
import { checkReference } from './check-reference';
import type { DriftEventMap } from './drift-events';
import type { Reference } from './reference';

/** Options of `createDriftMonitor`. */
export interface DriftMonitorOptions {
  /**
   * The training distribution, for models that bring none. Where a model has the sidecar `reference`, that one counts.
   * @default none: the monitor waits for a model that brings one
   */
  readonly reference?: Reference;
  /**
   * Rows that are compared with the reference, rounded up to a multiple of ten; the window slides by a tenth of them.
   * More rows show smaller shifts, fewer show large ones sooner. 50 to 10,000,000. @default 1000
   */
  readonly windowRows?: number;
  /**
   * The one number that sets the alarm: while nothing drifts, at most one false alarm in this many observed rows on
   * average, over all features and looks together. Warnings may come ten times as often. Every threshold follows from
   * it, from the rows in the window and the rows of the reference; the derivation and its assumptions (rows are
   * independent) are in `null-law/false-alarms.ts`. At least ten windows. @default 1000000
   */
  readonly meanRowsBetweenFalseAlarms?: number;
  /**
   * Observed rows after an episode during which another alarm only warns. 0 or more. @default windowRows
   */
  readonly cooldownRows?: number;
  /**
   * Most of the time that the monitor may spend, measured on the clock: above it, it observes a sample of the rows.
   * Above 0, at most 1. @default 0.05
   */
  readonly maxCpuShare?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<DriftEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** The options, complete. */
export interface DriftSettings {
  readonly reference: Reference | undefined;
  readonly windowRows: number;
  readonly meanRowsBetweenFalseAlarms: number;
  readonly cooldownRows: number;
  readonly maxCpuShare: number;
  readonly on: EventListeners<DriftEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const anObject = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);

const optionsSchema = z.strictObject({
  reference: z.optional(anObject<Reference>('a reference, as fitReference and parseReference make it')),
  windowRows: z._default(z.int().check(z.minimum(50), z.maximum(10_000_000)), 1000),
  meanRowsBetweenFalseAlarms: z._default(z.number().check(z.minimum(1)), 1_000_000),
  cooldownRows: z.optional(z.int().check(z.minimum(0))),
  maxCpuShare: z._default(z.number().check(z.gt(0), z.maximum(1)), 0.05),
  on: z.optional(anObject<EventListeners<DriftEventMap>>('an object of listeners by event name')),
  logger: z._default(anObject<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(anObject<Clock>('a clock'), systemClock),
});

const fewestWindows = 10;

/**
 * Checks the options and completes them.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseDriftOptions(options: DriftMonitorOptions): DriftSettings {
  const owner = 'createDriftMonitor';
  const { reference, cooldownRows, on, ...parsed } = parseOptions(optionsSchema, options, owner);
  const windowRows = Math.ceil(parsed.windowRows / 10) * 10;
  if (parsed.meanRowsBetweenFalseAlarms < fewestWindows * windowRows) {
    throw wrongOption(
      'meanRowsBetweenFalseAlarms',
      `at least ${fewestWindows * windowRows}, ten windows of ${windowRows} rows`,
      String(parsed.meanRowsBetweenFalseAlarms),
    );
  }
  return {
    ...parsed,
    windowRows,
    cooldownRows: cooldownRows ?? windowRows,
    on,
    reference: reference === undefined ? undefined : checkReference(reference, wrongOption),
  };
}

function wrongOption(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `createDriftMonitor: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
