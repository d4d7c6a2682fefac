import { abortedError, FairleadError } from '../../errors';
import { createRandom } from '../random';
import type { AlertNotification } from './alert';
import type { AlertSink, DeliveryContext } from './sink';
import { webhookBody } from './webhook-body';
import { parseWebhookOptions, type WebhookSettings, type WebhookSinkOptions } from './webhook-options';
import { signatureHeader, signWebhook, timestampHeader } from './webhook-signature';

/** Statuses beside the 5xx that say that a later try may succeed. */
const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429]);

/** What one try came to. */
type Attempt =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string; readonly retryAfterMs: number | undefined };

/**
 * Posts alerts to a URL. A try that fails by the network, by time, or with 408, 425, 429 or 5xx is made again, after what
 * the server says in `retry-after`, or after a delay that doubles, with a random part. Redirects are not followed, since
 * headers and body are for the address that was given. Every try of a notification carries the same `idempotency-key`.
 *
 * With a `secret`, the headers `x-fairlead-timestamp` and `x-fairlead-signature` say when and by whom a try was made;
 * {@link verifyWebhook} checks them.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function webhookSink(options: WebhookSinkOptions): AlertSink {
  const settings = parseWebhookOptions(options);
  const random = createRandom(settings.seed);
  return {
    name: settings.name,
    async deliver(notification, context) {
      const { retries, format, maxBodyBytes, host } = settings;
      const { clock, repeatMs } = context;
      const body = webhookBody(format, notification, { sentAtMs: clock.epochMs(), repeatMs }, maxBodyBytes);
      for (let retry = 0; ; retry++) {
        const attempt = await post(settings, notification, body, context);
        if (attempt.kind === 'delivered') return 'delivered';
        if (attempt.kind === 'refused') throw failure(`${host} ${attempt.why}, which no retry mends.`);
        const { why, retryAfterMs } = attempt;
        if (retry >= retries) throw failure(`${host} ${why}, as at ${retries} retries before.`);
        if (context.closing.aborted) throw failure(`${host} ${why}, and the router is closing.`);
        if (retryAfterMs !== undefined && retryAfterMs > settings.maxRetryAfterMs) {
          throw failure(`${host} ${why} and asks to wait ${retryAfterMs} ms, longer than maxRetryAfterMs.`);
        }
        await wait(retryAfterMs ?? delayBefore(retry, settings, random), context);
      }
    },
  };
}

/** Half of the delay is certain, so that a retry never comes at once; the other half is random. */
function delayBefore(retry: number, { initialDelayMs, maxDelayMs }: WebhookSettings, random: () => number): number {
  const full = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(retry, 40));
  return full * (0.5 + 0.5 * random());
}

async function post(
  { url, headers, secret, timeoutMs, fetch }: WebhookSettings,
  notification: AlertNotification,
  body: string,
  { clock, signal }: DeliveryContext,
): Promise<Attempt> {
  if (signal.aborted) throw abortedError(signal, 'The webhook');
  const timestamp = String(Math.floor(clock.epochMs()));
  const signature = secret === undefined ? undefined : await signWebhook(secret, timestamp, body);
  const ending = new AbortController();
  const onAbort = (): void => ending.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = clock.setTimer(onAbort, timeoutMs);
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        ...headers,
        'content-type': 'application/json',
        'idempotency-key': notification.id,
        ...(signature !== undefined && { [timestampHeader]: timestamp, [signatureHeader]: signature }),
      },
      body,
      signal: ending.signal,
    });
    // Nobody reads the answer, and one that never ends must not hold the connection.
    void response.body?.cancel().catch(() => undefined);
    const { ok, status } = response;
    if (ok) return { kind: 'delivered' };
    const why = `answered ${status}`;
    if (status < 500 && !passingStatuses.has(status)) return { kind: 'refused', why };
    return { kind: 'failed', why, retryAfterMs: retryAfterOf(response.headers, clock.epochMs()) };
  } catch (error) {
    if (signal.aborted) throw abortedError(signal, 'The webhook');
    const why = ending.signal.aborted
      ? `did not answer within ${timeoutMs} ms`
      : `cannot be reached (${codeOf(error)})`;
    return { kind: 'failed', why, retryAfterMs: undefined };
  } finally {
    timer.clear();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Waits until a try is due, the router begins to close, or its time is over. */
async function wait(ms: number, { clock, signal, closing }: DeliveryContext): Promise<void> {
  if (closing.aborted || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      timer.clear();
      closing.removeEventListener('abort', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimer(end, ms);
    closing.addEventListener('abort', end);
    signal.addEventListener('abort', end);
  });
}

/** Milliseconds of `retry-after`, in seconds or as a date. */
function retryAfterOf(headers: Headers, epochMs: number): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - epochMs);
}

/** A code such as ECONNREFUSED. Messages of the platform are left out, since some repeat the URL. */
function codeOf(error: unknown): string {
  const { cause, name } = (error ?? {}) as { readonly cause?: unknown; readonly name?: unknown };
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  if (typeof code === 'string' && /^[A-Z0-9_]{1,40}$/.test(code)) return code;
  return typeof name === 'string' ? name : 'unknown';
}

function failure(what: string): FairleadError {
  return new FairleadError('REMOTE_FAILED', `The webhook failed: ${what}`);
}
