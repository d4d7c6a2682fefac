import { FairleadError } from '@fairlead/core';
import { listNames } from '../names';
import type { RegistryStore, StoredModel, StoredVersion } from '../store/registry-store';
import { approvalsOf } from './approvals';
import { targetsOf } from './deployments';
import type { ModelReference } from './model-reference';
import type { ModelVersion } from './model-version';

function notFound(field: string, what: string, given: string, existing: string): FairleadError {
  return new FairleadError('NOT_FOUND', `There is no ${what}. ${existing}`, {
    details: { field, expected: existing, given },
  });
}

/** A model of the registry. @throws FairleadError `NOT_FOUND` that names the models that exist */
export async function findModel(store: RegistryStore, name: string, signal?: AbortSignal): Promise<StoredModel> {
  const call = signal === undefined ? {} : { signal };
  const model = await store.read(name, call);
  if (model !== undefined) return model;
  const names = listNames(await store.names(call), 'none: register one with registerVersion()');
  throw notFound('name', `registered model "${name}"`, name, `Registered models: ${names}.`);
}

/** A version of a model that was not deleted. @throws FairleadError `NOT_FOUND` that names the versions that exist */
export function findVersion(model: StoredModel, version: string): StoredVersion {
  const found = model.versions.find((candidate) => candidate.version === version);
  if (found !== undefined && found.deletedAt === undefined) return found;
  const numbers = model.versions.flatMap((known) => (known.deletedAt === undefined ? [known.version] : []));
  const existing = `Versions of "${model.name}": ${listNames(numbers, 'none')}.`;
  const deleted = found === undefined ? '' : ' any more: it was deleted; audit() says by whom';
  throw notFound('version', `version ${version} of "${model.name}"${deleted}`, version, existing);
}

/** The version that an alias points to. @throws FairleadError `NOT_FOUND` that names the aliases that exist */
export function findAlias(model: StoredModel, alias: string): string {
  const version = Object.hasOwn(model.aliases, alias) ? model.aliases[alias] : undefined;
  if (version !== undefined) return version;
  const names = listNames(Object.keys(model.aliases).sort(), 'none: point one at a version with setAlias()');
  throw notFound('alias', `alias "${alias}" of "${model.name}"`, alias, `Aliases of "${model.name}": ${names}.`);
}

/** What a reference means now. @throws FairleadError `NOT_FOUND` that names what exists */
export async function findReference(
  store: RegistryStore,
  reference: ModelReference,
  signal?: AbortSignal,
): Promise<{ readonly model: StoredModel; readonly version: StoredVersion }> {
  const model = await findModel(store, reference.name, signal);
  const number = 'alias' in reference ? findAlias(model, reference.alias) : reference.version;
  return { model, version: findVersion(model, number) };
}

/** Versions as users see them. */
export function toModelVersions(model: StoredModel, versions: readonly StoredVersion[]): ModelVersion[] {
  const [approvals, targets] = [approvalsOf(model), targetsOf(model)];
  return versions.map(({ deletedAt: _deletedAt, ...content }) => ({
    name: model.name,
    ...content,
    approvals: approvals.get(content.version) ?? [],
    deployments: targets.get(content.version) ?? [],
    aliases: Object.keys(model.aliases)
      .filter((alias) => model.aliases[alias] === content.version)
      .sort(),
  }));
}

/** A version as users see it. */
export function toModelVersion(model: StoredModel, version: StoredVersion): ModelVersion {
  return toModelVersions(model, [version])[0] as ModelVersion;
}
