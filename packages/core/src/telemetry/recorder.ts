import { type Clock, systemClock } from '../clock';
import { describeValue } from '../config';
import { messageOf } from '../errors';
import { type Closeable, closeable } from '../lifecycle';
import { consoleLogger, type Logger } from '../logger';
import { checkReference } from '../monitoring/check-reference';
import { CpuBudget } from '../monitoring/cpu-budget';
import type { Reference } from '../monitoring/reference';
import { watchRunner } from '../monitoring/runner-watch';
import { checkOptions, objectWith, optionError, test, wholeNumber } from '../option-checks';
import type { BatchEndEvent, ModelInfo, ModelRunner } from '../runner/runner';
import { fingerprintOf } from './fingerprint';
import { makeReports, type ReportRules } from './make-reports';
import { createSecureUniform, planNoise, type UniformBelow } from './noise';
import { type PredictionClasses, readClasses } from './predictions';
import { labelPattern, type TelemetryReport, telemetryLimits } from './report';
import { TelemetryWindow, type WindowRest } from './telemetry-window';

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
  /** Most of the time that counting may take: above it, features are counted of a sample of the rows. @default 0.05 */
  readonly maxCpuShare?: number;
  /** Asked before each batch whether it may be counted. @default always */
  readonly isAllowed?: () => boolean;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** What was counted and what was not, in rows since the beginning. */
export interface TelemetryRows {
  readonly counted: number;
  /** Not counted: there was no reference, inputs did not fit it, the window was full, or it was not allowed. */
  readonly skipped: number;
}

/** Counts that are too small to be told yet, for the device to keep until its next visit. Plain data; it never leaves the device. */
export interface TelemetryRest extends WindowRest {
  /** The model, the reference and the classes that were counted. */
  readonly key: string;
}

/** Counts what goes through a runner, to be told in reports. */
export interface TelemetryRecorder extends Closeable {
  /** Resolves when it is known what is counted: when the reference of the runner's model was read, or found missing. */
  readonly ready: Promise<void>;
  /** Rows in the present window; with `minimumCount`, what was left over is among them. */
  readonly pendingRows: number;
  readonly rows: TelemetryRows;
  /** Ends the window and answers its reports, with those of models that were swapped meanwhile. */
  take(): TelemetryReport[];
  /** Whose rest can be added now; `undefined` where there is no reference yet, or none is kept, as beside noise. */
  readonly restKey: string | undefined;
  /** Takes out what was counted and not told, so that a page which goes away can keep it; `undefined` where there is none. */
  takeRest(): TelemetryRest | undefined;
  /** Adds what was taken out before. What is of another `restKey`, it leaves. */
  addRest(rest: TelemetryRest): void;
  /** Forgets what was counted and not told. */
  clear(): void;
}

/** Windows of swapped models that wait to be taken. */
const mostWaiting = 64;

