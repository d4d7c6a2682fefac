import { describeValue } from '../../config';
import { FairleadError, messageOf, throwIfAborted } from '../../errors';
import { createEvents, type EventSource, type Events } from '../../events';
import { type CallOptions, type Closeable, closeable } from '../../lifecycle';
import type { ModelRunner } from '../../runner/runner';
import { Erasures } from './erasures';
import { hash32, hashKey } from './id-hash';
import { type AttachOptions, type PredictedBatchRow, type PredictionDetails, watchBatches } from './log-watch';
import type { PredictionLogEventMap, PredictionLogStats, RecordOutcome } from './prediction-log-events';
import {
  type PredictionLogOptions,
  type PredictionLogSettings,
  parsePredictionLogOptions,
} from './prediction-log-options';
import type { PredictionRecord } from './prediction-record';
import type { Erasure } from './prediction-sink';
import { encodeRecord } from './record-codec';
import { checkDetails, checkDraft, type PredictionDraft } from './record-draft';
import { createRedactor, type Redactor } from './redaction';
import { keepOf, summariseAll } from './row-values';

/** Which records are read; every condition must hold. */
export interface PredictionFilter extends CallOptions {
  /** Earliest time, inclusive, in milliseconds since 1970-01-01 UTC. */
  readonly from?: number;
  /** Latest time, exclusive. */
  readonly to?: number;
  /** Version of the model. */
  readonly version?: string;
  /** Name of the model. */
  readonly name?: string;
  /** One id, or any of several. */
  readonly id?: string | readonly string[];
  /** Whom the prediction concerns. */
  readonly key?: string;
  /** Most records. */
  readonly limit?: number;
}

/** Keeps what a model predicted. */
export interface PredictionLog extends Closeable {
  readonly events: Events<PredictionLogEventMap>;
  /**
   * Records one prediction by hand, without waiting.
   * @throws FairleadError `INVALID_INPUT`, `CLOSED`; never for want of room, which is an outcome and counted
   */
  record(draft: PredictionDraft): RecordOutcome;
  /**
   * Records every row that a runner computes, after its answer went out, until closed. It never throws into a request; what cannot be
   * recorded is counted.
   */
  attach(runner: ModelRunner, options?: AttachOptions): Closeable;
  /**
   * The records that were logged before the first one is asked for, oldest first, without those that expired or were erased.
   * @throws FairleadError `INVALID_ARGUMENT` for a filter that cannot be used; `ABORTED`, `STORE_FAILED`
   */
  read(filter?: PredictionFilter): AsyncIterable<PredictionRecord>;
  /**
   * Erases every record of a key from the sink, buffered ones and those in damaged places included. It is remembered in the sink, by a
   * hash of the key, before anything is taken out: a crash on the way is made good when the log is next opened.
   *
   * @param request `future`: whether later records of that key are refused (and counted as `erased`) or logged again; a later call may
   * change it. @default 'refuse'
   * @returns how many records were taken out
   * @throws FairleadError `INVALID_ARGUMENT`, `CLOSED`, `STORE_FAILED`, `LIMIT_EXCEEDED`
   */
  erase(request: { readonly key: string; readonly future?: 'refuse' | 'allow' }): Promise<number>;
  /** Resolves once what was recorded is written. Rejects with `STORE_FAILED`. */
  flush(): Promise<void>;
  stats(): PredictionLogStats;
}

/**
 * Opens a prediction log on a sink: records are sampled by id, redacted, capped, and expire; they can be read back and erased by key.
 *
 * @throws FairleadError `INVALID_OPTION`; what opening the sink rejects with, such as `CONFLICT` or `STORE_FAILED`
 */
export async function createPredictionLog(options: PredictionLogOptions): Promise<PredictionLog> {
  const settings = parsePredictionLogOptions(options);
  const { sink, limits, clock, logger } = settings;
  const erasures = new Erasures(await sink.open({ limits, clock, logger }));
  const log = new SinkLog(settings, erasures);
  try {
    await log.finishErasures();
  } catch (error) {
    await sink.close();
    throw error;
  }
  return log;
}

/** A share of the time to live after which expired records are taken out. */
const trimShare = 1 / 16;
const longestTimer = 0x7fffffff;

