import type { Backend } from '../backend';
import type { BatchObjective } from '../batching/shape-costs';
import { type Clock, systemClock } from '../clock';
import { FairleadError } from '../errors';
import type { EventListeners } from '../events';
import type { CallOptions } from '../lifecycle';
import { consoleLogger, guardLogger, type Logger } from '../logger';
import type { LoadedModel, ModelSource } from '../model-source';
import { checkOptions, type OptionCheck, objectWith, test, trueOrFalse, wholeNumber } from '../option-checks';
import type { AnySignature } from '../signature';
import type { LocalRunner } from './local-runner';
import type { LanesOption } from './open-lanes';
import type { RunnerEventMap } from './runner';
import type { ShapesOption } from './shape-options';
import type { SwapMode } from './swap';
import type { TuningStore } from './tuning-store';
import { type ModelDefinition, type TypedRunner, withPredict } from './typed-model';

/** How requests are joined. */
export interface BatchingOptions {
  /** Most rows of one batch; a larger request is split and joined again. 1 to 65,536. @default 64 */
  readonly maxBatchRows?: number;
  /** Most rows that may wait; beyond, a request fails with `OVERLOADED`. 1 or more. @default 8192 */
  readonly maxQueueRows?: number;
  /** Most bytes of inputs that may wait. 1 or more. @default 268435456 (256 MiB) */
  readonly maxQueueBytes?: number;
  /**
   * What batches are made for. `latency`: an idle lane takes what has come in this turn of the event loop, and a batch
   * grows no further than it gains. `throughput`: batches grow as far as they gain anything, and an idle lane waits for
   * more rows while their arrival promises more rows a second, never past a deadline.
   * @default 'latency'
   */
  readonly objective?: BatchObjective;
  /**
   * The share of the callers that named a `key`, beside other keys: a number above 0. A key that is given 2 gets twice
   * what one that is given 1 gets, where both have more waiting than can be computed.
   * @default every key has the same share
   */
  readonly weightOf?: (key: string) => number;
}

/** Options of {@link createRunner}. */
export interface RunnerOptions extends CallOptions {
  /** A reference that the backend resolves (a path on Node, a URL in a page), a loaded model, or a source to follow. */
  readonly model: string | LoadedModel | ModelSource;
  /** The runtime, for example `onnx()` of `@fairlead/node`. */
  readonly backend: Backend;
  /** Where the model computes. @default 'auto' */
  readonly lanes?: LanesOption;
  /**
   * Where `lanes: 'auto'` keeps what it measured, for the next time that a model is loaded: `fileTuning()` of
   * `@fairlead/node` keeps it in a file. @default the memory of the process
   */
  readonly tuning?: TuningStore;
  /** How requests are joined; `false` runs each by itself. @default {} */
  readonly batching?: false | BatchingOptions;
  /**
   * Buckets for symbolic dimensions, by name: requests whose sizes differ are padded to the next bucket and share a batch.
   * Dimensions without buckets stay as they are, and requests share a batch where they are equal. @default {}
   */
  readonly shapes?: ShapesOption;
  /** Whether the model is run on zeros of every batch size, in every bucket, before the first request. @default true */
  readonly warmUp?: boolean;
  /**
   * Whether a model that brings golden rows (`digits.golden.json` beside `digits.onnx`, or a registry's sidecar) is
   * refused when it does not answer them on every lane, at the start and at each swap. @default true
   */
  readonly checkGolden?: boolean;
  /**
   * What a swap preserves: `availability-preserving` loads the new model beside the one in use;
   * `resource-preserving` releases that one first, where two do not fit into memory, and requests wait meanwhile within
   * the limits of the queue and their own deadlines. @default 'availability-preserving'
   */
  readonly swapMode?: SwapMode;
  /** Listeners, attached before loading begins. */
  readonly on?: EventListeners<RunnerEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

const batchingChecks = {
  maxBatchRows: wholeNumber(1, 65_536),
  maxQueueRows: wholeNumber(1),
  maxQueueBytes: wholeNumber(1),
  objective: test((value) => value === 'latency' || value === 'throughput', '"latency" or "throughput"'),
  weightOf: test((value) => typeof value === 'function', 'a function of the key'),
};

const checks = {
  model: test(
    (value) => (typeof value === 'string' && value !== '') || isSource(value) || isLoadedModel(value),
    'a path or URL, a loaded model with bytes, digest, name, version and sidecar(), or a model source with resolve()',
  ),
  backend: test(
    (value) =>
      (value as Backend | undefined)?.specVersion === 'v1' && typeof (value as Backend).doCreateSession === 'function',
    'a backend of specVersion "v1", such as onnx() of @fairlead/node',
  ),
  lanes: test(
    (value) =>
      value === 'auto' || value === 'inline' || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 256),
    '"auto", "inline" or a whole number of workers from 1 to 256',
  ),
  tuning: objectWith('a store of tunings with read() and write()', 'read', 'write'),
  batching: test((value) => value === false || (typeof value === 'object' && value !== null), 'false or an object'),
  shapes: objectWith('an object of buckets by the name of their dimension'),
  warmUp: trueOrFalse,
  checkGolden: trueOrFalse,
  swapMode: test(
    (value) => value === 'availability-preserving' || value === 'resource-preserving',
    '"availability-preserving" or "resource-preserving"',
  ),
  on: objectWith('an object of listeners by event name'),
  logger: objectWith('a logger with debug, info, warn and error', 'debug', 'info', 'warn', 'error'),
  clock: objectWith('a clock', 'now', 'epochMs', 'setTimer', 'defer'),
  signal: test((value) => value instanceof AbortSignal, 'an AbortSignal'),
  definition: test(
    (value) => isDefinition(value as Partial<ModelDefinition<unknown, unknown, unknown, unknown>> | undefined),
    'a definition made by defineModel, with input, output, encode and decode',
  ),
};

