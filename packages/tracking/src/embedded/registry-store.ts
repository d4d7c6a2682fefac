import { type CallOptions, type Clock, closeable, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files } from '../files/files';
import type { AliasMove, RegistryStore, StoredModel, StoredVersion } from '../store/registry-store';
import { type Commit, CommitLog, modelOf } from './commit-log';
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

  /** Appends what `decide` makes of the present state; decides again after every race that was lost. */
  const commit = async <T>(
    name: string,
    call: CallOptions,
    decide: (model: StoredModel | undefined) => { readonly commit: Commit | undefined; readonly result: T },
  ): Promise<T> => {
    const log = logOf(name);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      throwIfAborted(call.signal, 'The registry commit');
      await log.refresh();
      const { commit: next, result } = decide(log.model);
      if (next === undefined) return result;
      if (await log.append(next)) {
        watches.get(name)?.notify();
        return result;
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
    addVersion: (name, content, call = {}) =>
      commit(name, call, (model) => {
        // A damaged commit may have been a version, so its number is not given again.
        const highest = Math.max(0, ...(model?.versions ?? []).map((known) => Number(known.version)));
        const number = highest + (model?.damage.length ?? 0) + 1;
        const version: StoredVersion = { ...content, version: String(number), registeredAt: clock.epochMs() };
        return { commit: { type: 'version', model: name, version }, result: version };
      }),
    moveAlias: (name, target, call = {}) =>
      commit<AliasMove | undefined>(name, call, (model) => {
        const aliases = model?.aliases ?? {};
        const from = Object.hasOwn(aliases, target.alias) ? (aliases[target.alias] ?? null) : null;
        if (target.expected !== undefined && target.expected !== from) {
          const given = from === null ? 'it does not exist' : `it points at version ${from}`;
          const expected = target.expected === null ? 'that it does not exist' : `version ${target.expected}`;
          throw new FairleadError(
            'CONFLICT',
            `The alias "${target.alias}" of "${name}" is not where it was expected: expected ${expected}, but ${given}. ` +
              'Read it again and decide anew.',
            { details: { field: 'expected', expected, given } },
          );
        }
        if (from === target.to) return { commit: undefined, result: undefined };
        const { alias, to, evidence } = target;
        const move: AliasMove = { alias, from, to, evidence, at: clock.epochMs() };
        return { commit: { type: 'alias', model: name, move }, result: move };
      }),
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
