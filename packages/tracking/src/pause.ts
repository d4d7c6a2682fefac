import { abortedError, type Clock } from '@fairlead/core';

/**
 * Waits, and keeps the process from ending meanwhile, which the timers of a clock do not: somebody awaits this.
 * @throws FairleadError `ABORTED`
 */
export function pause(clock: Clock, ms: number, signal: AbortSignal | undefined, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const hold = setInterval(() => undefined, 0x7fffffff);
    const end = (): void => {
      clearInterval(hold);
      timer.clear();
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      end();
      reject(abortedError(signal as AbortSignal, what));
    };
    const timer = clock.setTimer(() => {
      end();
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
