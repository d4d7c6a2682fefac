import {
  type CallOptions,
  closeable,
  createEvents,
  FairleadError,
  type Logger,
  messageOf,
  throwIfAborted,
} from '@fairlead/core';
import { createSha256, platformFiles } from '#files';
import { boundArtifacts } from './artifacts/bounded-artifacts';
import { createLineage } from './lineage/create-lineage';
import { createMaintenanceCalls } from './maintenance-calls';
import { invalidArgument } from './names';
import { openStore } from './open-store';
import { createRegistry } from './registry/create-registry';
import { createRunEdits } from './run/edit-runs';
import { listRuns } from './run/list-runs';
import { createLiveRuns } from './run/live-runs';
import type { Run } from './run/run';
import type { RunStartOptions, TypedRunStartOptions } from './run/run-options';
import { handleSignals } from './run/signals';
import { toRunRecord } from './run-record';
import { createCompare } from './search/tracker-compare';
import { createSearch } from './search/tracker-search';
import type { ArtifactStore } from './store/artifact-store';
import type { TrackingStore } from './store/tracking-store';
import { rememberGround } from './store-of-tracker';
import type { SyncOptions, SyncReport } from './sync/sync-report';
import type { Tracker, TrackerEventMap } from './tracker';
import { parseRunFilter, type TrackerOptions } from './tracker-options';

/** A store that bounds its uploads. It is named member by member, since a store may be an object of any kind. */
function withArtifacts(store: TrackingStore, artifacts: ArtifactStore): TrackingStore {
  const { specVersion, name, durabilities, limits, runs, registry, maintenance } = store;
  return {
    specVersion,
    name,
    durabilities,
    ...(limits !== undefined && { limits }),
    runs,
    artifacts,
    registry,
    ...(maintenance !== undefined && { maintenance }),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

async function hashFile(path: string, { signal }: CallOptions): Promise<string> {
  const hash = createSha256();
  for await (const piece of platformFiles.stream(path)) {
    throwIfAborted(signal, 'Reading the dataset');
    hash.update(piece);
  }
  return hash.hex();
}

/** Ends a run whose work threw. That error is the one that counts, so trouble with the end goes to the log. */
async function failRun(run: Run<unknown>, error: unknown, logger: Logger): Promise<void> {
  try {
    if (run.status === 'RUNNING') await run.fail(error);
  } catch (trouble) {
    logger.error({ id: run.id, error: trouble }, `The end of run ${run.id} may be lost: ${messageOf(trouble)}`);
  }
  try {
    await run.close();
  } catch (trouble) {
    logger.error({ id: run.id, error: trouble }, `The end of run ${run.id} is lost: ${messageOf(trouble)}`);
  }
}

/**
 * Opens a tracker.
 *
 * @example
 * const tracker = await openTracker({ dir: '.fairlead' });
 * await tracker.withRun({ experiment: 'digits', params: { lr: 0.1 } }, async (run) => {
 *   run.log({ loss: 0.3 }, { step: 1 });
 * });
 * await tracker.close();
 *
 * @throws FairleadError `INVALID_OPTION`, `STORE_FAILED`, `STORE_CORRUPT`, `UNSUPPORTED` for a store of a later format
 */
export async function openTracker(options: TrackerOptions): Promise<Tracker> {
  const settings = await openStore(options);
  const { clock, logger } = settings;
  const events = createEvents<TrackerEventMap>(logger, settings.on);
  const store = withArtifacts(
    settings.store,
    boundArtifacts(settings.store.artifacts, {
      concurrency: settings.uploads.concurrency,
      onProgress: (place, progress) => events.emit('artifact-progress', { ...place, ...progress }),
    }),
  );
  let closed = false;

  const checkOpen = (): void => {
    if (closed) throw new FairleadError('CLOSED', 'The tracker was closed: open another.');
  };

  const live = createLiveRuns({
    ...settings,
    store,
    events,
    checkOpen,
    hashFile,
    resolveModel: (reference, call) => registry.getVersion(reference, call),
  });
  const registry = createRegistry({ store, readRun: live.read, clock, logger, events, checkOpen });
  const edits = createRunEdits(store, live, clock, (id, field) => {
    logger.warn({ id, field }, `"${field}" of run ${id} looks like a secret: its value is not kept.`);
  });
  settings.watchPage?.(() => void live.writeOut());
  const ignoreSignals = handleSignals(settings.signals, logger, () => live.killAll());

  const closing = closeable(async () => {
    closed = true;
    ignoreSignals();
    try {
      await live.closeAll();
    } finally {
      await store.close();
      events.clear();
    }
  });

  async function withRun<Params, T>(
    given: RunStartOptions | TypedRunStartOptions<unknown, Params>,
    work: (run: Run<Params>) => Promise<T> | T,
  ): Promise<T> {
    if (typeof work !== 'function') throw invalidArgument('work', 'a function that takes the run', work);
    const run = await live.start<Params>(given);
    let result: T;
    try {
      result = await work(run);
    } catch (error) {
      await failRun(run, error, logger);
      throw error;
    }
    try {
      if (run.status === 'RUNNING') await run.complete();
    } finally {
      await run.close();
    }
    return result;
  }

  async function sync(given: SyncOptions = {}): Promise<SyncReport> {
    checkOpen();
    if (settings.sync === undefined) throw noServer(settings.dir !== undefined);
    const parsed = settings.sync.parse(given);
    await live.writeOut();
    return settings.sync.run(parsed);
  }

  const searching = { store, clock, checkOpen, writeOut: () => live.writeOut() };

  const tracker: Tracker = {
    ...closing,
    events,
    registry,
    search: createSearch(searching),
    compare: createCompare(searching),
    lineage: createLineage(searching),
    ...createMaintenanceCalls(store, checkOpen),
    withRun,
    startRun: <Params>(given: RunStartOptions | TypedRunStartOptions<unknown, Params> = {}) =>
      live.start<Params>(given),
    resumeRun: (id, call = {}) => live.resume(id, call),
    async setTags(id, tags) {
      checkOpen();
      await edits.setTags(id, tags);
    },
    async deleteRun(id) {
      checkOpen();
      await edits.deleteRun(id);
    },
    async restoreRun(id) {
      checkOpen();
      await edits.restoreRun(id);
    },
    async experiments(call = {}) {
      checkOpen();
      await live.writeOut();
      return store.runs.experiments(call);
    },
    async runs(filter = {}) {
      checkOpen();
      const parsed = parseRunFilter(filter);
      await live.writeOut();
      return listRuns(store.runs, parsed, clock.epochMs());
    },
    async getRun(id, call = {}) {
      checkOpen();
      return toRunRecord(await live.find(id, call), clock.epochMs(), store);
    },
    sync,
  };
  rememberGround(tracker, { store, clock, ...(settings.dir === undefined ? {} : { dir: settings.dir }) });
  return tracker;
}

/** The error for a tracker that has nobody to send anything to. */
function noServer(hasFolder: boolean): FairleadError {
  const why = hasFolder
    ? 'This tracker knows no server. Open it with openTracker({ dir, mlflow: { url } }) to send its runs there.'
    : 'This tracker has no folder whose runs could be sent: what it logs goes to its store at once.';
  return new FairleadError('UNSUPPORTED', why, {
    details: { field: 'mlflow', expected: 'a tracker that was opened with `dir` and `mlflow`', given: 'none' },
  });
}
