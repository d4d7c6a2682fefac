import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
import { checkAlias, checkModelName } from '../../names';
import type { ModelVersion } from '../../registry/model-version';
import { checkTags } from '../../run/values';
import type { TrackingStore } from '../../store/tracking-store';
import type { Tracker } from '../../tracker';
import type { MlflowClient } from '../client';
import type { MlflowModel } from '../models';
import { findModelFile } from '../registry/adopt-version';
import { isLog, versionsFrom } from '../registry/glance';
import type { MlflowVersion } from '../versions';

/** A version, or a model, that was not imported. */
export interface SkippedVersion {
  readonly name: string;
  /** Absent for a whole model. */
  readonly version?: string;
  readonly reason: string;
}

/** The tag of a version that says which one of the server's it is. */
const originTag = 'mlflow.version';
/** Tags that only mean something on the server. */
const ownPrefix = 'fairlead.';

const evidence = { actor: 'mlflow', reason: 'imported' } as const;

async function* modelsOf({ models }: MlflowClient, call: CallOptions): AsyncGenerator<MlflowModel> {
  let pageToken: string | undefined;
  do {
    const page = await models.search({ ...call, ...(pageToken === undefined ? {} : { pageToken }) });
    yield* page.items;
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
}

/** What makes a version different from the same number of another server. */
function originOf(client: MlflowClient, version: string): string {
  return `${version} of ${client.url}`;
}

/** Tags that this registry takes. */
function keptTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(tags).filter(([key, value]) => {
    if (key.startsWith(ownPrefix)) return false;
    try {
      checkTags({ [key]: value });
      return true;
    } catch {
      return false; // MLflow takes names that no filter of ours could say
    }
  });
  return Object.fromEntries(kept);
}

async function importVersion(
  client: MlflowClient,
  tracker: Tracker,
  store: TrackingStore,
  version: MlflowVersion,
  call: CallOptions,
): Promise<ModelVersion | string> {
  const found = await findModelFile(client, version, call);
  if ('why' in found) return found.why;
  const { digest } = await store.artifacts.put(client.proxy.get(`${found.folder}/${found.file}`, call), call);
  const { name, description, tags, runId } = version;
  const run = runId === undefined ? undefined : await store.runs.read(runId, call);
  return tracker.registry.registerVersion(
    name,
    {
      artifact: digest,
      tags: { ...keptTags(tags), [originTag]: originOf(client, version.version) },
      author: evidence.actor,
      reason: evidence.reason,
      ...(description === '' ? {} : { description }),
      ...(run === undefined ? {} : { run: run.id }),
    },
    call,
  );
}

/** The versions of a model that were imported before, by their numbers on the server; and its aliases. */
async function knownVersions(tracker: Tracker, client: MlflowClient, name: string, call: CallOptions) {
  try {
    const { versions, aliases } = await tracker.registry.getModel(name, call);
    const suffix = originOf(client, '');
    const numbers = versions.flatMap(({ version, tags }): [string, string][] => {
      const origin = tags[originTag];
      return origin?.endsWith(suffix) ? [[origin.slice(0, -suffix.length), version]] : [];
    });
    return { numbers: new Map(numbers), aliases };
  } catch (error) {
    if (!FairleadError.isInstance(error, 'NOT_FOUND')) throw error;
    return { numbers: new Map<string, string>(), aliases: {} };
  }
}

/** Why a name cannot be used here; `undefined` when it can. */
function troubleWith(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Whether a failure is about one version, so that the others can go on. */
function isAboutOne(error: unknown): error is FairleadError {
  return (['UNSUPPORTED', 'NOT_FOUND', 'INVALID_ARGUMENT', 'LIMIT_EXCEEDED', 'DIGEST_MISMATCH'] as const).some((code) =>
    FairleadError.isInstance(error, code),
  );
}

/** Fetches registered models: the versions that are one file each, and the aliases that point to them. */
export async function importModels(
  client: MlflowClient,
  tracker: Tracker,
  store: TrackingStore,
  call: CallOptions,
): Promise<{ readonly versions: number; readonly aliases: number; readonly skipped: readonly SkippedVersion[] }> {
  const skipped: SkippedVersion[] = [];
  let [versions, aliases] = [0, 0];

  const importModel = async (model: MlflowModel): Promise<void> => {
    const { name } = model;
    const { numbers, aliases: present } = await knownVersions(tracker, client, name, call);
    for await (const page of versionsFrom(client, name, 1, call)) {
      for (const version of page) {
        throwIfAborted(call.signal, 'The import');
        if (numbers.has(version.version)) continue;
        try {
          const made = await importVersion(client, tracker, store, version, call);
          if (typeof made === 'string') {
            skipped.push({ name, version: version.version, reason: made });
            continue;
          }
          numbers.set(version.version, made.version);
          versions++;
        } catch (error) {
          if (!isAboutOne(error)) throw error;
          skipped.push({ name, version: version.version, reason: error.message });
        }
      }
    }
    for (const [alias, theirs] of Object.entries(model.aliases)) {
      const mine = numbers.get(theirs);
      const trouble = troubleWith(() => checkAlias(alias));
      if (mine === undefined || trouble !== undefined) {
        const reason = trouble ?? `the alias "${alias}" points to it, and it was left out`;
        skipped.push({ name, version: theirs, reason });
      } else if (present[alias] !== mine) {
        try {
          await tracker.registry.setAlias(name, alias, mine, evidence, call);
          aliases++;
        } catch (error) {
          // Gates of this registry hold here too.
          if (!FairleadError.isInstance(error, 'GATE_REFUSED')) throw error;
          skipped.push({ name, version: theirs, reason: error.message });
        }
      }
    }
  };

  for await (const model of modelsOf(client, call)) {
    throwIfAborted(call.signal, 'The import');
    if (isLog(model)) continue;
    const trouble = troubleWith(() => checkModelName(model.name));
    if (trouble === undefined) await importModel(model);
    else skipped.push({ name: model.name, reason: trouble });
  }
  return { versions, aliases, skipped };
}
