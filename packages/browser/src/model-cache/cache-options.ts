import { type Clock, consoleLogger, type EventListeners, type Logger, parseOptions, systemClock } from '@fairlead/core';
import * as z from 'zod/mini';
import type { ModelCacheEventMap } from './cache-events';
import type { StorageKind } from './storage/open-storage';
import type { ModelStorage } from './storage/storage';

/** Options of `createModelCache`. */
export interface ModelCacheOptions {
  /**
   * Caches of one name are one cache, in all tabs of the origin. Lower-case letters, digits and hyphens.
   * @default 'models'
   */
  readonly name?: string;
  /**
   * Where models are kept: `opfs` (the origin's private file system), `cache` (the Cache API), `memory`, or a storage of
   * your own. `auto` takes the first of these that the browser has. What cannot be had becomes memory, aloud.
   * @default 'auto'
   */
  readonly storage?: 'auto' | StorageKind | ModelStorage;
  /**
   * Bytes of all models together. What was not used for the longest time goes first.
   * @default 2_147_483_648, and 268_435_456 in memory
   */
  readonly maxBytes?: number;
  /**
   * Whether the browser is asked to keep the data of this site even when it runs out of space
   * (`navigator.storage.persist()`). Some ask the user.
   * @default false
   */
  readonly persist?: boolean;
  /**
   * What fetches, for example `(url, init) => fetch(url, { ...init, credentials: 'include' })`.
   * @default the platform's `fetch`
   */
  readonly fetch?: typeof fetch;
  /** Listeners, attached before anything can happen. @default none */
  readonly on?: EventListeners<ModelCacheEventMap>;
  /** Where warnings go that nobody listens to. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the system's clock */
  readonly clock?: Clock;
}

/** Options of `createModelCache` with their defaults. */
export interface ModelCacheSettings {
  readonly name: string;
  readonly storage: 'auto' | StorageKind | ModelStorage;
  readonly maxBytes: number | undefined;
  readonly persist: boolean;
  readonly fetch: typeof fetch;
  readonly on: EventListeners<ModelCacheEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const kinds: readonly unknown[] = ['auto', 'opfs', 'cache', 'memory'];

const has = (value: unknown, methods: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function');

/** A function, for schemas. */
export const functionOf = <T>() => z.custom<T>((value) => typeof value === 'function', 'a function');

/** An object with methods, for schemas. */
export const objectOf = <T>(expected: string, ...methods: readonly string[]) =>
  z.custom<T>((value) => has(value, methods), expected);

const schema = z.strictObject({
  name: z.optional(
    z.custom<string>(
      (value) => typeof value === 'string' && /^[a-z0-9-]{1,64}$/.test(value),
      'up to 64 lower-case letters, digits and hyphens',
    ),
  ),
  storage: z.optional(
    z.custom<ModelCacheSettings['storage']>(
      (value) => kinds.includes(value) || has(value, ['read', 'write', 'remove', 'keys']),
      '"auto", "opfs", "cache", "memory" or a storage with read(), write(), remove() and keys()',
    ),
  ),
  maxBytes: z.optional(z.int().check(z.minimum(1))),
  persist: z.optional(z.boolean()),
  fetch: z.optional(functionOf<typeof fetch>()),
  on: z.optional(objectOf<EventListeners<ModelCacheEventMap>>('an object of listeners by event name')),
  logger: z.optional(objectOf<Logger>('a logger with debug, info, warn and error', 'debug', 'info', 'warn', 'error')),
  clock: z.optional(objectOf<Clock>('a clock', 'now', 'epochMs', 'setTimer', 'defer')),
});

/**
 * Parses the options of `createModelCache`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseModelCacheOptions(options: ModelCacheOptions): ModelCacheSettings {
  const parsed = parseOptions(schema, options, 'createModelCache');
  return {
    name: parsed.name ?? 'models',
    storage: parsed.storage ?? 'auto',
    maxBytes: parsed.maxBytes,
    persist: parsed.persist ?? false,
    // Looked up when it is called, since a page may wrap it later; and called without an owner, as browsers want it.
    fetch: parsed.fetch ?? ((url, init) => fetch(url, init)),
    on: parsed.on,
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  };
}
