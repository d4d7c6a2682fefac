import { type CallOptions, FairleadError } from '@fairlead/core';
import type { MlflowClient } from '../client';
import type { MlflowExperiment } from '../experiments';

/** The experiments of a server, by name and by id. */
export interface ExperimentNames {
  /**
   * The id of an experiment, made where there is none of its name.
   * @throws FairleadError `CONFLICT` for one that was deleted
   */
  ensure(name: string, options?: CallOptions): Promise<string>;
  /** The name of an experiment. */
  nameOf(id: string, options?: CallOptions): Promise<string>;
  /** All there are, deleted ones among them. */
  list(options?: CallOptions): Promise<readonly MlflowExperiment[]>;
  /** Forgets what was found out about a name. */
  forget(name: string): void;
}

/** Whether a request may have been done although it failed. */
export function mayHaveArrived(error: unknown): boolean {
  if (!FairleadError.isInstance(error, 'REMOTE_FAILED')) return false;
  const { status } = error.details as { status?: unknown };
  return status === undefined || (typeof status === 'number' && (status >= 500 || status === 408));
}

function checkActive({ id, name, deleted }: MlflowExperiment): void {
  if (!deleted) return;
  throw new FairleadError(
    'CONFLICT',
    `The experiment "${name}" was deleted on the MLflow server, which keeps its name taken. Restore it ` +
      `(\`mlflow experiments restore --experiment-id ${id}\`), or use another name.`,
    { details: { field: 'experiment', expected: 'one that was not deleted', given: name } },
  );
}

/** Finds experiments, and remembers those that it found. */
export function createExperimentNames({ experiments }: MlflowClient): ExperimentNames {
  const ids = new Map<string, Promise<string>>();
  const names = new Map<string, string>();

  const keep = (experiment: MlflowExperiment): MlflowExperiment => {
    names.set(experiment.id, experiment.name);
    return experiment;
  };

  const find = async (name: string, call: CallOptions): Promise<string | undefined> => {
    const found = await experiments.getByName(name, call);
    if (found !== undefined) checkActive(keep(found));
    return found?.id;
  };

  const findOrMake = async (name: string, call: CallOptions): Promise<string> => {
    for (let attempt = 1; ; attempt++) {
      const found = await find(name, call);
      if (found !== undefined) return found;
      try {
        return await experiments.create(name, call);
      } catch (error) {
        // Somebody else was first, or the answer was lost: the next look tells.
        const lookAgain = FairleadError.isInstance(error, 'ALREADY_EXISTS') || mayHaveArrived(error);
        if (!lookAgain || attempt === 3) throw error;
      }
    }
  };

  return {
    ensure(name, call = {}) {
      const known = ids.get(name);
      if (known !== undefined) return known;
      const found = findOrMake(name, call);
      ids.set(name, found);
      found.catch(() => ids.delete(name));
      return found;
    },
    async nameOf(id, call = {}) {
      return names.get(id) ?? keep(await experiments.get(id, call)).name;
    },
    async list(call = {}) {
      const found: MlflowExperiment[] = [];
      let pageToken: string | undefined;
      do {
        const page = await experiments.search({
          view: 'all',
          maxResults: 1000,
          ...(pageToken === undefined ? {} : { pageToken }),
          ...call,
        });
        found.push(...page.items.map(keep));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      return found;
    },
    forget: (name) => void ids.delete(name),
  };
}
