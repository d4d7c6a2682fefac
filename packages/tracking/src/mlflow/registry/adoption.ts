import { type CallOptions, type Clock, type Logger, messageOf } from '@fairlead/core';
import { checkAlias } from '../../names';
import type { RegistryChange, StoredModel } from '../../store/registry-store';
import type { MlflowClient } from '../client';
import type { MlflowModel } from '../models';
import type { MlflowVersion } from '../versions';
import { adoptVersion } from './adopt-version';
import { tagOf } from './entry';
import { versionsFrom } from './glance';
import type { Appendix, ModelLog } from './model-log';

/*
 * What other clients of the server did becomes a part of the log: versions that they registered or deleted, and moves of
 * aliases. What they did is what differs from the log while everything in the log is shown.
 */

/** Which versions of other clients are adopted: those that an alias points to, all, or none. */
export type AdoptedVersions = 'aliased' | 'all' | 'none';

/** Finds what other clients did. */
export interface Adoption {
  /** The versions on the server, asked for only when something about them changed. */
  list(model: MlflowModel, call: CallOptions): Promise<ReadonlyMap<string, MlflowVersion>>;
  /**
   * The changes that other clients made, to be appended in this order.
   * @param isStale whether the model was looked at before the log was read; then the answer is `'stale'` where there are any
   */
  find(model: MlflowModel | undefined, isStale: boolean, call: CallOptions): Promise<readonly Appendix[] | 'stale'>;
}

const actor = 'mlflow';

function liveVersions(model: StoredModel): Set<string> {
  return new Set(model.versions.flatMap(({ version, deletedAt }) => (deletedAt === undefined ? [version] : [])));
}

function isAlias(alias: string): boolean {
  try {
    checkAlias(alias);
    return true;
  } catch {
    // MLflow lets through what no reference of ours can name.
    return false;
  }
}

/** Makes the {@link Adoption} of one model. */
export function createAdoption(options: {
  readonly client: MlflowClient;
  readonly log: ModelLog;
  readonly name: string;
  readonly clock: Clock;
  readonly adopt: AdoptedVersions;
  readonly logger: Logger;
}): Adoption {
  const { client, log, name, clock, adopt, logger } = options;
  let listed:
    | { readonly updatedAt: number | undefined; readonly versions: ReadonlyMap<string, MlflowVersion> }
    | undefined;
  /** Versions that cannot be adopted; they were warned of. */
  const refused = new Set<string>();

  const list: Adoption['list'] = async (model, call) => {
    if (listed !== undefined && listed.updatedAt === model.updatedAt) return listed.versions;
    const versions = new Map<string, MlflowVersion>();
    for await (const page of versionsFrom(client, name, 1, call)) {
      for (const version of page) versions.set(version.version, version);
    }
    listed = { updatedAt: model.updatedAt, versions };
    return versions;
  };

  const move = (alias: string, from: string | null, to: string | null, reason: string): Appendix => ({
    change: { type: 'alias', alias, from, to, evidence: { actor, reason }, at: clock.epochMs() },
    projected: true,
  });

  /** Adopts a version unless it cannot be. */
  const take = async (version: MlflowVersion | undefined, call: CallOptions): Promise<Appendix | undefined> => {
    if (version === undefined || refused.has(version.version)) return undefined;
    const adopted = await adoptVersion(client, version, call);
    if ('why' in adopted) {
      refused.add(version.version);
      logger.warn(
        { name, version: version.version },
        `Version ${version.version} of "${name}", which another client registered, is left out: ${adopted.why}.`,
      );
      return undefined;
    }
    const evidence = { actor, reason: 'registered by another client' };
    const change: RegistryChange = { type: 'version', at: clock.epochMs(), version: adopted.version, evidence };
    return { change, place: adopted.place, projected: true };
  };

  const differingAliases = (model: MlflowModel | undefined): readonly string[] => {
    const own = log.model.aliases;
    const shown = model?.aliases ?? {};
    return [...new Set([...Object.keys(own), ...Object.keys(shown)])].filter(
      (alias) => own[alias] !== shown[alias] && isAlias(alias),
    );
  };

  return {
    list,
    async find(model, isStale, call) {
      const versions = model === undefined ? new Map<string, MlflowVersion>() : await list(model, call);
      const live = liveVersions(log.model);
      const known = new Set(log.model.versions.map(({ version }) => version));
      const foreign = new Map(
        [...versions].filter(([number, { tags }]) => !known.has(number) && tags[tagOf.pending] === undefined),
      );
      const gone = [...live].filter((number) => !versions.has(number));
      const aliases = differingAliases(model);
      const wanted = adopt === 'all' ? [...foreign.keys()] : [];
      const isQuiet = gone.length === 0 && aliases.length === 0 && wanted.every((number) => refused.has(number));
      if (isQuiet) return [];
      if (isStale) return 'stale';

      const changes: Appendix[] = [];
      const adoptOne = async (number: string): Promise<void> => {
        const taken = adopt === 'none' ? undefined : await take(foreign.get(number), call);
        if (taken === undefined) return;
        changes.push(taken);
        live.add(number);
        foreign.delete(number);
      };
      for (const number of wanted) await adoptOne(number);
      for (const alias of aliases) {
        const from = log.model.aliases[alias] ?? null;
        const shown = model?.aliases[alias];
        if (shown !== undefined && !live.has(shown)) await adoptOne(shown);
        const isKnown = shown !== undefined && live.has(shown) && versions.has(shown);
        // An alias to what is left out points nowhere: what it pointed to before is not what the other client wants served.
        const to = isKnown ? shown : null;
        if (to === from) continue;
        const reason =
          to === null && shown !== undefined ? `moved by another client to version ${shown}, which is left out` : '';
        changes.push(
          move(alias, from, to, reason || (to === null ? 'deleted by another client' : 'moved by another client')),
        );
      }
      for (const number of gone) {
        const evidence = { actor, reason: 'deleted by another client' };
        changes.push({ change: { type: 'delete', at: clock.epochMs(), evidence, version: number }, projected: true });
      }
      return changes;
    },
  };
}

/** Milliseconds after which a version that never came into the log is taken for left over. */
const leftoverMs = 3_600_000;

/** Deletes versions that were made for commits which never came to be, because their writers died. */
export async function removeLeftovers(
  client: MlflowClient,
  versions: ReadonlyMap<string, MlflowVersion>,
  model: StoredModel,
  logger: Logger,
): Promise<void> {
  // By the server's clock alone: by another a version might go that is just being committed.
  const now = [...versions.values()].reduce((latest, { createdAt = 0 }) => Math.max(latest, createdAt), 0);
  const known = new Set(model.versions.map(({ version }) => version));
  for (const { name, version, tags, createdAt = now } of versions.values()) {
    if (tags[tagOf.pending] === undefined || known.has(version) || now - createdAt < leftoverMs) continue;
    try {
      await client.versions.delete(name, version);
    } catch (error) {
      logger.warn({ name, version, error }, `Could not delete version ${version} of "${name}": ${messageOf(error)}`);
    }
  }
}
