import { type CallOptions, FairleadError, type SidecarName } from '@fairlead/core';
import { digestOf } from '../model/digest';
import { fetchSidecar } from '../model/fetch-sidecar';
import type { ModelUrl } from '../model/model-url';
import type { Tell } from './cache-events';
import { type CacheStore, readChecked } from './cache-store';
import type { FileRecord } from './model-index';

/** The model whose sidecars are meant. */
export interface SidecarOwner {
  readonly url: ModelUrl;
  readonly digest: string;
  readonly store: CacheStore | undefined;
  readonly fetch: typeof fetch;
  readonly tell: Tell;
}

/**
 * What lies beside a model: from the cache where it was looked for before, else from the server, and then kept with the
 * model. That there is nothing is kept too.
 */
export async function cachedSidecar(
  owner: SidecarOwner,
  name: SidecarName,
  call: CallOptions = {},
): Promise<Uint8Array | undefined> {
  const known = await readKept(owner, name);
  if (known !== undefined) return known ?? undefined;
  const bytes = await fetchSidecar(owner.url, name, { ...call, fetch: owner.fetch });
  await keep(owner, name, bytes);
  return bytes;
}

/** Which sidecars of a version are known, or known to be missing. */
export async function knownSidecars(store: CacheStore | undefined, digest: string): Promise<SidecarName[]> {
  if (store === undefined) return [];
  return Object.keys((await store.read()).models[digest]?.sidecars ?? {}) as SidecarName[];
}

/** Undefined where nobody looked yet, null where there is none. */
async function readKept(owner: SidecarOwner, name: SidecarName): Promise<Uint8Array | null | undefined> {
  const { store, digest, tell, url } = owner;
  if (store === undefined) return undefined;
  try {
    const record = (await store.read()).models[digest]?.sidecars[name];
    if (record === undefined || record === null) return record;
    const read = await readChecked(store, record.file, record.digest);
    if ('bytes' in read) return read.bytes;
    const { [name]: _dropped, ...others } = (await store.read()).models[digest]?.sidecars ?? {};
    await store.update((index) => {
      const model = index.models[digest];
      if (model !== undefined) index.models[digest] = { ...model, sidecars: others };
    });
    await store.removeFiles([record.file]);
    tell('cache-corrupt', { url: url.shown, reason: `of its ${name}, ${read.trouble}` });
  } catch (error) {
    tell('cache-skip', { url: url.shown, reason: `its ${name} could not be read from the storage`, error });
  }
  return undefined;
}

async function keep(owner: SidecarOwner, name: SidecarName, bytes: Uint8Array | undefined): Promise<void> {
  const { store, digest, tell, url } = owner;
  if (store === undefined) return;
  const { navigator } = globalThis as { navigator?: { onLine?: boolean } };
  // Across origins an answer that a page may not see looks like none at all: offline it says nothing.
  if (bytes === undefined && navigator?.onLine === false) return;
  try {
    const model = (await store.read()).models[digest];
    if (model === undefined) return;
    let file: FileRecord | undefined;
    if (bytes !== undefined) {
      const id = await store.update((index) => index.nextFile++);
      // A file without bytes would look like one whose write was cut off.
      file = { id, segments: bytes.length === 0 ? [] : [bytes.length] };
      const written = { id, segments: [] };
      if (bytes.length > 0 && !(await store.writeSegment(written, bytes, bytes.length, model.file))) {
        tell('cache-skip', { url: url.shown, reason: `there is no room for its ${name}` });
        return;
      }
    }
    const record = file === undefined ? null : { file, digest: await digestOf(bytes as Uint8Array) };
    const doomed = await store.update((index) => {
      const present = index.models[digest];
      if (present === undefined) return file;
      const before = present.sidecars[name];
      index.models[digest] = { ...present, sidecars: { ...present.sidecars, [name]: record } };
      return before?.file;
    });
    if (doomed !== undefined) await store.removeFiles([doomed]);
  } catch (error) {
    if (FairleadError.isInstance(error, 'ABORTED')) throw error;
    tell('cache-skip', { url: url.shown, reason: `its ${name} could not be stored`, error });
  }
}
