import { type Clock, closeable, systemClock } from '@fairlead/core';
import type { RegistryStore } from '../../store/registry-store';
import type { TrackingStore } from '../../store/tracking-store';
import type { MlflowClient } from '../client';
import { lengths } from '../limits';
import { createMlflowArtifactStore } from './artifact-store';
import { type BlobPlaces, createBlobPlaces } from './blob-places';
import { createExperimentNames, type ExperimentNames } from './experiment-names';
import { noRegistry } from './no-registry';
import { createRunIds, type RunIds } from './run-ids';
import { createMlflowRunStore } from './run-store';

/** What a registry on the same server can use. */
export interface MlflowStoreParts {
  readonly client: MlflowClient;
  readonly clock: Clock;
  readonly experiments: ExperimentNames;
  readonly ids: RunIds;
  readonly places: BlobPlaces;
  readonly artifacts: TrackingStore['artifacts'];
}

/** Options of {@link createMlflowStore}. */
export interface MlflowStoreOptions {
  readonly client: MlflowClient;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
  /** Bytes that a run may hold in memory until the server has acknowledged them. @default 8388608 (8 MiB) */
  readonly maxBufferedBytes?: number;
  /** Makes the registry. @default none: its calls reject with `UNSUPPORTED` */
  readonly registry?: (parts: MlflowStoreParts) => RegistryStore & { close?(): Promise<void> };
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
  const registry = options.registry?.({ client, clock, experiments, ids, places, artifacts });
  return {
    specVersion: 'v1',
    name: 'mlflow',
    durabilities: ['remote'],
    limits: { tagLength: lengths.tag },
    runs: createMlflowRunStore({ client, clock, experiments, ids, places, maxBufferedBytes }),
    artifacts,
    registry: registry ?? noRegistry,
    ...closeable(async () => registry?.close?.()),
  };
}
