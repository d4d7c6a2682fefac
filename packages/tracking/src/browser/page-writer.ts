import { FairleadError, messageOf } from '@fairlead/core';
import { type EncodedPart, encodePart, isPoints, joinBatch, partHeaderLength } from '../embedded/batch-codec';
import type { SegmentFold } from '../embedded/segment-fold';
import type { Durability, PointColumns, RunEvent, RunWriter, WriterHealth } from '../store/run-store';
import type { Drain } from './drain';
import type { PageQueue, QueuedBatch } from './page-queue';
import { lastBytes } from './transport';

/** What a {@link PageWriter} stands on. */
export interface PageWriterOptions {
  /** The id of the run. */
  readonly run: string;
  readonly queue: PageQueue;
  readonly drain: Drain;
  /** What the page knows of the run. */
  readonly fold: SegmentFold;
  readonly maxBufferedBytes: number;
  /** The id of the upload that holds the bytes of an artifact. */
  readonly uploadOf: (name: string, digest: string) => string | undefined;
  /** Called once it is closed and the relay has all of it. */
  readonly onRelease: () => void;
}

/** So many bytes make a batch; every relay takes one of this size. */
const batchBytes = 256 * 1024;

interface Sealed {
  readonly batch: QueuedBatch;
  readonly points: number;
}

function newWriterName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Makes batches of what a run logs and puts them into the queue, from which they are sent. */
export class PageWriter implements RunWriter {
  readonly #options: PageWriterOptions;
  readonly #name = newWriterName();
  /** What will be the next batch. */
  #parts: EncodedPart[] = [];
  #partBytes = 0;
  #partPoints = 0;
  /** Batches that are not, or not surely, in the queue. */
  #sealed: Sealed[] = [];
  #sealedBytes = 0;
  #seq = 0;
  /** Up to which batch the queue has them, has them on the disk, and the relay has them. */
  #queued = 0;
  #synced = 0;
  #kept = 0;
  /** Points of each batch that the relay does not have yet. */
  readonly #unkept = new Map<number, number>();
  /** The latest batches that the relay may not have, as far as a page that is closed may send them. */
  #recent: QueuedBatch[] = [];
  #writtenPoints = 0;
  #droppedPoints = 0;
  #droppedEvents = 0;
  #unreported = 0;
  #failures = 0;
  /** Attempts to send that failed, this writer's batches or another's. */
  #failedAttempts = 0;
  #lastError: unknown;
  #refusal: FairleadError | undefined;
  #closed = false;
  readonly #waiting = new Set<() => void>();
  readonly #ignore: () => void;

