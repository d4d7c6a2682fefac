import * as z from 'zod/mini';
import type { Backend } from '../backend';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import type { EventListeners } from '../events';
import type { CallOptions } from '../lifecycle';
import { consoleLogger, type Logger } from '../logger';
import type { LoadedModel, ModelSource } from '../model-source';
import type { AnySignature } from '../signature';
import { createLocalRunner, type LocalRunner } from './local-runner';
import type { LanesOption } from './open-lanes';
import type { RunnerEventMap } from './runner';
import { type ModelDefinition, type TypedRunner, withPredict } from './typed-model';

/** How requests are joined. */
export interface BatchingOptions {
  /** Most rows of one batch; a larger request is split and joined again. 1 to 65,536. @default 64 */
  readonly maxBatchRows?: number;
  /** Most rows that may wait; beyond, a request fails with `OVERLOADED`. 1 or more. @default 8192 */
  readonly maxQueueRows?: number;
  /** Most bytes of inputs that may wait. 1 or more. @default 268435456 (256 MiB) */
  readonly maxQueueBytes?: number;
}

/** Options of {@link createRunner}. */
export interface RunnerOptions extends CallOptions {
  /** A reference that the backend resolves (a path on Node, a URL in a page), a loaded model, or a source to follow. */
  readonly model: string | LoadedModel | ModelSource;
  /** The runtime, for example `onnx()` of `@fairlead/node`. */
  readonly backend: Backend;
  /** Where the model computes. @default 'auto' */
  readonly lanes?: LanesOption;
  /** How requests are joined; `false` runs each by itself. @default {} */
  readonly batching?: false | BatchingOptions;
  /** Whether the model is run on zeros of every batch size before the first request. @default true */
  readonly warmUp?: boolean;
  /** Listeners, attached before loading begins. */
  readonly on?: EventListeners<RunnerEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

const wholeNumber = (maximum: number) => z.int().check(z.minimum(1), z.maximum(maximum));
const anObject = <T>(expected: string) =>
  z.custom<T>((value) => typeof value === 'object' && value !== null, `${expected}`);

const optionsSchema = z.strictObject({
  model: z.custom<RunnerOptions['model']>(
    (value) => (typeof value === 'string' && value !== '') || (typeof value === 'object' && value !== null),
    'a path or URL, a loaded model, or a model source',
  ),
  backend: z.custom<Backend>(
    (value) => (value as Backend | undefined)?.specVersion === 'v1',
    'a backend of specVersion "v1", such as onnx() of @fairlead/node',
  ),
  lanes: z._default(
    z.custom<LanesOption>(
      (value) =>
        value === 'auto' ||
        value === 'inline' ||
        (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 256),
      '"auto", "inline" or a whole number of workers from 1 to 256',
    ),
    'auto',
  ),
  batching: z._default(
    z.union([
      z.literal(false),
      z.strictObject({
        maxBatchRows: z.optional(wholeNumber(65_536)),
        maxQueueRows: z.optional(wholeNumber(Number.MAX_SAFE_INTEGER)),
        maxQueueBytes: z.optional(wholeNumber(Number.MAX_SAFE_INTEGER)),
      }),
    ]),
    {},
  ),
  warmUp: z._default(z.boolean(), true),
  on: z.optional(anObject<EventListeners<RunnerEventMap>>('an object of listeners by event name')),
  logger: z._default(anObject<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(anObject<Clock>('a clock'), systemClock),
  signal: z.optional(z.instanceof(AbortSignal)),
});

/**
 * Loads a model and makes a runner of it. The promise resolves when the model is warm.
 *
 * `S` types the names and dtypes of `run`; `definition` adds a typed `predict`.
 *
 * @throws FairleadError `INVALID_OPTION`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `BACKEND_UNAVAILABLE`, `ABORTED`,
 * `NOT_FOUND` when a registry knows no such alias
 */
export function createRunner<Input, Parsed, Raw, Output>(
  options: RunnerOptions & { readonly definition: ModelDefinition<Input, Parsed, Raw, Output> },
): Promise<TypedRunner<Input, Output, LocalRunner>>;
export function createRunner<S extends AnySignature = AnySignature>(options: RunnerOptions): Promise<LocalRunner<S>>;
export async function createRunner(
  options: RunnerOptions & { readonly definition?: ModelDefinition<unknown, unknown, unknown, unknown> },
): Promise<LocalRunner> {
  const { definition, ...rest } = options ?? {};
  const { model, batching, signal, ...parsed } = parseOptions(optionsSchema, rest, 'createRunner');
  const runner = await createLocalRunner(
    {
      ...parsed,
      source: sourceOf(model, parsed.backend),
      batching: {
        joinable: batching !== false,
        maxBatchRows: (batching || undefined)?.maxBatchRows ?? 64,
        maxQueueRows: (batching || undefined)?.maxQueueRows ?? 8192,
        maxQueueBytes: (batching || undefined)?.maxQueueBytes ?? 256 * 2 ** 20,
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
  if ('resolve' in model) return model;
  return { resolve: async () => model };
}