/** Checks shared with `startTelemetry`. */
export function telemetryRecorderChecks() {
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

/** Checks of `privacy`. */
export function telemetryPrivacyChecks() {
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

function rulesOf({ privacy = {}, predictions, maxRowsPerWindow = 100_000 }: TelemetryRecorderOptions): ReportRules {
  const { epsilon, unit = 'row', featuresPerReport = Number.MAX_SAFE_INTEGER } = privacy;
  if (epsilon !== undefined && privacy.minimumCount !== undefined) {
    throw optionError(
      'telemetry',
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

/**
 * Watches a runner and counts, after its answers went out, what a telemetry report tells: rows by the bins of the reference,
 * predicted classes, times and failures. Nothing is sent; `@fairlead/browser/telemetry` does that.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createTelemetryRecorder(
  runner: ModelRunner,
  options: TelemetryRecorderOptions = {},
): TelemetryRecorder {
  const owner = 'createTelemetryRecorder';
  checkOptions(owner, options, { ...telemetryRecorderChecks() });
  checkOptions(owner, options.privacy ?? {}, telemetryPrivacyChecks(), [], 'privacy.');
  const { predictions, variant = 'default', maxRowsPerWindow = 100_000, maxCpuShare = 0.05 } = options;
  const { isAllowed = () => true, logger = consoleLogger, clock = systemClock } = options;
  const rules = rulesOf(options);
  const reference =
    options.reference === undefined
      ? undefined
      : checkReference(options.reference, (field, expected, given) => optionError(owner, field, expected, given));
  if (reference !== undefined) checkNoise(rules, reference, owner);
  const uniform = createSecureUniform();
  const nextId = createIds(uniform);
  const classes = predictions === undefined ? undefined : readClasses(predictions);
  const budget = new CpuBudget(clock, maxCpuShare);

  let current:
    | { readonly model: ModelInfo; readonly fingerprint: string; readonly window: TelemetryWindow }
    | undefined;
  let waiting: TelemetryReport[] = [];
  let openedEpochMs = clock.epochMs();
  let counted = 0;
  let skipped = 0;
  let device = (runner as { describe?(): { readonly device?: string } }).describe?.().device;
  /** The batch whose inputs are being counted, for its outputs and times. */
  let batch: BatchEndEvent | undefined;

  let tellReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    tellReady = resolve;
  });

  const takeWindow = (): void => {
    const fromEpochMs = openedEpochMs;
    openedEpochMs = clock.epochMs();
    if (current === undefined) return;
    const { model, window, fingerprint } = current;
    const told = options.device ?? device ?? '';
    const head = {
      modelName: model.name.slice(0, telemetryLimits.nameLength),
      modelVersion: model.version.slice(0, telemetryLimits.nameLength),
      reference: fingerprint,
      variant,
      device: labelPattern.test(told) ? told : 'unknown',
      fromEpochMs: Math.min(fromEpochMs, openedEpochMs),
      toEpochMs: openedEpochMs,
    };
    if (window.rows === 0 && !window.hasFailures) return;
    waiting.push(...makeReports(window, head, rules, uniform, nextId));
    if (waiting.length > mostWaiting) waiting.splice(0, waiting.length - mostWaiting);
  };

  const removers = [
    // Before the watch below, so that it knows whose inputs it is given.
    runner.events.on('batch-end', (event) => {
      batch = event;
    }),
    runner.events.on('model-ready', (event) => {
      device = event.device;
    }),
    runner.events.on('request-fail', ({ code }) => {
      if (isAllowed()) current?.window.addFailure(code);
    }),
  ];
  const watch = watchRunner(runner, logger, {
    fallback: reference,
    learns: false,
    check: (found) => checkNoise(rules, found, owner),
    adopt: (model, found) => {
      tellReady();
      takeWindow();
      const used = found ?? reference;
      current =
        used === undefined
          ? undefined
          : { model, fingerprint: fingerprintOf(used), window: new TelemetryWindow(used, classes, maxRowsPerWindow) };
    },
    fail: () => undefined,
    failListened: () => false,
    skip: (_reason, rows) => {
      batch = undefined;
      skipped += rows;
    },
    observe: (inputs, rows, batchAxis) => {
      const window = current?.window;
      const outputs = batch?.outputs ?? {};
      const computeMs = batch?.computeMs ?? 0;
      batch = undefined;
      if (window === undefined || !isAllowed()) {
        skipped += rows;
        return;
      }
      const startedAt = clock.now();
      const taken = budget.allowance(rows, startedAt);
      const overLimit = window.rowsOverLimit;
      window.addBatch(inputs, outputs, batchAxis, computeMs, taken, uniform(2 ** 32) / 2 ** 32);
      if (taken > 0) budget.spend(clock.now() - startedAt, Math.min(taken, rows));
      const over = window.rowsOverLimit - overLimit;
      counted += rows - over;
      skipped += over;
    },
  });
  if (runner.loaded === undefined) tellReady();
  const { close, ...disposal } = closeable(async () => {
    tellReady();
    for (const remove of removers) remove();
    await watch.close();
  });

  /** With noise nothing is kept: another window would spend another budget on it. */
  const restKey = (): string | undefined => {
    if (current === undefined || rules.epsilon !== undefined) return undefined;
    const { model, fingerprint } = current;
    return JSON.stringify([model.name, model.version, fingerprint, classes?.size ?? 0]);
  };

  return {
    ready,
    get restKey() {
      return restKey();
    },
    takeRest() {
      const key = restKey();
      const window = current?.window;
      if (key === undefined || window === undefined || !window.isHolding) return undefined;
      return { key, ...window.takeRest() };
    },
    addRest(rest) {
      if (rest.key === restKey()) current?.window.addRest(rest);
    },
    get pendingRows() {
      return current?.window.rows ?? 0;
    },
    get rows() {
      return { counted, skipped };
    },
    take() {
      try {
        takeWindow();
      } catch (error) {
        // It cannot happen with a reference that was checked; but nothing of this may ever reach the app.
        logger.error({ error }, `A telemetry report could not be made: ${messageOf(error)}`);
        current?.window.reset();
      }
      const taken = waiting;
      waiting = [];
      return taken;
    },
    clear() {
      current?.window.reset();
      waiting = [];
    },
    close,
    ...disposal,
  };
}

/** Refuses a budget whose noise no report could carry. */
function checkNoise(
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

/** Ids of reports: one prefix by chance, and a running number. */
function createIds(uniform: UniformBelow): () => string {
  const digits = (value: number): string => value.toString(16).padStart(8, '0');
  const sender = digits(uniform(2 ** 32)) + digits(uniform(2 ** 32)) + digits(uniform(2 ** 32));
  let number = 0;
  return () => sender + digits(number++ % 2 ** 32);
}
