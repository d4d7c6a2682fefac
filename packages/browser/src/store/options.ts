import {
  type Clock,
  checkOptions,
  consoleLogger,
  createRunner,
  FairleadError,
  type InputsOf,
  type Logger,
  type ModelRunner,
  objectWith,
  optionTest,
  type RunnerOptions,
  type RunOptions,
  type StandardSchema,
  systemClock,
  type Tensors,
  withPredict,
} from '@fairlead/core';
import type { ProgressEvent } from '../model-cache/cache-events';
import type { CachedModel } from '../model-cache/cached-model';

/** What becomes of a run when another one is asked for; see {@link StoreBehaviour.overlap}. */
export type Overlap = 'latest' | 'all';

/** How a store behaves, whatever its model. */
export interface StoreBehaviour {
  /**
   * What becomes of a run when another one is asked for. `latest`: it is aborted, and the last call wins. `all`: every one
   * is answered, and the snapshot shows the answer to the newest.
   * @default 'latest'
   */
  readonly overlap?: Overlap;
  /**
   * Milliseconds after which the model is closed when the last subscriber has left, 0 or more; 0 is the next turn of the
   * event loop, so that one who leaves and comes back at once finds it as it was. `false`: only `close()` closes it.
   * @default 0
   */
  readonly closeDelayMs?: number | false;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** A model for a store, as `createRunner` takes it. */
export interface RunnerStoreOptions extends Omit<RunnerOptions, 'signal'>, StoreBehaviour {}

/** What {@link OpenStoreOptions.open} is given. */
export interface OpenCall {
  /** Aborted when the model is no longer wanted. */
  readonly signal: AbortSignal;
  /** What makes the store show a download: `cachedModel(url, { on: { progress: onProgress } })`. */
  readonly onProgress: (progress: ProgressEvent) => void;
}

/** A runner of any kind for a store: a cascade, one around a remote server, a rollout. */
export interface OpenStoreOptions<R extends ModelRunner = ModelRunner> extends StoreBehaviour {
  /** Makes the runner, which the store closes. It is called again by `retry()` and when a store that was left is used again. */
  readonly open: (call: OpenCall) => Promise<R>;
}

/** The model of a store, and how the store behaves. */
export type ModelStoreOptions = RunnerStoreOptions | OpenStoreOptions;

/** What `defineModel` answers, as far as a store's types need it. */
export interface StoreDefinition<Input, Output> {
  readonly input: StandardSchema<Input, unknown>;
  readonly output: StandardSchema<unknown, Output>;
  readonly encode: (value: never) => InputsOf;
  readonly decode: (outputs: Tensors) => unknown;
}

/** What a loaded model answers with. */
export interface Answerer {
  readonly runner: ModelRunner;
  answer(input: unknown, options: RunOptions): Promise<unknown>;
}

/** What a store runs on. */
export interface StoreSettings {
  readonly overlap: Overlap;
  readonly closeDelayMs: number | false;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Whether a run takes tensors, which have to be copied while they wait, and not values of the application. */
  readonly takesTensors: boolean;
  open(call: OpenCall): Promise<Answerer>;
}

const checks = {
  open: optionTest((value) => typeof value === 'function', 'a function that makes a runner'),
  overlap: optionTest((value) => value === 'latest' || value === 'all', '"latest" or "all"'),
  closeDelayMs: optionTest(
    (value) => value === false || (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 31),
    'a whole number from 0 to 2147483647, or false',
  ),
  logger: objectWith('a logger with debug, info, warn and error', 'debug', 'info', 'warn', 'error'),
  clock: objectWith('a clock', 'now', 'epochMs', 'setTimer', 'defer'),
  definition: objectWith('a definition made by defineModel', 'encode', 'decode'),
};

type GivenOptions = Partial<RunnerStoreOptions> &
  Partial<OpenStoreOptions> & { readonly definition?: StoreDefinition<unknown, unknown> };

/**
 * Parses the options of a store. Those that `createRunner` takes are checked when the model is loaded, by itself.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseStoreOptions(owner: string, options: ModelStoreOptions): StoreSettings {
  // What is not an object at all is refused first.
  checkOptions(owner, options === null || typeof options !== 'object' ? options : {}, {});
  const { open, overlap, closeDelayMs, definition, ...runnerOptions } = options as GivenOptions;
  const { logger, clock, ...modelOptions } = runnerOptions;
  checkOptions(owner, { open, overlap, closeDelayMs, definition, logger, clock }, checks);
  const { model, backend } = modelOptions;
  if (open === undefined && (model === undefined || backend === undefined)) {
    const field = model === undefined ? 'model' : 'backend';
    const expected = 'a model and a backend, as createRunner takes them, or open(), which makes a runner';
    throw new FairleadError('INVALID_OPTION', `${owner}: option "${field}" is missing: expected ${expected}.`, {
      details: { field, expected, given: 'undefined' },
    });
  }
  const besides = Object.keys(modelOptions)[0];
  if (open !== undefined && besides !== undefined) {
    const expected = 'nothing of createRunner beside open(), which makes the runner itself';
    throw new FairleadError('INVALID_OPTION', `${owner}: option "${besides}" is wrong: expected ${expected}.`, {
      details: { field: besides, expected, given: besides },
    });
  }
  return {
    overlap: overlap ?? 'latest',
    closeDelayMs: closeDelayMs ?? 0,
    logger: logger ?? consoleLogger,
    clock: clock ?? systemClock,
    takesTensors: definition === undefined,
    async open(call) {
      const runner = await (open?.(call) ?? openRunner(runnerOptions as RunnerOptions, call));
      return answererOf(runner, definition);
    },
  };
}

async function openRunner(options: RunnerOptions, { signal, onProgress }: OpenCall): Promise<ModelRunner> {
  // A `cachedModel` tells how far it is; other sources have nothing to tell.
  const { events } = (options.model ?? {}) as Partial<CachedModel>;
  const stop = typeof events?.on === 'function' ? events.on('progress', onProgress) : undefined;
  try {
    return await createRunner({ ...options, signal });
  } finally {
    stop?.();
  }
}

function answererOf(runner: ModelRunner, definition: StoreDefinition<unknown, unknown> | undefined): Answerer {
  if (definition === undefined) {
    return { runner, answer: (input, options) => runner.run(input as InputsOf, options) };
  }
  const { encode, ...others } = definition;
  const typed = withPredict(runner, { ...others, encode: encode as (value: unknown) => InputsOf });
  return { runner, answer: typed.predict };
}
