import {
  type Closeable,
  closeable,
  describeValue,
  type Events,
  FairleadError,
  type LoadedModel,
  type ModelSource,
} from '@fairlead/core';
import { parseModelUrl } from '../model/model-url';
import { pageUrl } from '../onnx/options';
import { addressOf } from './address';
import type { CacheEngine } from './cache-engine';
import { cacheEvents, type ModelCacheEventMap } from './cache-events';
import { type CachedModelOptions, type CachedModelSettings, parseCachedModelOptions } from './cached-model-options';
import type { LoadRequest } from './load-model';
import { engineOf } from './model-cache';
import { type ChosenModel, chooseAndLoad, type ParsedVariant } from './variant-choice';

/** What {@link cachedModel} answers: a source that tells what happens to its model. */
export interface CachedModel extends ModelSource {
  /** How far a download is, and all else that happens to this model. */
  readonly events: Events<ModelCacheEventMap>;
}

/**
 * A model at a URL, kept in the browser: a source for `createRunner({ model })`. The first visit downloads it, with
 * progress, from where an earlier visit broke off; the next visits need no network. What comes is checked before it is
 * used, by the promised `digest` or by the one it had when it was stored.
 *
 * `resolve` throws FairleadError `MODEL_NOT_FOUND` when nothing is there, or when the device is offline and nothing is
 * cached, `MODEL_INVALID` when something else came in place of a model, `DIGEST_MISMATCH`, `REMOTE_FAILED`,
 * `LIMIT_EXCEEDED`, `ABORTED`.
 *
 * @param url absolute, or relative to the page
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` for a URL that is no text
 */
export function cachedModel(url: string, options: CachedModelOptions = {}): CachedModel {
  if (typeof url !== 'string' || url === '') {
    throw new FairleadError('INVALID_ARGUMENT', `cachedModel: expected a URL, given ${describeValue(url)}.`, {
      details: { field: 'url', expected: 'a URL', given: describeValue(url) },
    });
  }
  const settings = parseCachedModelOptions(options);
  const engine = engineOf(settings.cache);
  const events = cacheEvents(engine.settings.logger, settings.on);
  const watchers = new Set<(next: LoadedModel) => void>();
  /** The latest version that this source gave away, or would have. */
  let latest: LoadedModel | undefined;
  let announced = true;

  const announce = (next: LoadedModel): void => {
    latest = next;
    announced = watchers.size > 0;
    for (const watcher of watchers) watcher(next);
  };

  const asksInBackground = (settings.revalidate ?? 'background') === 'background';

  return {
    events,
    async resolve({ signal }) {
      const caller = { events, signal };
      const { loaded, request } = await load(url, settings, engine, caller);
      latest = loaded.model;
      announced = true;
      if (loaded.fromCache && request.digest === undefined && asksInBackground) {
        void engine.refresh(request, { events }).then((next) => {
          if (next !== undefined && next.digest !== latest?.digest) announce(next);
        });
      }
      return loaded.model;
    },
    ...(asksInBackground ? { watch } : {}),
  };

  function watch(onChange: (next: LoadedModel) => void): Closeable {
    watchers.add(onChange);
    // The answer may have come between `resolve` and this call.
    if (!announced && latest !== undefined) announce(latest);
    return closeable(() => void watchers.delete(onChange));
  }
}

async function load(
  url: string,
  settings: CachedModelSettings,
  engine: CacheEngine,
  caller: Parameters<CacheEngine['load']>[1],
): Promise<ChosenModel> {
  const base = pageUrl();
  const own = requestOf({ url, digest: settings.digest, bytes: settings.bytes }, settings, base);
  if (settings.variants === undefined) return { loaded: await engine.load(own, caller), request: own };
  const { fp32, fp16, int8 } = settings.variants;
  const given = { fp32: fp32 ?? { url, digest: settings.digest, bytes: settings.bytes }, fp16, int8 };
  return chooseAndLoad(
    given,
    (variant) => requestOf(variant, settings, variant.url === url ? base : own.url.href),
    settings,
    engine,
    caller,
  );
}

function requestOf(variant: ParsedVariant, settings: CachedModelSettings, base: string | undefined): LoadRequest {
  const url = parseModelUrl(variant.url, base);
  const { location } = globalThis as { location?: { origin?: string } };
  const { protocol, origin } = new URL(url.href);
  return {
    url,
    address: addressOf(url.href),
    crossOrigin: location?.origin !== undefined && origin !== location.origin,
    isPassing: protocol === 'data:' || protocol === 'blob:',
    digest: variant.digest?.toLowerCase(),
    bytes: variant.bytes,
    name: settings.name,
    version: settings.version,
    revalidate: settings.revalidate ?? 'background',
    maxModelBytes: settings.maxModelBytes ?? 2 ** 30,
    retries: settings.retries ?? 2,
    stallTimeoutMs: settings.stallTimeoutMs ?? 30_000,
    sidecars: settings.sidecars ?? ['golden'],
  };
}
