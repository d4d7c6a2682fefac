import type { Clock, ClockTimer } from '@fairlead/core';
import type { Files } from '../files/files';

/** How a {@link FolderWatch} is set up. */
export interface FolderWatchOptions {
  readonly files: Files;
  readonly folder: string;
  readonly clock: Clock;
  readonly pollMs: number;
}

/** Tells listeners that a folder may have changed. */
export interface FolderWatch {
  /** How many listen. */
  readonly size: number;
  /** Adds a listener; the function that comes back removes it. */
  add(onChange: () => void): () => void;
  /** Tells every listener at once: this process made the change. */
  notify(): void;
  close(): void;
}

/**
 * Watches a folder by the system's notices where there are any and by polling everywhere, because network file systems
 * give none and a notice can get lost. A poll just calls the listeners, who look for themselves.
 */
export function createFolderWatch({ files, folder, clock, pollMs }: FolderWatchOptions): FolderWatch {
  const listeners = new Set<() => void>();
  let stopNotices: (() => void) | undefined;
  let timer: ClockTimer | undefined;

  const notify = (): void => {
    for (const listener of [...listeners]) listener();
  };

  const schedule = (): void => {
    timer = clock.setTimer(() => {
      schedule();
      notify();
    }, pollMs);
  };

  const stop = (): void => {
    timer?.clear();
    timer = undefined;
    stopNotices?.();
    stopNotices = undefined;
  };

  return {
    get size() {
      return listeners.size;
    },
    add(onChange) {
      // Its own function, so that one listener may be added twice.
      const listener = (): void => onChange();
      listeners.add(listener);
      if (listeners.size === 1) {
        stopNotices = files.watch(folder, notify);
        schedule();
      }
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) stop();
      };
    },
    notify,
    close() {
      listeners.clear();
      stop();
    },
  };
}
