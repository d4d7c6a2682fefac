import { type Clock, closeable, consoleLogger, type Logger, systemClock } from '@fairlead/core';
import type { TrackingStore } from '../../store/tracking-store';
import type { MlflowClient } from '../client';
import { lengths } from '../limits';
import type { AdoptedVersions } from '../registry/adoption';
import { createMlflowRegistry } from '../registry/registry-store';
import { createServerPlaces } from '../registry/server-places';
import { createMlflowArtifactStore } from './artifact-store';
import { createBlobPlaces } from './blob-places';
import { createExperimentNames } from './experiment-names';
import { createRunIds } from './run-ids';
import { createMlflowRunStore } from './run-store';

/** Options of {@link createMlflowStore}. */
export interface MlflowStoreOptions {
  readonly client: MlflowClient;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
  /** Bytes that a run may hold in memory until the server has acknowledged them. @default 8388608 (8 MiB) */
  readonly maxBufferedBytes?: number;
  /** Milliseconds between two looks for changes of a model that is watched. 1 or more. @default 5000 */
  readonly pollMs?: number;
  /**
   * Which versions that other clients registered on the server become part of the registry: those that an alias points to,
   * all, or none. @default 'aliased'
   */
  readonly adopt?: AdoptedVersions;
  /** Hears what could not be adopted or shown to MLflow's users. @default the console */
  readonly logger?: Logger;
}

/**
 * A store on an MLflow server, for `openTracker({ store })`. Whoever gives `openTracker({ mlflow })` has one already.
 *
 * @example
 * const store = createMlflowStore({ client: createMlflowClient({ url: 'http://127.0.0.1:5000' }) });
 * const tracker = await openTracker({ store });
 */
export function createMlflowStore(options: MlflowStoreOptions): TrackingStore {
  const { client, clock = systemClock, maxBufferedBytes = 8 * 1024 * 1024 } = options;
  const experiments = createExperimentNames(client);
  const ids = createRunIds(client, experiments);
  const places = createBlobPlaces();
  const artifacts = createMlflowArtifactStore({ client, experiments, ids, places });
  const { logger = consoleLogger, pollMs, adopt } = options;
  const registry = createMlflowRegistry({
    client,
    clock,
    logger,
    places: createServerPlaces({ client, ids, places, artifacts }),
    ...(pollMs === undefined ? {} : { pollMs }),
    ...(adopt === undefined ? {} : { adopt }),
  });
  return {
    specVersion: 'v1',
    name: 'mlflow',
    durabilities: ['remote'],
    limits: { tagLength: lengths.tag },
    runs: createMlflowRunStore({ client, clock, experiments, ids, places, maxBufferedBytes }),
    artifacts,
    registry,
    ...closeable(() => registry.close()),
  };
}
