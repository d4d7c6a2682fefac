import { createEvents, type EventListeners, type EventSource, type FairleadError, type Logger } from '@fairlead/core';
import type { VariantCandidate } from './choose-variant';

/** Which model an event is about. URLs are shown without query, fragment and password. */
export interface ModelEvent {
  readonly url: string;
}

/** How far a download is. */
export interface ProgressEvent extends ModelEvent {
  /** Bytes that are here, those of an earlier visit included. */
  readonly bytes: number;
  /** Bytes of the whole file; undefined where the server does not tell. */
  readonly total: number | undefined;
  /** Bytes a second, over the last seconds. */
  readonly bytesPerSecond: number;
  /** Whether this page downloads, or waits for another tab that does. */
  readonly by: 'this-tab' | 'other-tab';
}

/** Events of a model cache, and of a cached model. */
export interface ModelCacheEventMap {
  /** A download goes on; ten times a second at most, and at its beginning and end. */
  progress: ProgressEvent;
  /** A download begins, or goes on where an earlier one was broken off (`resumedFrom` bytes). */
  'download-start': ModelEvent & { readonly resumedFrom: number; readonly total: number | undefined };
  /** A download ended well; `networkBytes` were fetched now. */
  'download-end': ModelEvent & { readonly digest: string; readonly bytes: number; readonly networkBytes: number };
  /** A download failed and is tried again in `delayMs` milliseconds, from where it is. */
  'download-retry': ModelEvent & { readonly error: FairleadError; readonly delayMs: number };
  /** What was here of a file is of no use, and the download begins anew. */
  'download-restart': ModelEvent & { readonly reason: string };
  /** A model came from the cache; nothing was fetched. */
  'cache-hit': ModelEvent & { readonly digest: string; readonly bytes: number };
  /** Stored bytes are not what was stored. They were dropped. */
  'cache-corrupt': ModelEvent & { readonly reason: string };
  /** A version was removed to make room. */
  'cache-evict': { readonly digest: string | undefined; readonly bytes: number; readonly reason: 'limit' | 'quota' };
  /** A model is used from memory and not kept. */
  'cache-skip': ModelEvent & { readonly reason: string; readonly error?: unknown };
  /** A storage could not be had, and another one is used. */
  'storage-fallback': { readonly from: string; readonly to: string; readonly reason: string };
  /** The index could not be read, and the cache begins anew. */
  'index-reset': { readonly reason: string };
  /** What the browser answered to the wish to keep the cache (`persist`). */
  'persist-answer': { readonly granted: boolean };
  /** A URL leads to another version than before. */
  'model-update': ModelEvent & { readonly from: string; readonly to: string };
  /** A server could not be asked whether a file changed; the cached version is used. */
  'revalidate-fail': ModelEvent & { readonly error: FairleadError };
  /** A variant was chosen. */
  'variant-choice': ModelEvent & {
    readonly variant: string;
    readonly reason: string;
    readonly candidates: readonly VariantCandidate[];
  };
}

/** What a person should read when nobody listens to an event. */
const warnings: { readonly [K in keyof ModelCacheEventMap]?: (event: ModelCacheEventMap[K]) => string } = {
  'download-restart': ({ url, reason }) => `The download of ${url} begins anew: ${reason}.`,
  'download-retry': ({ error, delayMs }) => `${error.message} (Trying again in ${delayMs} ms.)`,
  'cache-corrupt': ({ url, reason }) => `The cached bytes of ${url} were dropped: ${reason}.`,
  'cache-skip': ({ url, reason }) => `${url} is used from memory and not kept in the cache: ${reason}.`,
  'storage-fallback': ({ from, to, reason }) => `The model cache keeps its files in ${to}, not in ${from}: ${reason}.`,
  'index-reset': ({ reason }) => `The model cache begins anew: ${reason}.`,
  'revalidate-fail': ({ url, error }) =>
    `The cached version of ${url} is used, since it could not be looked up: ${error.message}`,
};

/** Tells of something, to all who should know. */
export type Tell = <K extends keyof ModelCacheEventMap>(name: K, event: ModelCacheEventMap[K]) => void;

/** Events of one owner. */
export function cacheEvents(
  logger: Logger,
  listeners?: EventListeners<ModelCacheEventMap>,
): EventSource<ModelCacheEventMap> {
  return createEvents<ModelCacheEventMap>(logger, listeners);
}

/** Tells the listeners of several owners; where none listens to something that a person should know, it is a warning. */
export function tellAll(logger: Logger, owners: () => Iterable<EventSource<ModelCacheEventMap>>): Tell {
  return (name, event) => {
    let heard = false;
    for (const owner of owners()) {
      heard ||= owner.listenerCount(name) > 0;
      owner.emit(name, event);
    }
    const wording = warnings[name];
    if (!heard && wording !== undefined) logger.warn(event, wording(event));
  };
}
