import { abortedError, messageOf } from '../../errors';
import type { Alert, AlertEvidence, AlertNotification } from './alert';
import type { AlertSink, DeliveryContext } from './sink';

/** A notification on its way, with what stands behind its alerts. */
export interface Parcel {
  readonly notification: AlertNotification;
  readonly evidence: ReadonlyMap<Alert, AlertEvidence>;
}

/** What a queue tells its router. */
export interface QueueListener {
  onDeliver(notification: AlertNotification): void;
  onFail(notification: AlertNotification, error: unknown): void;
  onDrop(notification: AlertNotification, why: 'queue-full' | 'closed'): void;
}

/** Alerts that a sink was given, by what became of them. */
export interface DeliveryCounts {
  readonly delivered: number;
  /** The sink had nothing to do for them. */
  readonly skipped: number;
  /** Every try failed. */
  readonly failed: number;
  /** The queue was full, or the router's time for closing was over. */
  readonly dropped: number;
}

/**
 * What waits for one sink: bounded, in order, one delivery at a time. When it is full, the oldest that waits goes, since
 * the newest says how things are now.
 */
export class DeliveryQueue {
  readonly sink: AlertSink;
  readonly #most: number;
  readonly #listener: QueueListener;
  readonly #shared: Omit<DeliveryContext, 'evidenceOf'>;
  readonly #counts = { delivered: 0, skipped: 0, failed: 0, dropped: 0 };
  #waiting: Parcel[] = [];
  #running: Promise<void> | undefined;
  #failuresInARow = 0;
  #lastError: { readonly message: string; readonly atEpochMs: number } | undefined;
  #closed = false;

  /** @param most notifications that may wait */
  constructor(sink: AlertSink, most: number, shared: Omit<DeliveryContext, 'evidenceOf'>, listener: QueueListener) {
    this.sink = sink;
    this.#most = most;
    this.#shared = shared;
    this.#listener = listener;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get counts(): DeliveryCounts {
    return { ...this.#counts };
  }

  /** Notifications that failed since one was delivered. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  get lastError(): { readonly message: string; readonly atEpochMs: number } | undefined {
    return this.#lastError;
  }

  push(parcel: Parcel): void {
    if (this.#closed) {
      this.#drop(parcel, 'closed');
      return;
    }
    if (this.#waiting.length >= this.#most) this.#drop(this.#waiting.shift() as Parcel, 'queue-full');
    this.#waiting.push(parcel);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits and nothing is being delivered. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Drops what waits and takes no more. */
  end(): void {
    this.#closed = true;
    const left = this.#waiting;
    this.#waiting = [];
    for (const parcel of left) this.#drop(parcel, 'closed');
  }

  async #run(): Promise<void> {
    for (let parcel = this.#waiting.shift(); parcel !== undefined; parcel = this.#waiting.shift()) {
      await this.#deliver(parcel);
    }
    this.#running = undefined;
  }

  async #deliver({ notification, evidence }: Parcel): Promise<void> {
    const { alerts } = notification;
    const nothing: AlertEvidence = { report: undefined, reference: undefined };
    try {
      const delivery = this.sink.deliver(notification, {
        ...this.#shared,
        evidenceOf: (alert) => evidence.get(alert) ?? nothing,
      });
      // A sink that does not hear the signal must not keep the router from closing.
      const outcome = await untilAborted(delivery, this.#shared.signal);
      this.#counts[outcome === 'skipped' ? 'skipped' : 'delivered'] += alerts.length;
      this.#failuresInARow = 0;
      if (outcome !== 'skipped') this.#listener.onDeliver(notification);
    } catch (error) {
      this.#counts.failed += alerts.length;
      this.#failuresInARow++;
      this.#lastError = { message: messageOf(error), atEpochMs: this.#shared.clock.epochMs() };
      this.#listener.onFail(notification, error);
    }
  }

  #drop({ notification }: Parcel, why: 'queue-full' | 'closed'): void {
    this.#counts.dropped += notification.alerts.length;
    this.#listener.onDrop(notification, why);
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(abortedError(signal, 'The delivery'));
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => signal.removeEventListener('abort', onAbort);
    void Promise.resolve(promise).then(resolve, reject).finally(settle);
    if (signal.aborted) onAbort();
  });
}
