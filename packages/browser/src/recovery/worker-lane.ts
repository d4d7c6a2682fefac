import type { CallOptions, FairleadError, LoadedModel, Session, WorkerModule } from '@fairlead/core';

/** A session in a worker that can be ended at once, also in the middle of a run that never ends. */
export interface WorkerLane {
  readonly session: Session;
  /** Ends the worker: what is in flight is rejected with `LANE_LOST`, then its owner hears `onLost`. */
  kill(error: FairleadError): void;
}

/** Starts a worker and opens a session in it. */
export type OpenWorkerLane = (
  module: WorkerModule,
  model: LoadedModel,
  options: CallOptions & { readonly onLost?: (error: unknown) => void },
) => Promise<WorkerLane>;
