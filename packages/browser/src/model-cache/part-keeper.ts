import { messageOf } from '@fairlead/core';
import type { Tell } from './cache-events';
import type { CacheStore } from './cache-store';
import type { IncomingBytes } from './incoming-bytes';
import type { FileRecord, PartRecord, Validators } from './model-index';

/** A download is stored in segments of so many bytes or a little more: what a closed tab may lose. */
const segmentBytes = 4 * 2 ** 20;

/** Stores a download while it comes in, so that it can go on after the tab was closed. Nothing that fails here is felt by the download. */
export interface PartKeeper {
  /** What an earlier download left, and what its server said of it; undefined where there is nothing. */
  resume(): Promise<{ readonly bytes: Uint8Array; readonly part: PartRecord } | undefined>;
  /** Begins a file anew. */
  begin(validators: Validators): Promise<void>;
  /** Stores what came in and is not yet stored, when it is enough for a segment, or when `all` is wanted. */
  keep(incoming: IncomingBytes, total: number | undefined, all: boolean): Promise<void>;
  /** Removes what an earlier download left, since it is not what was stored, aloud. */
  damaged(): Promise<void>;
  /** Removes what was stored. */
  discard(): Promise<void>;
  /** What is stored; undefined where nothing is. */
  file(): FileRecord | undefined;
}

/** What a part belongs to. */
export interface PartOwner {
  /** The digest that was promised, else `address`. */
  readonly key: string;
  /** The URL, hashed. */
  readonly address: string;
  readonly shown: string;
  now(): number;
}

/** Makes the keeper of one download. Without a store, it keeps nothing. */
export function createPartKeeper(store: CacheStore | undefined, owner: PartOwner, tell: Tell): PartKeeper {
  let file: FileRecord | undefined;
  let stored = 0;

  const skip = async (reason: string, error?: unknown): Promise<void> => {
    tell('cache-skip', { url: owner.shown, reason, ...(error === undefined ? {} : { error }) });
    await discard();
  };

  /** Does something with the store; what fails ends the keeping, aloud. */
  const attempt = async <T>(work: (open: CacheStore) => Promise<T>): Promise<T | undefined> => {
    if (store === undefined) return undefined;
    try {
      return await work(store);
    } catch (error) {
      await skip(`the storage failed (${messageOf(error)})`, error);
      return undefined;
    }
  };

  const discard = async (): Promise<void> => {
    const doomed = file;
    file = undefined;
    stored = 0;
    if (store === undefined || doomed === undefined) return;
    try {
      await store.update((index) => {
        if (index.parts[owner.key]?.file.id === doomed.id) delete index.parts[owner.key];
      });
      await store.removeFiles([doomed]);
    } catch {
      // Bytes that stay behind are evicted like others. That the storage fails was told when it failed first.
    }
  };

  const damaged = (): Promise<void> => {
    tell('cache-corrupt', { url: owner.shown, reason: 'the unfinished download was damaged' });
    return discard();
  };

  return {
    resume: () =>
      attempt(async (open) => {
        const part = (await open.read()).parts[owner.key];
        if (part === undefined) return undefined;
        const bytes = await open.readFile(part.file);
        file = part.file;
        if (bytes?.length === 0) return undefined;
        if (bytes === undefined) {
          await damaged();
          return undefined;
        }
        stored = bytes.length;
        return { bytes, part };
      }),
    async begin(validators) {
      await attempt(async (open) => {
        const before = await open.update((index) => {
          const old = index.parts[owner.key];
          file = { id: index.nextFile, segments: [] };
          index.nextFile += 1;
          index.parts[owner.key] = { ...validators, file, digest: '', address: owner.address, usedAt: owner.now() };
          return old;
        });
        stored = 0;
        if (before !== undefined) await open.removeFiles([before.file]);
      });
    },
    async keep(incoming, total, all) {
      const { size } = incoming;
      if (file === undefined || size === stored || (!all && size - stored < segmentBytes)) return;
      const segment = incoming.view().subarray(stored);
      const roomBytes = Math.max(segment.length, (total ?? 0) - stored);
      await attempt((open) => keepSegment(open, segment, roomBytes, incoming.digest()));
    },
    damaged,
    discard,
    file: () => file,
  };

  async function keepSegment(open: CacheStore, segment: Uint8Array, roomBytes: number, digest: string): Promise<void> {
    const written = file as FileRecord;
    if (!(await open.writeSegment(written, segment, roomBytes))) {
      await skip('there is no room for it, neither by `maxBytes` nor by what the browser allows this site');
      return;
    }
    const next = { id: written.id, segments: [...written.segments, segment.length] };
    const recorded = await open.update((index) => {
      const part = index.parts[owner.key];
      if (part?.file.id !== written.id) return false;
      index.parts[owner.key] = { ...part, file: next, digest, usedAt: owner.now() };
      return true;
    });
    file = next;
    stored += segment.length;
    if (!recorded) await skip('its bytes were removed while they came in');
  }
}
