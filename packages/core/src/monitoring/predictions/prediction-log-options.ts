import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import type { EventListeners } from '../../events';
import { consoleLogger, type Logger } from '../../logger';
import { optionError } from '../../option-checks';
import { defaultCpuShare } from '../cpu-budget';
import type { PredictionLogEventMap } from './prediction-log-events';
import type { PredictionLimits, PredictionSink } from './prediction-sink';
import type { Redaction } from './redaction';
import type { KeepValues } from './row-values';

/** Options of `createPredictionLog`. */
export interface PredictionLogOptions {
  /** Where records are kept; the log opens and closes it. */
  readonly sink: PredictionSink;
  /**
   * Share of predictions that are kept, 0 to 1. Which ones follows from their ids and the seed alone, so that every process that
   * sees an id decides alike. @default 1
   */
  readonly sample?: number;
  /** Decides which ids are kept. @default 0 */
  readonly seed?: number;
  /** How much of the inputs is kept. @default 'full' */
  readonly inputs?: KeepValues;
  /** How much of the outputs is kept. @default 'full' */
  readonly outputs?: KeepValues;
  /**
   * What must not be kept: names of inputs and outputs, of single values (`pixels[3]`), or a function of the record. A record whose
   * redaction throws is not kept. @default nothing is redacted
   */
  readonly redact?: Redaction;
  /** Most records; beyond, the oldest go. 1 to 1e9. @default 1000000 */
  readonly maxRecords?: number;
  /** Most bytes of records in JSON; beyond, the oldest go. Eight times `maxRecordBytes` or more. @default 67108864 (64 MiB) */
  readonly maxBytes?: number;
  /** A larger record is kept as a summary, and not at all where that is larger still. 256 to 8388608. @default 65536 */
  readonly maxRecordBytes?: number;
  /** Milliseconds after which a record expires. 1 or more. @default 2592000000 (30 days) */
  readonly ttlMs?: number;
  /**
   * Most of the time that recording the rows of attached runners may take: above it, rows are passed over and counted. Above 0, at
   * most 1. @default 0.02
   */
  readonly maxCpuShare?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<PredictionLogEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** The options, complete. */
export interface PredictionLogSettings {
  readonly sink: PredictionSink;
  readonly sample: number;
  readonly seed: number;
  readonly inputs: KeepValues;
  readonly outputs: KeepValues;
  readonly redact: Redaction | undefined;
  readonly limits: PredictionLimits;
  readonly maxRecordBytes: number;
  readonly maxCpuShare: number;
  readonly on: EventListeners<PredictionLogEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const anObject = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);
const keep = z._default(z.enum(['full', 'summary', 'none']), 'full');
const isRedaction = (value: unknown): boolean =>
  typeof value === 'function' ||
  (Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== ''));

const schema = z.strictObject({
  sink: z.custom<PredictionSink>(
    (value) => (value as PredictionSink | undefined)?.specVersion === 'v1',
    'a prediction sink of specVersion "v1", such as createMemorySink()',
  ),
  sample: z._default(z.number().check(z.minimum(0), z.maximum(1)), 1),
  seed: z._default(z.int(), 0),
  inputs: keep,
  outputs: keep,
  redact: z.optional(
    z.custom<Redaction>(isRedaction, 'names of inputs, outputs or values, or a function of the record'),
  ),
  maxRecords: z._default(z.int().check(z.minimum(1), z.maximum(1e9)), 1_000_000),
  maxBytes: z._default(z.int().check(z.minimum(1)), 64 * 2 ** 20),
  maxRecordBytes: z._default(z.int().check(z.minimum(256), z.maximum(8 * 2 ** 20)), 65_536),
  ttlMs: z._default(z.number().check(z.minimum(1), z.maximum(1e14)), 30 * 86_400_000),
  maxCpuShare: z._default(z.number().check(z.gt(0), z.maximum(1)), defaultCpuShare),
  on: z.optional(anObject<EventListeners<PredictionLogEventMap>>('an object of listeners by event name')),
  logger: z._default(anObject<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(anObject<Clock>('a clock'), systemClock),
});

/**
 * Checks the options and completes them.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parsePredictionLogOptions(options: PredictionLogOptions): PredictionLogSettings {
  const owner = 'createPredictionLog';
  const { maxRecords, maxBytes, ttlMs, redact, on, ...parsed } = parseOptions(schema, options, owner);
  const least = 8 * parsed.maxRecordBytes;
  if (maxBytes < least) throw optionError(owner, 'maxBytes', `at least ${least}, eight times maxRecordBytes`, maxBytes);
  return { ...parsed, redact, on, limits: { maxRecords, maxBytes, ttlMs } };
}
