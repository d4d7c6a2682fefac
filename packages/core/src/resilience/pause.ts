import type { Clock } from '../clock';
import { abortedError, throwIfAborted } from '../errors';

/**
 * Waits on a clock; an abort ends the wait at once.
 * @throws FairleadError `ABORTED`
 */
export async function pause(ms: number, signal: AbortSignal | undefined, clock: Clock): Promise<void> {
  throwIfAborted(signal, 'The request');
  await new Promise<void>((resolve, reject) => {
    const timer = clock.setTimer(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    const onAbort = (): void => {
      timer.clear();
      reject(abortedError(signal as AbortSignal, 'The request'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
