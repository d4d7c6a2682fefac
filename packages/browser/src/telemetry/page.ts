/** What of a page matters here; all of it is missing on a server. */
interface PageLike {
  readonly navigator?: {
    readonly onLine?: boolean;
    readonly globalPrivacyControl?: boolean;
    readonly locks?: Pick<LockManager, 'request'>;
    sendBeacon?(url: string, body: Blob): boolean;
  };
  readonly document?: Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>;
  readonly addEventListener?: (name: string, listener: () => void) => void;
  readonly removeEventListener?: (name: string, listener: () => void) => void;
}

/** Looked up at each use, since importing must do nothing. */
function page(): PageLike {
  return globalThis as unknown as PageLike;
}

/** Whether the browser knows that it has no network. */
export function isOffline(): boolean {
  return page().navigator?.onLine === false;
}

/** Whether the user told the browser that sites may not share or sell what they know. */
export function hasPrivacyControl(): boolean {
  return page().navigator?.globalPrivacyControl === true;
}

/** Hands a body to the browser, which sends it even when the page is gone. False where it cannot. */
export function sendBeacon(url: string, body: Uint8Array<ArrayBuffer>, type: string): boolean {
  const { navigator } = page();
  try {
    return navigator?.sendBeacon?.(url, new Blob([body], { type })) ?? false;
  } catch {
    return false; // Some extensions of browsers make it throw; the report then waits in the queue.
  }
}

/** What happens to a page. */
export interface PageListeners {
  /** It is hidden, and perhaps never comes back. */
  onHide(): void;
  /** It goes away. */
  onLeave(): void;
  /** There is a network again, or the page is back. */
  onReturn(): void;
}

/** Listens, until the function that comes back is called. */
export function watchPage({ onHide, onLeave, onReturn }: PageListeners): () => void {
  const { document, addEventListener, removeEventListener } = page();
  const onVisibility = (): void => {
    if (document?.visibilityState === 'hidden') onHide();
    else onReturn();
  };
  const listeners = { pagehide: onLeave, online: onReturn, pageshow: onReturn };
  document?.addEventListener('visibilitychange', onVisibility);
  for (const [name, listener] of Object.entries(listeners)) addEventListener?.(name, listener);
  return () => {
    document?.removeEventListener('visibilitychange', onVisibility);
    for (const [name, listener] of Object.entries(listeners)) removeEventListener?.(name, listener);
  };
}

/**
 * Does a task unless another tab does the same just now; without Web Locks it is done in any case.
 * @returns whether it was done
 */
export async function inOneTab(name: string, task: () => Promise<void>): Promise<boolean> {
  const locks = page().navigator?.locks;
  if (locks === undefined) {
    await task();
    return true;
  }
  return locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock === null) return false;
    await task();
    return true;
  });
}
