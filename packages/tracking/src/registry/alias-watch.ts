import { type Closeable, closeable, messageOf } from '@fairlead/core';
import type { RegistryStore } from '../store/registry-store';
import { findAlias, findModel } from './lookup';

/** How an alias is followed. */
export interface AliasWatchOptions {
  readonly store: RegistryStore;
  readonly name: string;
  readonly alias: string;
  /** The version that the listener has; `undefined`: whatever the alias points to when the watch begins. */
  readonly from: string | undefined;
  /** Called for every other version that the alias is seen to point to, one call at a time. */
  readonly onVersion: (version: string) => Promise<void> | void;
  /**
   * Hears what `onVersion` or the store threw. The watch goes on and tries the same version again at the next poll; the
   * same message twice in a row is told once.
   */
  readonly onError: (error: unknown) => void;
}

/** Follows an alias. Where it moves twice during one call of the listener, only the last place is told. */
export function watchAlias({ store, name, alias, from, onVersion, onError }: AliasWatchOptions): Closeable {
  let current = from;
  let closed = false;
  let looking = false;
  let again = false;
  let trouble: string | undefined;

  const look = async (): Promise<void> => {
    const seen = findAlias(await findModel(store, name), alias);
    if (!closed && seen !== current && current !== undefined) await onVersion(seen);
    current = seen;
    trouble = undefined;
  };

  const lookUntilQuiet = async (): Promise<void> => {
    looking = true;
    do {
      again = false;
      try {
        await look();
      } catch (error) {
        if (closed) return;
        const message = messageOf(error);
        if (message !== trouble) onError(error);
        trouble = message;
      }
    } while (again && !closed);
    looking = false;
  };

  const onChange = (): void => {
    if (looking) again = true;
    else void lookUntilQuiet();
  };

  const watch = store.watch(name, onChange);
  onChange(); // the alias may have moved since `from` was read
  return closeable(async () => {
    closed = true;
    await watch.close();
  });
}
