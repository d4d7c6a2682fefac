import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import type { EventListeners } from '../events';
import { consoleLogger, type Logger } from '../logger';
import type { RunOptions } from '../runner/runner';
import type { DType } from '../tensor/dtype';
import { dtypes } from '../tensor/dtype';
import type { Tensors } from '../tensor/tensor';
import type { FeatureEventMap } from './events';
import type { Entity, FeatureStore, FeatureValue } from './feature-store';
import { isFeatureValue, keyDTypes } from './values';

/** One feature of an input. */
export interface FeatureSpec {
  /** As the store calls it. */
  readonly name: string;
  /**
   * Elements of it in a row, where it is a vector. 1 or more.
   * @default all that the input has in a row, where it is the input's only feature; else 1
   */
  readonly size?: number;
  /**
   * What stands in where the store has no value, or one that is older than `maxAgeMs`. A number or text fills a vector.
   * @default none: the request fails with `NOT_FOUND`
   */
  readonly default?: FeatureValue;
  /**
   * Milliseconds after which a value is too old to use, by its own time. More than 0. A value whose time the store does
   * not tell is used.
   * @default that of the options
   */
  readonly maxAgeMs?: number;
}

/** Where the join keys come from that are neither inputs nor a key of the request. */
export type EntitiesOf = (request: {
  /** The inputs as the caller gave them, checked. */
  readonly inputs: Tensors;
  readonly rows: number;
  readonly options: RunOptions;
}) => readonly Entity[];

/**
 * How the entity of a row is found:
 *
 * - join keys by name with their dtype, such as `{ user_id: 'string' }`: they become inputs of the runner, one value a row.
 *   An input of the model that has the name and dtype already is used, and still reaches the model.
 * - `{ requestKey: 'user_id' }`: the option `key` of `run` is the value of that join key, for every row of the request.
 * - a function that makes one entity for each row of the inputs.
 */
export type EntitySource = Readonly<Record<string, DType>> | { readonly requestKey: string } | EntitiesOf;

/** How long looked-up features are kept in this process. */
export interface FeatureCacheOptions {
  /** Milliseconds that what was read is used again, what was missing too. More than 0. */
  readonly ttlMs: number;
  /** Entities to keep; the least recently used go first. 1 or more. @default 10000 */
  readonly maxEntities?: number;
}

/** Options of `withFeatures`. */
export interface FeatureOptions {
  /** Where features are looked up. It stays the caller's, and closing the runner leaves it open. */
  readonly store: FeatureStore;
  /** How the entity of a row is found. */
  readonly entity: EntitySource;
  /**
   * Features by the model's input that they make up, in the order of its elements. A text is a feature without a default.
   * These inputs are not asked of the caller any more.
   */
  readonly features: Readonly<Record<string, string | FeatureSpec | readonly (string | FeatureSpec)[]>>;
  /** The oldest that a value may be, for features without their own. More than 0. @default any age */
  readonly maxAgeMs?: number;
  /** @default none: each turn of the event loop asks the store */
  readonly cache?: FeatureCacheOptions;
  /** Most milliseconds that one read of the store may take. More than 0. @default only the deadline of the request counts */
  readonly timeoutMs?: number;
  /**
   * What a request gets when the store fails or takes too long: its error, or the defaults of its features, where all of
   * them have one.
   * @default 'fail'
   */
  readonly onError?: 'fail' | 'defaults';
  /** Most entities in one read of the store; more make several reads at a time. 1 or more. @default 500 */
  readonly maxReadEntities?: number;
  /** Most entities that may wait for the store; past that, requests fail with `OVERLOADED`. 1 or more. @default 50000 */
  readonly maxPendingEntities?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<FeatureEventMap>;
  /** Where time comes from; the runner's own. @default the clock of the process */
  readonly clock?: Clock;
  /** Hears of listeners that throw. @default the console */
  readonly logger?: Logger;
}

/** {@link FeatureOptions} as they are used. */
export type ParsedFeatureOptions = ReturnType<typeof parseFeatureOptions>;

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const milliseconds = z.number().check(z.gt(0), z.lte(2 ** 31 - 1));
const atLeastOne = z.int().check(z.minimum(1));

const specSchema = z.union([
  z.string().check(z.minLength(1)),
  z.strictObject({
    name: z.string().check(z.minLength(1)),
    size: z.optional(atLeastOne),
    default: z.optional(z.custom<FeatureValue>(isFeatureValue, 'a value of a feature')),
    maxAgeMs: z.optional(z.number().check(z.gt(0))),
  }),
]);

const storeText = 'a feature store such as createMemoryFeatureStore() makes';
const entityText = `join keys with their dtype (${keyDTypes.join(', ')}), { requestKey } or a function`;

function isEntitySource(value: unknown): boolean {
  if (typeof value === 'function') return true;
  if (!isObject(value) || Array.isArray(value)) return false;
  const keys = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(keys);
  if (isRequestKey(keys)) return names.length === 1 && keys.requestKey !== '';
  return names.length > 0 && !names.includes('') && names.every((name) => keyDTypes.includes(keys[name] as DType));
}

/** Tells the join key of a request from a join key that is called `requestKey`. */
export function isRequestKey(
  source: EntitySource | Readonly<Record<string, unknown>>,
): source is { requestKey: string } {
  const key = (source as { requestKey?: unknown }).requestKey;
  return typeof key === 'string' && !(dtypes as readonly string[]).includes(key);
}

const optionsSchema = z.strictObject({
  store: z.custom<FeatureStore>(
    (value) =>
      isObject(value) &&
      typeof (value as FeatureStore).read === 'function' &&
      typeof (value as FeatureStore).name === 'string',
    storeText,
  ),
  entity: z.custom<EntitySource>(isEntitySource, entityText),
  features: z.record(z.string(), z.union([specSchema, z.array(specSchema).check(z.minLength(1))])),
  maxAgeMs: z.optional(z.number().check(z.gt(0))),
  cache: z.optional(z.strictObject({ ttlMs: milliseconds, maxEntities: z._default(atLeastOne, 10_000) })),
  timeoutMs: z.optional(milliseconds),
  onError: z._default(z.enum(['fail', 'defaults']), 'fail'),
  maxReadEntities: z._default(atLeastOne, 500),
  maxPendingEntities: z._default(atLeastOne, 50_000),
  on: z.optional(z.custom<EventListeners<FeatureEventMap>>(isObject, 'an object of listeners')),
  clock: z._default(z.custom<Clock>(isObject, 'a clock'), systemClock),
  logger: z._default(z.custom<Logger>(isObject, 'a logger'), consoleLogger),
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseFeatureOptions(options: FeatureOptions) {
  return parseOptions(optionsSchema, options, 'withFeatures');
}
