import { abortedError, type Clock, FairleadError, type LoadedModel, messageOf, type SidecarName } from '@fairlead/core';
import { refused, unreachable } from '../model/fetch-failures';
import type { ModelUrl } from '../model/model-url';
import type { Tell } from './cache-events';
import { type CacheStore, dropModel, readChecked } from './cache-store';
import { cachedSidecar, knownSidecars } from './cached-sidecars';
import { changeHeaders, isSameVersion } from './continuation';
import { type Downloaded, download } from './download';
import type { AddressRecord, FileRecord } from './model-index';
import { inOneTab } from './one-tab';
import { createPartKeeper } from './part-keeper';

/** When a server is asked whether a file changed that was promised no digest. */
export type Revalidation = 'never' | 'background' | 'always';

/** Which model is wanted. */
export interface LoadRequest {
  readonly url: ModelUrl;
  /** The URL, hashed. */
  readonly address: string;
  readonly crossOrigin: boolean;
  /** Whether the URL holds the bytes itself, or names some that end with the page: those are not kept. */
  readonly isPassing: boolean;
  readonly digest: string | undefined;
  readonly bytes: number | undefined;
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly revalidate: Revalidation;
  readonly maxModelBytes: number;
  readonly retries: number;
  readonly stallTimeoutMs: number;
  readonly sidecars: readonly SidecarName[];
}

/** What loading needs. */
export interface LoadTools {
  /** Undefined where nothing can be kept. */
  readonly store: CacheStore | undefined;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: Tell;
}

/** A model that was loaded, and whether it may be out of date. */
export interface Loaded {
  readonly model: LoadedModel;
  readonly fromCache: boolean;
}

/** Loads a model from the cache, or downloads it into the cache. */
export async function loadModel(request: LoadRequest, tools: LoadTools): Promise<Loaded> {
  const mustAsk = request.digest === undefined && request.revalidate === 'always';
  if (!mustAsk) {
    const hit = await readCached(request, tools);
    if (hit !== undefined) return hitOf(hit, request, tools);
  }
  return alone(request, tools, async (present) => {
    // Another tab may have fetched it while this one waited.
    const hit = await readCached(request, present);
    if (hit === undefined) return { model: await fetchModel(request, present), fromCache: false };
    if (!mustAsk) return hitOf(hit, request, present);
    try {
      const changed = await fetchIfChanged(request, present, hit);
      return changed === undefined ? hitOf(hit, request, present) : { model: changed, fromCache: false };
    } catch (error) {
      if (!FairleadError.isInstance(error) || error.code === 'ABORTED') throw error;
      present.tell('revalidate-fail', { url: request.url.shown, error });
      return hitOf(hit, request, present);
    }
  });
}

/** Asks the server whether a cached file changed; the new version where it did. */
export async function refreshModel(request: LoadRequest, tools: LoadTools): Promise<LoadedModel | undefined> {
  const { store, tell } = tools;
  const askedAt = tools.clock.epochMs();
  try {
    return await alone(request, tools, async (present) => {
      const address = (await store?.read())?.addresses[request.address];
      if (address === undefined) return undefined;
      // Another tab asked while this one waited.
      if (address.checkedAt > askedAt) return undefined;
      return await fetchIfChanged(request, present, { digest: address.digest, bytes: undefined });
    });
  } catch (error) {
    const failure = FairleadError.isInstance(error)
      ? error
      : new FairleadError('STORE_FAILED', `The model cache failed: ${messageOf(error)}.`, { cause: error });
    tell('revalidate-fail', { url: request.url.shown, error: failure });
    return undefined;
  }
}

