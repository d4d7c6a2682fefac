import { FairleadError, messageOf } from '@fairlead/core';
import type { Durability, MetricSummary, PointColumns, RunEvent, RunWriter, WriterHealth } from '../../store/run-store';
import type { MlflowClient } from '../client';
import { MetricAccount } from './metric-account';
import { Outbox } from './outbox';
import { ParamTypes } from './param-types';
import { type Delivery, sendParts } from './send-parts';
import { takeTurn } from './turns';

/** What a {@link MlflowRunWriter} stands on. */
export interface RunWriterOptions {
  readonly client: MlflowClient;
  /** MLflow's id of the run. */
  readonly serverId: string;
  /** Bytes that may wait. */
  readonly maxBufferedBytes: number;
}

/** So many points are sent at once in the background, without waiting for the next write. */
const eagerPoints = 1000;

function newWriterName(): string {
  return crypto.randomUUID().slice(0, 8);
}

/**
 * Sends what one run logs, in order, one request at a time. What fails stays and is sent again; points keep the time at
 * which they were logged, so that the server keeps none twice.
 */
export class MlflowRunWriter implements RunWriter {
  readonly #options: RunWriterOptions;
  #account: MetricAccount;
  readonly #outbox: Outbox;
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;
  /** Whether the account is to be written once everything before it is there. */
  #isAccountDue = false;
  #isFailing = false;
  #writtenPoints = 0;
  #droppedPoints = 0;
  #droppedEvents = 0;
  /** Drops that no flush has reported yet. */
  #unreported = 0;
  #failures = 0;
  #lastError: unknown;
  #isClosed = false;

  constructor(options: RunWriterOptions) {
    this.#options = options;
    const name = newWriterName();
    this.#account = new MetricAccount(name);
    this.#outbox = new Outbox(options.maxBufferedBytes, new ParamTypes(name));
  }

  append(event: RunEvent): boolean {
    // How the run began was said when it was made.
    if (event.type === 'start') return !this.#isClosed;
    if (!this.#isClosed && this.#outbox.addEvent(event)) return true;
    this.#droppedEvents++;
    this.#unreported++;
    return false;
  }

  appendPoints(points: PointColumns): boolean {
    if (!this.#isClosed && this.#outbox.addPoints(points)) {
      this.#sendEarly();
      return true;
    }
    this.#droppedPoints += points.count;
    this.#unreported += points.count;
    return false;
  }

  /** Begins to send when much waits. Whoever flushes hears of a failure; until then nothing is sent early again. */
  #sendEarly(): void {
    if (this.#isFailing || this.#sending !== undefined || this.#outbox.points < eagerPoints) return;
    this.#send().catch(() => undefined);
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    try {
      while (await this.#sendNext());
      this.#isFailing = false;
    } catch (error) {
      this.#isFailing = true;
      this.#failures++;
      this.#lastError = error;
      throw error;
    }
  }

  /** Sends what comes next, and answers whether there was anything. */
  async #sendNext(): Promise<boolean> {
    const { client, serverId } = this.#options;
    const call = { signal: this.#stop.signal };
    const parcel = this.#outbox.next();
    if (parcel === undefined || parcel.turn?.type === 'end') {
      await this.#writeAccount(parcel !== undefined || this.#isAccountDue);
      if (parcel === undefined) return false;
    }
    if (parcel.turn !== undefined) {
      await takeTurn(client, serverId, parcel.turn, call);
    } else {
      this.#keep(await sendParts(client, serverId, parcel.parts, call));
      this.#isAccountDue ||= parcel.isBeat;
    }
    this.#outbox.remove();
    return true;
  }

  #keep({ metrics, refused }: Delivery): void {
    for (const metric of metrics) this.#account.add(metric);
    this.#writtenPoints += metrics.length;
    for (const { part, error } of refused) {
      if (part.kind === 'metric') this.#droppedPoints++;
      else this.#droppedEvents++;
      this.#unreported++;
      this.#lastError = error;
    }
  }

  async #writeAccount(isDue: boolean): Promise<void> {
    if (isDue && this.#account.isChanged) {
      const { tags, done } = this.#account.take();
      await this.#options.client.runs.logBatch(this.#options.serverId, { tags }, { signal: this.#stop.signal });
      done();
    }
    this.#isAccountDue = false;
  }

  async write(): Promise<void> {
    if (this.#isClosed) throw new FairleadError('CLOSED', 'The run was closed: start another to log more.');
    const target = this.#outbox.added;
    while (this.#outbox.removed < target) await this.#send();
  }

  async flush(_durability: Durability): Promise<void> {
    await this.write();
    this.#isAccountDue = true;
    while (this.#isAccountDue) await this.#send();
    if (this.#unreported === 0) return;
    const dropped = this.#unreported;
    this.#unreported = 0;
    const why = this.#lastError === undefined ? '' : ` (${messageOf(this.#lastError)})`;
    throw new FairleadError(
      'STORE_FAILED',
      `${dropped} points or events were dropped since the last flush: the buffer was full, or the MLflow server refuses ` +
        `them${why}. What was kept is flushed. See run.health(); mend the connection, or raise maxBufferedBytes.`,
      { cause: this.#lastError, details: { dropped } },
    );
  }

  summarize(metrics: Readonly<Record<string, MetricSummary>>): void {
    this.#account = MetricAccount.of(metrics);
  }

  health(): WriterHealth {
    return {
      bufferedBytes: this.#outbox.bytes,
      bufferedPoints: this.#outbox.points,
      writtenPoints: this.#writtenPoints,
      unsyncedPoints: 0,
      droppedPoints: this.#droppedPoints,
      droppedEvents: this.#droppedEvents,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop.abort();
    await this.#sending?.catch(() => undefined); // who waits for it hears it himself
  }
}
