import { type Events, FairleadError, type SidecarName } from '@fairlead/core';
import { parseModelUrl } from '../model/model-url';
import { pageUrl } from '../onnx/options';
import { addressOf } from './address';
import { type CacheEngine, createCacheEngine } from './cache-engine';
import type { ModelCacheEventMap } from './cache-events';
import { type ModelCacheOptions, parseModelCacheOptions } from './cache-options';
import { dropModel, storeFailed } from './cache-store';
import { bytesOf, type FileRecord, type ModelIndex, usedBytes } from './model-index';

/** A version of a model in the cache. */
export interface CachedVersion {
  /** SHA-256, lower-case hex. */
  readonly digest: string;
  readonly bytes: number;
  readonly name: string;
  /** URLs that it came from, without query, fragment and password. */
  readonly urls: readonly string[];
  /** What lies beside it in the cache. */
  readonly sidecars: readonly SidecarName[];
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
}

/** How much a cache holds, and may hold. */
export interface CacheEstimate {
  /** Where it is kept: `opfs`, `cache`, `memory`, or the kind of a storage of your own. */
  readonly storage: string;
  readonly models: number;
  /** Bytes of everything: models, what lies beside them, and downloads that are not finished. */
  readonly usedBytes: number;
  /** Bytes of downloads that are not finished. */
  readonly partialBytes: number;
  /** What the browser allows the whole site, as it guesses; undefined where it does not tell. */
  readonly quotaBytes: number | undefined;
  /** What the whole site uses, as the browser guesses; undefined where it does not tell. */
  readonly siteUsageBytes: number | undefined;
  /** Whether the browser promised to keep the site's data; undefined where it does not tell. */
  readonly persisted: boolean | undefined;
}

/** Keeps models in the browser. See `createModelCache`. */
export interface ModelCache {
  readonly events: Events<ModelCacheEventMap>;
  /**
   * What is in the cache, most recently used first.
   * @throws FairleadError `STORE_FAILED`
   */
  list(): Promise<CachedVersion[]>;
  /**
   * Removes a version by its digest, or what a URL led to last, and its unfinished download. False where there was none.
   * @throws FairleadError `STORE_FAILED`, `MODEL_NOT_FOUND` for what is neither a digest nor a URL
   */
  remove(digestOrUrl: string): Promise<boolean>;
  /**
   * Removes everything.
   * @throws FairleadError `STORE_FAILED`
   */
  clear(): Promise<void>;
  /**
   * How much is in the cache.
   * @throws FairleadError `STORE_FAILED`
   */
  estimate(): Promise<CacheEstimate>;
}

const engines = new WeakMap<ModelCache, CacheEngine>();
let standard: ModelCache | undefined;

/**
 * Makes a cache of models in the browser's own storage. Nothing is opened before it is first used, so that it may be
 * made on a server too. Whatever the storage does, a model that can be fetched is loaded: what cannot be kept is used
 * from memory, and an event says so.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createModelCache(options: ModelCacheOptions = {}): ModelCache {
  const engine = createCacheEngine(parseModelCacheOptions(options));
  const { events } = engine;
  const cache: ModelCache = {
    events: {
      on: events.on,
      once: events.once,
      listenerCount: events.listenerCount,
    },
    async list() {
      const { models } = await attempt('be read', async () => (await engine.store()).read());
      return Object.entries(models)
        .map(([digest, { bytes, name, urls, sidecars, storedAt, usedAt }]) => ({
          digest,
          bytes,
          name,
          urls,
          sidecars: Object.keys(sidecars).filter((name) => sidecars[name] !== null) as SidecarName[],
          storedAt,
          usedAt,
        }))
        .sort((one, other) => other.usedAt - one.usedAt);
    },
    remove: (reference) => remove(engine, reference),
    clear: () => attempt('be cleared', async () => (await engine.store()).clear()),
    estimate: () => attempt('be read', () => estimate(engine)),
  };
  engines.set(cache, engine);
  return cache;
}

/**
 * The engine of a cache; without one, of the cache that all share who name none.
 * @throws FairleadError `INVALID_OPTION`
 */
export function engineOf(cache: ModelCache | undefined): CacheEngine {
  standard ??= cache === undefined ? createModelCache() : undefined;
  const engine = engines.get(cache ?? (standard as ModelCache));
  if (engine !== undefined) return engine;
  throw new FairleadError('INVALID_OPTION', 'cachedModel: option "cache" is wrong: make it by createModelCache.', {
    details: { field: 'cache', expected: 'what createModelCache returned', given: 'something else' },
  });
}

async function remove(engine: CacheEngine, reference: string): Promise<boolean> {
  const digest = /^[0-9a-f]{64}$/i.test(reference) ? reference.toLowerCase() : undefined;
  const address = digest === undefined ? addressOf(parseModelUrl(reference, pageUrl()).href) : undefined;
  return attempt('be changed', async () => {
    const store = await engine.store();
    const doomed = await store.update((index) => takeOut(index, digest, address));
    await store.removeFiles(doomed);
    return doomed.length > 0;
  });
}

function takeOut(index: ModelIndex, digest: string | undefined, address: string | undefined): FileRecord[] {
  const key = digest ?? address ?? '';
  const led = digest ?? index.addresses[key]?.digest;
  const files = led === undefined ? [] : dropModel(index, led);
  for (const [part, record] of Object.entries(index.parts)) {
    if (part !== key && record.address !== address) continue;
    files.push(record.file);
    delete index.parts[part];
  }
  return files;
}

async function estimate(engine: CacheEngine): Promise<CacheEstimate> {
  const { storage, read } = await engine.store();
  const index = await read();
  const { navigator } = globalThis as { navigator?: { storage?: Partial<StorageManager> } };
  const { quota, usage } = (await navigator?.storage?.estimate?.()) ?? {};
  return {
    storage: storage.kind,
    models: Object.keys(index.models).length,
    usedBytes: usedBytes(index),
    partialBytes: Object.values(index.parts).reduce((sum, { file }) => sum + bytesOf(file), 0),
    quotaBytes: quota,
    siteUsageBytes: usage,
    persisted: await navigator?.storage?.persisted?.(),
  };
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFailed(what, error);
  }
}
