import { onnx } from '@fairlead/browser';
import {
  type CachedModelOptions,
  type CacheEstimate,
  cachedModel,
  createModelCache,
  type ModelCache,
} from '@fairlead/browser/model-cache';
import { createRunner, FairleadError } from '@fairlead/core';

// The page that the tests of the model cache drive: what it answers crosses to them as JSON.

/** What came of a load. */
export interface LoadAnswer {
  readonly digest?: string;
  readonly bytes?: number;
  readonly code?: string;
  readonly message?: string;
  /** Names of the events, but for progress, in order, with the reason where one was told. */
  readonly events: string[];
  /** The `by` of all progress. */
  readonly by: string[];
}

/** What the tests call. */
export interface CachePage {
  load(url: string, options?: CachedModelOptions, storage?: 'auto' | 'opfs' | 'cache'): Promise<LoadAnswer>;
  /** Labels of rows, by a runner whose model is cached. */
  labels(url: string, pixels: number[]): Promise<number[]>;
  estimate(): Promise<CacheEstimate>;
  clear(): Promise<void>;
  /** Changes one bit of the first file in the private file system. */
  corrupt(): Promise<void>;
}

declare global {
  var cachePage: CachePage;
}

function watched(storage: 'auto' | 'opfs' | 'cache' = 'auto'): { cache: ModelCache; events: string[]; by: string[] } {
  const events: string[] = [];
  const by: string[] = [];
  const note =
    (name: string) =>
    (event: object): void =>
      void events.push('reason' in event ? `${name}: ${event.reason}` : name);
  const cache = createModelCache({
    storage,
    on: {
      progress: (event) => void by.push(event.by),
      'download-start': note('download-start'),
      'download-end': note('download-end'),
      'download-restart': note('download-restart'),
      'cache-hit': note('cache-hit'),
      'cache-corrupt': note('cache-corrupt'),
      'cache-evict': note('cache-evict'),
      'cache-skip': note('cache-skip'),
      'storage-fallback': note('storage-fallback'),
      'revalidate-fail': note('revalidate-fail'),
    },
  });
  return { cache, events, by };
}

globalThis.cachePage = {
  async load(url, options = {}, storage) {
    const { cache, events, by } = watched(storage);
    try {
      const { digest, bytes } = await cachedModel(url, { cache, sidecars: [], ...options }).resolve({});
      return { digest, bytes: bytes.length, events, by };
    } catch (error) {
      const code = FairleadError.isInstance(error) ? error.code : 'NOT_A_FAIRLEAD_ERROR';
      return { code, message: String(error), events, by };
    }
  },
  async labels(url, pixels) {
    const model = cachedModel(url, { revalidate: 'never' });
    const runner = await createRunner({ model, backend: onnx({ device: 'wasm' }), lanes: 'inline' });
    try {
      const { label } = (await runner.run({ pixels: Float32Array.from(pixels) })).outputs;
      return Array.from(label?.data as BigInt64Array, Number);
    } finally {
      await runner.close();
    }
  },
  estimate: () => createModelCache().estimate(),
  clear: () => createModelCache().clear(),
  async corrupt() {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('fairlead-models');
    for await (const [name, handle] of folder as unknown as AsyncIterable<[string, FileSystemFileHandle]>) {
      if (!name.startsWith('file-')) continue;
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
      bytes[99] = (bytes[99] ?? 0) ^ 8;
      const writable = await handle.createWritable();
      await writable.write(bytes);
      await writable.close();
      return;
    }
    throw new Error('nothing is stored');
  },
};
