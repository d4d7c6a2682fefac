import type { CallOptions } from '@fairlead/core';
import type { BlobInfo } from '../../store/artifact-store';

/** Where the bytes of an artifact lie on a server: a file in a folder. */
export interface BlobPlace {
  /** Such as `mlflow-artifacts:/1/<run>/artifacts/model`. What else lies in it is shown to MLflow's users with the file. */
  readonly folder: string;
  /** Its name in the folder. */
  readonly file: string;
  /** MLflow's id of the run that the folder is of; the server takes no version without it where the folder is a run's. */
  readonly runId?: string;
}

/** Who knows where bytes lie: the store of artifacts beside the registry. */
export interface BlobPlaces {
  /** Remembers where bytes lie that this process did not put there. */
  learn(blob: BlobInfo, place: BlobPlace): void;
  /**
   * Where bytes lie; `undefined` when they are not on this server.
   * @param options `run`: the id of the run that made them, whose own file is preferred
   */
  find(blob: BlobInfo, options?: CallOptions & { readonly run?: string }): Promise<BlobPlace | undefined>;
}
