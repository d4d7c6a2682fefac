import { type Clock, FairleadError, parseOptions, systemClock } from '@fairlead/core';
import * as z from 'zod/mini';
import { authFromEnvironment, type Credentials, createCredentials, type MlflowAuth } from './auth';

/** How failed requests are tried again. */
export interface MlflowRetryOptions {
  /** How often at most, after the first time. 0 to 20. @default 7 */
  readonly retries?: number;
  /** Milliseconds before the first retry; each later one waits twice as long. 1 or more. @default 1000 */
  readonly backoffMs?: number;
  /** The longest wait, milliseconds, a longer `Retry-After` of the server among them. @default 60000 */
  readonly maxBackoffMs?: number;
  /** Up to so many milliseconds are added by chance, so that clients do not come back all at once. @default 1000 */
  readonly jitterMs?: number;
}

/** How large artifacts go in parts, straight to the storage behind the server, where that offers it. */
export interface MlflowMultipartOptions {
  /** Bytes of the largest artifact that goes in one request. 0 or more. @default 100000000 */
  readonly leastBytes?: number;
  /** Bytes of a part; most storage wants 5 MiB or more. 1 or more. @default 10485760 (10 MiB) */
  readonly partBytes?: number;
}

/** Options of `createMlflowClient`. */
export interface MlflowClientOptions {
  /** Where the server is, with its path behind a proxy. @default the environment's `MLFLOW_TRACKING_URI` */
  readonly url?: string;
  /**
   * Who asks. @default `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD`, else `MLFLOW_TRACKING_TOKEN`, of the
   * environment, else nobody
   */
  readonly auth?: MlflowAuth;
  /** Sends the requests. @default the global `fetch` */
  readonly fetch?: typeof globalThis.fetch;
  readonly retry?: MlflowRetryOptions;
  /** Milliseconds that one attempt may take, or that a stream may stand still. 1 or more. @default 120000 */
  readonly timeoutMs?: number;
  readonly multipart?: MlflowMultipartOptions;
  /** Bytes of the largest answer, artifacts apart. @default 67108864 (64 MiB) */
  readonly maxAnswerBytes?: number;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** Settings of a client, complete. */
export interface ClientSettings {
  /** With no slash at its end. */
  readonly url: string;
  readonly credentials: Credentials;
  readonly fetch: typeof globalThis.fetch;
  readonly retry: Required<MlflowRetryOptions>;
  readonly multipart: Required<MlflowMultipartOptions>;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  readonly clock: Clock;
}

const milliseconds = z.int().check(z.minimum(1), z.maximum(0x7fffffff));
const text = z.string().check(z.minLength(1));

const schema = z.strictObject({
  url: z.optional(z.string()),
  auth: z.optional(
    z.union([z.literal('none'), z.strictObject({ username: text, password: text }), z.strictObject({ token: text })], {
      error: "{ username, password }, { token } or 'none'",
    }),
  ),
  fetch: z.optional(z.custom<typeof globalThis.fetch>((value) => typeof value === 'function', 'a function')),
  retry: z._default(
    z.strictObject({
      retries: z._default(z.int().check(z.minimum(0), z.maximum(20)), 7),
      backoffMs: z._default(milliseconds, 1000),
      maxBackoffMs: z._default(milliseconds, 60_000),
      jitterMs: z._default(z.int().check(z.minimum(0), z.maximum(0x7fffffff)), 1000),
    }),
    { retries: 7, backoffMs: 1000, maxBackoffMs: 60_000, jitterMs: 1000 },
  ),
  multipart: z._default(
    z.strictObject({
      leastBytes: z._default(z.int().check(z.minimum(0)), 100_000_000),
      partBytes: z._default(z.int().check(z.minimum(1)), 10 * 1024 * 1024),
    }),
    { leastBytes: 100_000_000, partBytes: 10 * 1024 * 1024 },
  ),
  timeoutMs: z._default(milliseconds, 120_000),
  maxAnswerBytes: z._default(z.int().check(z.minimum(1024)), 64 * 1024 * 1024),
  clock: z._default(
    z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'an object'),
    systemClock,
  ),
});

function wrongUrl(expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `createMlflowClient: option "url" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field: 'url', expected, given },
    },
  );
}

/** The server's address, and the credentials that were in it, which no request may show. */
function parseUrl(given: string): { url: string; auth?: MlflowAuth } {
  const expected = 'the http or https address of an MLflow server, such as http://127.0.0.1:5000';
  if (!URL.canParse(given)) throw wrongUrl(expected, 'something else');
  const url = new URL(given);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw wrongUrl(`${expected} (a folder or a database is opened by \`mlflow server\`)`, url.protocol);
  }
  if (url.search !== '' || url.hash !== '')
    throw wrongUrl(`${expected}, with no query`, 'one with a query or a fragment');
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const plain = url.href.replace(/\/+$/, '');
  if (username === '' || password === '') return { url: plain };
  return { url: plain, auth: { username: decodeURIComponent(username), password: decodeURIComponent(password) } };
}

/** The options of `createMlflowClient` with their defaults. @throws FairleadError `INVALID_OPTION` */
export function parseClientOptions(options: MlflowClientOptions): ClientSettings {
  // What is wrong with credentials must not be shown by an error.
  const { auth: givenAuth, ...rest } = parseOptions(schema, hideSecrets(options), 'createMlflowClient');
  const env = (globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } }).process?.env ?? {};
  const address = rest.url ?? env.MLFLOW_TRACKING_URI;
  if (address === undefined || address === '')
    throw wrongUrl('an address, or MLFLOW_TRACKING_URI in the environment', 'nothing');
  const { url, auth: inUrl } = parseUrl(address);
  const auth = givenAuth === undefined ? (inUrl ?? authFromEnvironment()) : (options.auth as MlflowAuth);
  return { ...rest, url, credentials: createCredentials(auth), fetch: rest.fetch ?? globalThis.fetch };
}

/** The options with every credential replaced by stars, for the checks. */
function hideSecrets(options: MlflowClientOptions): unknown {
  const auth = options?.auth as unknown;
  if (typeof auth !== 'object' || auth === null) return options;
  const hidden = Object.entries(auth).map(([key, value]) => [
    key,
    typeof value === 'string' && value !== '' ? '***' : value,
  ]);
  return { ...options, auth: Object.fromEntries(hidden) };
}
