import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
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

function lostError(run: string, name: string): FairleadError {
  return new FairleadError(
    'CLOSED',
    `A signal ended the run ${run} before it had the artifact "${name}". Log it again after tracker.resumeRun().`,
    { details: { field: 'artifact', given: name } },
  );
}

/** The tag that names what a run lost when a signal ended it. */
export const lostArtifactsTag = 'lost_artifacts';

/** Names as a JSON array of at most so many characters: those that do not fit are counted at its end. */
export function lostArtifactsText(names: readonly string[], mostCharacters: number): string {
  for (let shown = names.length; shown > 0; shown = Math.floor(shown * 0.9)) {
    const rest = names.length - shown;
    const text = JSON.stringify(rest === 0 ? names : [...names.slice(0, shown), `and ${rest} more`]);
    if (text.length <= mostCharacters) return text;
  }
  return JSON.stringify([`${names.length} artifacts`]);
}

/** The artifacts of a run: keeps bytes, and then records that the run has them. */
export class ArtifactLog {
  readonly #options: ArtifactLogOptions;
  /** Those that are on their way, and their names. */
  readonly #uploads = new Map<Promise<unknown>, string>();
  #abandoned = false;

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
      // Too late: the run has said that it does not have it.
      if (this.#abandoned) throw lostError(run, name);
      append({ type: 'artifact', at: epochMs(), name, ...blob, ...facts });
      return blob;
    });
    this.#uploads.set(upload, name);
    try {
      return await upload;
    } finally {
      this.#uploads.delete(upload);
    }
  }

  /** Gives up those that are on their way, and answers their names, each once. */
  abandon(): readonly string[] {
    this.#abandoned = true;
    return [...new Set(this.#uploads.values())].sort();
  }

  /** Resolves once those on their way have come to their end. Their own callers hear whether they failed. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#uploads.keys()]);
  }
}