interface Cached {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** The key of what is downloaded once at a time, and of what an earlier download left. */
export function keyOf({ digest, address }: LoadRequest): string {
  return digest ?? address;
}

function alone<T>(request: LoadRequest, tools: LoadTools, work: (tools: LoadTools) => Promise<T>): Promise<T> {
  const { stallTimeoutMs, url } = request;
  return inOneTab({ ...tools, key: keyOf(request), shown: url.shown, stallTimeoutMs }, (store, tell) =>
    work({ ...tools, store, tell }),
  );
}

/** Reads a model and checks it; what is corrupt is dropped. A storage that fails has nothing. */
async function readCached(request: LoadRequest, { store, clock, tell }: LoadTools): Promise<Cached | undefined> {
  if (store === undefined) return undefined;
  try {
    // Another tab may remove a version, or replace it, while it is read.
    for (let tries = 0; tries < 3; tries++) {
      const index = await store.read();
      const digest = request.digest ?? index.addresses[request.address]?.digest;
      const record = digest === undefined ? undefined : index.models[digest];
      if (digest === undefined || record === undefined) return undefined;
      const read = await readChecked(store, record.file, digest);
      if ('bytes' in read) {
        await touch(store, digest, request, clock.epochMs());
        return { digest, bytes: read.bytes };
      }
      const doomed = await store.update((present) =>
        present.models[digest]?.file.id === record.file.id ? dropModel(present, digest) : undefined,
      );
      if (doomed === undefined) continue;
      await store.removeFiles(doomed);
      tell('cache-corrupt', { url: request.url.shown, reason: read.trouble });
    }
  } catch (error) {
    tell('cache-skip', { url: request.url.shown, reason: `the storage failed (${messageOf(error)})`, error });
  }
  return undefined;
}

/** Notes that a version was used. */
async function touch(store: CacheStore, digest: string, { url }: LoadRequest, usedAt: number): Promise<void> {
  await store.update((index) => {
    const record = index.models[digest];
    if (record === undefined) return;
    const urls = record.urls.includes(url.shown) ? record.urls : [...record.urls, url.shown];
    index.models[digest] = { ...record, usedAt, urls };
  });
}

function hitOf({ digest, bytes }: Cached, request: LoadRequest, tools: LoadTools): Loaded {
  tools.tell('cache-hit', { url: request.url.shown, digest, bytes: bytes.length });
  return { model: modelOf(digest, bytes, request, tools), fromCache: true };
}

function modelOf(digest: string, bytes: Uint8Array, request: LoadRequest, tools: LoadTools): LoadedModel {
  const { url, name = url.name, version = digest.slice(0, 12) } = request;
  return {
    bytes,
    digest,
    name,
    version,
    sidecar: (which, call) => cachedSidecar({ ...tools, url, digest }, which, call),
  };
}

async function fetchIfChanged(
  request: LoadRequest,
  tools: LoadTools,
  cached: { readonly digest: string; readonly bytes: Uint8Array | undefined },
): Promise<LoadedModel | undefined> {
  const { store, clock, tell, signal } = tools;
  const { url, address, crossOrigin } = request;
  const before: Partial<AddressRecord> = (await store?.read())?.addresses[address] ?? {};
  let response: Response;
  try {
    const headers = changeHeaders(before, crossOrigin);
    response = await tools.fetch(url.href, { signal, cache: 'no-store', headers });
  } catch (error) {
    if (signal.aborted) throw abortedError(signal, `The download of ${url.shown}`);
    throw unreachable(url, error);
  }
  if (isSameVersion(response, before, clock.epochMs())) {
    await response.body?.cancel().catch(() => undefined); // It may have ended by itself.
    await store?.update((index) => {
      const present = index.addresses[address];
      if (present !== undefined) index.addresses[address] = { ...present, checkedAt: clock.epochMs() };
    });
    return undefined;
  }
  if (!response.ok) {
    await response.body?.cancel().catch(() => undefined);
    throw refused(url, response);
  }
  const model = await fetchModel(request, tools, { response, known: await knownSidecars(store, cached.digest) });
  if (model.digest === cached.digest) return undefined;
  tell('model-update', { url: url.shown, from: cached.digest, to: model.digest });
  return model;
}

async function fetchModel(
  request: LoadRequest,
  tools: LoadTools,
  begun?: { readonly response: Response; readonly known: readonly SidecarName[] },
): Promise<LoadedModel> {
  const { store, clock, tell } = tools;
  const { url, address } = request;
  const key = keyOf(request);
  const owner = { key, address, shown: url.shown, now: () => clock.epochMs() };
  const keeper = createPartKeeper(store, owner, tell);
  const limitAdvice = 'Raise maxModelBytes if it should be, or serve a smaller variant.';
  const limit = { maxBytes: request.maxModelBytes, limitAdvice };
  const done = await download({ ...request, ...tools, ...limit, target: url }, keeper, begun?.response);
  const { file } = done;
  if (store !== undefined && file !== undefined) await commit(store, { ...done, file }, request, tools);
  const model = modelOf(done.digest, done.bytes, request, tools);
  for (const name of new Set([...request.sidecars, ...(begun?.known ?? [])])) {
    try {
      await model.sidecar(name, { signal: tools.signal });
    } catch (error) {
      // Who needs it asks for it again, and hears what is wrong.
      if (tools.signal.aborted) throw error;
    }
  }
  return model;
}

/** Addresses of signed URLs are used once: so many are remembered. */
const maxAddresses = 1000;

/** Makes a download a version of the cache: from here on it can be found. */
async function commit(
  store: CacheStore,
  done: Downloaded & { readonly file: FileRecord },
  request: LoadRequest,
  { clock, tell }: LoadTools,
): Promise<void> {
  const { digest, bytes, validators, file } = done;
  const { url, address, name = url.name } = request;
  const now = clock.epochMs();
  try {
    const doomed = await store.update((index) => {
      const key = keyOf(request);
      // Evicted while it was checked.
      if (index.parts[key]?.file.id !== file.id) return undefined;
      delete index.parts[key];
      const before = index.models[digest];
      index.models[digest] = {
        file,
        bytes: bytes.length,
        name,
        urls: [...new Set([...(before?.urls ?? []), url.shown])],
        storedAt: before?.storedAt ?? now,
        usedAt: now,
        sidecars: before?.sidecars ?? {},
      };
      const { etag, lastModified, total } = validators;
      index.addresses[address] = { etag, lastModified, total, digest, checkedAt: now };
      const addresses = Object.entries(index.addresses).sort(([, one], [, other]) => one.checkedAt - other.checkedAt);
      for (const [old] of addresses.slice(0, -maxAddresses)) delete index.addresses[old];
      return before === undefined ? [] : [before.file];
    });
    if (doomed === undefined)
      tell('cache-skip', { url: url.shown, reason: 'its bytes were removed while they came in' });
    else await store.removeFiles(doomed);
  } catch (error) {
    tell('cache-skip', { url: url.shown, reason: `the storage failed (${messageOf(error)})`, error });
  }
}
