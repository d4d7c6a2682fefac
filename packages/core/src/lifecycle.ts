/** What is opened must be closed. */
export interface Closeable {
  /** Drains, then releases. A second close is a no-op; work after it fails with code `CLOSED`. */
  close(): Promise<void>;
  /** The same as `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of any asynchronous call. */
export interface CallOptions {
  /** Ends the call early; it then rejects with code `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** Makes a {@link Closeable} of a release function that runs at most once; every close awaits the same release. */
export function closeable(release: () => Promise<void> | void): Closeable {
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    // The release begins at once, so that what comes right after the call already finds it closed.
    closing ??= (async () => release())();
    return closing;
  };
  return { close, [Symbol.asyncDispose]: close };
}
