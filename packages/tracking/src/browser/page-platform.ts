/** What happens to a page. */
export type PageEvent = 'online' | 'hide' | 'leave';

/** A line to the other tabs of the same site. */
export interface TabChannel {
  post(message: unknown): void;
  close(): void;
}

/** What the queue of a page needs of the browser; tests give another. */
export interface PagePlatform {
  /** The page's address; `undefined` where there is no page. */
  readonly base: string | undefined;
  /** Whether there is a database that outlives the page. */
  readonly hasDatabase: boolean;
  /** 0 to 1, without 1. */
  random(): number;
  /** Calls back whenever it happens; answers what ends that. */
  listen(event: PageEvent, callback: () => void): () => void;
  /** Runs work while no other tab does work of this name, until the signal says so; at once where tabs cannot agree. */
  lead(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void>;
  /** Opens a line by a name. */
  channel(name: string, onMessage: (message: unknown) => void): TabChannel;
}

function listenTo(target: EventTarget | undefined, type: string, callback: () => void): () => void {
  target?.addEventListener(type, callback);
  return () => target?.removeEventListener(type, callback);
}

/** The browser that this runs in, or a process that is none. */
export function currentPlatform(): PagePlatform {
  const page = globalThis as unknown as Partial<Pick<Window, 'location' | 'document' | 'navigator' | 'indexedDB'>>;
  const target = typeof globalThis.addEventListener === 'function' ? globalThis : undefined;
  const hasDatabase = page.indexedDB !== undefined && page.indexedDB !== null;
  return {
    base: page.location?.href,
    hasDatabase,
    random: () => Math.random(),
    listen(event, callback) {
      if (event === 'online') return listenTo(target, 'online', callback);
      if (event === 'leave') return listenTo(target, 'pagehide', callback);
      return listenTo(page.document, 'visibilitychange', () => {
        if (page.document?.visibilityState === 'hidden') callback();
      });
    },
    async lead(name, signal, work) {
      const locks = hasDatabase ? page.navigator?.locks : undefined;
      if (locks === undefined) return work();
      try {
        await locks.request(name, { signal }, work);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    channel(name, onMessage) {
      // Node has such a line too, and would wait for it.
      if (!hasDatabase || typeof BroadcastChannel !== 'function') return { post() {}, close() {} };
      const channel = new BroadcastChannel(name);
      channel.onmessage = ({ data }) => onMessage(data);
      return { post: (message) => channel.postMessage(message), close: () => channel.close() };
    },
  };
}
