import type { Logger } from '@fairlead/core';
import { openTracker } from '../../open-tracker';
import type { Tracker } from '../../tracker';
import type { MlflowRetryOptions } from '../client-options';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A tracker on a server that tries again at once, as often as it is told, and says nothing. */
export function trackerOn(
  url: string,
  { retries = 0, ...options }: MlflowRetryOptions & { maxBufferedBytes?: number } = {},
): Promise<Tracker> {
  const { maxBufferedBytes = 8 * 1024 * 1024, ...retry } = options;
  return openTracker({
    mlflow: { url, auth: 'none', retry: { retries, backoffMs: 1, maxBackoffMs: 5, jitterMs: 0, ...retry } },
    // Nothing is written but what a test asks for.
    flushIntervalMs: 1_000_000,
    maxBufferedBytes,
    logger: silent,
  });
}

/** The name of a request's call, such as `runs/log-batch`. */
export function callOf({ url }: { readonly url: string }): string {
  return new URL(url, 'http://server').pathname.split('/').slice(-2).join('/');
}
