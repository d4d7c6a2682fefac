import { FairleadError, throwIfAborted } from '@fairlead/core';
import type { ArtifactRef } from '../store/artifact-store';
import type { RunEvent, StoredArtifact, StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { artifactText } from './run-state';

/** Which artifacts are copied: those that are not there, all of them once more, or none. */
export type ArtifactChoice = 'new' | 'all' | 'none';

/** How artifacts are copied. */
export interface CopyArtifactsOptions {
  readonly source: TrackingStore;
  readonly target: TrackingStore;
  readonly run: StoredRun;
  readonly there: StoredRun | undefined;
  readonly choice: ArtifactChoice;
  /** The target keeps bytes by their digest alone, so that those it has from another run need not be sent. */
  readonly byDigest: boolean;
  readonly signal: AbortSignal | undefined;
  /** Takes the event of an artifact whose bytes are there. */
  append(event: RunEvent): Promise<void>;
  onSent(bytes: number): void;
}

function isThere(artifact: StoredArtifact, known: StoredArtifact | undefined): boolean {
  if (known === undefined) return false;
  // A server that does not tell digests says no more than the size.
  if (artifact.digest === undefined) return artifact.size === known.size;
  return artifactText(artifact) === artifactText(known);
}

/** The bytes, from the beginning for everyone who asks: an upload may begin anew. */
function bytesOf(store: TrackingStore, ref: ArtifactRef, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () =>
      store.artifacts.stream(ref, signal === undefined ? {} : { signal })[Symbol.asyncIterator](),
  };
}

async function copyArtifact(artifact: StoredArtifact, options: CopyArtifactsOptions): Promise<void> {
  const { source, target, run, byDigest, signal } = options;
  const { name, digest, size, loggedAt, kind, mediaType, step } = artifact;
  const place = { run: run.id, name };
  const ref = { size, place, ...(digest === undefined ? {} : { digest }) };
  const call = signal === undefined ? {} : { signal };
  const known = byDigest && digest !== undefined ? await target.artifacts.stat({ digest, size }, call) : undefined;
  const blob = known ?? (await target.artifacts.put(bytesOf(source, ref, signal), { place, size, ...call }));
  if (known === undefined) options.onSent(blob.size);
  await options.append({
    type: 'artifact',
    at: loggedAt,
    name,
    digest: blob.digest,
    size: blob.size,
    ...(kind === undefined ? {} : { kind }),
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(step === undefined ? {} : { step }),
  });
}

/**
 * Copies the artifacts of a run. One whose bytes are lost or damaged does not stop the others.
 * @returns the first error of such a one
 */
export async function copyArtifacts(options: CopyArtifactsOptions): Promise<FairleadError | undefined> {
  const { run, there, choice, signal } = options;
  if (choice === 'none') return undefined;
  const known = new Map(there?.artifacts.map((artifact) => [artifact.name, artifact]));
  let failure: FairleadError | undefined;
  for (const artifact of run.artifacts) {
    throwIfAborted(signal, 'The copy');
    if (choice === 'new' && isThere(artifact, known.get(artifact.name))) continue;
    try {
      await copyArtifact(artifact, options);
    } catch (error) {
      if (!FairleadError.isInstance(error, 'NOT_FOUND') && !FairleadError.isInstance(error, 'DIGEST_MISMATCH'))
        throw error;
      failure ??= error;
    }
  }
  return failure;
}
