import { createHash } from 'node:crypto';
import type { EventListeners } from '@fairlead/core';
import { createVirtualClock, type VirtualClock } from '@fairlead/core/testing';
import type { ModelCacheEventMap } from './cache-events';
import type { ModelCacheOptions } from './cache-options';
import { cachedModel } from './cached-model';
import type { CachedModelOptions } from './cached-model-options';
import { createModelCache, type ModelCache } from './model-cache';
import { memoryStorage } from './storage/memory-storage';

/** SHA-256, hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that could be a model's, others for each seed. */
export function modelBytes(length: number, seed = 1): Uint8Array {
  let state = seed * 2654435761;
  return Uint8Array.from({ length }, (_, index) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return index === 0 ? 8 : state >>> 24;
  });
}

/** A file on the fake server. */
export interface FakeFile {
  bytes: Uint8Array;
  etag?: string;
  headers?: Record<string, string>;
  status?: number;
}

/** A server in memory, and what it was asked. */
export interface FakeServer {
  readonly files: Map<string, FakeFile>;
  readonly requests: { readonly url: string; readonly range: string | null; readonly status: number }[];
  /** Nobody answers. */
  offline: boolean;
  /** What it makes of ranges. `careless`: it takes them, but does not look at If-Range. */
  ranges: 'honest' | 'careless' | 'none';
  /** Bytes after which the next answers break off, one number each. */
  cuts: number[];
  /** Whether the next answer stops in silence where it would break off. */
  hangs: boolean;
  /** Whether answers tell their size. */
  tellsLength: boolean;
  chunkBytes: number;
  fetch: typeof fetch;
}

/** Makes a server without files. */
export function createFakeServer(): FakeServer {
  const server: FakeServer = {
    files: new Map(),
    requests: [],
    offline: false,
    ranges: 'honest',
    cuts: [],
    hangs: false,
    tellsLength: true,
    chunkBytes: 1000,
    async fetch(input, init = {}) {
      const url = String(input);
      const headers = new Headers(init.headers);
      const range = headers.get('range');
      const note = (status: number): void => void server.requests.push({ url, range, status });
      if (server.offline) throw new TypeError('Failed to fetch');
      const file = server.files.get(url);
      if (file === undefined || file.status !== undefined) {
        const status = file?.status ?? 404;
        note(status);
        return new Response('no', { status });
      }
      const common = { ...(file.etag === undefined ? {} : { etag: file.etag }), ...file.headers };
      if (file.etag !== undefined && headers.get('if-none-match') === file.etag) {
        note(304);
        return new Response(null, { status: 304, headers: common });
      }
      const condition = headers.get('if-range');
      const mayCut = server.ranges === 'careless' || condition === null || condition === file.etag;
      const start = range === null || server.ranges === 'none' || !mayCut ? 0 : Number(/\d+/.exec(range)?.[0]);
      const total = file.bytes.length;
      if (start >= total && start > 0) {
        note(416);
        return new Response(null, { status: 416, headers: { 'content-range': `bytes */${total}` } });
      }
      const status = start > 0 ? 206 : 200;
      note(status);
      const length = server.tellsLength ? { 'content-length': String(total - start) } : {};
      const part = status === 206 ? { 'content-range': `bytes ${start}-${total - 1}/${total}` } : {};
      return new Response(bodyOf(server, file.bytes.slice(start), init.signal), {
        status,
        headers: { ...common, ...length, ...part },
      });
    },
  };
  return server;
}

function bodyOf(server: FakeServer, bytes: Uint8Array, signal: AbortSignal | null | undefined): ReadableStream {
  const cut = server.cuts.shift();
  const { hangs, chunkBytes } = server;
  let sent = 0;
  return new ReadableStream(
    {
      start(controller) {
        signal?.addEventListener('abort', () => controller.error(new DOMException('aborted', 'AbortError')));
      },
      pull(controller) {
        if (cut !== undefined && sent >= cut) {
          if (hangs) return new Promise<void>(() => undefined);
          controller.error(new TypeError('network error'));
          return;
        }
        const end = Math.min(bytes.length, sent + chunkBytes, cut ?? Number.POSITIVE_INFINITY);
        if (end > sent) controller.enqueue(bytes.slice(sent, end));
        sent = end;
        if (sent >= bytes.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Everything that a cache or a model told, in order. */
export interface Told {
  readonly name: keyof ModelCacheEventMap;
  readonly [field: string]: unknown;
}

const names: readonly (keyof ModelCacheEventMap)[] = [
  'progress',
  'download-start',
  'download-end',
  'download-retry',
  'download-restart',
  'cache-hit',
  'cache-corrupt',
  'cache-evict',
  'cache-skip',
  'storage-fallback',
  'index-reset',
  'persist-answer',
  'model-update',
  'revalidate-fail',
  'variant-choice',
];

/** Listeners that write down what they hear. */
export function listenTo(told: Told[]): EventListeners<ModelCacheEventMap> {
  return Object.fromEntries(names.map((name) => [name, (event: object) => void told.push({ ...event, name })]));
}

/** A server, a storage and a cache over it. */
export function setUp(options: ModelCacheOptions = {}) {
  const server = createFakeServer();
  const storage = options.storage ?? memoryStorage();
  const clock: VirtualClock = createVirtualClock();
  const told: Told[] = [];
  const open = (): ModelCache =>
    createModelCache({ clock, fetch: server.fetch, on: listenTo(told), ...options, storage });
  const cache = open();
  return {
    server,
    clock,
    told,
    cache,
    /** The cache as the next visit finds it. */
    open,
    storage,
    tell: (name: string) => told.filter((event) => event.name === name),
    model: (url: string, more: CachedModelOptions = {}) => cachedModel(url, { cache, ...more }),
  };
}