class SinkLog implements PredictionLog {
  readonly events: EventSource<PredictionLogEventMap>;
  readonly #settings: PredictionLogSettings;
  readonly #erasures: Erasures;
  readonly #redact: Redactor;
  readonly #outcomes: Record<RecordOutcome, number> = {
    logged: 0,
    'sampled-out': 0,
    redacted: 0,
    erased: 0,
    'too-large': 0,
    refused: 0,
  };
  readonly #attached = new Set<Closeable>();
  readonly #idPrefix = globalThis.crypto.randomUUID();
  readonly #closer: Closeable;
  #ids = 0;
  #skipped = 0;
  #failed = 0;
  #summarised = 0;
  #erasedRecords = 0;
  #redactionTold = false;
  #closed = false;

  constructor(settings: PredictionLogSettings, erasures: Erasures) {
    this.#settings = settings;
    this.#erasures = erasures;
    this.#redact = createRedactor(settings.redact);
    this.events = createEvents<PredictionLogEventMap>(settings.logger, settings.on);
    const trimmer = this.#trimRegularly();
    this.#closer = closeable(async () => {
      this.#closed = true;
      trimmer.clear();
      await Promise.all([...this.#attached].map((attached) => attached.close()));
      await settings.sink.close();
      this.events.clear();
    });
  }

  #trimRegularly(): { clear(): void } {
    const { clock, logger, limits, sink } = this.#settings;
    const everyMs = Math.min(longestTimer, Math.max(1, limits.ttlMs * trimShare));
    const trim = (): void => {
      timer = clock.setTimer(trim, everyMs);
      sink
        .trim()
        .catch((error: unknown) =>
          logger.error({ error }, `Expired predictions could not be taken out: ${messageOf(error)}`),
        );
    };
    let timer = clock.setTimer(trim, everyMs);
    return { clear: () => timer.clear() };
  }

  /** Does what a process that died had begun. */
  async finishErasures(): Promise<void> {
    const { unfinished } = this.#erasures;
    if (unfinished.length === 0) return;
    this.#erasedRecords += await this.#settings.sink.remove((record) => this.#erasures.covers(record));
    for (const erasure of unfinished) await this.#save({ ...erasure, done: true });
  }

  record(draft: PredictionDraft): RecordOutcome {
    this.#checkOpen();
    checkDraft(draft);
    const { inputs = {}, outputs = {}, model, ...details } = draft;
    return this.#record(details, { model, inputs, outputs, index: 0 });
  }

  attach(runner: ModelRunner, options: AttachOptions = {}): Closeable {
    this.#checkOpen();
    const watched = watchBatches(runner, options, this.#settings, {
      record: (details, row) => {
        checkDetails(details);
        this.#record(details, row);
      },
      skip: (rows) => {
        this.#skipped += rows;
      },
      fail: (rows) => {
        this.#failed += rows;
      },
    });
    const attached = closeable(async () => {
      this.#attached.delete(attached);
      await watched.close();
    });
    this.#attached.add(attached);
    return attached;
  }

  #record(details: PredictionDetails, row: PredictedBatchRow): RecordOutcome {
    const outcome = this.#keep(details, row);
    this.#outcomes[outcome]++;
    return outcome;
  }

  #keep(details: PredictionDetails, row: PredictedBatchRow): RecordOutcome {
    const { sample, seed, clock, sink, maxRecordBytes } = this.#settings;
    const id = details.id ?? `${this.#idPrefix}-${++this.#ids}`;
    if (sample < 1 && hash32(id, seed) / 2 ** 32 >= sample) return 'sampled-out';
    if (this.#erasures.refuses(details.key)) return 'erased';
    const { at = clock.epochMs(), decision, propensity, key, tags } = details;
    const raw: PredictionRecord = {
      id,
      at,
      model: { name: row.model.name, version: row.model.version, digest: row.model.digest },
      inputs: this.#settings.inputs === 'none' ? {} : keepOf(row.inputs, this.#settings.inputs),
      outputs: this.#settings.outputs === 'none' ? {} : keepOf(row.outputs, this.#settings.outputs),
      ...(decision === undefined ? {} : { decision }),
      ...(propensity === undefined ? {} : { propensity }),
      ...(key === undefined ? {} : { key }),
      ...(tags === undefined ? {} : { tags }),
    };
    let record = this.#redacted(raw);
    if (record === undefined) return 'redacted';
    let bytes = encodeRecord(record);
    if (bytes.byteLength > maxRecordBytes) {
      record = { ...record, inputs: summariseAll(record.inputs), outputs: summariseAll(record.outputs) };
      bytes = encodeRecord(record);
      if (bytes.byteLength > maxRecordBytes) return 'too-large';
      this.#summarised++;
    }
    if (!sink.append(record, bytes)) return 'refused';
    if (this.events.listenerCount('record') > 0) this.events.emit('record', { record });
    return 'logged';
  }

  /** The record as it may be kept. What fails is not kept: a redaction that did not happen must not leak. */
  #redacted(record: PredictionRecord): PredictionRecord | undefined {
    try {
      const redacted = this.#redact(record);
      if (redacted === undefined) return undefined;
      // The time, the id and the key are what reading and erasing go by.
      return { ...redacted, id: record.id, at: record.at, ...(record.key === undefined ? {} : { key: record.key }) };
    } catch (error) {
      if (!this.#redactionTold) {
        this.#settings.logger.error({ error }, `A redaction threw, so its record is not kept: ${messageOf(error)}`);
      }
      this.#redactionTold = true;
      return undefined;
    }
  }

  read(filter: PredictionFilter = {}): AsyncIterable<PredictionRecord> {
    this.#checkOpen();
    return this.#read(checkFilter(filter));
  }

  async *#read({
    from,
    to,
    version,
    name,
    id,
    key,
    limit = Number.POSITIVE_INFINITY,
    signal,
  }: PredictionFilter): AsyncGenerator<PredictionRecord> {
    const { clock, limits, sink } = this.#settings;
    const ids = id === undefined ? undefined : new Set(typeof id === 'string' ? [id] : id);
    let read = 0;
    throwIfAborted(signal, 'read');
    if (limit === 0) return;
    for await (const record of sink.read()) {
      throwIfAborted(signal, 'read');
      const { at, model } = record;
      if (at < clock.epochMs() - limits.ttlMs || this.#erasures.covers(record)) continue;
      if ((from !== undefined && at < from) || (to !== undefined && at >= to)) continue;
      if ((version !== undefined && model.version !== version) || (name !== undefined && model.name !== name)) continue;
      if ((ids !== undefined && !ids.has(record.id)) || (key !== undefined && record.key !== key)) continue;
      yield record;
      if (++read >= limit) return;
    }
  }

  async erase({
    key,
    future = 'refuse',
  }: {
    readonly key: string;
    readonly future?: 'refuse' | 'allow';
  }): Promise<number> {
    this.#checkOpen();
    if (typeof key !== 'string' || key === '') throw invalidArgument('key', 'a text that is not empty', key);
    if (future !== 'refuse' && future !== 'allow') throw invalidArgument('future', "'refuse' or 'allow'", future);
    const erasure: Erasure = { keyHash: hashKey(key), at: this.#settings.clock.epochMs(), future, done: false };
    await this.#save(erasure);
    const removed = await this.#settings.sink.remove((record) => record.key === key && this.#erasures.covers(record));
    this.#erasedRecords += removed;
    await this.#save({ ...erasure, done: true });
    return removed;
  }

  async #save(erasure: Erasure): Promise<void> {
    // At once in memory, so that nothing of the key is read or logged while the sink saves it.
    this.#erasures.set(erasure);
    await this.#settings.sink.saveErasure(erasure);
  }

  async flush(): Promise<void> {
    this.#checkOpen();
    await this.#settings.sink.flush();
  }

  stats(): PredictionLogStats {
    return {
      outcomes: { ...this.#outcomes },
      skipped: this.#skipped,
      failed: this.#failed,
      summarised: this.#summarised,
      erasedRecords: this.#erasedRecords,
      sink: this.#settings.sink.usage(),
    };
  }

  close(): Promise<void> {
    return this.#closer.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closer.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new FairleadError('CLOSED', 'The prediction log was closed: open another.');
  }
}

function checkFilter(filter: PredictionFilter): PredictionFilter {
  const { from, to, limit } = filter;
  for (const [field, value] of Object.entries({ from, to })) {
    if (value !== undefined && !Number.isFinite(value)) throw invalidArgument(field, 'milliseconds since 1970', value);
  }
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0))
    throw invalidArgument('limit', 'a whole number, 0 or more', limit);
  return filter;
}

function invalidArgument(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError(
    'INVALID_ARGUMENT',
    `prediction log: "${field}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field, expected, given },
    },
  );
}
