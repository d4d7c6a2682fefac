import { type CallOptions, FairleadError } from '@fairlead/core';
import type { ArtifactStore } from '../../store/artifact-store';
import type { MlflowClient } from '../client';
import { serverPath, taggedArtifacts } from '../store/artifact-entries';
import type { BlobPlaces as KnownPlaces } from '../store/blob-places';
import type { RunIds } from '../store/run-ids';
import type { BlobPlace, BlobPlaces } from './places';

/** What the places of a server are known from. */
export interface ServerPlacesOptions {
  readonly client: MlflowClient;
  readonly ids: RunIds;
  readonly places: KnownPlaces;
  readonly artifacts: ArtifactStore;
}

/** The run whose artifacts an address is among; MLflow puts them below its id. */
async function runOf({ runs }: MlflowClient, uri: string, call: CallOptions): Promise<string | undefined> {
  const [, id] = /\/([0-9a-f]{32})\/artifacts\//.exec(uri) ?? [];
  if (id === undefined) return undefined;
  try {
    return uri.startsWith(`${(await runs.get(id, call)).artifactUri}/`) ? id : undefined;
  } catch (error) {
    if (FairleadError.isInstance(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function placeOf(uri: string, runId: string): BlobPlace {
  const cut = uri.lastIndexOf('/');
  return { folder: uri.slice(0, cut), file: uri.slice(cut + 1), runId };
}

/** Where bytes lie, by what the store of artifacts on the same server knows. */
export function createServerPlaces({ client, ids, places, artifacts }: ServerPlacesOptions): BlobPlaces {
  return {
    learn: ({ digest }, { folder, file }) => places.learn(digest, `${folder}/${file}`),
    async find({ digest, size }, { run, ...call } = {}) {
      const maker = run === undefined ? undefined : await ids.find(run, call);
      const logged = taggedArtifacts(maker?.tags ?? {}).find((artifact) => artifact.digest === digest);
      if (maker !== undefined && logged !== undefined) {
        return placeOf(`${maker.artifactUri}/${serverPath(logged.name)}`, maker.id);
      }
      // Looks for it, and has its place learned.
      if ((await artifacts.stat({ digest, size }, call)) === undefined) return undefined;
      const uri = places.find(digest);
      const runId = uri === undefined ? undefined : await runOf(client, uri, call);
      // The server takes no version of what lies in no run.
      return uri === undefined || runId === undefined ? undefined : placeOf(uri, runId);
    },
  };
}
