import { FairleadError, messageOf } from '@fairlead/core';
import { digestOf } from '../model/digest';
import type { Tell } from './cache-events';
import { withLock } from './locks';
import {
  bytesOf,
  emptyIndex,
  type FileRecord,
  filesOf,
  indexKey,
  type ModelIndex,
  parseIndex,
  serializeIndex,
  usedBytes,
} from './model-index';
import type { ModelStorage } from './storage/storage';

/** Files and their index in a storage, in bounds. What the storage throws comes out of every method. */
export interface CacheStore {
  readonly storage: ModelStorage;
  /** The index as it is now. */
  read(): Promise<ModelIndex>;
  /** Changes the index while nobody else does. */
  update<T>(change: (index: ModelIndex) => T | Promise<T>): Promise<T>;
  /** A file's bytes; undefined where a segment is missing or has another size. */
  readFile(file: FileRecord): Promise<Uint8Array | undefined>;
  /**
   * Writes the next segment of a file, and makes room for `roomBytes` first, but never by the version or part that
   * `kept` belongs to. False where no room can be made.
   */
  writeSegment(file: FileRecord, bytes: Uint8Array, roomBytes: number, kept?: FileRecord): Promise<boolean>;
  /** Removes all segments of files, recorded or not. */
  removeFiles(files: readonly FileRecord[]): Promise<void>;
  /** Removes everything. */
  clear(): Promise<void>;
}

/** Whether a storage is full. */
export function isQuotaError(error: unknown): boolean {
  const name = (error as { name?: unknown } | null)?.name;
  return name === 'QuotaExceededError' || name === 'NS_ERROR_DOM_QUOTA_REACHED';
}

const segmentKey = (file: FileRecord, segment: number): string => `file-${file.id}-${segment}`;

/** Opens the store in a storage. */
export function createCacheStore(storage: ModelStorage, maxBytes: number, tell: Tell): CacheStore {
  const lock = `fairlead-${storage.name}-index`;

  const read = async (): Promise<ModelIndex> => {
    const bytes = await storage.read(indexKey);
    return (bytes === undefined ? undefined : parseIndex(bytes)) ?? emptyIndex();
  };

  /** An index that cannot be read leaves files that nobody knows. */
  const readOrReset = async (): Promise<ModelIndex> => {
    const bytes = await storage.read(indexKey);
    if (bytes === undefined) return emptyIndex();
    const index = parseIndex(bytes);
    if (index !== undefined) return index;
    tell('index-reset', { reason: 'its index could not be read' });
    for (const key of await storage.keys()) await storage.remove(key);
    return emptyIndex();
  };

  const removeFiles = async (files: readonly FileRecord[]): Promise<void> => {
    if (files.length === 0) return;
    const prefixes = files.map(({ id }) => `file-${id}-`);
    for (const key of await storage.keys()) {
      if (prefixes.some((prefix) => key.startsWith(prefix))) await storage.remove(key);
    }
  };

  /** Removes what was not used for the longest time, but never the file `kept`. False where there is nothing. */
  const evict = async (
    index: ModelIndex,
    kept: FileRecord | undefined,
    reason: 'limit' | 'quota',
  ): Promise<boolean> => {
    const victims = [
      ...Object.entries(index.models).map(([digest, record]) => ({
        digest,
        usedAt: record.usedAt,
        files: filesOf(record),
        drop: () => dropModel(index, digest),
      })),
      ...Object.entries(index.parts).map(([key, part]) => ({
        digest: undefined,
        usedAt: part.usedAt,
        files: [part.file],
        drop: () => void delete index.parts[key],
      })),
    ]
      .filter(({ files }) => files.every(({ id }) => id !== kept?.id))
      .sort((one, other) => one.usedAt - other.usedAt);
    const victim = victims[0];
    if (victim === undefined) return false;
    victim.drop();
    // The bytes go first, since on a full disk an index may need their room. If the page ends in between, the version is
    // found to be incomplete and is fetched again.
    await removeFiles(victim.files);
    const bytes = victim.files.reduce((sum, file) => sum + bytesOf(file), 0);
    tell('cache-evict', { digest: victim.digest, bytes, reason });
    return true;
  };

  const writeIndex = async (index: ModelIndex): Promise<void> => {
    for (;;) {
      try {
        await storage.write(indexKey, serializeIndex(index));
        return;
      } catch (error) {
        if (!isQuotaError(error) || !(await evict(index, undefined, 'quota'))) throw error;
      }
    }
  };

  const update = <T>(change: (index: ModelIndex) => T | Promise<T>): Promise<T> =>
    withLock(lock, storage.shared, async () => {
      const index = await readOrReset();
      const before = JSON.stringify(index);
      const result = await change(index);
      if (JSON.stringify(index) !== before) await writeIndex(index);
      return result;
    });

  return {
    storage,
    read,
    update,
    removeFiles,
    async readFile(file) {
      const bytes = new Uint8Array(bytesOf(file));
      let start = 0;
      for (const [segment, length] of file.segments.entries()) {
        const read = await storage.read(segmentKey(file, segment));
        if (read?.length !== length) return undefined;
        bytes.set(read, start);
        start += length;
      }
      return bytes;
    },
    async writeSegment(file, bytes, roomBytes, kept = file) {
      if (bytesOf(file) + roomBytes > maxBytes) return false;
      const fits = await update(async (index) => {
        while (usedBytes(index) + roomBytes > maxBytes) if (!(await evict(index, kept, 'limit'))) return false;
        return true;
      });
      if (!fits) return false;
      for (;;) {
        try {
          await storage.write(segmentKey(file, file.segments.length), bytes);
          return true;
        } catch (error) {
          if (!isQuotaError(error)) throw error;
          if (!(await update((index) => evict(index, kept, 'quota')))) return false;
        }
      }
    },
    clear: () =>
      withLock(lock, storage.shared, async () => {
        for (const key of await storage.keys()) await storage.remove(key);
      }),
  };
}

/** Takes a version out of the index, with what leads to it; its files, which the caller then removes. */
export function dropModel(index: ModelIndex, digest: string): FileRecord[] {
  const record = index.models[digest];
  if (record === undefined) return [];
  delete index.models[digest];
  for (const [key, address] of Object.entries(index.addresses)) {
    if (address.digest === digest) delete index.addresses[key];
  }
  return filesOf(record);
}

/** A file's bytes where they have the promised digest; else why not. */
export async function readChecked(
  store: CacheStore,
  file: FileRecord,
  digest: string,
): Promise<{ readonly bytes: Uint8Array } | { readonly trouble: string }> {
  const bytes = await store.readFile(file);
  if (bytes === undefined) return { trouble: 'a part of the file is missing' };
  const given = await digestOf(bytes);
  if (given !== digest) return { trouble: `its SHA-256 is ${given} in place of ${digest}` };
  return { bytes };
}

/** What a caller hears whose wish a storage could not fulfil. */
export function storeFailed(what: string, error: unknown): FairleadError {
  if (FairleadError.isInstance(error)) return error;
  return new FairleadError(
    'STORE_FAILED',
    `The model cache could not ${what}: ${messageOf(error)}. Check that the browser allows this site to keep data, and try again.`,
    { cause: error },
  );
}
