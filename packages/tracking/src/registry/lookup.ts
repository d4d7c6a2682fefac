import { FairleadError } from '@fairlead/core';
import { listNames } from '../names';
import type { RegistryStore, StoredModel, StoredVersion } from '../store/registry-store';
import type { ModelReference } from './model-reference';
import type { ModelVersion } from './model-registry';

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

/** A version of a model. @throws FairleadError `NOT_FOUND` that names the versions that exist */
export function findVersion(model: StoredModel, version: string): StoredVersion {
  const found = model.versions.find((candidate) => candidate.version === version);
  if (found !== undefined) return found;
  const numbers = model.versions.map((candidate) => candidate.version);
  const existing = `Versions of "${model.name}": ${listNames(numbers, 'none')}.`;
  throw notFound('version', `version ${version} of "${model.name}"`, version, existing);
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

/** A version as users see it. */
export function toModelVersion(model: StoredModel, version: StoredVersion): ModelVersion {
  const aliases = Object.keys(model.aliases).filter((alias) => model.aliases[alias] === version.version);
  return { name: model.name, ...version, aliases: aliases.sort() };
}
