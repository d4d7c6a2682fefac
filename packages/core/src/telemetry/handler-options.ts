import { type Clock, systemClock } from '../clock';
import { consoleLogger, type Logger } from '../logger';
import type { Registry } from '../metrics/registry';
import { checkReference } from '../monitoring/check-reference';
import type { Reference } from '../monitoring/reference';
import { checkOptions, objectWith, optionError, test, wholeNumber } from '../option-checks';
import { type CrossOrigin, type CrossOriginOptions, checkOrigins, createCrossOrigin } from '../serving/cross-origin';
import { classNames, type PredictionClasses } from './predictions';
import { labelPattern, telemetryLimits } from './report';
import { isTelemetryKey, wrongKey } from './token';

/** A model whose devices may report. */
export interface TelemetryModel {
  readonly name: string;
  readonly version: string;
  /** The reference that the devices count by. */
  readonly reference: Reference;
  /** Its classes, as the devices have them in `predictions`. @default none: reports may not count predictions */
  readonly classes?: PredictionClasses['classes'];
}

/** Options of {@link createTelemetryHandler}. */
export interface TelemetryHandlerOptions {
  /** Models whose reports are taken; those of others are refused, so that no device can invent series. 1 to 64. */
  readonly references: readonly TelemetryModel[];
  /**
   * The secret that {@link createTelemetryToken} signed with, 32 characters or more; several while one replaces another. Either
   * this or `authenticate`.
   */
  readonly key?: string | readonly string[];
  /**
   * Says whom a token stands for, for tokens of your own: a text of 1 to 250 characters, by which limits are kept, or
   * `undefined` to refuse with 401.
   */
  readonly authenticate?: (token: string, request: Request) => string | undefined | Promise<string | undefined>;
  /** Bytes of a body, declared or not. 1024 to 65,536. @default 65536 */
  readonly maxBodyBytes?: number;
  /** Requests a minute of one subject; ten may come at once. 1 to 6000. @default 12 */
  readonly maxRequestsPerMinute?: number;
  /** Rows of one subject in a window: how much one liar can weigh. 1 or more. @default 100000 */
  readonly maxRowsPerDevice?: number;
  /** Largest scale of noise that is taken, as a liar may hide behind it. @default 5000 */
  readonly maxNoiseScale?: number;
  /** Subjects whose limits are remembered. 1 to 1,000,000. @default 10000 */
  readonly maxDevices?: number;
  /**
   * Combinations of model, variant and device that are kept apart. Each takes 56 bytes a bin of the reference (about 1 MB for 784
   * features of ten bins), and some microseconds a feature when it is shown. 1 to 1024.
   * @default 32
   */
  readonly maxSeries?: number;
  /** Features of a model that have series in `metrics`: those that drifted most. @default 200 */
  readonly maxFeatureSeries?: number;
  /** Ids of reports that are remembered, by which duplicates are known. 1 to 10,000,000. @default 100000 */
  readonly maxReportIds?: number;
  /** Milliseconds after the end of its window from which on a report is refused. @default 604800000 (a week) */
  readonly maxReportAgeMs?: number;
  /** Milliseconds of which the sums are shown; they slide by a sixth. 6000 or more. @default 86400000 (a day) */
  readonly windowMs?: number;
  /** Variants that have series of their own; others are `other`. @default ['default', 'fp32', 'fp16', 'int8'] */
  readonly variants?: readonly string[];
  /** Devices that have series of their own; others are `other`. @default ['webgpu', 'webgl', 'wasm', 'cpu', 'unknown'] */
  readonly devices?: readonly string[];
  /** Pages of other origins that may read the answers. @default none */
  readonly crossOrigin?: CrossOriginOptions;
  /** Where the series are shown. @default nowhere */
  readonly metrics?: Registry;
  /** Told of failures of `authenticate`. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface TelemetryHandlerSettings
  extends Required<Omit<TelemetryHandlerOptions, 'key' | 'authenticate' | 'crossOrigin' | 'metrics'>> {
  readonly keys: readonly string[];
  readonly authenticate: TelemetryHandlerOptions['authenticate'];
  readonly crossOrigin: CrossOrigin | undefined;
  readonly metrics: Registry | undefined;
}

const owner = 'createTelemetryHandler';
const mostModels = 64;
const isLabels = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= 32 &&
  value.every((each) => typeof each === 'string' && labelPattern.test(each));
const isName = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && value.length <= telemetryLimits.nameLength;

/** @throws FairleadError `INVALID_OPTION` */
export function parseHandlerOptions(options: TelemetryHandlerOptions): TelemetryHandlerSettings {
  const positive = test(
    (value) => typeof value === 'number' && value > 0 && Number.isFinite(value),
    'a number above 0',
  );
  const labels = test(isLabels, '1 to 32 labels of lower-case letters, digits, ".", "_" and "-"');
  const checks = {
    references: test(
      (value) => Array.isArray(value) && value.length > 0 && value.length <= mostModels,
      `1 to ${mostModels} models`,
    ),
    key: () => undefined, // Below, where it is not shown.
    authenticate: test((value) => typeof value === 'function', 'a function that says whom a token stands for'),
    maxBodyBytes: wholeNumber(1024, telemetryLimits.bodyBytes),
    maxRequestsPerMinute: wholeNumber(1, 6000),
    maxRowsPerDevice: wholeNumber(1),
    maxNoiseScale: positive,
    maxDevices: wholeNumber(1, 1_000_000),
    maxSeries: wholeNumber(1, 1024),
    maxFeatureSeries: wholeNumber(0, 65_536),
    maxReportIds: wholeNumber(1, 10_000_000),
    maxReportAgeMs: positive,
    windowMs: wholeNumber(6000),
    variants: labels,
    devices: labels,
    crossOrigin: test((value) => typeof value === 'object' && value !== null, 'an object { origins }'),
    metrics: objectWith('a registry of metrics', 'gauge', 'counter', 'onCollect'),
    logger: objectWith('a logger', 'error'),
    clock: objectWith('a clock', 'now', 'epochMs'),
  };
  checkOptions(owner, options, checks, ['references']);
  const { key, authenticate, crossOrigin, windowMs = 86_400_000 } = options;
  const keys = typeof key === 'string' ? [key] : (key ?? []);
  if (key !== undefined && !(keys.length > 0 && keys.every(isTelemetryKey))) throw wrongKey(owner, 'key');
  if ((key === undefined) === (authenticate === undefined)) {
    throw optionError(
      owner,
      'key',
      'either key or authenticate, so that not everybody can report',
      key === undefined ? undefined : 'both',
    );
  }
  if (crossOrigin !== undefined) checkOrigins(crossOrigin.origins, owner);
  return {
    references: checkModels(options.references),
    keys,
    authenticate,
    maxBodyBytes: options.maxBodyBytes ?? telemetryLimits.bodyBytes,
    maxRequestsPerMinute: options.maxRequestsPerMinute ?? 12,
    maxRowsPerDevice: options.maxRowsPerDevice ?? 100_000,
    maxNoiseScale: options.maxNoiseScale ?? 5000,
    maxDevices: options.maxDevices ?? 10_000,
    maxSeries: options.maxSeries ?? 32,
    maxFeatureSeries: options.maxFeatureSeries ?? 200,
    maxReportIds: options.maxReportIds ?? 100_000,
    maxReportAgeMs: options.maxReportAgeMs ?? 7 * 86_400_000,
    windowMs: Math.ceil(windowMs),
    variants: options.variants ?? ['default', 'fp32', 'fp16', 'int8'],
    devices: options.devices ?? ['webgpu', 'webgl', 'wasm', 'cpu', 'unknown'],
    crossOrigin: crossOrigin && createCrossOrigin(crossOrigin),
    metrics: options.metrics,
    logger: options.logger ?? consoleLogger,
    clock: options.clock ?? systemClock,
  };
}

function checkModels(models: readonly TelemetryModel[]): readonly TelemetryModel[] {
  const seen = new Set<string>();
  return models.map((model, index) => {
    const prefix = `references.${index}`;
    const checks = {
      name: test(isName, `1 to ${telemetryLimits.nameLength} characters`),
      version: test(isName, `1 to ${telemetryLimits.nameLength} characters`),
      reference: test((value) => typeof value === 'object' && value !== null, 'a reference, as fitReference makes it'),
      classes: test((value) => {
        const count = typeof value === 'number' ? value : Array.isArray(value) ? value.length : 0;
        return Number.isInteger(count) && count >= 1 && count <= telemetryLimits.classes;
      }, `1 to ${telemetryLimits.classes} classes`),
    };
    checkOptions(owner, model, checks, ['name', 'version', 'reference'], `${prefix}.`);
    const key = `${model.name} ${model.version}`;
    if (seen.has(key)) throw optionError(owner, prefix, 'a model that occurs once', key);
    seen.add(key);
    const reference = checkReference(model.reference, (field, expected, given) =>
      optionError(owner, `${prefix}.${field}`, expected, given),
    );
    return { ...model, reference };
  });
}

/** Names of a model's classes; empty where none are counted. */
export function classesOf({ classes }: TelemetryModel): string[] {
  return classes === undefined ? [] : classNames(classes);
}
