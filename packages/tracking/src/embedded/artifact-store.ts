import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files } from '../files/files';
import { createSha256 } from '../files/sha256';
import { invalidArgument, isDigest } from '../names';
import type {
  ArtifactRef,
  ArtifactSource,
  ArtifactStore,
  ArtifactStreamOptions,
  BlobInfo,
  PutOptions,
} from '../store/artifact-store';

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

function withoutDigest({ place }: ArtifactRef): FairleadError {
  const given = place === undefined ? 'no digest' : `only the name "${place.name}"`;
  return new FairleadError('UNSUPPORTED', `This store finds artifacts by their SHA-256 alone; given ${given}.`, {
    details: { field: 'digest', expected: 'a SHA-256 in lower-case hex', given },
  });
}

function notKept(digest: string): FairleadError {
  return new FairleadError('NOT_FOUND', `The artifact ${digest} is not in this store. Log its bytes again.`, {
    details: { field: 'digest', expected: 'the SHA-256 of an artifact of this store', given: digest },
  });
}

function damaged(digest: string, given: string, expected: string): FairleadError {
  return new FairleadError(
    'DIGEST_MISMATCH',
    `The artifact ${digest} was changed where it is kept: it has ${given}, and not ${expected}. Log the right bytes ` +
      'again; they replace the damaged ones.',
    { details: { field: 'digest', expected, given } },
  );
}

function checkOffset(offset: number, size: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= size) return;
  throw invalidArgument('offset', `a whole number from 0 to ${size}, the artifact's size`, offset);
}

/** Artifacts in `artifacts/<sha256>`: the same content is kept once, whoever logged it. */
export function createArtifactStore(files: Files, dir: string): ArtifactStore {
  const root = files.join(dir, 'artifacts');
  const pathOf = (digest: string): string => files.join(root, digest);

  /** The path of an artifact and its size. */
  const find = async (ref: ArtifactRef): Promise<{ path: string; digest: string; size: number }> => {
    const { digest } = ref;
    if (digest === undefined) throw withoutDigest(ref);
    const size = isDigest(digest) ? await files.size(pathOf(digest)) : undefined;
    if (size === undefined) throw notKept(digest);
    if (ref.size !== undefined && ref.size !== size) throw damaged(digest, `${size} bytes`, `${ref.size} bytes`);
    return { path: pathOf(digest), digest, size };
  };

  const stat = async ({ digest }: ArtifactRef): Promise<BlobInfo | undefined> => {
    if (digest === undefined || !isDigest(digest)) return undefined;
    const size = await files.size(pathOf(digest));
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

  const put = async (source: ArtifactSource, call: PutOptions = {}): Promise<BlobInfo> => {
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
      if (!(await isGood(digest, size, call))) {
        await files.rename(temporary, pathOf(digest));
        await files.syncFolder(root);
      }
      return { digest, size };
    } finally {
      await files.remove(temporary);
    }
  };

  async function* stream(ref: ArtifactRef, options: ArtifactStreamOptions = {}): AsyncGenerator<Uint8Array> {
    const { offset = 0, signal } = options;
    throwIfAborted(signal, 'Reading an artifact');
    const { path, digest, size } = await find(ref);
    checkOffset(offset, size);
    const hash = offset === 0 ? createSha256() : undefined;
    let at = offset;
    for await (const piece of files.stream(path, offset)) {
      throwIfAborted(signal, 'Reading an artifact');
      hash?.update(piece);
      at += piece.byteLength;
      yield piece;
    }
    if (at !== size) throw damaged(digest, `${at} bytes`, `${size} bytes`);
    const given = hash?.hex() ?? digest;
    if (given !== digest) throw damaged(digest, `the SHA-256 ${given}`, digest);
  }

  const read = async (ref: ArtifactRef, call: CallOptions = {}): Promise<Uint8Array> => {
    const { size } = await find(ref);
    const bytes = new Uint8Array(size);
    let at = 0;
    for await (const piece of stream({ ...ref, size }, call)) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    return bytes;
  };

  return { put, stat, stream, read };
}
