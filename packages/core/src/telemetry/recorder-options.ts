import type { Clock } from '../clock';
import { describeValue } from '../config';
import { messageOf } from '../errors';
import type { Logger } from '../logger';
import type { Reference } from '../monitoring/reference';
import { checkOptions, objectWith, optionError, test, wholeNumber } from '../option-checks';
import type { ReportRules } from './make-reports';
import { planNoise } from './noise';
import type { PredictionClasses } from './predictions';
import { labelPattern, telemetryLimits } from './report';

/** What protects the people behind the counts. */
export interface TelemetryPrivacy {
  /**
   * Counts leave the device in multiples of it, so that none is smaller; what is left over waits until it adds up. 1 tells all.
   * Not beside `epsilon`, whose noise does this. 1 to 1000.
   * @default 5
   */
  readonly minimumCount?: number;
  /**
   * ε of differential privacy, spent by each window: one half on the counts of features, one on all others. Smaller is more
   * private and needs more devices. Above 0, at most 100. The noise is exact discrete Laplace from the platform's cryptographic
   * source. That a report was sent at all is not hidden.
   * @default none: no noise
   */
  readonly epsilon?: number;
  /**
   * What ε hides: the presence of one row, whatever the number of windows, since a row is in one of them; or all rows of
   * the device in a window together, which takes `maxRowsPerWindow` times the noise.
   * @default 'row'
   */
  readonly unit?: 'row' | 'window';
  /**
   * Features that a window tells, chosen by chance each time. With `epsilon`, each one more makes the noise of all larger: of
   * 784 features, telling 8 takes a hundredth of the noise. 1 or more.
   * @default all
   */
  readonly featuresPerReport?: number;
}

/** Options of {@link createTelemetryRecorder}. */
export interface TelemetryRecorderOptions {
  /** For models that bring none; where a model has the sidecar `reference`, that one counts. @default none: the model's */
  readonly reference?: Reference;
  /** Which classes were predicted is counted too. @default none */
  readonly predictions?: PredictionClasses;
  /** Which form of the model runs: lower-case letters, digits, `.`, `_`, `-`, 32 at most. @default 'default' */
  readonly variant?: string;
  /** What it runs on, in the same form. @default what the runner says, else `unknown` */
  readonly device?: string;
  readonly privacy?: TelemetryPrivacy;
  /** Rows that are counted between two reports; further ones are not. 1 to 1,000,000. @default 100000 */
  readonly maxRowsPerWindow?: number;
  /** Most of the time that counting may take: above it, features are counted of a sample of the rows. @default 0.02 */
  readonly maxCpuShare?: number;
  /** Asked before each batch whether it may be counted. @default always */
  readonly isAllowed?: () => boolean;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

function recorderChecks() {
  const label = test(
    (value) => typeof value === 'string' && labelPattern.test(value),
    'lower-case letters, digits, ".", "_" and "-", 32 at most',
  );
  return {
    reference: test((value) => typeof value === 'object' && value !== null, 'a reference, as fitReference makes it'),
    predictions: test(isPredictions, `an object { output, classes } with 1 to ${telemetryLimits.classes} classes`),
    variant: label,
    device: label,
    privacy: test((value) => typeof value === 'object' && value !== null, 'an object'),
    maxRowsPerWindow: wholeNumber(1, 1_000_000),
    maxCpuShare: test((value) => typeof value === 'number' && value > 0 && value <= 1, 'a number above 0, at most 1'),
    isAllowed: test((value) => typeof value === 'function', 'a function'),
    logger: objectWith('a logger', 'debug', 'info', 'warn', 'error'),
    clock: objectWith('a clock', 'now', 'epochMs', 'setTimer'),
  };
}

function privacyChecks() {
  return {
    minimumCount: wholeNumber(1, 1000),
    epsilon: test((value) => typeof value === 'number' && value > 0 && value <= 100, 'a number above 0, at most 100'),
    unit: test((value) => value === 'row' || value === 'window', '"row" or "window"'),
    featuresPerReport: wholeNumber(1),
  };
}

function isPredictions(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { output, classes } = value as Partial<PredictionClasses>;
  const count = typeof classes === 'number' ? classes : Array.isArray(classes) ? new Set(classes.map(String)).size : 0;
  const isEach = typeof classes === 'number' || classes?.length === count;
  return (
    typeof output === 'string' && Number.isInteger(count) && count >= 1 && count <= telemetryLimits.classes && isEach
  );
}

function rulesOf(options: TelemetryRecorderOptions, owner: string): ReportRules {
  const { privacy = {}, predictions, maxRowsPerWindow = 100_000 } = options;
  const { epsilon, unit = 'row', featuresPerReport = Number.MAX_SAFE_INTEGER } = privacy;
  if (epsilon !== undefined && privacy.minimumCount !== undefined) {
    throw optionError(
      owner,
      'privacy.minimumCount',
      'nothing beside epsilon, whose noise hides small counts',
      privacy.minimumCount,
    );
  }
  return {
    minimumCount: privacy.minimumCount ?? 5,
    epsilon,
    protectedRows: unit === 'row' ? 1 : maxRowsPerWindow,
    featuresPerReport,
    hasPredictions: predictions !== undefined,
  };
}

/** Refuses a budget whose noise no report could carry. */
export function checkNoise(
  { epsilon, protectedRows, featuresPerReport, hasPredictions }: ReportRules,
  reference: Reference,
  owner: string,
): void {
  if (epsilon === undefined) return;
  try {
    planNoise(epsilon, protectedRows, Math.min(featuresPerReport, reference.features.length), hasPredictions);
  } catch (error) {
    throw optionError(owner, 'privacy.epsilon', messageOf(error), describeValue(epsilon));
  }
}

/**
 * Checks the options, but for the reference, and answers how a window becomes reports.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseRecorderOptions(options: TelemetryRecorderOptions, owner: string): ReportRules {
  checkOptions(owner, options, recorderChecks());
  checkOptions(owner, options.privacy ?? {}, privacyChecks(), [], 'privacy.');
  return rulesOf(options, owner);
}
