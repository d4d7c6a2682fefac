import type { CallOptions } from '@fairlead/core';

/** A parameter's value. */
export type ParamValue = string | number | boolean;

/**
 * How safe flushed data is: `os` survives the death of this process, `disk` a power cut too.
 */
export type Durability = 'os' | 'disk';

/** How a run ended. */
export type EndStatus = 'FINISHED' | 'FAILED' | 'INTERRUPTED';

/** The error that ended a run. */
export interface RunError {
  readonly name: string;
  readonly message: string;
  /** The code of a `FairleadError` or a system error. */
  readonly code?: string;
}

/** One thing that happened in a run, metric points apart. `at` is in epoch milliseconds. */
export type RunEvent =
  | {
      readonly type: 'start';
      readonly at: number;
      readonly id: string;
      readonly experiment: string;
      readonly name: string;
      readonly leaseUntil: number;
    }
  | { readonly type: 'params'; readonly at: number; readonly params: Readonly<Record<string, ParamValue>> }
  | { readonly type: 'tags'; readonly at: number; readonly tags: Readonly<Record<string, string>> }
  | {
      readonly type: 'artifact';
      readonly at: number;
      readonly name: string;
      readonly digest: string;
      readonly size: number;
    }
  | { readonly type: 'beat'; readonly at: number; readonly leaseUntil: number }
  | { readonly type: 'end'; readonly at: number; readonly status: EndStatus; readonly error?: RunError };

/** The first event of a run. */
export type RunStart = Extract<RunEvent, { type: 'start' }>;

/** Metric points in columns. The arrays may be longer than `count`, and belong to the caller again when a call returns. */
export interface PointColumns {
  readonly count: number;
  /** The distinct metric names; `keyIds` indexes them. */
  readonly keys: readonly string[];
  readonly keyIds: Uint16Array;
  readonly steps: Float64Array;
  /** Epoch milliseconds. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/** What a writer knows about its own state. */
export interface WriterHealth {
  /** Encoded bytes that wait in memory. */
  readonly bufferedBytes: number;
  /** Points among them. */
  readonly bufferedPoints: number;
  /** Points handed to the operating system. */
  readonly writtenPoints: number;
  /** Points refused because the buffer was full and could not be written. */
  readonly droppedPoints: number;
  /** Events (params, tags, artifacts, beats) refused for the same reason. */
  readonly droppedEvents: number;
  /** Writes and syncs that failed. */
  readonly failures: number;
  readonly lastError: unknown;
}

/** Writes one run. */
export interface RunWriter {
  /** Takes an event into the buffer. Never throws on I/O; `false` says that it was dropped, and counted. */
  append(event: RunEvent): boolean;
  /** Takes points into the buffer, copying them. Never throws on I/O; `false` says that they were dropped, and counted. */
  appendPoints(points: PointColumns): boolean;
  /**
   * Hands what waits to the operating system, or wherever the store sends it.
   * @throws FairleadError `STORE_FAILED`; what could not be written stays in the buffer for the next attempt
   */
  write(): Promise<void>;
  /**
   * Resolves once everything appended before the call is as safe as asked. A rejected flush acknowledges nothing: what a
   * sync that failed should have covered may be lost even where later flushes work.
   * @throws FairleadError `STORE_FAILED` when it could not be written (what is still buffered is tried again by the next
   * flush) or when something was dropped since the last flush, which is said once
   */
  flush(durability: Durability): Promise<void>;
  health(): WriterHealth;
  /** Releases the writer, without a flush. */
  close(): Promise<void>;
}

/** Something in the store that cannot be read. What surrounds it is read all the same. */
export interface StoreDamage {
  /** The file, relative to the store's folder. */
  readonly file: string;
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** How far it reaches, in bytes. */
  readonly length: number;
  /**
   * `torn-tail`: the last write did not finish, as after a crash. `corrupt`: bytes fail their checksum. `missing`: records
   * are gone that later ones prove. `unknown-record`: written by a later version.
   */
  readonly kind: 'torn-tail' | 'corrupt' | 'missing' | 'unknown-record';
}

/** One metric of a run in short. */
export interface MetricSummary {
  /** How many points were logged. */
  readonly count: number;
  /** The value at the highest step; of several there, the latest. */
  readonly last: number;
  /** The step of `last`. */
  readonly step: number;
  /** When `last` was logged, epoch milliseconds. */
  readonly timestamp: number;
  /** Smallest value that is a number; NaN when there is none. */
  readonly min: number;
  /** Largest value that is a number; NaN when there is none. */
  readonly max: number;
}

/** All points of one metric in columns, in the order in which they were logged. */
export interface MetricHistory {
  readonly key: string;
  readonly steps: Float64Array;
  /** Epoch milliseconds. */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/** An artifact of a run. */
export interface StoredArtifact {
  readonly name: string;
  /** SHA-256, lower-case hex. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** When it was logged, epoch milliseconds. */
  readonly loggedAt: number;
}

/** A run as the store has it. */
export interface StoredRun {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds after which a run without an end counts as killed. */
  readonly leaseUntil: number;
  readonly end?: { readonly status: EndStatus; readonly at: number; readonly error?: RunError };
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, MetricSummary>>;
  readonly artifacts: readonly StoredArtifact[];
  readonly damage: readonly StoreDamage[];
}

/** The runs of a store. */
export interface RunStore {
  create(start: RunStart): Promise<RunWriter>;
  /** Every run, newest first. */
  list(options?: CallOptions): Promise<readonly StoredRun[]>;
  read(id: string, options?: CallOptions): Promise<StoredRun | undefined>;
  /** All points of one metric; empty columns when there are none. */
  history(id: string, key: string, options?: CallOptions): Promise<MetricHistory>;
}
