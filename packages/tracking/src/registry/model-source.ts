import { type CallOptions, type LoadedModel, type Logger, type ModelSource, messageOf } from '@fairlead/core';
import type { ArtifactStore } from '../store/artifact-store';
import type { RegistryStore, StoredVersion } from '../store/registry-store';
import { watchAlias } from './alias-watch';
import { findReference } from './lookup';
import type { ModelReference } from './model-reference';

async function load(
  artifacts: ArtifactStore,
  name: string,
  version: StoredVersion,
  call: CallOptions,
): Promise<LoadedModel> {
  const bytes = await artifacts.read({ digest: version.digest, size: version.size }, call);
  return {
    bytes,
    digest: version.digest,
    name,
    version: version.version,
    async sidecar(sidecar, options = {}) {
      const blob = version.sidecars[sidecar];
      return blob === undefined ? undefined : artifacts.read(blob, options);
    },
  };
}

/** A version of the registry as a model source; an alias is watched, a fixed version cannot change. */
export function createModelSource(
  store: RegistryStore,
  artifacts: ArtifactStore,
  reference: ModelReference,
  logger: Logger,
): ModelSource {
  let resolved: string | undefined;
  const resolve = async (call: CallOptions): Promise<LoadedModel> => {
    const { version } = await findReference(store, reference, call.signal);
    const model = await load(artifacts, reference.name, version, call);
    resolved = version.version;
    return model;
  };
  if (!('alias' in reference)) return { resolve };
  const { name, alias } = reference;
  return {
    resolve,
    watch: (onChange, onError) =>
      watchAlias({
        store,
        name,
        alias,
        from: resolved,
        onVersion: async (version) => {
          const found = await findReference(store, { name, version });
          onChange(await load(artifacts, name, found.version, {}));
        },
        onError: (error) => {
          if (onError !== undefined) onError(error);
          else logger.error({ name, alias, error }, `Could not follow ${name}@${alias}: ${messageOf(error)}`);
        },
      }),
  };
}
