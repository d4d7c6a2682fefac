import { abortedError } from '@fairlead/core';

/** What of the Web Locks is used. */
export type LockManagerLike = Pick<LockManager, 'request'>;

const chains = new Map<string, Promise<unknown>>();

/**
 * Runs a task while nobody else does who takes the lock of that name: across tabs by Web Locks where the browser has
 * them, else within this page. Whoever dies sets the lock free.
 *
 * @throws FairleadError `ABORTED` when the signal ends the wait
 */
export async function withLock<T>(
  name: string,
  shared: boolean,
  task: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { navigator } = globalThis as { navigator?: { locks?: LockManagerLike } };
  const locks = shared ? navigator?.locks : undefined;
  if (locks === undefined) return inThisPage(name, task, signal);
  let entered = false;
  try {
    return (await locks.request(name, signal === undefined ? {} : { signal }, () => {
      entered = true;
      return task();
    })) as T;
  } catch (error) {
    if (!entered && signal?.aborted) throw abortedError(signal, 'Waiting for another download');
    throw error;
  }
}

async function inThisPage<T>(name: string, task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const before = chains.get(name) ?? Promise.resolve();
  const turn = before.then(() => {
    if (signal?.aborted) throw abortedError(signal, 'Waiting for another download');
    return task();
  });
  // Who comes next goes on whatever became of this one, of which its own caller hears.
  const settled = turn.catch(() => undefined);
  chains.set(name, settled);
  void settled.then(() => {
    if (chains.get(name) === settled) chains.delete(name);
  });
  if (signal === undefined) return turn;
  return new Promise<T>((resolve, reject) => {
    let started = false;
    const leave = (): void => {
      if (!started) reject(abortedError(signal, 'Waiting for another download'));
    };
    void before.then(() => {
      started = true;
    });
    signal.addEventListener('abort', leave, { once: true });
    void turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
