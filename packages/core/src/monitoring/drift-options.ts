import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import type { EventListeners } from '../events';
import { consoleLogger, type Logger } from '../logger';
import { checkReference, type ReferenceFault } from './check-reference';
import { defaultCpuShare } from './cpu-budget';
import { rowsNeeded } from './detectors/reference-size';
import type { DriftEventMap } from './drift-events';
import type { Reference } from './reference';
import type { WindowLength } from './window';

/** A mean time between false alarms: in rows that go by, or in milliseconds. */
export type MeanTimeBetweenFalseAlarms = number | { readonly rows: number } | { readonly durationMs: number };

/** Options of `createDriftMonitor`. */
export interface DriftMonitorOptions {
  /**
   * The training distribution, for models that bring none. Where a model has the sidecar `reference`, that one counts.
   * @default none: the monitor waits for a model that brings one
   */
  readonly reference?: Reference;
  /**
   * Rows that are compared with the reference to say what differs, rounded up to a multiple of ten; the window slides by a
   * tenth of them. It decides when an episode is over, not when the alarm comes. 50 to 10,000,000.
   * @default 1000, or a tenth of the rows between false alarms where that is less, and 100 at least
   */
  readonly windowRows?: number;
  /** The same by time, in milliseconds, in place of `windowRows`: 10 to 31,536,000,000 (a year). */
  readonly windowMs?: number;
  /**
   * The one number that sets the alarm: the mean time between false alarms while nothing drifts, over all features together.
   * A number, or `{ rows }`, counts the rows that go by; `{ durationMs }` counts time, whatever the traffic. 100 rows or 1
   * second at least. How it is kept, and what it assumes, is written in `detectors/evidence-process.ts` and in the guide.
   * @default 1000000
   */
  readonly meanTimeBetweenFalseAlarms?: MeanTimeBetweenFalseAlarms;
  /**
   * A change of a feature's distribution that is not worth an alarm: the greatest distance between distribution functions
   * (Kolmogorov–Smirnov) that counts as no drift. 0 to 0.5; for a normal distribution 0.04 is a shift by a tenth of a standard
   * deviation. What the reference may be wrong by, as a sample, is allowed for in any case. @default 0
   */
  readonly minimumEffect?: number;
  /**
   * For models that bring no reference, and where none is given: learn it from so many live rows, which are then taken to be
   * as they should be. 100 to 100,000. @default none: the monitor waits
   */
  readonly learnRows?: number;
  /**
   * Observed rows after an episode during which another alarm only warns. 0 or more. @default windowRows
   */
  readonly cooldownRows?: number;
  /**
   * Most of the time that the monitor may spend, measured on the clock: above it, it observes a sample of the rows.
   * Above 0, at most 1. @default 0.02
   */
  readonly maxCpuShare?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<DriftEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** What time is counted in, and how much of it lies between two false alarms. */
export interface AlarmTime {
  readonly unit: 'rows' | 'ms';
  readonly mean: number;
}

/** The options, complete. */
export interface DriftSettings {
  readonly reference: Reference | undefined;
  readonly window: WindowLength;
  readonly alarm: AlarmTime;
  readonly minimumEffect: number;
  readonly learnRows: number | undefined;
  readonly cooldownRows: number;
  readonly maxCpuShare: number;
  readonly on: EventListeners<DriftEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const owner = 'createDriftMonitor';
const yearMs = 365 * 24 * 3_600_000;
const fewestRows = 100;
const shortestMs = 1000;

const anObject = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);
const timeOfRows = z.number().check(z.minimum(fewestRows), z.maximum(1e15));

const optionsSchema = z.strictObject({
  reference: z.optional(anObject<Reference>('a reference, as fitReference and parseReference make it')),
  windowRows: z.optional(z.int().check(z.minimum(50), z.maximum(10_000_000))),
  windowMs: z.optional(z.number().check(z.minimum(10), z.maximum(yearMs))),
  meanTimeBetweenFalseAlarms: z._default(
    z.union(
      [
        timeOfRows,
        z.strictObject({ rows: timeOfRows }),
        z.strictObject({ durationMs: z.number().check(z.minimum(shortestMs), z.maximum(1e15)) }),
      ],
      `a number of rows from ${fewestRows} on, { rows } or { durationMs } from ${shortestMs} on`,
    ),
    1_000_000,
  ),
  minimumEffect: z._default(z.number().check(z.minimum(0), z.maximum(0.5)), 0),
  learnRows: z.optional(z.int().check(z.minimum(100), z.maximum(100_000))),
  cooldownRows: z.optional(z.int().check(z.minimum(0))),
  maxCpuShare: z._default(z.number().check(z.gt(0), z.maximum(1)), defaultCpuShare),
  on: z.optional(anObject<EventListeners<DriftEventMap>>('an object of listeners by event name')),
  logger: z._default(anObject<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(anObject<Clock>('a clock'), systemClock),
});

/** Of the rows between false alarms, unless asked for otherwise, within these bounds: an episode must not outlast that time. */
const windowShare = 0.1;
const [leastWindowRows, mostWindowRows] = [100, 1000];

/**
 * Checks the options and completes them.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseDriftOptions(options: DriftMonitorOptions): DriftSettings {
  const parsed = parseOptions(optionsSchema, options, owner);
  const { windowRows, windowMs, meanTimeBetweenFalseAlarms: time, learnRows, on } = parsed;
  if (windowRows !== undefined && windowMs !== undefined) {
    throw wrongOption('windowMs', 'either windowRows or windowMs', 'both');
  }
  const alarm: AlarmTime =
    typeof time === 'object' && 'durationMs' in time
      ? { unit: 'ms', mean: time.durationMs }
      : { unit: 'rows', mean: typeof time === 'number' ? time : time.rows };
  const usualRows =
    alarm.unit === 'rows'
      ? Math.min(mostWindowRows, Math.max(leastWindowRows, alarm.mean * windowShare))
      : mostWindowRows;
  const rows = Math.ceil((windowRows ?? usualRows) / 10) * 10;
  const window = windowMs === undefined ? { rows } : { durationMs: windowMs };
  const reference = parsed.reference === undefined ? undefined : checkReference(parsed.reference, wrongOption);
  if (reference !== undefined) checkReferenceSize(reference, alarm, wrongOption);
  return {
    reference,
    window,
    alarm,
    minimumEffect: parsed.minimumEffect,
    learnRows,
    cooldownRows: parsed.cooldownRows ?? rows,
    maxCpuShare: parsed.maxCpuShare,
    on,
    logger: parsed.logger,
    clock: parsed.clock,
  };
}

/**
 * Refuses a reference that is too small for the stated time.
 * @param fault makes the error to throw
 */
export function checkReferenceSize(reference: Reference, { unit, mean }: AlarmTime, fault: ReferenceFault): void {
  // Of a duration nobody knows the rows beforehand: one a second is little traffic.
  const rows = unit === 'rows' ? mean : mean / 1000;
  const needed = rowsNeeded(rows, reference.features.length);
  if (reference.rows >= needed) return;
  const time = unit === 'rows' ? `${mean} rows` : `${mean} ms`;
  throw fault(
    'reference.rows',
    `at least ${needed} rows, since with fewer no shift by half a standard deviation could raise an alarm at one false alarm in ${time} (fit it from more rows, or ask for a shorter meanTimeBetweenFalseAlarms)`,
    `${reference.rows}`,
  );
}

function wrongOption(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
