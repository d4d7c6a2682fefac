import { type CallOptions, FairleadError } from '@fairlead/core';
import type { MlflowClient } from '../client';
import type { MlflowRun } from '../runs';
import { type ExperimentNames, mayHaveArrived } from './experiment-names';
import { blobKind, ownTags } from './own-tags';

/*
 * Bytes that belong to no run lie in a run all the same, one that holds nothing else: a server takes a model's version only
 * where its bytes are a run's. Each lies in a folder of its own, because a version is a folder.
 */

/** Where bytes that belong to no run lie. */
export interface BlobArea {
  /** Where they are put; the area is made where there is none. */
  placeOf(digest: string, options?: CallOptions): Promise<string>;
  /** Where they may lie: two processes that made an area at the same time made two. */
  placesOf(digest: string, options?: CallOptions): AsyncIterable<string>;
}

const experimentName = 'fairlead';

function uriOf({ artifactUri }: MlflowRun, digest: string): string {
  return `${artifactUri}/blobs/${digest.slice(0, 2)}/${digest}/blob`;
}

/** Finds the area, or makes it. */
export function createBlobArea(client: MlflowClient, experiments: ExperimentNames): BlobArea {
  let known: readonly MlflowRun[] = [];
  let making: Promise<MlflowRun> | undefined;

  const look = async (call: CallOptions): Promise<readonly MlflowRun[]> => {
    const experiment = await client.experiments.getByName(experimentName, call);
    if (experiment === undefined) return [];
    const filter = `tags.\`${ownTags.kind}\` = '${blobKind}'`;
    const { items } = await client.runs.search({
      experimentIds: [experiment.id],
      filter,
      view: 'all',
      maxResults: 100,
      ...call,
    });
    known = [...items].sort((a, b) => (a.startTime ?? 0) - (b.startTime ?? 0) || (a.id < b.id ? -1 : 1));
    return known;
  };

  const make = async (): Promise<MlflowRun> => {
    const [found] = await look({});
    if (found !== undefined) return found;
    const experimentId = await experiments.ensure(experimentName);
    const draft = { experimentId, name: blobKind, startTime: Date.now(), tags: { [ownTags.kind]: blobKind } };
    try {
      const { id, startTime = draft.startTime } = await client.runs.create(draft);
      await client.runs.update(id, { status: 'FINISHED', endTime: startTime });
    } catch (error) {
      experiments.forget(experimentName);
      if (!mayHaveArrived(error)) throw error;
    }
    const [made] = await look({});
    if (made !== undefined) return made;
    throw new FairleadError('REMOTE_FAILED', `${client.url} did not make the run for bytes that belong to no run.`);
  };

  return {
    async placeOf(digest, call = {}) {
      const [first] = known.length > 0 ? known : await look(call);
      if (first !== undefined) return uriOf(first, digest);
      // For all who wait for it, so no single one may end it.
      making ??= make().finally(() => {
        making = undefined;
      });
      return uriOf(await making, digest);
    },
    async *placesOf(digest, call = {}) {
      const seen = new Set<string>();
      for (const isFresh of [false, true]) {
        for (const run of isFresh ? await look(call) : known) {
          if (seen.has(run.id)) continue;
          seen.add(run.id);
          yield uriOf(run, digest);
        }
      }
    },
  };
}
