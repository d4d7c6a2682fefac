import { FairleadError, messageOf } from '../../errors';
import { checkOptions, wholeNumber } from '../../option-checks';
import type { PredictionRecord } from './prediction-record';
import type { Erasure, PredictionSink, SinkContext, SinkUsage } from './prediction-sink';
import { type EncodedRecord, RollingFiles } from './rolling-files';
import type { RollingStore } from './rolling-store';

/** How a rolling sink buffers and rotates. */
export interface RollingSinkOptions {
  /** Milliseconds after which records are written in the background. 1 to 2147483647. @default 250 */
  readonly flushIntervalMs?: number;
  /** Bytes of records that wait to be written; beyond, records are refused and counted. 1024 or more. @default 4194304 (4 MiB) */
  readonly maxBufferedBytes?: number;
  /**
   * Bytes of records in a file, after which the next is begun; whole files are what gives way when the log is full. An eighth of
   * the log's `maxBytes` where that is less. 1024 or more. @default 8388608 (8 MiB)
   */
  readonly maxFileBytes?: number;
}

/**
 * Keeps records in files that are begun anew as they grow or age: what gives way, or expires, is a whole file, and what is erased
 * is a file written anew without it. Records wait in a buffer of bounded bytes and are written in the background.
 *
 * @param owner the factory's name, for messages
 * @throws FairleadError `INVALID_OPTION`
 */
export function createRollingSink(
  store: RollingStore,
  options: RollingSinkOptions = {},
  owner = 'createRollingSink',
): PredictionSink {
  checkOptions(owner, options, {
    flushIntervalMs: wholeNumber(1, 0x7fffffff),
    maxBufferedBytes: wholeNumber(1024),
    maxFileBytes: wholeNumber(1024),
  });
  return new RollingSink(store, options);
}

class RollingSink implements PredictionSink {
  readonly specVersion = 'v1';
  readonly #store: RollingStore;
  readonly #flushIntervalMs: number;
  readonly #maxBufferedBytes: number;
  readonly #maxFileBytes: number;
  #opened: { readonly context: SinkContext; readonly files: RollingFiles } | undefined;
  #queue: EncodedRecord[] = [];
  #queuedBytes = 0;
  #flushing = false;
  #tail: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #lastError: unknown;
  #closed = false;

  constructor(store: RollingStore, options: RollingSinkOptions) {
    this.#store = store;
    this.#flushIntervalMs = options.flushIntervalMs ?? 250;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 4 * 2 ** 20;
    this.#maxFileBytes = options.maxFileBytes ?? 8 * 2 ** 20;
  }

  async open(context: SinkContext): Promise<readonly Erasure[]> {
    await this.#store.open();
    try {
      const files = new RollingFiles(this.#store, context, this.#maxFileBytes);
      await files.open();
      const latest = new Map<string, Erasure>();
      for (const erasure of await this.#store.erasures()) latest.set(erasure.keyHash, erasure);
      this.#opened = { context, files };
      return [...latest.values()];
    } catch (error) {
      await this.#store.close();
      throw error;
    }
  }

  append(record: PredictionRecord, bytes: Uint8Array): boolean {
    if (this.#closed || this.#opened === undefined) return false;
    // An empty buffer takes any record, so that none is too large for ever.
    if (this.#queue.length > 0 && this.#queuedBytes + bytes.byteLength > this.#maxBufferedBytes) return false;
    this.#queue.push({ record, bytes });
    this.#queuedBytes += bytes.byteLength;
    this.#flushLater(this.#opened.context);
    return true;
  }

  #flushLater(context: SinkContext): void {
    if (this.#flushing) return;
    this.#flushing = true;
    context.clock.setTimer(() => {
      this.#flushing = false;
      this.flush().catch((error: unknown) => {
        // The first one tells; the others are counted.
        if (this.#failures === 1) {
          context.logger.error(
            { error },
            `Predictions could not be written, which is tried again: ${messageOf(error)}`,
          );
        }
        if (!this.#closed) this.#flushLater(context);
      });
    }, this.#flushIntervalMs);
  }

  async *read(): AsyncGenerator<PredictionRecord> {
    // What cannot be written is read from the buffer.
    await this.flush().catch(() => undefined);
    const { files } = this.#open();
    const marks = files.mark();
    const queue = [...this.#queue];
    yield* files.read(marks);
    for (const { record } of queue) yield record;
  }

  flush(): Promise<void> {
    return this.#serial(async () => {
      const { files } = this.#open();
      while (this.#queue.length > 0) {
        try {
          const written = await files.writeSome(this.#queue);
          this.#queue = this.#queue.slice(written);
          this.#count();
        } catch (error) {
          this.#failures++;
          this.#lastError = error;
          throw error;
        }
      }
    });
  }

  trim(): Promise<void> {
    return this.#serial(() => this.#open().files.trim());
  }

  remove(isUnwanted: (record: PredictionRecord) => boolean): Promise<number> {
    return this.#serial(async () => {
      const before = this.#queue.length;
      this.#queue = this.#queue.filter((entry) => !isUnwanted(entry.record));
      this.#count();
      const buffered = before - this.#queue.length;
      return buffered + (await this.#open().files.remove(isUnwanted));
    });
  }

  saveErasure(erasure: Erasure): Promise<void> {
    return this.#serial(() => this.#store.saveErasure(erasure));
  }

  usage(): SinkUsage {
    const files = this.#opened?.files;
    const { records, bytes } = files?.sums ?? { records: 0, bytes: 0 };
    return {
      records: records + this.#queue.length,
      bytes: bytes + this.#queuedBytes,
      bufferedBytes: this.#queuedBytes,
      ...(files?.counts ?? { dropped: 0, expired: 0, torn: 0, corrupt: 0 }),
      failures: this.#failures,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#opened === undefined) return;
    const { files } = this.#opened;
    try {
      await this.flush();
    } finally {
      try {
        await this.#serial(() => files.close());
      } finally {
        await this.#store.close();
      }
    }
  }

  #count(): void {
    this.#queuedBytes = this.#queue.reduce((sum, entry) => sum + entry.bytes.byteLength, 0);
  }

  #open(): { readonly context: SinkContext; readonly files: RollingFiles } {
    if (this.#opened !== undefined) return this.#opened;
    throw new FairleadError('CLOSED', 'The sink is not open: give it to createPredictionLog.');
  }

  /** One after another; a failure is its own caller's only. */
  #serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#tail.then(work, work);
    this.#tail = next.catch(() => undefined);
    return next;
  }
}
