import type { CallOptions } from '@fairlead/core';
import { checkModelName } from '../names';
import { createAliasWriter } from './aliases';
import { findModel, findReference, toModelVersion, toModelVersions } from './lookup';
import { parseModelReference } from './model-reference';
import type { ModelRegistry } from './model-registry';
import { createModelSource } from './model-source';
import type { RegisteredModel } from './model-version';
import type { RegistryContext } from './registry-context';
import { createVersionWriter } from './versions';

/** The registry of a store. */
export function createRegistry(context: RegistryContext): ModelRegistry {
  const { store, logger, checkOpen } = context;
  const { registry, artifacts } = store;

  const getModel = async (name: string, call: CallOptions = {}): Promise<RegisteredModel> => {
    checkOpen();
    checkModelName(name);
    const model = await findModel(registry, name, call.signal);
    const kept = model.versions.filter((version) => version.deletedAt === undefined);
    return {
      name,
      versions: toModelVersions(model, kept),
      aliases: model.aliases,
      damage: model.damage,
    };
  };

  return {
    ...createVersionWriter(context),
    ...createAliasWriter(context),
    async getVersion(reference, { signal } = {}) {
      checkOpen();
      const { model, version } = await findReference(registry, parseModelReference(reference), signal);
      return toModelVersion(model, version);
    },
    getModel,
    async models(call = {}) {
      checkOpen();
      const models: RegisteredModel[] = [];
      for (const name of await registry.names(call)) models.push(await getModel(name, call));
      return models;
    },
    model(reference) {
      checkOpen();
      return createModelSource(registry, artifacts, parseModelReference(reference), logger);
    },
  };
}