const listener = test((value) => typeof value === 'function', 'a function');
const listenerChecks: Readonly<Record<keyof RunnerEventMap, OptionCheck>> = {
  'model-ready': listener,
  'model-swap': listener,
  'model-swap-fail': listener,
  'device-fallback': listener,
  'batch-end': listener,
  'batch-fail': listener,
  'request-fail': listener,
  'lane-lost': listener,
  'lane-restart': listener,
  'device-lost': listener,
  'device-recovered': listener,
  'batch-replayed': listener,
  'worker-recycled': listener,
};

function isSource(value: unknown): value is ModelSource {
  return typeof (value as ModelSource | null | undefined)?.resolve === 'function';
}

function isLoadedModel(value: unknown): value is LoadedModel {
  const { bytes, digest, name, version, sidecar } = (value ?? {}) as Partial<LoadedModel>;
  return (
    bytes instanceof Uint8Array &&
    typeof sidecar === 'function' &&
    [digest, name, version].every((text) => typeof text === 'string' && text !== '')
  );
}

function isDefinition(value: Partial<ModelDefinition<unknown, unknown, unknown, unknown>> | undefined): boolean {
  const schemas = [value?.input, value?.output];
  return (
    typeof value?.encode === 'function' &&
    typeof value.decode === 'function' &&
    schemas.every((schema) => typeof schema?.['~standard']?.validate === 'function')
  );
}

/**
 * Loads a model and makes a runner of it. The promise resolves when the model is warm.
 *
 * `S` types the names and dtypes of `run`; `definition` adds a typed `predict`.
 *
 * @throws FairleadError `INVALID_OPTION`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `BACKEND_UNAVAILABLE`, `ABORTED`,
 * `NOT_FOUND` when a registry knows no such alias; `GOLDEN_MISMATCH`, or `STORE_CORRUPT`, `SIGNATURE_MISMATCH`,
 * `UNSUPPORTED` and `LIMIT_EXCEEDED` when its golden rows cannot be used
 */
export function createRunner<Input, Parsed, Raw, Output>(
  options: RunnerOptions & { readonly definition: ModelDefinition<Input, Parsed, Raw, Output> },
): Promise<TypedRunner<Input, Output, LocalRunner>>;
export function createRunner<S extends AnySignature = AnySignature>(options: RunnerOptions): Promise<LocalRunner<S>>;
export async function createRunner(
  options: RunnerOptions & { readonly definition?: ModelDefinition<unknown, unknown, unknown, unknown> },
): Promise<LocalRunner> {
  checkOptions('createRunner', options, checks, ['model', 'backend']);
  const { model, backend, batching = {}, definition, signal } = options;
  if (batching !== false) checkOptions('createRunner', batching, batchingChecks, [], 'batching.');
  if (options.on !== undefined) checkOptions('createRunner', options.on, listenerChecks, [], 'on.');
  const limits = batching === false ? {} : batching;
  // Where a page has to wait for a model anyway, it may fetch what runs it as well; who has no buckets does not fetch those.
  const { createLocalRunner } = await import('./local-runner');
  const planShapes =
    options.shapes === undefined ? undefined : (await import('./shape-plan')).createShapePlanner(options.shapes);
  const runner = await createLocalRunner(
    {
      source: sourceOf(model, backend),
      backend,
      lanes: options.lanes ?? 'auto',
      planShapes,
      warmUp: options.warmUp ?? true,
      checkGolden: options.checkGolden ?? true,
      swapMode: options.swapMode ?? 'availability-preserving',
      tuning: options.tuning,
      logger: guardLogger(options.logger ?? consoleLogger),
      clock: options.clock ?? systemClock,
      on: options.on,
      batching: {
        joinable: batching !== false,
        maxBatchRows: limits.maxBatchRows ?? 64,
        maxQueueRows: limits.maxQueueRows ?? 8192,
        maxQueueBytes: limits.maxQueueBytes ?? 256 * 2 ** 20,
        objective: limits.objective ?? 'latency',
        weightOf: limits.weightOf,
      },
    },
    signal === undefined ? {} : { signal },
  );
  return definition === undefined ? runner : withPredict(runner, definition);
}

/** Brings the three ways to name a model to one. */
export function sourceOf(model: RunnerOptions['model'], backend: Backend): ModelSource {
  if (typeof model === 'string') {
    return {
      resolve: (options) => {
        if (backend.doResolve !== undefined) return backend.doResolve(model, options);
        throw new FairleadError(
          'UNSUPPORTED',
          `Backend "${backend.name}" cannot find a model by name. Give it a loaded model.`,
        );
      },
    };
  }
  if (isSource(model)) return model;
  return { resolve: async () => model };
}
