import { type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import { checkSize, checkSource, piecesOf, wrongSize } from '../artifacts/pieces';
import type { Files, OpenFile } from '../files/files';
import type { Sha256 } from '../files/hash';
import type { ArtifactSource, BlobInfo, PutOptions } from '../store/artifact-store';

/** Milliseconds without a write after which an upload counts as left by a process that died, and may be taken up. */
const abandonedAfterMs = 60_000;
/** Milliseconds after which what was left of an upload is removed. */
const forgottenAfterMs = 7 * 24 * 60 * 60 * 1000;
/** How much of a buffer's beginning and end tells it from others. What was kept of it is compared in full before it is used. */
const sampleLength = 65_536;

/** Where uploads of a store lie. */
export interface UploadOptions {
  readonly files: Files;
  /** The folder in which unfinished uploads lie. */
  readonly folder: string;
  readonly clock: Clock;
}

/** An upload that has ended. */
interface Uploaded extends BlobInfo {
  /** The file that holds the bytes, synced. */
  readonly path: string;
}

/** What a source is recognised by when it comes again; `undefined` for a stream, which cannot. */
async function keyOf(files: Files, source: ArtifactSource): Promise<{ key: string; size: number } | undefined> {
  const hash = createSha256();
  if (source instanceof Uint8Array) {
    hash.update(source.subarray(0, sampleLength));
    hash.update(source.subarray(-sampleLength));
    return { key: `bytes-${source.byteLength}-${hash.hex().slice(0, 32)}`, size: source.byteLength };
  }
  if (typeof source !== 'string') return undefined;
  const facts = await files.facts(source);
  if (facts === undefined) return undefined; // reading it says so
  hash.update(new TextEncoder().encode(facts.identity));
  return { key: `file-${facts.size}-${hash.hex().slice(0, 32)}`, size: facts.size };
}

/** Copies sources into files, in one pass with their digest, and takes up copies that were cut short. */
export function createUploads({ files, folder, clock }: UploadOptions) {
  /**
   * Files in `<key>.<letters>` are being written, or were by a process that died; `<key>.parked` are what an upload left that
   * failed. Whoever takes one up renames it first, so that two never do.
   */
  const takeUp = async (key: string, path: string): Promise<OpenFile | undefined> => {
    const now = clock.epochMs();
    for (const name of await files.list(folder)) {
      const old = files.join(folder, name);
      const isMine = name.startsWith(`${key}.`);
      const isParked = name.endsWith('.parked');
      const age = isMine && isParked ? 0 : now - ((await files.facts(old))?.modifiedAt ?? now);
      if (age > forgottenAfterMs) await files.remove(old);
      else if (isMine && (isParked || age > abandonedAfterMs)) {
        try {
          await files.rename(old, path);
        } catch {
          continue; // another put was first
        }
        return files.open(path, 'resume');
      }
    }
    return undefined;
  };

  /** Hashes what an earlier attempt has kept; answers its length, or 0 where it is not the beginning of the source. */
  const readKept = async (
    file: OpenFile,
    source: ArtifactSource,
    limit: number,
    hash: Sha256,
    call: PutOptions,
  ): Promise<number> => {
    const size = await file.size();
    if (size > limit) return 0;
    const piece = new Uint8Array(1 << 20);
    for (let at = 0; at < size; ) {
      throwIfAborted(call.signal, 'Logging an artifact');
      const count = await file.read(piece.subarray(0, Math.min(piece.byteLength, size - at)), at);
      if (count === 0) return at;
      const kept = piece.subarray(0, count);
      if (source instanceof Uint8Array && kept.some((byte, index) => byte !== source[at + index])) return 0;
      hash.update(kept);
      at += count;
    }
    return size;
  };

  /** Opens the file that an upload goes to, with what it holds already. */
  const begin = async (source: ArtifactSource, known: { key: string; size: number } | undefined, call: PutOptions) => {
    const name = `${known?.key ?? 'stream'}.${crypto.randomUUID()}`;
    const path = files.join(folder, name);
    const kept = known === undefined ? undefined : await takeUp(known.key, path);
    if (kept !== undefined && known !== undefined) {
      const hash = createSha256();
      const size = await readKept(kept, source, known.size, hash, call).catch(async (error: unknown) => {
        await kept.close();
        throw error;
      });
      if (size > 0) return { path, file: kept, hash, size };
      await kept.close();
      await files.remove(path);
    }
    const file = await files.open(path, 'create');
    if (file === undefined) throw new FairleadError('STORE_FAILED', `Could not create ${path}.`);
    return { path, file, hash: createSha256(), size: 0 };
  };

  const park = async (path: string, key: string | undefined): Promise<void> => {
    if (key === undefined) await files.remove(path);
    else await files.rename(path, files.join(folder, `${key}.parked`)).catch(() => files.remove(path));
  };

  return async function upload(source: ArtifactSource, call: PutOptions): Promise<Uploaded> {
    checkSource(source);
    checkSize(call.size);
    throwIfAborted(call.signal, 'Logging an artifact');
    const known = await keyOf(files, source);
    const totalBytes = known?.size ?? call.size;
    if (known !== undefined && call.size !== undefined && known.size !== call.size) {
      throw wrongSize(String(known.size), call.size);
    }
    const { path, file, hash, size: before } = await begin(source, known, call);
    let size = before;
    const tell = (): void =>
      call.onProgress?.({ sentBytes: size, ...(totalBytes === undefined ? {} : { totalBytes }) });
    try {
      try {
        if (size > 0) tell();
        // One pass, so that the digest is that of the bytes that were kept, even where a file changes underneath.
        for await (const piece of piecesOf(source, files.stream, size)) {
          throwIfAborted(call.signal, 'Logging an artifact');
          if (call.size !== undefined && size + piece.byteLength > call.size) throw wrongSize('more', call.size);
          hash.update(piece);
          await file.write([piece], size);
          size += piece.byteLength;
          tell();
        }
        if (call.size !== undefined && size !== call.size) throw wrongSize(String(size), call.size);
        if (size === 0) tell(); // nothing was told of no piece
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      // A size that is wrong now will be wrong again.
      await park(path, FairleadError.isInstance(error, 'DIGEST_MISMATCH') ? undefined : known?.key);
      throw error;
    }
    return { path, digest: hash.hex(), size };
  };
}