  constructor(options: PageWriterOptions) {
    this.#options = options;
    this.#ignore = options.drain.listen(this.#name, {
      onKept: (seq) => this.#onKept(seq),
      onRefused: (seq, error) => this.#onRefused(seq, error),
      onFail: (error) => {
        this.#failedAttempts++;
        this.#fail(error);
        this.#tellWaiting();
      },
    });
  }

  append(event: RunEvent): boolean {
    if (event.type !== 'artifact') return this.#take(event);
    // Alone in its batch: only what the relay refuses is lost with it; and behind the start, without which it takes no bytes.
    this.#seal();
    const upload = this.#options.uploadOf(event.name, event.digest);
    const taken = this.#take(event);
    this.#seal(upload === undefined ? [] : [upload]);
    return taken;
  }

  appendPoints(points: PointColumns): boolean {
    return this.#take(points);
  }

  #take(part: RunEvent | PointColumns): boolean {
    const encoded = encodePart(part);
    const points = isPoints(part) ? part.count : 0;
    const length = partHeaderLength + encoded.payload.byteLength;
    const buffered = this.#partBytes + this.#sealedBytes;
    if (this.#closed || (buffered > 0 && buffered + length > this.#options.maxBufferedBytes)) {
      if (points > 0) this.#droppedPoints += points;
      else this.#droppedEvents++;
      this.#unreported += points || 1;
      return false;
    }
    if (this.#partBytes > 0 && this.#partBytes + length > batchBytes) this.#seal();
    this.#options.fold.add({ ...encoded, sequence: 0, offset: 0 });
    this.#parts.push(encoded);
    this.#partBytes += length;
    this.#partPoints += points;
    return true;
  }

  /** Makes a batch of what waits. */
  #seal(uploads: readonly string[] = []): void {
    if (this.#parts.length === 0) return;
    const seq = ++this.#seq;
    const joined = joinBatch({ writer: this.#name, seq, parts: this.#parts });
    const batch: QueuedBatch = { writer: this.#name, seq, run: this.#options.run, bytes: joined, uploads };
    this.#sealed.push({ batch, points: this.#partPoints });
    this.#sealedBytes += joined.byteLength;
    this.#unkept.set(seq, this.#partPoints);
    this.#recent.push(batch);
    this.#trim();
    this.#parts = [];
    this.#partBytes = 0;
    this.#partPoints = 0;
  }

  async write(): Promise<void> {
    await this.#put(false);
  }

  async #put(strict: boolean): Promise<void> {
    this.#seal();
    const target = this.#seq;
    if (this.#queued >= target && (!strict || this.#synced >= target)) return;
    // All that may not be there yet, so that the queue never has a later batch without an earlier one.
    const sealed = [...this.#sealed];
    try {
      await this.#options.queue.put(
        sealed.map(({ batch }) => batch),
        strict,
      );
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#queued = Math.max(this.#queued, target);
    if (strict) this.#synced = Math.max(this.#synced, target);
    const left = this.#sealed.filter(({ batch }) => batch.seq > this.#queued);
    for (const { batch, points } of this.#sealed) {
      if (batch.seq > this.#queued) continue;
      this.#sealedBytes -= batch.bytes.byteLength;
      this.#writtenPoints += points;
    }
    this.#sealed = left;
    this.#options.drain.wake(false);
  }

  async flush(durability: Durability): Promise<void> {
    await this.#put(durability === 'disk');
    if (durability === 'remote') await this.#sent(this.#seq);
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (refusal !== undefined) throw refusal;
    if (this.#unreported === 0) return;
    const dropped = this.#unreported;
    this.#unreported = 0;
    throw new FairleadError(
      'STORE_FAILED',
      `${dropped} points or events were dropped since the last flush, because the buffer was full and the queue took nothing` +
        `${this.#lastError === undefined ? '' : ` (${messageOf(this.#lastError)})`}. What was kept is flushed. See run.health().`,
      { cause: this.#lastError, details: { dropped } },
    );
  }

  /** Resolves once the relay has every batch up to one; rejects when an attempt to send fails. */
  #sent(target: number): Promise<void> {
    if (this.#kept >= target) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const failedBefore = this.#failedAttempts;
      const look = (): void => {
        if (this.#kept < target && this.#failedAttempts === failedBefore) return;
        this.#waiting.delete(look);
        if (this.#kept >= target) resolve();
        else reject(this.#notSent());
      };
      this.#waiting.add(look);
      this.#options.drain.wake(true);
    });
  }

  #notSent(): FairleadError {
    const isSafe = this.#options.queue.durabilities.includes('disk');
    const where = isSafe ? 'is safe in the browser and is sent later' : 'waits in memory and is sent later';
    return new FairleadError(
      'STORE_FAILED',
      `Not all has reached the server: ${messageOf(this.#lastError)} What was logged ${where}.`,
      {
        cause: this.#lastError,
      },
    );
  }

  #onKept(seq: number): void {
    this.#kept = Math.max(this.#kept, seq);
    for (const each of this.#unkept.keys()) if (each <= seq) this.#unkept.delete(each);
    this.#recent = this.#recent.filter((batch) => batch.seq > seq);
    this.#tellWaiting();
    this.#releaseWhenSent();
  }

  #onRefused(seq: number, error: FairleadError): void {
    this.#droppedPoints += this.#unkept.get(seq) ?? 0;
    this.#refusal = new FairleadError(
      'STORE_FAILED',
      `The relay refused a part of what was logged, and it is lost: ${error.message}`,
      {
        cause: error,
      },
    );
    this.#failures++;
    this.#lastError = error;
    this.#onKept(seq);
  }

  #fail(error: unknown): void {
    this.#failures++;
    this.#lastError = error;
  }

  #tellWaiting(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** What a page that is being closed may still send, in order: what the relay does not have, where all of that is small. */
  unsent(): readonly QueuedBatch[] {
    const needsBytes = this.#recent.findIndex((batch) => batch.uploads.length > 0);
    return needsBytes < 0 ? this.#recent : this.#recent.slice(0, needsBytes);
  }

  /** Lets go of the oldest, which have most likely been sent, where they are too many for the last moment. */
  #trim(): void {
    let size = this.#recent.reduce((sum, batch) => sum + batch.bytes.byteLength, 0);
    while (size > lastBytes) size -= this.#recent.shift()?.bytes.byteLength ?? 0;
  }

  health(): WriterHealth {
    const unkept = [...this.#unkept.values()].reduce((sum, points) => sum + points, 0);
    const sealedPoints = this.#sealed.reduce((sum, { points }) => sum + points, 0);
    return {
      bufferedBytes: this.#partBytes + this.#sealedBytes,
      bufferedPoints: this.#partPoints + sealedPoints,
      writtenPoints: this.#writtenPoints,
      unsyncedPoints: Math.max(0, unkept - sealedPoints),
      droppedPoints: this.#droppedPoints,
      droppedEvents: this.#droppedEvents,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#releaseWhenSent();
  }

  /** A page that is closed soon after a run has ended still sends what it can of it. */
  #releaseWhenSent(): void {
    if (!this.#closed || this.#kept < this.#seq) return;
    this.#ignore();
    this.#options.onRelease();
  }
}
