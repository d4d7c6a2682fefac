import type { CallOptions } from '@fairlead/core';
import type { RunPage, RunQuery } from '../search/query';
import type {
  ArtifactKind,
  DatasetInput,
  EndStatus,
  MetricHistory,
  MetricSummary,
  ModelUse,
  ParamValue,
  RunError,
  StoredRun,
} from './stored-run';

export type {
  ArtifactKind,
  DatasetInput,
  EndStatus,
  MetricHistory,
  MetricSummary,
  ModelUse,
  ParamValue,
  RunError,
  StoreDamage,
  StoredArtifact,
  StoredRun,
} from './stored-run';

/**
 * How safe flushed data is: `os` survives the death of this process, `disk` a power cut too, and `remote` the loss of
 * this machine, because another one has acknowledged it.
 */
export type Durability = 'os' | 'disk' | 'remote';

/** One thing that happened in a run, metric points apart. `at` is in epoch milliseconds. */
export type RunEvent =
  | {
      readonly type: 'start';
      readonly at: number;
      readonly id: string;
      readonly experiment: string;
      readonly name: string;
      /** The id of the run that this one is part of. */
      readonly parent?: string;
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
      readonly kind?: ArtifactKind;
      readonly mediaType?: string;
      readonly step?: number;
    }
  /** A later one of the same name, digest and context replaces it. */
  | { readonly type: 'input'; readonly at: number; readonly dataset: DatasetInput }
  /** The run used a registered model. */
  | { readonly type: 'use'; readonly at: number; readonly model: ModelUse }
  | { readonly type: 'beat'; readonly at: number; readonly leaseUntil: number }
  /** Opens a run anew: an end before it no longer counts. `at` is later than that end, whatever the clocks say. */
  | { readonly type: 'resume'; readonly at: number; readonly leaseUntil: number }
  | { readonly type: 'end'; readonly at: number; readonly status: EndStatus; readonly error?: RunError }
  /** The run was deleted, or restored; the latest counts. Garbage collection removes deleted runs for good. */
  | { readonly type: 'lifecycle'; readonly at: number; readonly deleted: boolean };

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

/**
 * What a page sent in one piece. A store that takes batches keeps the mark, `writer` and `seq`, in one write with the
 * content, so that a batch that is sent again is recognised whatever happened before.
 */
export interface RunBatch {
  /** Who sent it: 32 lower-case hexadecimal digits, drawn for each page and run. */
  readonly writer: string;
  /** Its number: 1, 2, … up to 4294967295. */
  readonly seq: number;
  readonly parts: readonly (RunEvent | PointColumns)[];
}

/** What a writer knows about its own state. */
export interface WriterHealth {
  /** Encoded bytes that wait in memory. */
  readonly bufferedBytes: number;
  /** Points among them. */
  readonly bufferedPoints: number;
  /** Points handed to the operating system. */
  readonly writtenPoints: number;
  /** Points among these that no sync to disk, or no acknowledgement of a server, has covered yet. */
  readonly unsyncedPoints: number;
  /** Points refused because the buffer was full and could not be written. */
  readonly droppedPoints: number;
  /** Events (params, tags, artifacts, beats) refused for the same reason. */
  readonly droppedEvents: number;
  /** Writes and syncs that failed. */
  readonly failures: number;
  readonly lastError: unknown;
}

