import type { Clock, Logger } from '@fairlead/core';
import type { TrackingStore } from '../../store/tracking-store';
import { createMlflowClient } from '../client';
import type { MlflowClientOptions } from '../client-options';
import type { AdoptedVersions } from '../registry/adoption';
import { createMlflowStore } from './mlflow-store';

/** What `openTracker({ mlflow })` knows of the server. */
export interface OpenMlflowStoreOptions {
  /** `true`: as the environment says. */
  readonly mlflow: true | MlflowClientOptions;
  readonly maxBufferedBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds between two looks for changes of a model that is watched. */
  readonly pollMs: number;
  /** Which versions of other clients become ours. */
  readonly adopt: AdoptedVersions;
}

/** Opens the store on an MLflow server. Nothing is asked of it before something is needed. @throws FairleadError `INVALID_OPTION` */
export function openMlflowStore(options: OpenMlflowStoreOptions): TrackingStore {
  const { mlflow, clock, maxBufferedBytes, pollMs, adopt, logger } = options;
  const client = createMlflowClient({ clock, ...(mlflow === true ? {} : mlflow) });
  return createMlflowStore({ client, clock, maxBufferedBytes, pollMs, adopt, logger });
}
