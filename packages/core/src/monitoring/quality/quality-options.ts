import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import type { EventListeners } from '../../events';
import { consoleLogger, type Logger } from '../../logger';
import { defaultCpuShare } from '../cpu-budget';
import { checkSchema } from './check-schema';
import type { DataRecord } from './infer-schema';
import type { QualityEventMap } from './quality-events';
import type { QualityRule } from './rules';
import type { DataSchema } from './schema';

/** Options of `createQualityMonitor`. `Row` types the rows that record rules read. */
export interface QualityMonitorOptions<Row = DataRecord> {
  /** What rows must be like: inferred, read, written, or made from zod. @default none: the rules alone count */
  readonly schema?: DataSchema;
  /** Rules beside the schema's; one of the same name on the same field takes the place of the schema's. @default [] */
  readonly rules?: readonly QualityRule<Row>[];
  /**
   * Rows that are judged together. More rows tell a small excess of violations from chance, fewer tell a large one
   * sooner. 10 to 10,000,000. @default 1000
   */
  readonly windowRows?: number;
  /**
   * The number that sets every level: while the share of violations of each rule is at most its tolerance, at most one
   * false failure in this many checked rows on average, over all rules together (rows are independent). Warnings may come
   * ten times as often. At least ten windows. @default 1000000
   */
  readonly meanTimeBetweenFalseAlarms?: number;
  /** Violations to keep for each rule on each field, the latest, to look at. 0 to 100. @default 3 */
  readonly examples?: number;
  /**
   * Makes of a value what may be kept of it as an example. What it throws makes the example `(not shown)`.
   * @default the value in words, cut at 80 characters
   */
  readonly redact?: (value: unknown, feature: string, rule: string) => string;
  /**
   * Most of the time that the monitor may spend, measured on the clock: above it, it checks a sample of the rows.
   * Above 0, at most 1. @default 0.02
   */
  readonly maxCpuShare?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<QualityEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** The options, complete. */
export interface QualitySettings {
  readonly schema: DataSchema | undefined;
  readonly rules: readonly QualityRule[];
  readonly windowRows: number;
  readonly meanTimeBetweenFalseAlarms: number;
  readonly examples: number;
  readonly redact: ((value: unknown, feature: string, rule: string) => string) | undefined;
  readonly maxCpuShare: number;
  readonly on: EventListeners<QualityEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const anObject = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);

const optionsSchema = z.strictObject({
  schema: z.optional(anObject<DataSchema>('a schema, as inferSchema and parseSchema make it')),
  rules: z._default(z.array(z.custom<QualityRule>()), []),
  windowRows: z._default(z.int().check(z.minimum(10), z.maximum(10_000_000)), 1000),
  meanTimeBetweenFalseAlarms: z._default(z.number().check(z.minimum(1)), 1_000_000),
  examples: z._default(z.int().check(z.minimum(0), z.maximum(100)), 3),
  redact: z.optional(
    z.custom<NonNullable<QualitySettings['redact']>>((value) => typeof value === 'function', 'a function'),
  ),
  maxCpuShare: z._default(z.number().check(z.gt(0), z.maximum(1)), defaultCpuShare),
  on: z.optional(anObject<EventListeners<QualityEventMap>>('an object of listeners by event name')),
  logger: z._default(anObject<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(anObject<Clock>('a clock'), systemClock),
});

const owner = 'createQualityMonitor';
const fewestWindows = 10;

/**
 * Checks the options and completes them; the rules one by one are checked where they are compiled.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseQualityOptions<Row>(options: QualityMonitorOptions<Row>): QualitySettings {
  const { schema, redact, on, ...parsed } = parseOptions(optionsSchema, options, owner);
  const least = fewestWindows * parsed.windowRows;
  if (parsed.meanTimeBetweenFalseAlarms < least) {
    throw wrongOption(
      'meanTimeBetweenFalseAlarms',
      `at least ${least}, ten windows of ${parsed.windowRows} rows`,
      String(parsed.meanTimeBetweenFalseAlarms),
    );
  }
  return { ...parsed, redact, on, schema: schema === undefined ? undefined : checkSchema(schema, wrongOption) };
}

function wrongOption(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
