import { type CallOptions, FairleadError } from '@fairlead/core';
import type { MlflowClient } from '../client';
import type { MlflowRun } from '../runs';
import type { ExperimentNames } from './experiment-names';
import { mlflowTags, ownTags } from './own-tags';
import { idOf } from './to-stored-run';

/** Which run of a server is which of ours. */
export interface RunIds {
  /** A run by our id, or by MLflow's where another client made it; `undefined` when there is none. */
  find(id: string, options?: CallOptions): Promise<MlflowRun | undefined>;
  /** The same, looked for on the server whatever is remembered: for a run that may just have been made. */
  search(id: string, options?: CallOptions): Promise<MlflowRun | undefined>;
  /** MLflow's id of a run; `undefined` when there is none. */
  serverIdOf(id: string, options?: CallOptions): Promise<string | undefined>;
  /** Our id of the run's parent; `undefined` where it has none. */
  parentOf(run: MlflowRun, options?: CallOptions): Promise<string | undefined>;
  /** Remembers a run that was seen. */
  learn(run: MlflowRun): void;
}

/** Ids that are remembered, at most. */
const mostKnown = 20_000;

/** A map that forgets what it has known for longest. */
function remember(map: Map<string, string>, key: string, value: string): void {
  if (map.size >= mostKnown && !map.has(key)) map.delete(map.keys().next().value as string);
  map.set(key, value);
}

/** Finds runs, and remembers which is which, which never changes. */
export function createRunIds({ runs }: MlflowClient, experiments: ExperimentNames): RunIds {
  const serverIds = new Map<string, string>();
  const ourIds = new Map<string, string>();

  const learn = (run: MlflowRun): void => {
    const id = idOf(run);
    remember(serverIds, id, run.id);
    remember(ourIds, run.id, id);
  };

  const get = async (serverId: string, call: CallOptions): Promise<MlflowRun | undefined> => {
    try {
      return await runs.get(serverId, call);
    } catch (error) {
      if (FairleadError.isInstance(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  };

  const search = async (id: string, call: CallOptions = {}): Promise<MlflowRun | undefined> => {
    // An id stands in a filter, and as a part of a path.
    if (!/^[0-9A-Za-z_-]{1,64}$/.test(id)) return undefined;
    const experimentIds = (await experiments.list(call)).map((experiment) => experiment.id);
    const filter = `tags.\`${ownTags.id}\` = '${id}'`;
    const { items } = await runs.search({ experimentIds, filter, view: 'all', maxResults: 10, ...call });
    // Of two, which a server that lost its answers may have made, everybody takes the same.
    const [found] = [...items].sort((a, b) => Number(a.deleted) - Number(b.deleted) || (a.id < b.id ? -1 : 1));
    const run = found ?? (await get(id, call));
    if (run === undefined || idOf(run) !== id) return undefined;
    learn(run);
    return run;
  };

  return {
    learn,
    search,
    async find(id, call = {}) {
      const known = serverIds.get(id);
      if (known === undefined) return search(id, call);
      const run = await get(known, call);
      return run ?? (serverIds.delete(id) ? search(id, call) : undefined);
    },
    async serverIdOf(id, call = {}) {
      return serverIds.get(id) ?? (await search(id, call))?.id;
    },
    async parentOf(run, call = {}) {
      const { [ownTags.parent]: ours, [mlflowTags.parent]: theirs } = run.tags;
      if (ours !== undefined || theirs === undefined || theirs === '') return ours;
      const known = ourIds.get(theirs);
      if (known !== undefined) return known;
      const parent = await get(theirs, call).catch((error: unknown) => {
        // Anybody can write the tag, so it need not be an id at all.
        if (FairleadError.isInstance(error, 'INVALID_ARGUMENT')) return undefined;
        throw error;
      });
      if (parent === undefined) return theirs;
      learn(parent);
      return idOf(parent);
    },
  };
}
