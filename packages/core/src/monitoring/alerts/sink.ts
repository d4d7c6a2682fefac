import type { Clock } from '../../clock';
import type { Logger } from '../../logger';
import type { Alert, AlertEvidence, AlertNotification } from './alert';

/** What a sink made of a notification that it did not fail at. */
export type DeliveryOutcome = 'delivered' | 'skipped';

/** What the router hands to a sink beside the notification. */
export interface DeliveryContext {
  /** Aborted when the router's time for closing is over: give up. */
  readonly signal: AbortSignal;
  /** Aborted when the router begins to close: wait for nothing any more, and try once. */
  readonly closing: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds between reminders of an alert that lasts; `undefined` without reminders. */
  readonly repeatMs: number | undefined;
  /** What stands behind an alert of this notification. */
  evidenceOf(alert: Alert): AlertEvidence;
}

/** Where alerts go. The router calls `deliver` for one notification at a time, in order. */
export interface AlertSink {
  /** Unique among the sinks of a router; the label `sink` of its metrics. It holds no secret. */
  readonly name: string;
  /**
   * Delivers a notification, with whatever tries that takes.
   * @returns `skipped` when there was nothing to do for it
   */
  deliver(notification: AlertNotification, context: DeliveryContext): Promise<DeliveryOutcome>;
  /** Ends what goes on in the background; the router calls it when it closes. `signal` as in {@link DeliveryContext}. */
  close?(signal: AbortSignal): Promise<void>;
}
