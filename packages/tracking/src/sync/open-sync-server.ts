import type { Clock } from '@fairlead/core';
import { createMlflowClient } from '../mlflow/client';
import type { MlflowClientOptions } from '../mlflow/client-options';
import { createMlflowStore } from '../mlflow/store/mlflow-store';
import type { TrackingStore } from '../store/tracking-store';

/** A server that runs are sent to, or come from. */
export interface SyncServer {
  readonly store: TrackingStore;
  /** Without credentials. */
  readonly url: string;
}

/** Opens the server that a folder is synced with. Nothing is asked of it yet. @throws FairleadError `INVALID_OPTION` */
export function openSyncServer(mlflow: true | MlflowClientOptions, clock: Clock): SyncServer {
  const client = createMlflowClient({ clock, ...(mlflow === true ? {} : mlflow) });
  return { store: createMlflowStore({ client, clock }), url: client.url };
}
