import { FairleadError } from '@fairlead/core';
import { invalidArgument } from '../names';

/** Headers of the requests to a relay. */
export type RelayHeaders = Readonly<Record<string, string>>;

/** Where a page sends what it logs: the relay on your own server. */
export interface RelayOptions {
  /** Address of the relay; in a page it may be relative, such as `/tracking`. */
  readonly url: string;
  /** Headers of each request, or a function that answers them, such as a token that is renewed. @default none */
  readonly headers?: RelayHeaders | (() => RelayHeaders | Promise<RelayHeaders>);
  /** Whether cookies come along, as `fetch` says it. @default 'same-origin' */
  readonly credentials?: 'same-origin' | 'include' | 'omit';
  /**
   * Name of the queue in the browser. What one user left in it is sent as whoever is signed in when it is sent, so give each
   * user of a shared browser his own. @default 'default'
   */
  readonly queue?: string;
  /** Milliseconds after which a request counts as lost. 1 or more. @default 30000 */
  readonly timeoutMs?: number;
  /** What sends requests. @default the global `fetch` */
  readonly fetch?: typeof fetch;
}

/** The options with their defaults. */
export type RelaySettings = Required<RelayOptions>;

const known: ReadonlySet<string> = new Set(['url', 'headers', 'credentials', 'queue', 'timeoutMs', 'fetch']);

function invalid(field: string, expected: string, given: unknown): FairleadError {
  const { message, details } = invalidArgument(`relay.${field}`, expected, given);
  return new FairleadError('INVALID_OPTION', `openTracker: ${message}`, { details });
}

/**
 * Checks the options, and makes the address absolute.
 * @param base the address of the page; `undefined` where there is none
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseRelay(relay: string | RelayOptions, base: string | undefined): RelaySettings {
  const given: RelayOptions = typeof relay === 'string' ? { url: relay } : relay;
  for (const key of Object.keys(given)) {
    if (!known.has(key)) throw invalid(key, `one of ${[...known].join(', ')}`, key);
  }
  const { url, headers = {}, credentials = 'same-origin', queue = 'default', timeoutMs = 30_000 } = given;
  const isHeaders = typeof headers === 'function' || (typeof headers === 'object' && headers !== null);
  if (!isHeaders) throw invalid('headers', 'an object, or a function that answers one', headers);
  if (!['same-origin', 'include', 'omit'].includes(credentials)) {
    throw invalid('credentials', 'same-origin, include or omit', credentials);
  }
  if (typeof queue !== 'string' || queue === '') throw invalid('queue', 'a name', queue);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1) throw invalid('timeoutMs', 'a whole number from 1', timeoutMs);
  const { fetch: ask = (...call: Parameters<typeof fetch>) => fetch(...call) } = given;
  if (typeof ask !== 'function') throw invalid('fetch', 'a function like fetch', ask);
  return { url: absolute(url, base), headers, credentials, queue, timeoutMs, fetch: ask };
}

function absolute(url: unknown, base: string | undefined): string {
  try {
    const parsed = new URL(String(url), base);
    if (typeof url === 'string' && url !== '' && /^https?:$/.test(parsed.protocol)) {
      return parsed.href.replace(/[?#].*$/, '').replace(/\/+$/, '');
    }
  } catch {
    // Said below.
  }
  const expected = base === undefined ? 'an address with http:// or https://' : 'an address, such as "/tracking"';
  throw invalid('url', expected, url);
}
