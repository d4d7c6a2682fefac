import { FairleadError, throwIfAborted } from '@fairlead/core';
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

/** Bytes of an artifact that is read as a whole. */
const mostInMemory = 16 * 1024 * 1024;

async function copyArtifact(artifact: StoredArtifact, options: CopyArtifactsOptions): Promise<void> {
  const { source, target, run, byDigest, signal } = options;
  const { name, digest, size, loggedAt, kind, mediaType, step } = artifact;
  const place = { run: run.id, name };
  const ref = { size, place, ...(digest === undefined ? {} : { digest }) };
  const call = signal === undefined ? {} : { signal };
  const known = byDigest && digest !== undefined ? await target.artifacts.stat({ digest, size }, call) : undefined;
  // What fits into memory is sent again at once when the connection breaks; a stream has to wait for the next copy.
  const put = async () => {
    const bytes = size <= mostInMemory ? await source.artifacts.read(ref, call) : source.artifacts.stream(ref, call);
    return target.artifacts.put(bytes, { place, size, ...call });
  };
  const blob = known ?? (await put());
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
