import { type CallOptions, type Clock, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import { checkFound, digestOf, gather, streamChecked } from '../artifacts/checked-read';
import { artifactNotKept } from '../artifacts/pieces';
import type { Files } from '../files/files';
import { isDigest } from '../names';
import type { ArtifactRef, ArtifactStore, BlobInfo, KeptBlob } from '../store/artifact-store';
import { createUploads } from './artifact-upload';

/** How the artifacts of a folder are kept. */
export interface ArtifactStoreOptions {
  readonly files: Files;
  /** The store's folder. */
  readonly dir: string;
  readonly clock: Clock;
}

/** The folder of unfinished uploads, in that of the artifacts. */
const uploadsName = '.uploads';

/** Artifacts in `artifacts/<sha256>`: the same content is kept once, whoever logged it. */
export function createArtifactStore({ files, dir, clock }: ArtifactStoreOptions): ArtifactStore {
  const root = files.join(dir, 'artifacts');
  const folder = files.join(root, uploadsName);
  const upload = createUploads({ files, folder, clock });
  const pathOf = (digest: string): string => files.join(root, digest);

  const stat = async ({ digest }: ArtifactRef): Promise<BlobInfo | undefined> => {
    const size = digest !== undefined && isDigest(digest) ? await files.size(pathOf(digest)) : undefined;
    return digest === undefined || size === undefined ? undefined : { digest, size };
  };

  const find = async (ref: ArtifactRef): Promise<BlobInfo> => {
    const digest = digestOf(ref);
    const found = await stat({ digest });
    if (found === undefined) throw artifactNotKept(digest);
    return checkFound(ref, found);
  };

  /** Whether the bytes under a digest are what it says. A damaged copy is replaced by the next good one. */
  const isGood = async ({ digest, size }: BlobInfo, call: CallOptions): Promise<boolean> => {
    if ((await files.size(pathOf(digest))) !== size) return false;
    const hash = createSha256();
    for await (const piece of files.stream(pathOf(digest))) {
      throwIfAborted(call.signal, 'Checking an artifact');
      hash.update(piece);
    }
    return hash.hex() === digest;
  };

  const stream: ArtifactStore['stream'] = async function* (ref, options = {}) {
    throwIfAborted(options.signal, 'Reading an artifact');
    const found = await find(ref);
    yield* streamChecked(found, options, (offset) => files.stream(pathOf(found.digest), offset));
  };

  return {
    stat,
    stream,
    async put(source, call = {}) {
      await files.makeFolder(folder);
      const { path, digest, size } = await upload(source, call);
      try {
        // Touched, so that a garbage collection which runs just now sees that somebody wants it.
        const isKept = (await isGood({ digest, size }, call)) && (await files.touch(pathOf(digest)));
        if (!isKept) {
          await files.rename(path, pathOf(digest));
          await files.syncFolder(root);
        }
      } finally {
        await files.remove(path);
      }
      return { digest, size };
    },
    async read(ref, call = {}) {
      const found = await find(ref);
      return gather(found.size, stream(found, call));
    },
    async *digests(call = {}): AsyncGenerator<KeptBlob, void, undefined> {
      for (const digest of await files.list(root)) {
        throwIfAborted(call.signal, 'Listing the artifacts');
        const facts = isDigest(digest) ? await files.facts(pathOf(digest)) : undefined;
        if (facts !== undefined) yield { digest, size: facts.size, storedAt: facts.modifiedAt };
      }
    },
    async remove(digest) {
      if (isDigest(digest)) await files.remove(pathOf(digest));
    },
  };
}
