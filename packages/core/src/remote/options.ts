import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import type { EventListeners } from '../events';
import { consoleLogger, type Logger } from '../logger';
import type { RunnerEventMap } from '../runner/runner';
import type { ModelSignature } from '../signature';
import { checkHeaders, type RemoteHeaders } from './credentials';
import { openInferenceClient } from './open-inference-client';
import type { RemoteProtocol } from './remote-protocol';

/** Options of {@link remote}. */
export interface RemoteOptions {
  /** Where the server is, without the path of its protocol: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Name of the model on the server. */
  readonly model: string;
  /** Version that must answer; without it, whichever the server serves. */
  readonly version?: string;
  /**
   * Milliseconds that a request may take when its caller gives neither `timeoutMs` nor `deadline`, and that fetching the
   * metadata may take. More than 0. @default 30000
   */
  readonly timeoutMs?: number;
  /** Requests in flight at once; one more is refused with `OVERLOADED`. 1 or more. @default 1024 */
  readonly maxConcurrent?: number;
  /** Bytes that an answer may have. 1 or more. @default 67108864 (64 MiB) */
  readonly maxResponseBytes?: number;
  /**
   * Headers of every request, for example an authorization; a function is asked before each, for a token that expires.
   * Their values are never logged and stand in no error. @default {}
   */
  readonly headers?: RemoteHeaders;
  /** What the server speaks. @default openInferenceClient() */
  readonly protocol?: RemoteProtocol;
  /**
   * The model's signature, for a server whose metadata does not describe the tensors. @default what the server says
   */
  readonly signature?: ModelSignature;
  /** @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch;
  /** Ends the fetching of the metadata early; it has no effect on the runner. */
  readonly signal?: AbortSignal;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<RunnerEventMap>;
  /** @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface RemoteSettings {
  /** Without a slash at the end. */
  readonly url: string;
  readonly model: string;
  readonly version: string | undefined;
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  readonly maxResponseBytes: number;
  readonly headers: RemoteHeaders;
  readonly protocol: RemoteProtocol;
  readonly signature: ModelSignature | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal | undefined;
  readonly on: EventListeners<RunnerEventMap>;
  readonly logger: Logger;
  readonly clock: Clock;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isProtocol = (value: unknown): boolean =>
  object(value) && typeof (value as Partial<RemoteProtocol>).connect === 'function';

const schema = z.strictObject({
  url: z.string(),
  model: z.string().check(z.minLength(1)),
  version: z.optional(z.string().check(z.minLength(1))),
  timeoutMs: z.optional(z.number().check(z.gt(0))),
  maxConcurrent: z.optional(z.int().check(z.gte(1))),
  maxResponseBytes: z.optional(z.int().check(z.gte(1))),
  // Looked at by checkHeaders, whose messages tell no values.
  headers: z.optional(z.unknown()),
  protocol: z.optional(z.custom<RemoteProtocol>(isProtocol, 'a protocol, such as openInferenceClient()')),
  signature: z.optional(z.custom<ModelSignature>(object, 'a signature {inputs, outputs, batchAxis}')),
  fetch: z.optional(z.custom<typeof globalThis.fetch>((value) => typeof value === 'function', 'a function like fetch')),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
  on: z.optional(z.custom<EventListeners<RunnerEventMap>>(object, 'an object of listeners')),
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseRemoteOptions(options: RemoteOptions): RemoteSettings {
  const parsed = parseOptions(schema, options, 'remote');
  return {
    url: baseOf(parsed.url),
    model: parsed.model,
    version: parsed.version,
    timeoutMs: parsed.timeoutMs ?? 30_000,
    maxConcurrent: parsed.maxConcurrent ?? 1024,
    maxResponseBytes: parsed.maxResponseBytes ?? 64 * 1024 * 1024,
    headers: typeof options.headers === 'function' ? options.headers : checkHeaders(options.headers ?? {}),
    protocol: parsed.protocol ?? openInferenceClient(),
    signature: parsed.signature,
    // Called as a plain function: a browser's fetch refuses any other `this`.
    fetch: parsed.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    signal: parsed.signal,
    on: parsed.on ?? {},
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  };
}

function baseOf(url: string): string {
  let parsed: URL | undefined;
  try {
    parsed = new URL(url);
  } catch {
    // Told below, together with the URLs that parse and still do not serve.
  }
  if (parsed !== undefined && (parsed.username !== '' || parsed.password !== '')) {
    const expected = 'a URL without name and password; give them by the option "headers"';
    throw new FairleadError('INVALID_OPTION', `remote: option "url" is wrong: expected ${expected}.`, {
      details: { field: 'url', expected },
    });
  }
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.search !== '' || parsed.hash !== '') {
    throw new FairleadError(
      'INVALID_OPTION',
      `remote: option "url" is wrong: expected a URL such as "http://127.0.0.1:8080", given ${JSON.stringify(withoutSecrets(url))}.`,
      { details: { field: 'url', expected: 'an http or https URL without query', given: withoutSecrets(url) } },
    );
  }
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '');
}

/** A query and what stands before an @ may hold a key. */
function withoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, (rest) => `${rest[0]}***`).replace(/\/\/[^/@]*@/, '//***@');
}
