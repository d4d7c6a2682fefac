import { type CallOptions, type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import type { RunStart, RunStore, RunWriter } from '../../store/run-store';
import type { StoredRun } from '../../store/stored-run';
import { thinHistory } from '../../thin-history';
import type { MlflowFile } from '../artifacts';
import type { MlflowClient } from '../client';
import type { MlflowRun } from '../runs';
import type { BlobPlaces } from './blob-places';
import { type ExperimentNames, mayHaveArrived } from './experiment-names';
import { emptyHistory, readHistory } from './metric-history';
import { mlflowTags, ownTags } from './own-tags';
import type { RunIds } from './run-ids';
import { MlflowRunWriter } from './run-writer';
import { searchExperiments, searchServer } from './search';
import { toMlflowName, toStoredRun } from './to-stored-run';

/** What the runs of a server stand on. */
export interface MlflowRunStoreOptions {
  readonly client: MlflowClient;
  readonly clock: Clock;
  readonly experiments: ExperimentNames;
  readonly ids: RunIds;
  readonly places: BlobPlaces;
  /** Bytes that a run may hold in memory. */
  readonly maxBufferedBytes: number;
}

/** How often a run is made whose answers were lost. */
const mostAttempts = 3;

/** Every file among the artifacts of a run. */
async function listFiles({ artifacts }: MlflowClient, serverId: string, call: CallOptions): Promise<MlflowFile[]> {
  const files: MlflowFile[] = [];
  const folders: (string | undefined)[] = [undefined];
  while (folders.length > 0) {
    for (const entry of await artifacts.list(serverId, folders.pop(), call)) {
      if (entry.isFolder) folders.push(entry.path);
      else files.push(entry);
    }
  }
  return files;
}

/** The runs of an MLflow server. */
export function createMlflowRunStore(options: MlflowRunStoreOptions): RunStore {
  const { client, clock, experiments, ids, places, maxBufferedBytes } = options;
  const writerOf = (serverId: string): RunWriter => new MlflowRunWriter({ client, serverId, maxBufferedBytes });

  const make = async (start: RunStart): Promise<MlflowRun> => {
    const { id, name, parent } = start;
    const experimentId = await experiments.ensure(start.experiment);
    const parentOnServer = parent === undefined ? undefined : await ids.serverIdOf(parent);
    const mlflowName = toMlflowName(name);
    const tags = {
      [ownTags.id]: id,
      [ownTags.leaseUntil]: String(start.leaseUntil),
      ...(mlflowName === name ? {} : { [ownTags.name]: name }),
      ...(parent === undefined ? {} : { [ownTags.parent]: parent }),
      ...(parentOnServer === undefined ? {} : { [mlflowTags.parent]: parentOnServer }),
    };
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.runs.create({ experimentId, name: mlflowName, startTime: Math.floor(start.at), tags });
      } catch (error) {
        experiments.forget(start.experiment);
        if (!mayHaveArrived(error) || attempt === mostAttempts) throw error;
        // The answer may be all that was lost. The look waits until the server answers again.
        const made = await ids.search(id);
        if (made !== undefined) return made;
      }
    }
  };

  const storedRun = async (run: MlflowRun, files: readonly MlflowFile[], call: CallOptions): Promise<StoredRun> => {
    const experiment = await experiments.nameOf(run.experimentId, call);
    const stored = toStoredRun(run, { experiment, parent: await ids.parentOf(run, call), files });
    places.learnRun(run, stored);
    return stored;
  };

  return {
    async create(start) {
      const run = (await ids.find(start.id)) ?? (await make(start));
      ids.learn(run);
      return writerOf(run.id);
    },

    async open(id, call = {}) {
      throwIfAborted(call.signal, 'Opening the run');
      const run = await ids.find(id, call);
      if (run !== undefined) return writerOf(run.id);
      throw new FairleadError('NOT_FOUND', `There is no run "${id}" on ${client.url}. tracker.runs() lists what is.`, {
        details: { field: 'id', expected: 'the id of a run of this server', given: id },
      });
    },

    async read(id, call = {}) {
      throwIfAborted(call.signal, 'Reading the run');
      const run = await ids.find(id, call);
      return run === undefined ? undefined : storedRun(run, await listFiles(client, run.id, call), call);
    },

    async history(id, key, { maxPoints, ...call } = {}) {
      throwIfAborted(call.signal, 'Reading the metric');
      thinHistory(emptyHistory(key), maxPoints); // a number that cannot be is refused before anything is asked
      const serverId = await ids.serverIdOf(id, call);
      if (serverId === undefined) return emptyHistory(key);
      return thinHistory(await readHistory(client, serverId, key, call), maxPoints);
    },

    search: (query, call = {}) => searchServer({ client, experiments, ids, now: clock.epochMs() }, query, call),
    experiments: (call = {}) => searchExperiments({ client, experiments }, call),
  };
}
