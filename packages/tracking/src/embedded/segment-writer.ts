import { FairleadError, messageOf } from '@fairlead/core';
import type { OpenFile } from '../files/files';
import type { Durability, PointColumns, RunBatch, RunEvent, RunWriter, WriterHealth } from '../store/run-store';
import { encodeBatch, isPoints } from './batch-codec';
import { encodeEvent } from './event-codec';
import { encodePoints } from './points-codec';
import { encodeHeader, frameHeaderLength, frameTypes, headerLength, newFrame, sealFrame } from './segment-format';

/** What happens when the buffer is full: the caller writes it himself, or what comes is dropped and counted. */
export type OverflowPolicy = 'write' | 'drop';

/** How a {@link SegmentWriter} is set up. */
export interface SegmentWriterOptions {
  /** A new, empty file. */
  readonly file: OpenFile;
  /** Makes the file's name durable; called before the first sync. */
  readonly syncFolders: () => Promise<void>;
  /** Random, not 0. */
  readonly marker: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly maxBufferedBytes: number;
  readonly overflow: OverflowPolicy;
}

/** Frames with their place in the file. */
interface Region {
  readonly chunks: readonly Uint8Array[];
  readonly position: number;
  readonly points: number;
}

/** So many bytes that wait are written at once in the background, without waiting for the next flush. */
const eagerBytes = 512 * 1024;

/**
 * Appends frames to one segment. Frames wait in a queue of bounded bytes; a drain takes the whole queue, gives it a place
 * at the end of the file and writes it there. A write that fails keeps its place and is repeated, so a retry after "no
 * space left" leaves neither a gap nor a repetition.
 */
