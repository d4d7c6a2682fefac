import { FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import type { StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import type { ArtifactChoice } from './copy-artifacts';
import type { CopyMark, CopyMarks } from './copy-marks';
import { type CopyRunOptions, copyRun } from './copy-run';
import { stateText } from './run-state';
import type { SyncProgress, SyncReport } from './sync-report';

/** Runs that are asked for at once. */
const pageSize = 500;

/** So many runs in a row without an answer, and no more are tried: each has waited through all of its retries. */
const mostSilences = 2;

/** Which runs are copied. */
export interface RunSelection {
  /** By their ids, those that they are part of among them. @default all */
  readonly runs?: readonly string[] | undefined;
  /** Only those of these experiments. @default all */
  readonly experiments?: readonly string[] | undefined;
}

/** How runs are copied. */
export interface CopyRunsOptions extends Omit<CopyRunOptions, 'onSent'>, RunSelection {
  readonly onProgress: ((progress: SyncProgress) => void) | undefined;
}

/** What a run is like, and what of it is wanted. */
function hashOf(run: StoredRun, artifacts: ArtifactChoice): string {
  const hash = createSha256();
  hash.update(new TextEncoder().encode(`${artifacts === 'none' ? 'without' : 'with'} artifacts ${stateText(run)}`));
  return hash.hex();
}

function missing(id: string): FairleadError {
  return new FairleadError('NOT_FOUND', `There is no run "${id}" in this store. tracker.runs() lists what is.`, {
    details: { field: 'runs', expected: 'ids of runs of this store', given: id },
  });
}

function startLost(id: string): FairleadError {
  const message = `The start of run ${id} is damaged, so that nobody knows what it belongs to. Restore its files from a copy.`;
  return new FairleadError('STORE_CORRUPT', message, { details: { field: 'id', given: id } });
}

async function findByIds(
  { runs: store }: TrackingStore,
  ids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, StoredRun>> {
  const found = new Map<string, StoredRun>();
  const waiting = [...ids];
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    if (found.has(id)) continue;
    throwIfAborted(signal, 'The copy');
    const run = await store.read(id, signal === undefined ? {} : { signal });
    if (run === undefined) {
      if (ids.includes(id)) throw missing(id);
      continue; // a parent that is gone
    }
    found.set(id, run);
    // Without it the other side cannot say what the run is part of.
    if (run.parent !== undefined) waiting.push(run.parent);
  }
  return found;
}

async function findAll(
  { runs: store }: TrackingStore,
  experiments: readonly string[] | undefined,
  signal: AbortSignal | undefined,
): Promise<Map<string, StoredRun>> {
  const found = new Map<string, StoredRun>();
  let pageToken: string | undefined;
  do {
    throwIfAborted(signal, 'The copy');
    const page = await store.search(
      {
        deleted: 'include',
        limit: pageSize,
        ...(experiments === undefined ? {} : { experiments }),
        ...(pageToken === undefined ? {} : { pageToken }),
      },
      signal === undefined ? {} : { signal },
    );
    for (const run of page.runs) found.set(run.id, run);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  return found;
}

/** The oldest first, and each behind the one that it is part of. */
function inOrder(found: ReadonlyMap<string, StoredRun>): readonly StoredRun[] {
  const ordered = new Set<StoredRun>();
  const add = (run: StoredRun, above: ReadonlySet<string>): void => {
    const parent = run.parent === undefined || above.has(run.parent) ? undefined : found.get(run.parent);
    if (parent !== undefined && !ordered.has(parent)) add(parent, new Set([...above, run.id]));
    ordered.add(run);
  };
  for (const run of [...found.values()].sort((a, b) => a.startedAt - b.startedAt)) add(run, new Set([run.id]));
  return [...ordered];
}

/** Whether the other side did not answer, so that it is no use to go on. */
function isSilence(error: unknown): boolean {
  return FairleadError.isInstance(error, 'REMOTE_FAILED') && error.details.status === undefined;
}

function toFairleadError(error: unknown): FairleadError {
  if (FairleadError.isInstance(error)) return error;
  return new FairleadError('STORE_FAILED', `The copy failed: ${String(error)}`, { cause: error });
}

/** Whether a run needs no copy: it was deleted before anything of it was there. */
async function isUnwanted(run: StoredRun, { target, signal }: CopyRunsOptions, hasMark: boolean): Promise<boolean> {
  if (run.deletedAt === undefined || hasMark) return false;
  return (await target.store.runs.read(run.id, signal === undefined ? {} : { signal })) === undefined;
}

async function noteDone(marks: CopyMarks, id: string, done: string, seen: CopyMark['seen']): Promise<void> {
  const mark = await marks.read(id);
  await marks.write(id, { points: mark?.points ?? {}, ...(seen === undefined ? {} : { seen }), done });
}

/**
 * Copies runs, each as a whole: one that fails does not stop the others. What is known to be there costs nothing.
 * @throws FairleadError `NOT_FOUND` for an id, `ABORTED`, and what finding the runs fails with
 */
export async function copyRuns(options: CopyRunsOptions): Promise<SyncReport> {
  const { source, marks, runs: ids, experiments, signal, verify, onProgress } = options;
  const found = ids === undefined ? await findAll(source, experiments, signal) : await findByIds(source, ids, signal);
  const sent = { points: 0, artifacts: 0, bytes: 0 };
  const failed: { id: string; error: FairleadError }[] = [];
  let [copied, unchanged] = [0, 0];
  /** Runs in a row for which the other side did not answer. */
  let silences = 0;
  let silence: FairleadError | undefined;

  const copy = async (seen: StoredRun, tell: () => void): Promise<void> => {
    const { id } = seen;
    const state = hashOf(seen, options.artifacts);
    const mark = await marks.read(id);
    if (mark?.done === state && !verify) {
      unchanged++;
      return;
    }
    let metrics: CopyMark['seen'];
    if (await isUnwanted(seen, options, mark !== undefined)) {
      unchanged++;
    } else {
      const run = await source.runs.read(id, signal === undefined ? {} : { signal });
      if (run === undefined) throw missing(id);
      if (run.experiment === '') {
        if (run.damage.length > 0) throw startLost(id);
        unchanged++; // it begins in this moment, and nothing of it has been written
        return;
      }
      metrics = await copyRun(run, {
        ...options,
        onSent({ points = 0, artifacts = 0, bytes = 0 }) {
          sent.points += points;
          sent.artifacts += artifacts;
          sent.bytes += bytes;
          tell();
        },
      });
      copied++;
    }
    await noteDone(marks, id, state, metrics);
  };

  const runs = inOrder(found);
  for (const [index, run] of runs.entries()) {
    const progress = (done: number): SyncProgress => {
      const { id, name, experiment } = run;
      return { run: { id, name, experiment }, done, total: runs.length, failed: failed.length, ...sent };
    };
    throwIfAborted(signal, 'The copy');
    try {
      if (silence !== undefined && silences >= mostSilences) throw silence;
      await copy(run, () => onProgress?.(progress(index)));
    } catch (error) {
      throwIfAborted(signal, 'The copy');
      const failure = toFairleadError(error);
      if (isSilence(failure)) {
        silence = failure;
        silences++;
      } else silences = 0;
      failed.push({ id: run.id, error: failure });
    }
    onProgress?.(progress(index + 1));
  }
  return { runs: copied, unchanged, ...sent, failed };
}
