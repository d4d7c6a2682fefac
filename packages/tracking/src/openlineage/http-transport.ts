import { FairleadError, messageOf, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import type { OpenLineageTransport } from './emitter';

/** Options of {@link httpTransport}. */
export interface HttpTransportOptions {
  /** The server, for example `http://localhost:5000`. */
  readonly url: string;
  /** Path of the endpoint. @default '/api/v1/lineage' */
  readonly endpoint?: string;
  /** Sent as a bearer token. @default none */
  readonly apiKey?: string;
  /** Milliseconds that an answer may take. 1 or more. @default 5000 */
  readonly timeoutMs?: number;
  /** @default the one of the platform */
  readonly fetch?: typeof fetch;
}

const schema = z.strictObject({
  url: z.string().check(z.regex(/^https?:\/\//, 'an http or https URL')),
  endpoint: z._default(z.string(), '/api/v1/lineage'),
  apiKey: z.optional(z.string()),
  timeoutMs: z._default(z.int().check(z.minimum(1), z.maximum(0x7fffffff)), 5000),
  fetch: z.optional(z.custom<typeof fetch>((value) => typeof value === 'function', 'a function')),
});

/**
 * Sends events to a server that takes OpenLineage over HTTP.
 * @throws FairleadError `INVALID_OPTION`; what it makes rejects with `REMOTE_FAILED`
 */
export function httpTransport(options: HttpTransportOptions): OpenLineageTransport {
  const { url, endpoint, apiKey, timeoutMs, fetch: send = fetch } = parseOptions(schema, options, 'httpTransport');
  const target = new URL(endpoint, url);
  const headers = {
    'content-type': 'application/json',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  };
  const fail = (why: string, retryable: boolean, cause?: unknown): FairleadError =>
    new FairleadError('REMOTE_FAILED', `${target.origin}${target.pathname} took no event: ${why}`, {
      cause,
      details: { retryable },
    });
  return async (event, signal) => {
    let response: Response;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      response = await send(target, {
        method: 'POST',
        headers,
        body: JSON.stringify(event),
        signal: limit,
        redirect: 'error',
      });
      await response.body?.cancel();
    } catch (cause) {
      throw fail(messageOf(cause), true, cause);
    }
    if (response.ok) return;
    const { status } = response;
    throw fail(`it answered ${status}. ${adviceFor(status)}`, status === 408 || status === 429 || status >= 500);
  };
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403) return 'Check apiKey.';
  if (status === 404) return 'Check url and endpoint.';
  return status >= 500 ? 'Look into its log.' : 'It does not understand the event: is it a server of OpenLineage?';
}
