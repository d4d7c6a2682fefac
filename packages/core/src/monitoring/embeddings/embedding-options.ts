import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import type { EventListeners } from '../../events';
import { consoleLogger, type Logger } from '../../logger';
import { defaultCpuShare } from '../cpu-budget';
import { checkReferenceSize } from '../drift-options';
import { checkEmbeddingReference, type EmbeddingReference } from './embedding-reference';
import type { EmbeddingEventMap } from './embedding-report';

/** How the two-sample test is scheduled. */
export interface MmdOptions {
  /**
   * Rows that go by between two tests, at least; each test looks at a sample of those since the one before. 40 or more, and at most
   * the stated rows between false alarms. @default a hundredth of those, and 256 at least
   */
  readonly everyRows?: number;
  /** Rows of the window that are compared: a uniform sample of it. 20 to 2048, at most `everyRows`. @default 256, or `everyRows` */
  readonly sampleRows?: number;
  /**
   * Random divisions that a difference is measured against, up to 1,000,000. There must be enough that the level of the tests can be
   * reached. @default twice as many as needed, and 199 at least
   */
  readonly permutations?: number;
  /** What the samples and permutations follow from. 0 to 4,294,967,295. @default 1 */
  readonly seed?: number;
}

/** Options of `createEmbeddingMonitor`. */
export interface EmbeddingMonitorOptions {
  /** What live embeddings are compared with, as `fitEmbeddingReference` and `parseEmbeddingReference` make it. */
  readonly reference: EmbeddingReference;
  /**
   * The one number that sets the alarms: rows between two false alarms on average while nothing drifts, or more. Half of the false
   * alarms that it allows go to the projections, which therefore keep twice the time, and half to the two-sample tests, each at the
   * level everyRows / (2 · rows). Without tests, all of them go to the projections. 100 at least. @default 1000000
   */
  readonly meanTimeBetweenFalseAlarms?: number | { readonly rows: number };
  /** The two-sample test (MMD), or `false` for none. @default {} */
  readonly mmd?: MmdOptions | false;
  /** As in `createDriftMonitor`, for the projections. 50 to 10,000,000. @default as there */
  readonly windowRows?: number;
  /**
   * Most of the time that the monitor may spend, measured on the clock: half of it on rows, of which it otherwise observes a sample,
   * half on the two-sample tests, which otherwise take longer. Above 0, at most 1, which is no limit. @default 0.02
   */
  readonly maxCpuShare?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<EmbeddingEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** The schedule, complete. */
export interface MmdSettings {
  readonly everyRows: number;
  readonly sampleRows: number;
  readonly permutations: number;
  readonly seed: number;
  /** A p-value up to this is an alarm. */
  readonly level: number;
}

/** The options, complete. */
export interface EmbeddingSettings {
  readonly reference: EmbeddingReference;
  /** Rows between false alarms that remain for the projections. */
  readonly projectionsMeanRows: number;
  readonly mmd: MmdSettings | undefined;
  readonly windowRows: number | undefined;
  readonly maxCpuShare: number;
  readonly on: EventListeners<EmbeddingEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const owner = 'createEmbeddingMonitor';
const mostPermutations = 1_000_000;
const fewestSampleRows = 20;

const anObject = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);
const whole = (least: number, most: number) => z.int().check(z.minimum(least), z.maximum(most));
const meanRows = z.number().check(z.minimum(100), z.maximum(1e15));

const optionsSchema = z.strictObject({
  reference: anObject<EmbeddingReference>('a reference, as fitEmbeddingReference makes it'),
  meanTimeBetweenFalseAlarms: z._default(z.union([meanRows, z.strictObject({ rows: meanRows })]), 1_000_000),
  mmd: z._default(
    z.union([
      z.literal(false),
      z.strictObject({
        everyRows: z.optional(whole(2 * fewestSampleRows, 1e12)),
        sampleRows: z.optional(whole(fewestSampleRows, 2048)),
        permutations: z.optional(whole(1, mostPermutations)),
        seed: z.optional(whole(0, 2 ** 32 - 1)),
      }),
    ]),
    {},
  ),
  windowRows: z.optional(whole(50, 10_000_000)),
  maxCpuShare: z._default(z.number().check(z.gt(0), z.maximum(1)), defaultCpuShare),
  on: z.optional(anObject<EventListeners<EmbeddingEventMap>>('an object of listeners by event name')),
  logger: z._default(anObject<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(anObject<Clock>('a clock'), systemClock),
});

/**
 * Checks the options and completes them.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseEmbeddingOptions(options: EmbeddingMonitorOptions): EmbeddingSettings {
  const parsed = parseOptions(optionsSchema, options, owner);
  const { meanTimeBetweenFalseAlarms: time, windowRows, maxCpuShare, on, logger, clock } = parsed;
  const mean = typeof time === 'number' ? time : time.rows;
  const mmd = parsed.mmd === false ? undefined : scheduleOf(parsed.mmd, mean);
  const projectionsMeanRows = mmd === undefined ? mean : 2 * mean;
  const reference = checkEmbeddingReference(parsed.reference, wrongOption);
  checkFitness(reference, projectionsMeanRows, mmd, wrongOption);
  return { reference, projectionsMeanRows, mmd, windowRows, maxCpuShare, on, logger, clock };
}

/**
 * Refuses a reference that is too small for the stated time, or for the two-sample test.
 * @param fault makes the error to throw
 */
export function checkFitness(
  reference: EmbeddingReference,
  projectionsMeanRows: number,
  mmd: MmdSettings | undefined,
  fault: typeof wrongOption,
): void {
  checkReferenceSize(reference.projections, { unit: 'rows', mean: projectionsMeanRows }, fault);
  if (mmd === undefined || reference.sampleRows >= fewestSampleRows) return;
  throw fault(
    'reference.sampleRows',
    `at least ${fewestSampleRows} rows for the two-sample test (fit it with more sampleRows, or set mmd: false)`,
    String(reference.sampleRows),
  );
}

type GivenSchedule = { readonly [Field in keyof MmdOptions]: MmdOptions[Field] | undefined };

function scheduleOf(given: GivenSchedule, mean: number): MmdSettings {
  const everyRows = given.everyRows ?? Math.ceil(Math.min(mean, Math.max(mean / 100, 256)));
  if (everyRows > mean) {
    throw wrongOption('mmd.everyRows', `at most the ${mean} rows between false alarms`, String(everyRows));
  }
  const sampleRows = given.sampleRows ?? Math.min(256, everyRows);
  if (sampleRows > everyRows) {
    throw wrongOption('mmd.sampleRows', `at most the ${everyRows} rows of everyRows`, String(sampleRows));
  }
  const level = everyRows / (2 * mean);
  const needed = Math.ceil(1 / level - 1 - 1e-9);
  const permutations = given.permutations ?? Math.min(mostPermutations, Math.max(199, 2 * needed + 1));
  if (permutations < needed) {
    throw wrongOption(
      'mmd.permutations',
      `at least ${needed}, since with fewer no p-value reaches the level ${level} of a test every ${everyRows} rows (or set a greater everyRows, or a shorter meanTimeBetweenFalseAlarms)`,
      String(permutations),
    );
  }
  return { everyRows, sampleRows, permutations, seed: given.seed ?? 1, level };
}

/** The error for an option that is wrong. */
function wrongOption(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
