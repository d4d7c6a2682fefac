import { type CallOptions, FairleadError } from '@fairlead/core';
import { invalidArgument } from '../../names';
import type { MlflowClient } from '../client';
import type { MlflowModel } from '../models';
import type { MlflowVersion } from '../versions';
import { tagOf } from './entry';

/** What the name of a log has behind that of its model. */
const suffix = '.fairlead';

/** What a log says of itself to whoever finds it. */
export const logTags = { [tagOf.kind]: 'log' } as const;

/** The name of a model's log. @throws FairleadError `INVALID_ARGUMENT` for a name that is a log's itself */
export function logNameOf(name: string): string {
  if (!name.endsWith(suffix)) return name + suffix;
  throw invalidArgument('model name', `a name that does not end in "${suffix}", as the logs of models do`, name);
}

/** Whether a registered model is the log of another. */
export function isLog(model: MlflowModel): boolean {
  return model.tags[tagOf.kind] === logTags[tagOf.kind];
}

/** A model and its log as one request shows them; aliases are read before the number of the last entry. */
export interface Glance {
  readonly model?: MlflowModel;
  readonly log?: MlflowModel;
}

/** The highest number among the versions that a model shows. */
export function highestOf(model: MlflowModel | undefined): number {
  return (model?.latestVersions ?? []).reduce((most, { version }) => Math.max(most, Number(version)), 0);
}

/** Looks at models with their logs. */
export interface Glancer {
  /** @throws FairleadError `CONFLICT` for a model with a log's name that is none */
  look(name: string, options?: CallOptions): Promise<Glance>;
}

/** Makes a {@link Glancer}. */
export function createGlancer(client: MlflowClient): Glancer {
  // Servers before 3 know no IN for names: they are asked twice.
  let asksTwice = false;

  const get = async (name: string, call: CallOptions): Promise<MlflowModel | undefined> => {
    try {
      return await client.models.get(name, call);
    } catch (error) {
      if (FairleadError.isInstance(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  };

  const findBoth = async (name: string, log: string, call: CallOptions): Promise<(MlflowModel | undefined)[]> => {
    if (!asksTwice) {
      try {
        const { items } = await client.models.search({
          filter: `name IN ('${name}', '${log}')`,
          maxResults: 2,
          ...call,
        });
        return [name, log].map((wanted) => items.find((found) => found.name === wanted));
      } catch (error) {
        if (!FairleadError.isInstance(error, 'INVALID_ARGUMENT')) throw error;
        asksTwice = true;
      }
    }
    // The model first: its aliases must be no younger than the log.
    return [await get(name, call), await get(log, call)];
  };

  return {
    async look(name, call = {}) {
      const logName = logNameOf(name);
      const [model, log] = await findBoth(name, logName, call);
      if (log !== undefined && !isLog(log)) {
        throw new FairleadError(
          'CONFLICT',
          `The registered model "${logName}" is not the log of "${name}", whose name it has. Rename it.`,
          { details: { field: 'model name', expected: `no other model of the name "${logName}"`, given: logName } },
        );
      }
      return { ...(model === undefined ? {} : { model }), ...(log === undefined ? {} : { log }) };
    },
  };
}

/** Versions of a model from a number on, by rising numbers, a page at a time: what comes meanwhile moves no page. */
export async function* versionsFrom(
  client: MlflowClient,
  name: string,
  first: number,
  call: CallOptions,
): AsyncGenerator<readonly MlflowVersion[], void, undefined> {
  let maxResults = 200;
  for (let from = first; ; ) {
    try {
      const filter = `name = '${name}' AND version_number >= ${from}`;
      const page = await client.versions.search({ filter, orderBy: ['version_number ASC'], maxResults, ...call });
      yield page.items;
      const last = page.items.at(-1);
      if (last === undefined || page.nextPageToken === undefined) return;
      from = Number(last.version) + 1;
    } catch (error) {
      // Entries may be large: fewer at once then.
      if (!FairleadError.isInstance(error, 'LIMIT_EXCEEDED') || maxResults === 1) throw error;
      maxResults = Math.ceil(maxResults / 8);
    }
  }
}
