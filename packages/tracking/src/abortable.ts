import { abortedError, throwIfAborted } from '@fairlead/core';

/** Lets a caller leave a promise early; the work behind it goes on for whoever else needs it. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (signal === undefined) return promise;
  // The caller leaves; a failure of the work itself is in `health()` and in its event.
  promise.catch(() => undefined);
  return new Promise<T>((resolve, reject) => {
    try {
      throwIfAborted(signal, what);
    } catch (error) {
      reject(error as Error);
      return;
    }
    const onAbort = (): void => reject(abortedError(signal, what));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