/** Writes one run. Several writers of one run may be open at once, in this process and in others. */
export interface RunWriter {
  /** Takes an event into the buffer. Never throws on I/O; `false` says that it was dropped, and counted. */
  append(event: RunEvent): boolean;
  /** Takes points into the buffer, copying them. Never throws on I/O; `false` says that they were dropped, and counted. */
  appendPoints(points: PointColumns): boolean;
  /**
   * Takes a batch into the buffer, all of it or nothing. Never throws on I/O; `false` says that it was refused, which is not
   * counted, since its sender still has it. Left out by stores that keep no marks.
   */
  appendBatch?(batch: RunBatch): boolean;
  /**
   * Hands what waits to the operating system, or wherever the store sends it.
   * @throws FairleadError `STORE_FAILED`, of a store on a server also `REMOTE_FAILED`; what could not be written stays in the
   * buffer for the next attempt
   */
  write(): Promise<void>;
  /**
   * The same, blocking, for the last moment of a process. Left out by stores that cannot.
   * @throws FairleadError `STORE_FAILED`
   */
  writeSync?(): void;
  /**
   * Resolves once everything appended before the call is as safe as asked. A rejected flush acknowledges nothing: what a
   * sync that failed should have covered may be lost even where later flushes work.
   * @throws FairleadError `STORE_FAILED` when it could not be written (what is still buffered is tried again by the next
   * flush) or when something was dropped since the last flush, which is said once
   */
  flush(durability: Durability): Promise<void>;
  /**
   * Says what all points of the run come to, those that this writer sends among them: for whoever copies a run. Left out by
   * stores that see that from the points.
   */
  summarize?(metrics: Readonly<Record<string, MetricSummary>>): void;
  health(): WriterHealth;
  /** Releases the writer, without a flush. */
  close(): Promise<void>;
}

/** An experiment: the runs that name it. */
export interface ExperimentSummary {
  readonly name: string;
  /** How many runs name it, deleted ones not counted. */
  readonly runs: number;
  /** When the latest of them started, epoch milliseconds. */
  readonly lastStartedAt: number;
}

/** How a metric's points are read. */
export interface HistoryOptions extends CallOptions {
  /**
   * At most so many points, 4 or more. What stays are the first and the last point and, of each stretch between them, the
   * smallest and the largest value, so that a chart looks the same. @default all
   */
  readonly maxPoints?: number;
}

/** The runs of a store. */
export interface RunStore {
  /**
   * A new run. Given the batch of a page that begins with `start`, a store that takes batches keeps it in one write with the
   * start; another one ignores it.
   */
  create(start: RunStart, batch?: RunBatch): Promise<RunWriter>;
  /**
   * Another writer on a run that exists: to resume it, or to change its tags later. Opening changes nothing by itself.
   * @throws FairleadError `NOT_FOUND`, `STORE_FAILED`, `ABORTED`
   */
  open(id: string, options?: CallOptions): Promise<RunWriter>;
  /**
   * The same for one who resumes the run, with the event `resume` written. Of several that do so in one moment one gets a
   * writer, whatever process they are in. Left out by stores that cannot tell: there the tracker opens a writer and appends
   * the event.
   * @throws FairleadError `CONFLICT` for all others; `NOT_FOUND`, `STORE_FAILED`, `ABORTED`
   */
  resume?(
    id: string,
    lease: { readonly at: number; readonly leaseUntil: number },
    options?: CallOptions,
  ): Promise<RunWriter>;
  /**
   * The runs that a query finds, a page at a time. Runs that start between two pages do not shift them.
   * @throws FairleadError `INVALID_ARGUMENT` for a page token of another query, `UNSUPPORTED`, `ABORTED`
   */
  search(query: RunQuery, options?: CallOptions): Promise<RunPage>;
  /** Every experiment that has runs, by name. */
  experiments(options?: CallOptions): Promise<readonly ExperimentSummary[]>;
  /** One run, deleted or not; `undefined` when there is none. */
  read(id: string, options?: CallOptions): Promise<StoredRun | undefined>;
  /**
   * Every point of a run, of all metrics, in pieces and in the order in which they were logged, as far as the store knows
   * it. Left out by stores that read metric by metric.
   */
  points?(id: string, options?: CallOptions): AsyncIterable<PointColumns>;
  /**
   * The number of the last batch that is kept of each page that sent some; empty where there is none, or no such run. Left
   * out by stores that keep no marks.
   */
  marks?(id: string, options?: CallOptions): Promise<ReadonlyMap<string, number>>;
  /** The points of one metric; empty columns when there are none. */
  history(id: string, key: string, options?: HistoryOptions): Promise<MetricHistory>;
}
