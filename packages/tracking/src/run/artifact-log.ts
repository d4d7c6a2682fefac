import { type CallOptions, throwIfAborted } from '@fairlead/core';
import { checkArtifactName } from '../names';
import type { ArtifactSource, ArtifactStore, BlobInfo } from '../store/artifact-store';
import type { ArtifactKind, RunEvent } from '../store/run-store';

/** What an artifact is, beside its bytes. */
export interface ArtifactFacts {
  readonly kind?: ArtifactKind;
  readonly mediaType?: string;
  readonly step?: number;
}

/** What an {@link ArtifactLog} stands on. */
export interface ArtifactLogOptions {
  /** The run's id. */
  readonly run: string;
  readonly artifacts: ArtifactStore;
  /** Records an event of the run. */
  readonly append: (event: RunEvent) => void;
  /** The time of an event, epoch milliseconds. */
  readonly epochMs: () => number;
}

/** The artifacts of a run: keeps bytes, and then records that the run has them. */
export class ArtifactLog {
  readonly #options: ArtifactLogOptions;
  readonly #uploads = new Set<Promise<unknown>>();

  constructor(options: ArtifactLogOptions) {
    this.#options = options;
  }

  /** How many are on their way. */
  get pending(): number {
    return this.#uploads.size;
  }

  /** @throws FairleadError `INVALID_ARGUMENT`, and as {@link ArtifactStore.put} */
  async log(name: string, source: ArtifactSource, facts: ArtifactFacts, call: CallOptions): Promise<BlobInfo> {
    checkArtifactName(name);
    throwIfAborted(call.signal, 'Logging an artifact');
    const { run, artifacts, append, epochMs } = this.#options;
    const upload = artifacts.put(source, { ...call, place: { run, name } }).then((blob) => {
      append({ type: 'artifact', at: epochMs(), name, ...blob, ...facts });
      return blob;
    });
    this.#uploads.add(upload);
    try {
      return await upload;
    } finally {
      this.#uploads.delete(upload);
    }
  }

  /** Resolves once those on their way have come to their end. Their own callers hear whether they failed. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#uploads]);
  }
}
