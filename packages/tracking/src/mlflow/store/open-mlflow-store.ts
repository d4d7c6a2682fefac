import type { Clock } from '@fairlead/core';
import type { TrackingStore } from '../../store/tracking-store';
import { createMlflowClient } from '../client';
import type { MlflowClientOptions } from '../client-options';
import { createMlflowStore } from './mlflow-store';

/** What `openTracker({ mlflow })` knows of the server. */
export interface OpenMlflowStoreOptions {
  /** `true`: as the environment says. */
  readonly mlflow: true | MlflowClientOptions;
  readonly maxBufferedBytes: number;
  readonly clock: Clock;
}

/** Opens the store on an MLflow server. Nothing is asked of it before something is needed. @throws FairleadError `INVALID_OPTION` */
export function openMlflowStore({ mlflow, maxBufferedBytes, clock }: OpenMlflowStoreOptions): TrackingStore {
  const client = createMlflowClient({ clock, ...(mlflow === true ? {} : mlflow) });
  return createMlflowStore({ client, clock, maxBufferedBytes });
}
