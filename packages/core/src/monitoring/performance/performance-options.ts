import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import type { EventListeners } from '../../events';
import { consoleLogger, type Logger } from '../../logger';
import { optionError } from '../../option-checks';
import type { PerformanceAlertRule } from './alert-rules';
import type { JoinLimits } from './label-join';
import { metricsOf, type PerformanceMetric } from './metric-names';
import type { PerformanceEventMap } from './performance-events';
import type { PerformanceReference } from './performance-reference';
import { checkPerformanceReference } from './performance-reference-format';
import type { TaskDefinition } from './prediction';
import type { SliceOptions } from './slices';
import { parseSlices, parseTask, type TaskOptions } from './task-options';

/** Options of `createPerformanceMonitor`. */
export interface PerformanceMonitorOptions extends TaskOptions {
  /** Labelled rows that metrics are measured on, the latest ones. 50 to 1,000,000. @default 1000 */
  readonly windowRows?: number;
  /** Predictions that wait for labels or are remembered for having one; beyond, the oldest go. 1 to 10,000,000. @default 50000 */
  readonly maxPredictions?: number;
  /** Milliseconds after which a prediction no longer waits for its label. 1 or more. @default 2592000000 (30 days) */
  readonly predictionTtlMs?: number;
  /** Labels that wait for a prediction which comes later; beyond, the oldest count as unknown. 0 to 10,000,000. @default 10000 */
  readonly maxEarlyLabels?: number;
  /** Milliseconds after which such a label counts as unknown. 1 or more. @default 3600000 (an hour) */
  readonly earlyLabelTtlMs?: number;
  /** Parts of the rows that are measured on their own, by a tag or a function; at most 20. @default none */
  readonly slices?: SliceOptions;
  /**
   * Most parts of all slices together, 2 a slice to 1000; each slice has an equal share, and what comes beyond is its part `(other)`.
   * @default 50
   */
  readonly maxParts?: number;
  /** How sure intervals are, above 0 and below 1. @default 0.95 */
  readonly confidence?: number;
  /** Bins of equal width of the calibration error, 1 to 1000. @default 10 */
  readonly calibrationBins?: number;
  /** How the model performed before: what margins refer to, and what estimates are made with. @default none */
  readonly reference?: PerformanceReference;
  /** When to alarm, over all rows and for each part; at most 50 rules. @default none */
  readonly alerts?: readonly PerformanceAlertRule[];
  /**
   * The one number that sets alarms: while performance is at its bounds or better, at most one false alarm in this many
   * labelled rows on average, over all rules, parts and looks together. `alert-rules.ts` says how it follows. At least ten
   * windows. @default 1000000
   */
  readonly meanTimeBetweenFalseAlarms?: number;
  /** Fewest labelled rows that alarms go by. 10 to `windowRows`. @default 50 */
  readonly minAlertRows?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<PerformanceEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** The options, complete. */
export interface PerformanceSettings {
  readonly definition: TaskDefinition;
  readonly limits: JoinLimits;
  readonly windowRows: number;
  readonly slices: SliceOptions;
  readonly maxParts: number;
  readonly confidence: number;
  readonly calibrationBins: number;
  readonly reference: PerformanceReference | undefined;
  readonly alerts: readonly PerformanceAlertRule[];
  readonly meanTimeBetweenFalseAlarms: number;
  readonly minAlertRows: number;
  readonly on: EventListeners<PerformanceEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const anObject = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);
const milliseconds = z.number().check(z.minimum(1), z.maximum(1e14));
const finite = z.number().check(z.refine(Number.isFinite, 'a finite number'));

const schema = z.strictObject({
  task: z.optional(z.unknown()),
  classes: z.optional(z.unknown()),
  threshold: z.optional(z.unknown()),
  slices: z.optional(z.unknown()),
  reference: z.optional(z.unknown()),
  windowRows: z._default(z.int().check(z.minimum(50), z.maximum(1_000_000)), 1000),
  maxPredictions: z._default(z.int().check(z.minimum(1), z.maximum(10_000_000)), 50_000),
  predictionTtlMs: z._default(milliseconds, 30 * 86_400_000),
  maxEarlyLabels: z._default(z.int().check(z.minimum(0), z.maximum(10_000_000)), 10_000),
  earlyLabelTtlMs: z._default(milliseconds, 3_600_000),
  maxParts: z._default(z.int().check(z.minimum(1), z.maximum(1000)), 50),
  confidence: z._default(z.number().check(z.gt(0), z.lt(1)), 0.95),
  calibrationBins: z._default(z.int().check(z.minimum(1), z.maximum(1000)), 10),
  alerts: z._default(
    z
      .array(z.strictObject({ metric: z.string(), level: z.optional(finite), margin: z.optional(finite) }))
      .check(z.maxLength(50)),
    [],
  ),
  meanTimeBetweenFalseAlarms: z._default(finite.check(z.minimum(1)), 1_000_000),
  minAlertRows: z._default(z.int().check(z.minimum(10)), 50),
  on: z.optional(anObject<EventListeners<PerformanceEventMap>>('an object of listeners by event name')),
  logger: z._default(anObject<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(anObject<Clock>('a clock'), systemClock),
});

const owner = 'createPerformanceMonitor';
/** Numbers that a monitor holds at most: 256 MiB of doubles. */
const mostNumbers = 2 ** 25;

/**
 * Checks the options and completes them.
 * @throws FairleadError `INVALID_OPTION`; `STORE_CORRUPT` or `UNSUPPORTED` for a reference that cannot be used
 */
export function parsePerformanceOptions(options: PerformanceMonitorOptions): PerformanceSettings {
  const parsed = parseOptions(schema, options, owner);
  const definition = parseTask(options, owner);
  const { windowRows, maxPredictions, predictionTtlMs, maxEarlyLabels, earlyLabelTtlMs } = parsed;
  const slices = parseSlices(options.slices, owner);
  const leastParts = 2 * Object.keys(slices).length;
  if (parsed.maxParts < leastParts)
    throw optionError(owner, 'maxParts', `at least ${leastParts}, two a slice`, parsed.maxParts);
  const width = Math.max(1, definition.classes.length) + Object.keys(slices).length;
  if (maxPredictions * width > mostNumbers) {
    const most = Math.floor(mostNumbers / width);
    throw optionError(owner, 'maxPredictions', `at most ${most} with so many classes and slices`, maxPredictions);
  }
  if (parsed.minAlertRows > windowRows) {
    throw optionError(owner, 'minAlertRows', `at most windowRows, ${windowRows}`, parsed.minAlertRows);
  }
  if (parsed.meanTimeBetweenFalseAlarms < 10 * windowRows) {
    const expected = `at least ${10 * windowRows}, ten windows of ${windowRows} rows`;
    throw optionError(owner, 'meanTimeBetweenFalseAlarms', expected, parsed.meanTimeBetweenFalseAlarms);
  }
  const reference =
    options.reference === undefined ? undefined : fittingReference(options.reference, definition, owner);
  return {
    definition,
    limits: { maxPredictions, predictionTtlMs, maxEarlyLabels, earlyLabelTtlMs },
    windowRows,
    slices,
    maxParts: parsed.maxParts,
    confidence: parsed.confidence,
    calibrationBins: parsed.calibrationBins,
    reference,
    alerts: parsed.alerts.map((rule, index) => checkRule(rule, index, definition)),
    meanTimeBetweenFalseAlarms: parsed.meanTimeBetweenFalseAlarms,
    minAlertRows: parsed.minAlertRows,
    on: parsed.on,
    logger: parsed.logger,
    clock: parsed.clock,
  };
}

interface GivenRule {
  readonly metric: string;
  readonly level?: number | undefined;
  readonly margin?: number | undefined;
}

function checkRule(
  { metric, level, margin }: GivenRule,
  index: number,
  { task }: TaskDefinition,
): PerformanceAlertRule {
  const field = `alerts.${index}`;
  const known: readonly string[] = metricsOf[task];
  if (!known.includes(metric)) throw optionError(owner, `${field}.metric`, `one of ${known.join(', ')}`, metric);
  const name = metric as PerformanceMetric;
  if (level !== undefined && margin === undefined) return { metric: name, level };
  if (margin !== undefined && level === undefined && margin >= 0) return { metric: name, margin };
  throw optionError(owner, field, 'either a `level`, or a `margin` of 0 or more', { level, margin });
}

/**
 * A reference that was fitted for this task.
 * @throws FairleadError `INVALID_OPTION`, `STORE_CORRUPT`, `UNSUPPORTED`
 */
export function fittingReference(plain: unknown, { task, classes }: TaskDefinition, who: string): PerformanceReference {
  const reference = checkPerformanceReference(plain);
  if (reference.task === task && JSON.stringify(reference.classes) === JSON.stringify(classes)) return reference;
  const given = `one for ${reference.task} with classes ${JSON.stringify(reference.classes)}`;
  throw optionError(who, 'reference', `a reference for ${task} with classes ${JSON.stringify(classes)}`, given);
}
