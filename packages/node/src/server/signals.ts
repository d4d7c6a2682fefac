import { constants } from 'node:os';

/** Signals that ask a process to end. */
const signals = ['SIGTERM', 'SIGINT'] as const;

type Listener = (signal: NodeJS.Signals) => void;

/** Listeners of ours: a process may have several servers. */
const ours = new Set<Listener>();

const isHeardByOthers = (signal: NodeJS.Signals): boolean =>
  (process.listeners(signal) as Listener[]).some((listener) => !ours.has(listener));

/**
 * Calls `onSignal` at a signal that asks the process to end; when it has settled, the process ends by that signal as it would
 * have without us, unless somebody else listens to it too.
 *
 * @param onSecond called at a second signal, after which the process ends at once. @default a second one is like the first
 * @returns stops listening
 */
export function onEndSignal(onSignal: () => Promise<void>, onSecond?: () => void): () => void {
  let hasCome = false;
  const stop = (): void => {
    for (const signal of signals) process.off(signal, listener);
    ours.delete(listener);
  };
  const endBy = (signal: NodeJS.Signals): void => {
    // The first process of a container: the kernel lets no signal end it that it does not listen to.
    if (process.pid === 1 || process.listenerCount(signal) > 0) process.exit(128 + constants.signals[signal]);
    process.kill(process.pid, signal);
  };
  const listener: Listener = (signal) => {
    if (hasCome && onSecond !== undefined) {
      stop();
      onSecond();
      endBy(signal);
      return;
    }
    hasCome = true;
    // Asked before others hear of it: whoever listens once is gone from the list by the time that he is called.
    const isOthersToo = isHeardByOthers(signal);
    const passOn = (): void => {
      stop();
      if (!isOthersToo && process.listenerCount(signal) === 0) endBy(signal);
    };
    onSignal().then(passOn, passOn);
  };
  ours.add(listener);
  for (const signal of signals) process.prependListener(signal, listener);
  return stop;
}
