import { systemClock } from '../clock';
import { messageOf } from '../errors';
import { type Closeable, closeable } from '../lifecycle';
import { consoleLogger } from '../logger';
import { checkReference } from '../monitoring/check-reference';
import { CpuBudget, defaultCpuShare } from '../monitoring/cpu-budget';
import { watchRunner } from '../monitoring/runner-watch';
import { optionError } from '../option-checks';
import type { BatchEndEvent, ModelInfo, ModelRunner } from '../runner/runner';
import { fingerprintOf } from './fingerprint';
import { makeReports } from './make-reports';
import { createSecureUniform, type UniformBelow } from './noise';
import { readClasses } from './predictions';
import { checkNoise, parseRecorderOptions, type TelemetryRecorderOptions } from './recorder-options';
import { labelPattern, type TelemetryReport, telemetryLimits } from './report';
import { TelemetryWindow, type WindowRest } from './telemetry-window';

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
  const rules = parseRecorderOptions(options, owner);
  const { predictions, variant = 'default', maxRowsPerWindow = 100_000, maxCpuShare = defaultCpuShare } = options;
  const { isAllowed = () => true, logger = consoleLogger, clock = systemClock } = options;
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

/** Ids of reports: one prefix by chance, and a running number. */
function createIds(uniform: UniformBelow): () => string {
  const digits = (value: number): string => value.toString(16).padStart(8, '0');
  const sender = digits(uniform(2 ** 32)) + digits(uniform(2 ** 32)) + digits(uniform(2 ** 32));
  let number = 0;
  return () => sender + digits(number++ % 2 ** 32);
}
