import { type Clock, systemClock } from '@fairlead/core';
import type { ProgressEvent, Tell } from './cache-events';
import type { CacheStore } from './cache-store';
import { withLock } from './locks';

/** What one tab alone should do, and how. */
export interface OneTabRequest {
  readonly store: CacheStore | undefined;
  /** What the lock is about. */
  readonly key: string;
  readonly shown: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Who holds the lock and says nothing for so long is not waited for. */
  readonly stallTimeoutMs: number;
  readonly tell: Tell;
}

/** How often a tab that has nothing to tell says that it is still there, in milliseconds. */
const heartbeatMs = 2000;

/**
 * Does a piece of work while no other tab does the same. Those that wait hear how far it is; one that holds the lock and
 * is silent, being frozen, is left alone: the work is then done without the store.
 */
export async function inOneTab<T>(
  request: OneTabRequest,
  work: (store: CacheStore | undefined, tell: Tell) => Promise<T>,
): Promise<T> {
  const { store, signal, clock, stallTimeoutMs, shown } = request;
  if (store === undefined) return work(undefined, request.tell);
  const name = `fairlead-${store.storage.name}-${request.key}`;
  const channel = store.storage.shared ? openChannel(name) : undefined;
  const waiting = new AbortController();
  const leave = (): void => waiting.abort(signal.reason);
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  let entered = false;
  let alone = false;
  const giveUp = () =>
    clock.setTimer(() => {
      alone = !entered;
      waiting.abort();
    }, stallTimeoutMs);
  let timer = giveUp();
  channel?.addEventListener('message', ({ data }: MessageEvent<ProgressEvent | undefined>) => {
    if (entered) return;
    timer.clear();
    timer = giveUp();
    if (data !== undefined) request.tell('progress', { ...data, url: shown, by: 'other-tab' });
  });

  const alive = (): (() => void) => {
    let beat = systemClock.setTimer(function again() {
      channel?.postMessage(undefined);
      beat = systemClock.setTimer(again, heartbeatMs);
    }, heartbeatMs);
    return () => beat.clear();
  };
  const tell: Tell = (event, details) => {
    request.tell(event, details);
    if (event === 'progress') channel?.postMessage(details);
  };
  try {
    return await withLock(
      name,
      store.storage.shared,
      async () => {
        entered = true;
        timer.clear();
        const rest = channel === undefined ? undefined : alive();
        try {
          return await work(store, tell);
        } finally {
          rest?.();
        }
      },
      waiting.signal,
    );
  } catch (error) {
    if (!alone || entered) throw error;
    const reason = `another tab that downloads it was silent for ${stallTimeoutMs} ms`;
    request.tell('cache-skip', { url: shown, reason });
    return await work(undefined, request.tell);
  } finally {
    timer.clear();
    signal.removeEventListener('abort', leave);
    channel?.close();
  }
}

function openChannel(name: string): BroadcastChannel | undefined {
  return typeof BroadcastChannel === 'function' ? new BroadcastChannel(name) : undefined;
}
