import { messageOf } from '@fairlead/core';
import { cacheApiStorage } from './cache-api-storage';
import { memoryStorage } from './memory-storage';
import { opfsStorage } from './opfs-storage';
import type { ModelStorage } from './storage';

/** Where the browser keeps models: its private file system, the Cache API, or the page's memory. */
export type StorageKind = 'opfs' | 'cache' | 'memory';

/** A storage, and those that could not be had before it. */
export interface OpenedStorage {
  readonly storage: ModelStorage;
  readonly refusals: readonly { readonly kind: StorageKind; readonly reason: string }[];
}

const openers: Readonly<Record<StorageKind, (name: string) => Promise<ModelStorage> | ModelStorage>> = {
  opfs: opfsStorage,
  cache: cacheApiStorage,
  memory: memoryStorage,
};

/** Opens the first storage that can be had; memory always can. */
export async function openStorage(wanted: 'auto' | StorageKind, name: string): Promise<OpenedStorage> {
  const refusals: { kind: StorageKind; reason: string }[] = [];
  const kinds: readonly StorageKind[] = wanted === 'auto' ? ['opfs', 'cache'] : [wanted];
  for (const kind of kinds) {
    try {
      return { storage: await openers[kind](name), refusals };
    } catch (error) {
      refusals.push({ kind, reason: messageOf(error) });
    }
  }
  return { storage: memoryStorage(name), refusals };
}
