import type { Clock } from '../../clock';
import type { Logger } from '../../logger';
import type { PredictionRecord } from './prediction-record';

/** How much a sink keeps, and for how long. */
export interface PredictionLimits {
  readonly maxRecords: number;
  /** Bytes of records in JSON, without what a file adds to them. */
  readonly maxBytes: number;
  /** Milliseconds after a prediction's time at which it expires. */
  readonly ttlMs: number;
}

/** What a log tells its sink. */
export interface SinkContext {
  readonly limits: PredictionLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A request that all records of a key be erased. */
export interface Erasure {
  /** Stands for the key. */
  readonly keyHash: string;
  /** When it was asked for, in milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** Whether later records of the key are refused too. */
  readonly future: 'refuse' | 'allow';
  /** Whether every record was taken out of the sink. */
  readonly done: boolean;
}

/** What a sink holds, and what went wrong. All counts but the first three only grow. */
export interface SinkUsage {
  readonly records: number;
  /** Bytes of those records. */
  readonly bytes: number;
  /** Bytes of records that wait to be written. */
  readonly bufferedBytes: number;
  /** Records that gave way to newer ones. */
  readonly dropped: number;
  /** Records that were taken out because their time was over. */
  readonly expired: number;
  /** Last records of files that a crash cut short; left out. */
  readonly torn: number;
  /** Records that cannot be read; left out. */
  readonly corrupt: number;
  /** Writes that failed and are tried again. */
  readonly failures: number;
  /** What the last of them failed with. */
  readonly lastError?: unknown;
}

/**
 * Where a prediction log keeps its records: the contract that the author of a sink fulfils, and
 * `predictionSinkConformance` of `@fairlead/core/testing` tries. A sink belongs to one log.
 */
export interface PredictionSink {
  readonly specVersion: 'v1';
  /**
   * Called once, before anything else.
   * @returns the erasures that were saved, the latest of each key
   */
  open(context: SinkContext): Promise<readonly Erasure[]>;
  /**
   * Takes a record without waiting and without throwing; `false` when there is no room for it.
   * @param bytes the record in JSON, UTF-8, without a line's end
   */
  append(record: PredictionRecord, bytes: Uint8Array): boolean;
  /** The records that were appended before the first one is asked for and are still there, oldest first. */
  read(): AsyncIterable<PredictionRecord>;
  /** Resolves once what was appended is written. Rejects with `STORE_FAILED`; what was not written is tried again. */
  flush(): Promise<void>;
  /** Takes out what is past the limits. */
  trim(): Promise<void>;
  /**
   * Takes out every record that is not to be kept, buffered ones too, so that no copy is left.
   * @returns how many were taken out
   */
  remove(isUnwanted: (record: PredictionRecord) => boolean): Promise<number>;
  /** Keeps an erasure, durably before it resolves; the latest of a key counts. */
  saveErasure(erasure: Erasure): Promise<void>;
  usage(): SinkUsage;
  /** Writes what is buffered and releases what it holds. */
  close(): Promise<void>;
}
