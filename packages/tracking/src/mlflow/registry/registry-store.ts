import {
  type CallOptions,
  type Clock,
  type ClockTimer,
  closeable,
  type Logger,
  messageOf,
  throwIfAborted,
} from '@fairlead/core';
import { checkModelName } from '../../names';
import type { RegistryStore } from '../../store/registry-store';
import type { MlflowClient } from '../client';
import type { AdoptedVersions } from './adoption';
import { createGlancer, isLog, logNameOf } from './glance';
import { createOneModel, type OneModel } from './model-registry';
import type { BlobPlaces } from './places';

/** How a registry on an MLflow server is kept. */
export interface MlflowRegistryOptions {
  readonly client: MlflowClient;
  readonly clock: Clock;
  /** Who knows where the bytes of versions lie. */
  readonly places: BlobPlaces;
  /** Which versions that other clients registered become ours: those that an alias points to, all, or none. @default 'aliased' */
  readonly adopt?: AdoptedVersions;
  /** Milliseconds between two looks for changes of a model that is watched. @default 5000 */
  readonly pollMs?: number;
  readonly logger: Logger;
}

/** A {@link RegistryStore} that holds watchers. */
export interface MlflowRegistryStore extends RegistryStore {
  close(): Promise<void>;
}

interface Watch {
  readonly listeners: Set<() => void>;
  timer: ClockTimer | undefined;
  revision: number;
  /** What went wrong last, so that the same is told once. */
  trouble: string | undefined;
}

function isName(name: string): boolean {
  try {
    checkModelName(name);
    logNameOf(name);
    return true;
  } catch {
    // MLflow lets through what no reference of ours can name.
    return false;
  }
}

/**
 * Registered models on an MLflow server. Commits are compare-and-set, by a log beside each model; versions, aliases, tags and
 * descriptions are shown to MLflow's own users, and what these do is taken over.
 */
export function createMlflowRegistry(options: MlflowRegistryOptions): MlflowRegistryStore {
  const { client, clock, places, adopt = 'aliased', pollMs = 5000, logger } = options;
  const glancer = createGlancer(client);
  const models = new Map<string, OneModel>();
  const watches = new Map<string, Watch>();

  const modelOf = (name: string): OneModel => {
    // Refuses the names of logs.
    logNameOf(name);
    const model = models.get(name) ?? createOneModel(name, { client, glancer, clock, places, adopt, logger });
    models.set(name, model);
    return model;
  };

  const notify = (name: string): void => {
    const watch = watches.get(name);
    if (watch === undefined) return;
    watch.revision = modelOf(name).revision;
    for (const listener of [...watch.listeners]) listener();
  };

  const poll = async (name: string, watch: Watch): Promise<void> => {
    try {
      await modelOf(name).read({});
      watch.trouble = undefined;
    } catch (error) {
      const trouble = `Could not look for changes of "${name}": ${messageOf(error)}`;
      if (watch.listeners.size > 0 && trouble !== watch.trouble) logger.warn({ name, error }, trouble);
      watch.trouble = trouble;
    }
    if (watch.listeners.size === 0) return;
    if (modelOf(name).revision !== watch.revision) notify(name);
    schedule(name, watch);
  };

  const schedule = (name: string, watch: Watch): void => {
    watch.timer = clock.setTimer(() => void poll(name, watch), pollMs);
  };

  const stop = (name: string, watch: Watch): void => {
    watch.listeners.clear();
    watch.timer?.clear();
    if (watches.get(name) === watch) watches.delete(name);
  };

  return {
    async names(call: CallOptions = {}) {
      throwIfAborted(call.signal, 'Listing the models');
      const names: string[] = [];
      let pageToken: string | undefined;
      do {
        const page = await client.models.search({ maxResults: 1000, ...(pageToken && { pageToken }), ...call });
        for (const model of page.items) if (!isLog(model) && isName(model.name)) names.push(model.name);
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      return names.sort();
    },
    async read(name, call = {}) {
      throwIfAborted(call.signal, 'Reading the registry');
      return modelOf(name).read(call);
    },
    async commit(name, decide, call = {}) {
      throwIfAborted(call.signal, 'The registry commit');
      const result = await modelOf(name).commit(decide, call);
      if (result.change !== undefined) notify(name);
      return result;
    },
    watch(name, onChange) {
      // Its own function, so that one listener may be added twice.
      const listener = (): void => onChange();
      const known = watches.get(name);
      const watch: Watch = known ?? {
        listeners: new Set(),
        timer: undefined,
        revision: modelOf(name).revision,
        trouble: undefined,
      };
      watch.listeners.add(listener);
      if (known === undefined) {
        watches.set(name, watch);
        schedule(name, watch);
      }
      return closeable(() => {
        if (watch.listeners.delete(listener) && watch.listeners.size === 0) stop(name, watch);
      });
    },
    async close() {
      for (const [name, watch] of watches) stop(name, watch);
    },
  };
}
