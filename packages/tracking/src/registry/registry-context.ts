import { type CallOptions, type Clock, type EventSource, FairleadError, type Logger } from '@fairlead/core';
import type { RegistryChange, StoredModel, StoredVersion } from '../store/registry-store';
import type { StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import type { TrackerEventMap } from '../tracker';
import { findModel, findVersion } from './lookup';

/** What the registry stands on. */
export interface RegistryContext {
  readonly store: TrackingStore;
  /** A run of the store, with what this tracker has of it in memory. */
  readonly readRun: (id: string, call: CallOptions) => Promise<StoredRun | undefined>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSource<TrackerEventMap>;
  /** Throws `CLOSED` once the tracker was closed. */
  readonly checkOpen: () => void;
}

/** What an edit came to. */
export interface Edited {
  readonly model: StoredModel;
  /** The change as it was kept; `undefined` when nothing was to be done. */
  readonly change: RegistryChange | undefined;
}

/**
 * Changes a model that exists.
 * @throws FairleadError `NOT_FOUND` that names the models that exist, and whatever `decide` throws
 */
export async function edit(
  { store: { registry } }: RegistryContext,
  name: string,
  call: CallOptions,
  decide: (model: StoredModel) => RegistryChange | undefined,
): Promise<Edited> {
  // Only for its error: a commit that finds nothing cannot look for what there is.
  await findModel(registry, name, call.signal);
  const { model, change } = await registry.commit(name, (present) => decide(known(name, present)), call);
  return { model: known(name, model), change };
}

function known(name: string, model: StoredModel | undefined): StoredModel {
  if (model !== undefined) return model;
  throw new FairleadError('NOT_FOUND', `The registered model "${name}" is gone.`, {
    details: { field: 'name', given: name },
  });
}

/** Changes a version that exists; answers it as it is afterwards. */
export async function editVersion(
  context: RegistryContext,
  name: string,
  version: string,
  call: CallOptions,
  decide: (version: StoredVersion, model: StoredModel) => RegistryChange | undefined,
): Promise<Edited> {
  return edit(context, name, call, (model) => decide(findVersion(model, version), model));
}
