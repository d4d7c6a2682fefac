import { FairleadError, type Logger, messageOf } from '@fairlead/core';

/** A signal at which runs can be ended. */
export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGBREAK';

/** The part of Node's `process` that is needed here. */
export interface SignalProcess {
  readonly pid: number;
  prependListener(signal: EndSignal, listener: () => void): unknown;
  removeListener(signal: EndSignal, listener: () => void): unknown;
  listenerCount(signal: EndSignal): number;
  kill(pid: number, signal: EndSignal): unknown;
}

function thisProcess(): SignalProcess {
  const found = (globalThis as { process?: Partial<SignalProcess> }).process;
  if (typeof found?.prependListener === 'function' && typeof found.kill === 'function') return found as SignalProcess;
  throw new FairleadError('UNSUPPORTED', 'This runtime has no signals: leave the option "signals" out.', {
    details: { field: 'signals', expected: 'a runtime with signals, such as Node' },
  });
}

/**
 * Does something when one of the signals comes, and then lets the signal take its course: handlers of others have their
 * turn, and where there are none the process gets the signal again, unhandled.
 *
 * @param onSignal does its work before it returns; a promise holds the signal up until it settles
 * @returns takes the handlers away
 * @throws FairleadError `UNSUPPORTED` where the runtime has no signals
 */
export function handleSignals(
  signals: readonly EndSignal[],
  logger: Logger,
  onSignal: (signal: EndSignal) => void | Promise<void>,
): () => void {
  if (signals.length === 0) return () => {};
  const host = thisProcess();
  const listeners = [...new Set(signals)].map((signal) => ({
    signal,
    listener: (): void => {
      remove();
      // Ours come first, so whoever else listens hears this very signal next, and decides what becomes of the process.
      const isLast = host.listenerCount(signal) === 0;
      const passOn = (): void => {
        if (isLast) host.kill(host.pid, signal);
      };
      const complain = (error: unknown): void =>
        logger.error({ signal, error }, `What was logged last may be lost at ${signal}: ${messageOf(error)}`);
      try {
        const pending = onSignal(signal);
        if (pending !== undefined) return void pending.catch(complain).then(passOn);
      } catch (error) {
        complain(error);
      }
      passOn();
    },
  }));
  const remove = (): void => {
    for (const { signal, listener } of listeners) host.removeListener(signal, listener);
  };
  for (const { signal, listener } of listeners) host.prependListener(signal, listener);
  return remove;
}
