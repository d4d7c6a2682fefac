import { type Clock, type ErrorCode, FairleadError, messageOf } from '@fairlead/core';
import { relayVersion } from '../relay/answers';
import { batchType, encodeMessage } from '../relay/message';
import type { QueuedBatch, QueuedUpload } from './page-queue';
import type { RelayHeaders, RelaySettings } from './relay-options';

/** What became of a batch that was sent. */
export type Delivery =
  | { readonly kind: 'kept' }
  /** The relay lacks one before it; `last` is the last that it has. */
  | { readonly kind: 'gap'; readonly last: number }
  /** It will never be taken. */
  | { readonly kind: 'refused'; readonly error: FairleadError }
  /** It is not taken as things are; others may be. */
  | { readonly kind: 'parked'; readonly error: FairleadError }
  /** The relay cannot be reached, or takes nothing just now. */
  | { readonly kind: 'failed'; readonly error: FairleadError; readonly retryAfterMs?: number };

/** Sends to a relay. */
export interface Transport {
  /** @param after the last batch that the relay must have; as a rule the one before */
  send(batch: QueuedBatch, after: number): Promise<Delivery>;
  /** Sends the bytes of an artifact, unless the relay has them. */
  upload(upload: QueuedUpload, bytes: () => Promise<Blob>): Promise<Delivery>;
  /** Sends in the last moment of a page, and waits for no answer. */
  sendLast(batches: readonly QueuedBatch[]): void;
  close(): void;
}

/** What a browser lets a page send when it goes. */
export const lastBytes = 60_000;

/** Statuses by which a relay says that a batch will never do. */
const never: ReadonlySet<number> = new Set([400, 404, 410, 413]);
const notYet: ReadonlySet<number> = new Set([403, 424]);

interface RelayAnswer {
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly details: Record<string, unknown> };
}

async function readAnswer(response: Response): Promise<RelayAnswer | undefined> {
  try {
    const body = (await response.json()) as RelayAnswer & { relay?: unknown };
    return body.relay === relayVersion ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Makes the sender. */
export function createTransport(settings: RelaySettings, clock: Clock): Transport {
  const { url, credentials, timeoutMs } = settings;
  const open = new Set<AbortController>();
  /** Those of the last request, for the moment in which nothing can be waited for. */
  let lastHeaders: RelayHeaders = typeof settings.headers === 'function' ? {} : settings.headers;

  const headersNow = async (): Promise<RelayHeaders> => {
    if (typeof settings.headers === 'function') lastHeaders = await settings.headers();
    return lastHeaders;
  };

  const ask = async <T>(
    path: string,
    init: RequestInit,
    limitMs: number,
    take: (response: Response) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    open.add(controller);
    const timer = clock.setTimer(() => controller.abort(), limitMs);
    try {
      const headers = { ...(await headersNow()), ...(init.headers as Record<string, string>) };
      return await take(
        await settings.fetch(`${url}${path}`, { ...init, headers, credentials, signal: controller.signal }),
      );
    } finally {
      timer.clear();
      open.delete(controller);
    }
  };

  const unreachable = (thrown: unknown): Delivery => ({
    kind: 'failed',
    error: new FairleadError(
      'REMOTE_FAILED',
      `The relay ${url} could not be reached (${messageOf(thrown)}). What was logged waits in the queue and is sent when it can be.`,
      { cause: thrown },
    ),
  });

  const judge = async (response: Response): Promise<Delivery> => {
    const { status } = response;
    const answer = await readAnswer(response);
    if (answer === undefined) {
      const message = `${url} answered with status ${status}, and not as a relay does. Check that relay.url leads to createRelayHandler. What was logged waits.`;
      return { kind: 'failed', error: new FairleadError('PROTOCOL_ERROR', message, { details: { status } }) };
    }
    if (response.ok) return { kind: 'kept' };
    const {
      code = 'REMOTE_FAILED',
      message = `The relay answered with status ${status}.`,
      details = {},
    } = answer.error ?? {};
    const { last, retryAfterMs } = details;
    if (status === 409 && typeof last === 'number') return { kind: 'gap', last };
    const error = new FairleadError(code, message, { details: { ...details, status } });
    if (never.has(status)) return { kind: 'refused', error };
    if (notYet.has(status)) return { kind: 'parked', error };
    return { kind: 'failed', error, ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}) };
  };

  const post = ({ run, bytes }: QueuedBatch, after: number): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': batchType },
    body: encodeMessage(run, after, bytes),
  });

  return {
    async send(batch, after) {
      try {
        return await ask('/batch', post(batch, after), timeoutMs, judge);
      } catch (thrown) {
        return unreachable(thrown);
      }
    },
    async upload({ digest, run, name, size }, bytes) {
      const path = `/artifacts/${digest}?${new URLSearchParams({ run, name })}`;
      try {
        if (await ask(path, { method: 'HEAD' }, timeoutMs, async ({ ok }) => ok)) return { kind: 'kept' };
        const headers = { 'content-type': 'application/octet-stream' };
        // Time for a line of 50 kB a second.
        return await ask(path, { method: 'PUT', headers, body: await bytes() }, timeoutMs + size / 50, judge);
      } catch (thrown) {
        return FairleadError.isInstance(thrown, 'STORE_FAILED')
          ? { kind: 'failed', error: thrown }
          : unreachable(thrown);
      }
    },
    sendLast(batches) {
      for (const batch of batches) {
        const { headers, ...init } = post(batch, batch.seq - 1);
        const all = { ...lastHeaders, ...(headers as Record<string, string>) };
        // A browser that knows no keepalive ignores it. Whether it came is seen by whoever opens the queue next.
        settings.fetch(`${url}/batch`, { ...init, headers: all, credentials, keepalive: true }).catch(() => undefined);
      }
    },
    close() {
      for (const controller of open) controller.abort();
    },
  };
}
