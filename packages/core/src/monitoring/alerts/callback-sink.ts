import * as z from 'zod/mini';
import type { ClockTimer } from '../../clock';
import { parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import type { Alert, AlertNotification } from './alert';
import type { AlertSink, DeliveryContext } from './sink';

/** Options of {@link callbackSink}. */
export interface CallbackSinkOptions {
  /** Name of the sink. @default 'callback' */
  readonly name?: string;
  /** Milliseconds that one call may take, more than 0; a longer one counts as failed, and the next follows. @default 30000 */
  readonly timeoutMs?: number;
}

/** What a callback is told beside the alert. */
export interface CallbackContext {
  /** The alerts that came together. */
  readonly notification: AlertNotification;
  /** The report of the monitor, of its own type. */
  readonly report: unknown;
  /** Aborted when the call has taken too long, and when the router's time for closing is over. */
  readonly signal: AbortSignal;
}

const schema = z.strictObject({
  name: z._default(z.string().check(z.minLength(1)), 'callback'),
  timeoutMs: z._default(z.number().check(z.gt(0), z.lte(2 ** 31 - 1)), 30_000),
});

/**
 * Calls a function with every alert, one after the other.
 *
 * @param fn may return a promise; what it throws or rejects with makes the delivery a failed one,
 *   after the other alerts of the notification had their call
 * @throws FairleadError `INVALID_OPTION`; `INVALID_ARGUMENT` when `fn` is no function
 */
export function callbackSink(
  fn: (alert: Alert, context: CallbackContext) => unknown,
  options: CallbackSinkOptions = {},
): AlertSink {
  const { name, timeoutMs } = parseOptions(schema, options, 'callbackSink');
  if (typeof fn !== 'function') {
    throw new FairleadError('INVALID_ARGUMENT', `callbackSink: expected a function, given ${typeof fn}.`, {
      details: { field: 'fn', expected: 'a function', given: typeof fn },
    });
  }
  return {
    name,
    async deliver(notification, context) {
      const errors: unknown[] = [];
      for (const alert of notification.alerts) {
        await callWithin(timeoutMs, alert, notification, context).catch((error: unknown) => errors.push(error));
      }
      if (errors.length > 0) throw errors[0];
      return 'delivered';
    },
  };

  async function callWithin(
    ms: number,
    alert: Alert,
    notification: AlertNotification,
    { clock, signal, evidenceOf }: DeliveryContext,
  ): Promise<void> {
    const ending = new AbortController();
    const onAbort = (): void => ending.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    let timer: ClockTimer | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = clock.setTimer(() => {
        reject(new FairleadError('DEADLINE_EXCEEDED', `The callback of "${name}" took more than ${ms} ms.`));
        ending.abort();
      }, ms);
    });
    const { report } = evidenceOf(alert);
    try {
      await Promise.race([(async () => fn(alert, { notification, report, signal: ending.signal }))(), tooLong]);
    } finally {
      timer?.clear();
      signal.removeEventListener('abort', onAbort);
    }
  }
}
