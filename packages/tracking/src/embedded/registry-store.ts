import { type CallOptions, type Clock, closeable, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files } from '../files/files';
import type { CommitResult, RegistryStore, StoredModel } from '../store/registry-store';
import { CommitLog, modelOf } from './commit-log';
import { createFolderWatch, type FolderWatch } from './folder-watch';

/** How the registry of a folder is kept. */
export interface RegistryStoreOptions {
  readonly files: Files;
  /** The store's folder. */
  readonly dir: string;
  readonly clock: Clock;
  /** Milliseconds between two looks for commits of other processes. */
  readonly pollMs: number;
}

/** A {@link RegistryStore} that holds watchers. */
export interface EmbeddedRegistryStore extends RegistryStore {
  close(): Promise<void>;
}

/** Every lost race means that somebody else's commit went through, so this many in a row do not happen by themselves. */
const maxAttempts = 10_000;

/** Registered models as logs of commits. */
export function createRegistryStore(options: RegistryStoreOptions): EmbeddedRegistryStore {
  const { files, clock, pollMs } = options;
  const root = files.join(options.dir, 'registry');
  const logs = new Map<string, CommitLog>();
  const watches = new Map<string, FolderWatch>();

  const logOf = (name: string): CommitLog => {
    const log = logs.get(name) ?? new CommitLog(files, root, name);
    logs.set(name, log);
    return log;
  };

  const read = async (name: string, call: CallOptions = {}): Promise<StoredModel | undefined> => {
    throwIfAborted(call.signal, 'Reading the registry');
    const log = logOf(name);
    await log.refresh();
    return log.model;
  };

  const commit: RegistryStore['commit'] = async (name, decide, call = {}): Promise<CommitResult> => {
    const log = logOf(name);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      throwIfAborted(call.signal, 'The registry commit');
      await log.refresh();
      const { last } = log;
      const change = decide(log.model);
      if (change === undefined) return { model: log.model, change };
      if (await log.append(change, last)) {
        watches.get(name)?.notify();
        return { model: log.model, change };
      }
    }
    throw new FairleadError('CONFLICT', `The registry of "${name}" changes too fast. Try again.`, {
      details: { field: 'name', given: name },
    });
  };

  return {
    async names(call = {}) {
      throwIfAborted(call.signal, 'Listing the models');
      const models = (await files.list(root)).flatMap((folder) => modelOf(folder) ?? []);
      const found = await Promise.all(models.map(async (name) => ((await read(name, call)) ? [name] : [])));
      return found.flat().sort();
    },
    read,
    commit,
    watch(name, onChange) {
      const watch = watches.get(name) ?? createFolderWatch({ files, folder: logOf(name).folder, clock, pollMs });
      watches.set(name, watch);
      const remove = watch.add(onChange);
      return closeable(() => {
        remove();
        if (watch.size === 0 && watches.get(name) === watch) watches.delete(name);
      });
    },
    async close() {
      for (const watch of watches.values()) watch.close();
      watches.clear();
    },
  };
}
