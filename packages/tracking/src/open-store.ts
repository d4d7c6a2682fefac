import { platformFiles } from '#files';
import type { RelayStore } from './browser/relay-store';
import type { TrackingStore } from './store/tracking-store';
import type { Sync } from './sync/create-sync';
import { type CommonTrackerOptions, parseTrackerOptions, type TrackerOptions } from './tracker-options';

/** Settings of a tracker itself, its store, and what comes with that. */
export type OpenedStore = Pick<ReturnType<typeof parseTrackerOptions>, keyof CommonTrackerOptions> & {
  readonly store: TrackingStore;
  /** The folder of the store, where it has one. */
  readonly dir?: string;
  /** Sends runs of the folder to a server. */
  readonly sync?: Sync;
  /** Calls back when the page is about to go. */
  readonly watchPage?: RelayStore['watchPage'];
};

/**
 * Opens the store that the options of a tracker ask for. Only that one is loaded.
 * @throws FairleadError as `openTracker`
 */
export async function openStore(options: TrackerOptions): Promise<OpenedStore> {
  const settings = parseTrackerOptions(options);
  if ('store' in settings) return settings;
  if ('relay' in settings) {
    const { openRelayStore } = await import('./browser/relay-store');
    return { ...settings, ...(await openRelayStore(settings)) };
  }
  if (!('dir' in settings)) {
    const { openMlflowStore } = await import('./mlflow/store/open-mlflow-store');
    return { ...settings, store: openMlflowStore(settings) };
  }
  const { openEmbeddedStore } = await import('./embedded/embedded-store');
  const store = await openEmbeddedStore({ ...settings, files: platformFiles });
  const { mlflow, dir, clock } = settings;
  if (mlflow === undefined) return { ...settings, store };
  try {
    const { openSyncServer } = await import('./sync/open-sync-server');
    const { createSync } = await import('./sync/create-sync');
    const sync = createSync(store, openSyncServer(mlflow, clock), { files: platformFiles, dir, clock });
    return { ...settings, store: sync.store, sync };
  } catch (error) {
    await store.close();
    throw error;
  }
}
