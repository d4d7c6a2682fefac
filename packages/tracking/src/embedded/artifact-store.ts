import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files } from '../files/files';
import { createSha256 } from '../files/sha256';
import { isDigest } from '../names';
import type { ArtifactSource, ArtifactStore, BlobInfo } from '../store/artifact-store';

/** Write buffer of a stream, bytes. */
const pieceLength = 1 << 20;

async function* pieces(files: Files, source: ArtifactSource): AsyncGenerator<Uint8Array, void, undefined> {
  if (source instanceof Uint8Array) {
    for (let at = 0; at < source.byteLength; at += pieceLength) yield source.subarray(at, at + pieceLength);
    return;
  }
  for await (const piece of typeof source === 'string' ? files.stream(source) : source) {
    if (!(piece instanceof Uint8Array)) {
      throw new FairleadError('INVALID_ARGUMENT', 'The stream of an artifact must yield Uint8Array.', {
        details: { field: 'source', expected: 'Uint8Array', given: typeof piece },
      });
    }
    yield piece;
  }
}

/** Artifacts in `artifacts/<sha256>`: the same content is kept once, whoever logged it. */
export function createArtifactStore(files: Files, dir: string): ArtifactStore {
  const root = files.join(dir, 'artifacts');
  const pathOf = (digest: string): string => files.join(root, digest);

  const stat = async (digest: string): Promise<BlobInfo | undefined> => {
    const size = isDigest(digest) ? await files.size(pathOf(digest)) : undefined;
    return size === undefined ? undefined : { digest, size };
  };

  /** Whether the bytes under a digest are what it says. A damaged copy is replaced by the next good one. */
  const isGood = async (digest: string, size: number, call: CallOptions): Promise<boolean> => {
    if ((await files.size(pathOf(digest))) !== size) return false;
    const hash = createSha256();
    for await (const piece of files.stream(pathOf(digest))) {
      throwIfAborted(call.signal, 'Checking an artifact');
      hash.update(piece);
    }
    return hash.hex() === digest;
  };

  const put = async (source: ArtifactSource, call: CallOptions = {}): Promise<BlobInfo> => {
    const temporary = files.join(root, `.tmp-${crypto.randomUUID()}`);
    const hash = createSha256();
    let size = 0;
    try {
      const file = await files.open(temporary, 'create');
      if (file === undefined) throw new FairleadError('STORE_FAILED', `Could not create ${temporary}.`);
      try {
        // One pass, so that the digest is that of the bytes that were kept, even where a file changes underneath.
        for await (const piece of pieces(files, source)) {
          throwIfAborted(call.signal, 'Logging an artifact');
          hash.update(piece);
          await file.write([piece], size);
          size += piece.byteLength;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const digest = hash.hex();
      if (await isGood(digest, size, call)) {
        // Somebody is about to refer to it, so garbage collection must not take it for old.
        await files.touch(pathOf(digest));
      } else {
        await files.rename(temporary, pathOf(digest));
        await files.syncFolder(root);
      }
      return { digest, size };
    } finally {
      await files.remove(temporary);
    }
  };

  const read = async (digest: string, call: CallOptions = {}): Promise<Uint8Array> => {
    throwIfAborted(call.signal, 'Reading an artifact');
    const bytes = isDigest(digest) ? await files.read(pathOf(digest)) : undefined;
    if (bytes === undefined) {
      throw new FairleadError('NOT_FOUND', `The artifact ${digest} is not in this store. Log its bytes again.`, {
        details: { field: 'digest', expected: 'the SHA-256 of an artifact of this store', given: digest },
      });
    }
    throwIfAborted(call.signal, 'Reading an artifact');
    const hash = createSha256();
    hash.update(bytes);
    const given = hash.hex();
    if (given !== digest) {
      throw new FairleadError(
        'DIGEST_MISMATCH',
        `The artifact ${digest} was changed on the disk: its bytes have the SHA-256 ${given}. Log the right bytes again; ` +
          'they replace the damaged ones.',
        { details: { field: 'digest', expected: digest, given } },
      );
    }
    return bytes;
  };

  return { put, stat, read };
}
