import type { StoredRun } from '../../store/stored-run';
import type { MlflowRun } from '../runs';
import { serverPath } from './artifact-entries';

/** Where bytes lie, by their digest, as far as this process has come across them. */
export interface BlobPlaces {
  /** @param uri such as `mlflow-artifacts:/0/<run>/artifacts/model.onnx` */
  learn(digest: string, uri: string): void;
  /** All artifacts of a run whose digests are known. */
  learnRun(run: MlflowRun, stored: StoredRun): void;
  find(digest: string): string | undefined;
  /** Something else lies there now, or nothing. */
  forget(digest: string): void;
}

/** Places that are remembered, at most. */
const mostPlaces = 20_000;

/** Remembers places; of several of one digest the last. */
export function createBlobPlaces(): BlobPlaces {
  const places = new Map<string, string>();
  const learn = (digest: string, uri: string): void => {
    if (places.size >= mostPlaces && !places.has(digest)) places.delete(places.keys().next().value as string);
    places.set(digest, uri);
  };
  return {
    learn,
    learnRun({ artifactUri }, { artifacts }) {
      for (const { name, digest } of artifacts)
        if (digest !== undefined) learn(digest, `${artifactUri}/${serverPath(name)}`);
    },
    find: (digest) => places.get(digest),
    forget: (digest) => void places.delete(digest),
  };
}
