import { type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256, platformFiles } from '#files';
import { checkSize, checkSource, pieceLength, piecesOf, wrongSize } from '../artifacts/pieces';
import type { ArtifactSource, ArtifactStore, BlobInfo, PutOptions } from '../store/artifact-store';
import type { PageQueue } from './page-queue';

/** The artifacts that a page sends, and by which upload. */
export interface PageArtifacts {
  readonly store: ArtifactStore;
  uploadOf(run: string, name: string, digest: string): string | undefined;
}

/** The error for what a page cannot do, since it only sends. */
export function onlySends(what: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `A tracker with { relay } only sends, so ${what} here. Ask the tracker on the server, or what your server answers from it.`,
    { details: { field: 'relay' } },
  );
}

async function refuseToRead(): Promise<never> {
  throw onlySends('no artifact can be read');
}

function newUploadId(epochMs: number): string {
  return `${Math.floor(epochMs).toString(16).padStart(12, '0')}-${crypto.randomUUID().slice(0, 18)}`;
}

/** Cuts what comes into pieces that are never longer than one should be. */
async function* cut(source: ArtifactSource): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of piecesOf(source, platformFiles.stream)) {
    for (let at = 0; at < piece.byteLength; at += pieceLength) yield piece.subarray(at, at + pieceLength);
  }
}

/** Puts artifacts into the queue piece by piece; they are sent before the event that names them. */
export function createPageArtifacts(queue: PageQueue, clock: Clock): PageArtifacts {
  const uploads = new Map<string, string>();
  const known = new Map<string, BlobInfo>();
  const keyOf = (run: string, name: string, digest: string): string => JSON.stringify([run, name, digest]);

  const put = async (source: ArtifactSource, call: PutOptions = {}): Promise<BlobInfo> => {
    checkSource(source);
    checkSize(call.size);
    const { place, signal } = call;
    if (place === undefined) throw onlySends('nothing can be kept that belongs to no run');
    const id = newUploadId(clock.epochMs());
    const hash = createSha256();
    let size = 0;
    let index = 0;
    try {
      for await (const piece of cut(source)) {
        throwIfAborted(signal, 'Logging an artifact');
        if (call.size !== undefined && size + piece.byteLength > call.size) throw wrongSize('more', call.size);
        hash.update(piece);
        await queue.putPiece(id, index++, piece);
        size += piece.byteLength;
        const totalBytes = call.size ?? (source instanceof Uint8Array ? source.byteLength : undefined);
        call.onProgress?.({ sentBytes: size, ...(totalBytes === undefined ? {} : { totalBytes }) });
      }
      if (call.size !== undefined && size !== call.size) throw wrongSize(String(size), call.size);
      const info = { digest: hash.hex(), size };
      await queue.putUpload({ id, ...place, ...info });
      uploads.set(keyOf(place.run, place.name, info.digest), id);
      known.set(info.digest, info);
      return info;
    } catch (error) {
      // What is left is removed by the sweep, should this fail too.
      await queue.removeUpload(id).catch(() => undefined);
      throw error;
    }
  };

  return {
    uploadOf: (run, name, digest) => uploads.get(keyOf(run, name, digest)),
    store: {
      put,
      stat: async ({ digest }) => (digest === undefined ? undefined : known.get(digest)),
      stream: () => ({ [Symbol.asyncIterator]: () => ({ next: refuseToRead }) }),
      read: refuseToRead,
    },
  };
}
