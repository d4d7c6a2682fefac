import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import { gather } from '../../artifacts/checked-read';
import { artifactNotKept, checkSize, checkSource, damagedArtifact } from '../../artifacts/pieces';
import { invalidArgument, isDigest } from '../../names';
import type { ArtifactPlace, ArtifactRef, ArtifactStore, BlobInfo, PutOptions } from '../../store/artifact-store';
import type { MlflowClient } from '../client';
import { serverPath, taggedArtifacts } from './artifact-entries';
import { createBlobArea } from './blob-area';
import type { BlobPlaces } from './blob-places';
import type { ExperimentNames } from './experiment-names';
import type { RunIds } from './run-ids';
import { hashSource, holdStream, streamUpload, uploadOf } from './upload-source';

/** What the artifacts of a server stand on. */
export interface MlflowArtifactStoreOptions {
  readonly client: MlflowClient;
  readonly experiments: ExperimentNames;
  readonly ids: RunIds;
  readonly places: BlobPlaces;
}

/** Where something lies, and what is known of it. */
interface Found {
  readonly uri: string;
  readonly size: number;
  /** Absent for what another client wrote. */
  readonly digest: string | undefined;
}

/** The artifacts behind the proxy of a server: those of runs by their names, others by their digests. */
export function createMlflowArtifactStore(options: MlflowArtifactStoreOptions): ArtifactStore {
  const { client, experiments, ids, places } = options;
  const { proxy } = client;
  const area = createBlobArea(client, experiments);

  /** What lies at a place; `undefined` where nothing does. */
  const sizeAt = async (uri: string, call: CallOptions): Promise<number | undefined> => {
    const cut = uri.lastIndexOf('/');
    try {
      const files = await proxy.list(uri.slice(0, cut), call);
      return files.find(({ name, isFolder }) => !isFolder && name === uri.slice(cut + 1))?.size;
    } catch (error) {
      // Some storage calls a folder that is not there an error.
      if (FairleadError.isInstance(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  };

  const findInRun = async (ref: ArtifactRef, place: ArtifactPlace, call: CallOptions): Promise<Found | undefined> => {
    const run = await ids.find(place.run, call);
    if (run === undefined) return undefined;
    const uri = `${run.artifactUri}/${serverPath(place.name)}`;
    const size = await sizeAt(uri, call);
    if (size === undefined) return undefined;
    const entry = taggedArtifacts(run.tags).find(({ name }) => name === place.name);
    const digest = entry?.size === size ? entry.digest : undefined;
    // Something else by that name: what is asked for may lie elsewhere.
    if (ref.digest !== undefined && digest !== undefined && digest !== ref.digest) return undefined;
    return { uri, size, digest: ref.digest ?? digest };
  };

  const findByDigest = async (digest: string, call: CallOptions): Promise<Found | undefined> => {
    if (!isDigest(digest)) return undefined;
    const known = places.find(digest);
    for (const uri of known === undefined ? [] : [known]) {
      const size = await sizeAt(uri, call);
      if (size !== undefined) return { uri, size, digest };
      places.forget(digest);
    }
    for await (const uri of area.placesOf(digest, call)) {
      const size = await sizeAt(uri, call);
      if (size === undefined) continue;
      places.learn(digest, uri);
      return { uri, size, digest };
    }
    return undefined;
  };

  const find = async (ref: ArtifactRef, call: CallOptions): Promise<Found | undefined> => {
    const inRun = ref.place === undefined ? undefined : await findInRun(ref, ref.place, call);
    if (inRun !== undefined || ref.digest === undefined) return inRun;
    return findByDigest(ref.digest, call);
  };

  const findOrThrow = async (ref: ArtifactRef, call: CallOptions): Promise<Found> => {
    const found = await find(ref, call);
    if (found === undefined) throw artifactNotKept(ref.digest ?? `"${ref.place?.name ?? ''}"`);
    if (ref.size === undefined || ref.size === found.size) return found;
    throw damagedArtifact(ref.digest ?? `"${ref.place?.name}"`, `${found.size} bytes`, `${ref.size} bytes`);
  };

  /** The bytes of what was found, checked by all that is known. */
  async function* pieces(
    found: Found,
    offset: number,
    call: CallOptions,
  ): AsyncGenerator<Uint8Array, BlobInfo, undefined> {
    const hash = createSha256();
    const label = found.digest ?? found.uri.slice(found.uri.lastIndexOf('/') + 1);
    let size = offset;
    for await (const piece of proxy.get(found.uri, { offset, ...call })) {
      throwIfAborted(call.signal, 'Reading an artifact');
      if (offset === 0) hash.update(piece);
      size += piece.byteLength;
      yield piece;
    }
    if (size !== found.size) throw damagedArtifact(label, `${size} bytes`, `${found.size} bytes`);
    const digest = offset === 0 ? hash.hex() : (found.digest ?? '');
    if (found.digest !== undefined && digest !== found.digest) {
      throw damagedArtifact(label, `the SHA-256 ${digest}`, found.digest);
    }
    return { digest, size };
  }

  const stream: ArtifactStore['stream'] = async function* (ref, { offset = 0, ...call } = {}) {
    throwIfAborted(call.signal, 'Reading an artifact');
    const found = await findOrThrow(ref, call);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > found.size) {
      throw invalidArgument('offset', `a whole number from 0 to ${found.size}, the artifact's size`, offset);
    }
    yield* pieces(found, offset, call);
  };

  const putInRun = async (source: Parameters<ArtifactStore['put']>[0], place: ArtifactPlace, call: PutOptions) => {
    const run = await ids.find(place.run, call);
    if (run === undefined) {
      throw new FairleadError('NOT_FOUND', `There is no run "${place.run}" on ${client.url}.`, {
        details: { field: 'place.run', expected: 'the id of a run of this server', given: place.run },
      });
    }
    const uri = `${run.artifactUri}/${serverPath(place.name)}`;
    const { signal } = call;
    const request = signal === undefined ? {} : { signal };
    if (source instanceof Uint8Array || typeof source === 'string') {
      const blob = await hashSource(source, call);
      await proxy.put(uri, uploadOf(source, blob, call), request);
      return { uri, blob };
    }
    const upload = streamUpload(source, call);
    await proxy.put(uri, upload.body, request);
    return { uri, blob: upload.sent() };
  };

  const putAlone = async (source: Parameters<ArtifactStore['put']>[0], call: PutOptions) => {
    const held = source instanceof Uint8Array || typeof source === 'string' ? source : await holdStream(source, call);
    const blob = await hashSource(held, call);
    const request = call.signal === undefined ? {} : { signal: call.signal };
    const uri = await area.placeOf(blob.digest, request);
    // The name says what is in it, so what is there whole is there.
    if ((await sizeAt(uri, request)) !== blob.size) await proxy.put(uri, uploadOf(held, blob, call), request);
    return { uri, blob };
  };

  return {
    stream,
    async put(source, call = {}) {
      checkSource(source);
      checkSize(call.size);
      throwIfAborted(call.signal, 'Logging an artifact');
      const { place } = call;
      const { uri, blob } = await (place === undefined ? putAlone(source, call) : putInRun(source, place, call));
      places.learn(blob.digest, uri);
      call.onProgress?.({ sentBytes: blob.size, totalBytes: blob.size });
      return blob;
    },
    async stat(ref, call = {}) {
      throwIfAborted(call.signal, 'Looking for an artifact');
      const found = await find(ref, call);
      if (found === undefined) return undefined;
      const { digest, size } = found;
      if (digest !== undefined) return { digest, size };
      // What another client wrote is read once to know it.
      const reading = pieces(found, 0, call);
      for (;;) {
        const step = await reading.next();
        if (step.done) return step.value;
      }
    },
    async read(ref, call = {}) {
      const found = await findOrThrow(ref, call);
      return gather(found.size, pieces(found, 0, call));
    },
  };
}
