import { type CallOptions, FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { platformFiles } from '#files';
import { groundOf, type TrackerGround } from '../../store-of-tracker';
import { copyRuns } from '../../sync/copy-runs';
import { createSyncFolder } from '../../sync/sync-folder';
import type { SyncProgress, SyncReport } from '../../sync/sync-report';
import type { Tracker } from '../../tracker';
import { createMlflowClient, type MlflowClient } from '../client';
import type { MlflowClientOptions } from '../client-options';
import { createMlflowStore } from '../store/mlflow-store';
import { importModels, type SkippedVersion } from './import-models';

/** What is fetched from a server, and from which one. */
export interface ImportOptions extends MlflowClientOptions, CallOptions {
  /** Only runs of the experiments of these names. @default all */
  readonly experiments?: readonly string[];
  /**
   * `new`: artifacts that are not here, or have another size or digest on the server; `all`: all of them once more, for those
   * that were replaced by others of the same size; `none`: runs without their artifacts. @default 'new'
   */
  readonly artifacts?: 'new' | 'all' | 'none';
  /** Whether registered models are imported as well, of every experiment. @default false */
  readonly models?: boolean;
  /** Compares every run, those too that had ended when they were imported and look the same. @default false */
  readonly verify?: boolean;
  /** Called whenever something has arrived. */
  readonly onProgress?: (progress: SyncProgress) => void;
}

/** What an import came to. */
export interface ImportReport extends SyncReport {
  /** What became of registered models; absent where they were not asked for. */
  readonly models?: {
    /** Versions that are new here. */
    readonly versions: number;
    /** Aliases that were set. */
    readonly aliases: number;
    /** What was left out, and why. */
    readonly skipped: readonly SkippedVersion[];
  };
}

const ownSchema = z.strictObject({
  experiments: z.optional(z.array(z.string().check(z.minLength(1))).check(z.minLength(1))),
  artifacts: z._default(z.enum(['new', 'all', 'none']), 'new'),
  models: z._default(z.boolean(), false),
  verify: z._default(z.boolean(), false),
  onProgress: z.optional(
    z.custom<NonNullable<ImportOptions['onProgress']>>((value) => typeof value === 'function', 'a function'),
  ),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

function groundWithFolder(tracker: Tracker): TrackerGround & { readonly dir: string } {
  const ground = groundOf(tracker);
  if (ground?.dir !== undefined) return { ...ground, dir: ground.dir };
  throw new FairleadError(
    'UNSUPPORTED',
    'importFromMlflow fetches into a folder: give a tracker that was opened with openTracker({ dir }).',
    {
      details: { field: 'tracker', expected: 'a tracker with a folder', given: ground?.store.name ?? 'something else' },
    },
  );
}

/** @throws FairleadError `NOT_FOUND` */
async function checkExperiments(client: MlflowClient, names: readonly string[], call: CallOptions): Promise<void> {
  for (const name of names) {
    if ((await client.experiments.getByName(name, call)) !== undefined) continue;
    throw new FairleadError(
      'NOT_FOUND',
      `There is no experiment "${name}" on ${client.url}. See the names in its UI.`,
      {
        details: { field: 'experiments', expected: 'names of experiments of the server', given: name },
      },
    );
  }
}

/**
 * Fetches runs from an MLflow server into the folder of a tracker: their points, parameters, tags, datasets, artifacts,
 * parents and ends, and registered models where asked for. A run keeps its id. Called again, it fetches what is new; what it
 * was interrupted in, it goes on with.
 *
 * @example
 * const tracker = await openTracker({ dir: '.fairlead' });
 * const { runs, failed } = await importFromMlflow(tracker, { url: 'http://127.0.0.1:5000', experiments: ['digits'] });
 *
 * @throws FairleadError `INVALID_OPTION`; `UNSUPPORTED` for a tracker without a folder; `NOT_FOUND` for an experiment that
 * the server does not have; `CONFLICT` while another process imports into this folder; `REMOTE_FAILED`, `STORE_FAILED`,
 * `ABORTED`
 */
export async function importFromMlflow(tracker: Tracker, options: ImportOptions = {}): Promise<ImportReport> {
  const { experiments, artifacts, models, verify, onProgress, signal, ...connection } = options;
  const own = parseOptions(
    ownSchema,
    // An option that is left out has its default.
    Object.fromEntries(
      Object.entries({ experiments, artifacts, models, verify, onProgress, signal }).filter(
        ([, value]) => value !== undefined,
      ),
    ),
    'importFromMlflow',
  );
  const { store, dir, clock } = groundWithFolder(tracker);
  const client = createMlflowClient({ clock, ...connection });
  const call = own.signal === undefined ? {} : { signal: own.signal };
  const folder = createSyncFolder(platformFiles, dir, 'from', client.url, clock);
  return folder.alone(
    async () => {
      await checkExperiments(client, own.experiments ?? [], call);
      const report = await copyRuns({
        source: createMlflowStore({ client, clock }),
        target: { store, durability: 'disk', isLocal: true },
        marks: folder.marks,
        clock,
        artifacts: own.artifacts,
        verify: own.verify || own.artifacts === 'all',
        signal: own.signal,
        experiments: own.experiments,
        onProgress: own.onProgress,
      });
      if (!own.models) return report;
      return { ...report, models: await importModels(client, tracker, store, call) };
    },
    { waits: false, ...call },
  );
}