export class SegmentWriter implements RunWriter {
  readonly #options: SegmentWriterOptions;
  #queue: Uint8Array[];
  #queuedBytes: number;
  #queuedPoints = 0;
  /** Taken from the queue, not yet written: in flight, or failed and to be tried again. */
  #region: Region | undefined;
  #draining: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #foldersSynced = false;
  #end = 0;
  #sequence = 0;
  /** Sequence numbers up to which frames were written and synced. */
  #written = 0;
  #synced = 0;
  #writtenPoints = 0;
  #syncedPoints = 0;
  #droppedPoints = 0;
  #droppedEvents = 0;
  /** Drops that no flush has reported yet. */
  #unreported = 0;
  #failures = 0;
  #lastError: unknown;
  #closed = false;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    this.#queue = [encodeHeader(options.marker, options.createdAt)];
    this.#queuedBytes = headerLength;
  }

  append(event: RunEvent): boolean {
    if (this.appendPayload(frameTypes.event, encodeEvent(event))) return true;
    this.#droppedEvents++;
    this.#unreported++;
    return false;
  }

  appendPoints(points: PointColumns): boolean {
    if (this.#enqueue(encodePoints(points), frameTypes.points)) {
      this.#queuedPoints += points.count;
      this.#drainEarly();
      return true;
    }
    this.#droppedPoints += points.count;
    this.#unreported += points.count;
    return false;
  }

  appendBatch(batch: RunBatch): boolean {
    if (!this.appendPayload(frameTypes.batch, encodeBatch(batch))) return false;
    this.#queuedPoints += batch.parts.reduce((sum, part) => sum + (isPoints(part) ? part.count : 0), 0);
    this.#drainEarly();
    return true;
  }

  /** Takes a frame of any type into the buffer. */
  appendPayload(type: number, payload: Uint8Array): boolean {
    const frame = newFrame(payload.byteLength);
    frame.set(payload, frameHeaderLength);
    return this.#enqueue(frame, type);
  }

  #enqueue(frame: Uint8Array, type: number): boolean {
    if (this.#closed) return false;
    // An empty buffer takes any frame, so that none is too large for ever.
    const fits = (): boolean => {
      const buffered = this.#buffered();
      return buffered <= headerLength || buffered + frame.byteLength <= this.#options.maxBufferedBytes;
    };
    if (!fits() && this.#options.overflow === 'write') this.#writeNow();
    if (!fits()) return false;
    sealFrame(frame, this.#options.marker, ++this.#sequence, type);
    this.#queue.push(frame);
    this.#queuedBytes += frame.byteLength;
    return true;
  }

  /** Begins a write when much waits. Whoever flushes hears of its failure; until then nothing is tried early again. */
  #drainEarly(): void {
    if (this.#queuedBytes < eagerBytes || this.#region !== undefined || this.#draining !== undefined) return;
    this.#drain().catch(() => undefined);
  }

  /** What is in flight counts only where it may come back. */
  #buffered(): number {
    return this.#queuedBytes + (this.#region !== undefined && this.#draining === undefined ? bytesOf(this.#region) : 0);
  }

  #takeQueue(): Region | undefined {
    if (this.#queue.length === 0) return undefined;
    const region = { chunks: this.#queue, position: this.#end, points: this.#queuedPoints };
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#queuedPoints = 0;
    this.#end += bytesOf(region);
    return region;
  }

  /** Writes what waits, blocking, and answers whether that worked. A write in flight has its place already and goes on beside. */
  #writeNow(): boolean {
    try {
      if (this.#draining === undefined && this.#region !== undefined) {
        const region = this.#region;
        this.#options.file.writeSync(region.chunks, region.position);
        this.#region = undefined;
        this.#writtenPoints += region.points;
      }
      this.#options.file.writeSync(this.#queue, this.#end);
      this.#writtenPoints += this.#takeQueue()?.points ?? 0;
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #fail(error: unknown): void {
    this.#failures++;
    this.#lastError = error;
  }

  #drain(): Promise<void> {
    this.#draining ??= this.#drainAll().finally(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }

  async #drainAll(): Promise<void> {
    for (;;) {
      this.#region ??= this.#takeQueue();
      const region = this.#region;
      if (region === undefined) break;
      try {
        await this.#options.file.write(region.chunks, region.position);
      } catch (error) {
        this.#fail(error);
        throw error;
      }
      this.#region = undefined;
      this.#writtenPoints += region.points;
    }
    this.#written = this.#sequence;
  }

  async #sync(target: number): Promise<void> {
    while (this.#synced < target) {
      if (this.#syncing !== undefined) {
        // It may have begun before our frames were written; the loop looks again.
        await this.#syncing;
        continue;
      }
      const reached = this.#written;
      const points = this.#writtenPoints;
      this.#syncing = this.#syncOnce().finally(() => {
        this.#syncing = undefined;
      });
      await this.#syncing;
      this.#synced = Math.max(this.#synced, reached);
      this.#syncedPoints = Math.max(this.#syncedPoints, points);
    }
  }

  async #syncOnce(): Promise<void> {
    try {
      await this.#options.file.sync();
      if (this.#foldersSynced) return;
      await this.#options.syncFolders();
      this.#foldersSynced = true;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  async write(): Promise<void> {
    if (this.#closed) throw new FairleadError('CLOSED', 'The run was closed: start another to log more.');
    const target = this.#sequence;
    while (this.#written < target) await this.#drain();
  }

  writeSync(): void {
    if (this.#closed) throw new FairleadError('CLOSED', 'The run was closed: start another to log more.');
    // A write in flight may not come to its end any more. It has its place, so writing it twice does no harm.
    if (this.#draining !== undefined && this.#region !== undefined) {
      this.#options.file.writeSync(this.#region.chunks, this.#region.position);
    }
    if (!this.#writeNow()) throw this.#lastError;
  }

  async flush(durability: Durability): Promise<void> {
    const target = this.#sequence;
    await this.write();
    if (durability === 'disk') await this.#sync(target);
    if (this.#unreported === 0) return;
    const dropped = this.#unreported;
    this.#unreported = 0;
    throw new FairleadError(
      'STORE_FAILED',
      `${dropped} points or events were dropped since the last flush, because the buffer was full and could not be ` +
        `written${this.#lastError === undefined ? '' : ` (${messageOf(this.#lastError)})`}. What was kept is flushed. ` +
        'See run.health(); raise maxBufferedBytes or mend the store.',
      { cause: this.#lastError, details: { dropped } },
    );
  }

  health(): WriterHealth {
    return {
      bufferedPoints: this.#queuedPoints + (this.#region?.points ?? 0),
      bufferedBytes: this.#queuedBytes + (this.#region === undefined ? 0 : bytesOf(this.#region)),
      writtenPoints: this.#writtenPoints,
      unsyncedPoints: this.#writtenPoints - this.#syncedPoints,
      droppedPoints: this.#droppedPoints,
      droppedEvents: this.#droppedEvents,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // A file must not be closed under a write or a sync; their own callers hear how they end.
    await Promise.allSettled([this.#draining, this.#syncing]);
    await this.#options.file.close();
  }
}

function bytesOf(region: Pick<Region, 'chunks'>): number {
  return region.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}
