import { type Clock, type EventSource, type LoadedModel, messageOf } from '@fairlead/core';
import { cacheEvents, type ModelCacheEventMap, tellAll } from './cache-events';
import type { ModelCacheSettings } from './cache-options';
import { type CacheStore, createCacheStore } from './cache-store';
import { type Audience, createFlights } from './flights';
import { keyOf, type Loaded, type LoadRequest, type LoadTools, loadModel, refreshModel } from './load-model';
import { openStorage } from './storage/open-storage';

/** Who wants something of a cache. */
export interface Caller {
  readonly events: EventSource<ModelCacheEventMap>;
  readonly signal?: AbortSignal | undefined;
}

/** What works behind a model cache. */
export interface CacheEngine {
  readonly settings: ModelCacheSettings;
  readonly clock: Clock;
  readonly events: EventSource<ModelCacheEventMap>;
  /** Opens the storage when it is first needed. */
  store(): Promise<CacheStore>;
  load(request: LoadRequest, caller: Caller): Promise<Loaded>;
  /** The new version of a cached file, where its server has one. Never rejects. */
  refresh(request: LoadRequest, caller: Caller): Promise<LoadedModel | undefined>;
}

const defaultMaxBytes = 2 ** 31;
const defaultMaxBytesInMemory = 2 ** 28;

/** Makes the engine of a cache. Touches nothing before it is asked for something. */
export function createCacheEngine(settings: ModelCacheSettings): CacheEngine {
  const { logger, clock, name, storage: wanted } = settings;
  const events = cacheEvents(logger, settings.on);
  const tell = tellAll(logger, () => [events]);
  const loads = createFlights<Loaded>();
  const refreshes = createFlights<LoadedModel | undefined>();
  let opening: Promise<CacheStore> | undefined;

  const open = async (): Promise<CacheStore> => {
    const given = typeof wanted === 'string' ? undefined : wanted;
    const { storage, refusals } =
      given === undefined ? await openStorage(wanted as 'auto', name) : { storage: given, refusals: [] };
    for (const { kind, reason } of refusals) tell('storage-fallback', { from: kind, to: storage.kind, reason });
    if (settings.persist) void askToPersist();
    const maxBytes = settings.maxBytes ?? (storage.kind === 'memory' ? defaultMaxBytesInMemory : defaultMaxBytes);
    return createCacheStore(storage, maxBytes, tell);
  };

  /** Nobody waits for it, since some browsers ask the user. */
  const askToPersist = async (): Promise<void> => {
    const { navigator } = globalThis as { navigator?: { storage?: Partial<StorageManager> } };
    let granted = false;
    try {
      granted = (await navigator?.storage?.persist?.()) ?? false;
    } catch (error) {
      logger.warn({ error }, `The browser could not be asked to keep the model cache: ${messageOf(error)}`);
    }
    tell('persist-answer', { granted });
  };

  const store = (): Promise<CacheStore> => {
    opening ??= open();
    return opening;
  };

  const toolsFor = async (request: LoadRequest, signal: AbortSignal, audience: Audience): Promise<LoadTools> => ({
    store: request.isPassing ? undefined : await store(),
    fetch: settings.fetch,
    clock,
    signal,
    tell: tellAll(logger, () => [events, ...audience]),
  });

  return {
    settings,
    clock,
    events,
    store,
    load(request, caller) {
      const { revalidate, name: own = '', version = '' } = request;
      const key = [keyOf(request), revalidate, own, version, request.sidecars.join()].join(' ');
      return loads.join(key, caller, async (signal, audience) =>
        loadModel(request, await toolsFor(request, signal, audience)),
      );
    },
    refresh: (request, caller) =>
      refreshes.join(keyOf(request), caller, async (signal, audience) =>
        refreshModel(request, await toolsFor(request, signal, audience)),
      ),
  };
}
