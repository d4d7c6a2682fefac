import { constants } from 'node:os';

/** Signals that ask a process to end. */
const signals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Calls `onSignal` once, at the first signal that asks the process to end; when it has settled, the process ends by that
 * signal as it would have without us, unless somebody else listens to it too.
 *
 * @returns stops listening
 */
export function onEndSignal(onSignal: () => Promise<void>): () => void {
  const stop = (): void => {
    for (const signal of signals) process.off(signal, listener);
  };
  const listener = (signal: NodeJS.Signals): void => {
    const passOn = (): void => {
      stop();
      if (process.listenerCount(signal) > 0) return;
      // The first process of a container: the kernel lets no signal end it that it does not listen to.
      if (process.pid === 1) process.exit(128 + constants.signals[signal]);
      process.kill(process.pid, signal);
    };
    onSignal().then(passOn, passOn);
  };
  for (const signal of signals) process.on(signal, listener);
  return stop;
}
