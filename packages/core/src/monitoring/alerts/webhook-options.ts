import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import type { WebhookFormat } from './webhook-body';

/** Options of `webhookSink`. */
export interface WebhookSinkOptions {
  /**
   * Where to post: an http or https URL. A user and password in it become an `authorization` header. Messages and
   * metrics name its host alone, since a path can be as secret as a password.
   */
  readonly url: string;
  /** Name of the sink, for metrics and messages. @default 'webhook' */
  readonly name?: string;
  /**
   * What the body looks like: the alerts as they are; for Alertmanager's `/api/v2/alerts`; for a Slack incoming webhook.
   * @default 'fairlead'
   */
  readonly format?: WebhookFormat;
  /** Headers of every request. Never logged. @default {} */
  readonly headers?: Readonly<Record<string, string>>;
  /** Signs every request, so that its receiver can tell who sent it; see `verifyWebhook`. Never logged. @default none */
  readonly secret?: string;
  /** Milliseconds that one try may take, more than 0. @default 10000 */
  readonly timeoutMs?: number;
  /** Tries after the first one, 0 to 100. @default 5 */
  readonly retries?: number;
  /** About how many milliseconds to wait before the first retry; twice as many before each further one. More than 0. @default 500 */
  readonly initialDelayMs?: number;
  /** Most milliseconds to wait before a retry, `initialDelayMs` or more. @default 60000 */
  readonly maxDelayMs?: number;
  /** Longest `retry-after` that is waited for, in milliseconds; a server that asks for more is given up. @default 300000 */
  readonly maxRetryAfterMs?: number;
  /** Bytes that a body may have, 1024 or more; what is larger is sent with fewer details. @default 65536 */
  readonly maxBodyBytes?: number;
  /** Where the randomness of delays comes from. @default a seed of its own, so that many processes do not retry in step */
  readonly seed?: number;
  /** @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch;
}

/** The options with their defaults. */
export interface WebhookSettings {
  readonly url: string;
  /** How messages name it. */
  readonly host: string;
  readonly name: string;
  readonly format: WebhookFormat;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  readonly maxRetryAfterMs: number;
  readonly maxBodyBytes: number;
  readonly seed: number;
  readonly fetch: typeof globalThis.fetch;
}

const longestTimerMs = 2 ** 31 - 1;
const delay = z.number().check(z.gt(0), z.lte(longestTimerMs));

const schema = z
  .strictObject({
    url: z.unknown(),
    name: z._default(z.string().check(z.minLength(1)), 'webhook'),
    format: z._default(z.enum(['fairlead', 'alertmanager', 'slack']), 'fairlead'),
    headers: z.optional(z.unknown()),
    secret: z.optional(z.unknown()),
    timeoutMs: z._default(delay, 10_000),
    retries: z._default(z.int().check(z.gte(0), z.lte(100)), 5),
    initialDelayMs: z._default(delay, 500),
    maxDelayMs: z._default(delay, 60_000),
    maxRetryAfterMs: z._default(z.number().check(z.gte(0), z.lte(longestTimerMs)), 300_000),
    maxBodyBytes: z._default(z.int().check(z.gte(1024)), 65_536),
    seed: z.optional(z.int()),
    fetch: z.optional(
      z.custom<typeof globalThis.fetch>((value) => typeof value === 'function', 'a function like fetch'),
    ),
  })
  .check(
    z.refine(({ initialDelayMs, maxDelayMs }) => initialDelayMs <= maxDelayMs, {
      path: ['maxDelayMs'],
      error: 'initialDelayMs or more',
    }),
  );

/** @throws FairleadError `INVALID_OPTION`, which repeats neither URL, headers nor secret */
export function parseWebhookOptions(options: WebhookSinkOptions): WebhookSettings {
  refuseUnknown(options);
  const parsedOptions = parseOptions(schema, options, 'webhookSink');
  const { url: givenUrl, headers: givenHeaders, secret, seed, fetch, ...parsed } = parsedOptions;
  if (secret !== undefined && (typeof secret !== 'string' || secret === '')) {
    throw wrongOption('secret', 'text that is not empty', typeof secret === 'string' ? 'empty text' : typeof secret);
  }
  const url = urlOf(givenUrl);
  const headers = headersOf(givenHeaders);
  if (url.username !== '' || url.password !== '') {
    headers.authorization ??= `Basic ${base64(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)}`;
    url.username = '';
    url.password = '';
  }
  return {
    ...parsed,
    url: url.href,
    host: url.host,
    headers,
    secret,
    seed: seed ?? Math.floor(Math.random() * 2 ** 32),
    // Called as a plain function: a browser's fetch refuses any other `this`.
    fetch: fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
}

/** Before anything else, since the general message would repeat the value, and a misspelt secret is a secret. */
function refuseUnknown(options: unknown): void {
  for (const key of Object.keys((options as object | null | undefined) ?? {})) {
    if (!Object.hasOwn(schema.shape, key)) throw wrongOption(key, 'no such option', 'a value');
  }
}

function urlOf(given: unknown): URL {
  let url: URL | undefined;
  try {
    url = new URL(given as string);
  } catch {
    // Told below, together with the schemes that do not serve.
  }
  if (typeof given !== 'string' || url === undefined || !/^https?:$/.test(url.protocol)) {
    const kind = typeof given !== 'string' ? typeof given : (url?.protocol ?? 'text that is no URL');
    throw wrongOption('url', 'an http or https URL', kind);
  }
  return url;
}

function headersOf(given: unknown): Record<string, string> {
  if (given === undefined) return {};
  const names = typeof given === 'object' && given !== null && !Array.isArray(given) ? Object.keys(given) : undefined;
  if (names === undefined) throw wrongOption('headers', 'an object of headers by name', typeof given);
  try {
    return Object.fromEntries(new Headers(given as Record<string, string>).entries());
  } catch {
    // The platform's message repeats the value.
    throw wrongOption('headers', 'names and values that HTTP allows', `the headers ${names.join(', ')}`);
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function wrongOption(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `webhookSink: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
