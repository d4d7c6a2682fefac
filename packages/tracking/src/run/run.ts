import type { CallOptions, Closeable } from '@fairlead/core';
import type { LogArtifactsOptions, LoggedArtifact } from '../artifacts/log-folder';
import type { ArtifactSource, BlobInfo } from '../store/artifact-store';
import type { Durability, EndStatus, ParamValue } from '../store/run-store';

/** Where points stand. */
export interface LogOptions {
  /** A whole number, such as an epoch or a batch. @default 0 */
  readonly step?: number;
  /** Epoch milliseconds, a whole number. @default now */
  readonly timestamp?: number;
}

/** How far a flush goes. */
export interface FlushOptions extends CallOptions {
  /** `os`: the data survives the death of this process. `disk`: a power cut too. @default 'disk' */
  readonly durability?: Durability;
}

/** How a run's writing goes. Counts are since the start of the run. */
export interface RunHealth {
  /** Points that wait in memory. */
  readonly bufferedPoints: number;
  /** Encoded bytes that wait in memory. */
  readonly bufferedBytes: number;
  /** Points handed to the operating system. */
  readonly writtenPoints: number;
  /** Points that were dropped because the buffer was full and could not be written. */
  readonly droppedPoints: number;
  /** Params, tags, artifact entries and beats dropped for the same reason. */
  readonly droppedEvents: number;
  /** Writes and syncs that failed; what a failed write held is written again. */
  readonly failures: number;
  /** Milliseconds for which the oldest waiting point has waited; 0 when none waits. */
  readonly lagMs: number;
  /** What the last failure was; `undefined` when there was none. */
  readonly lastError: unknown;
}

/** A run that is being logged. */
export interface Run extends Closeable {
  /** 32 hexadecimal digits; ids of later runs sort after those of earlier ones. */
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  /** How the run ended, or that it has not. */
  readonly status: 'RUNNING' | EndStatus;
  /**
   * Logs one point of each metric. Costs about a microsecond, because it only fills a buffer that is written in the
   * background; it never throws on I/O, which `flush()` and `health()` report. NaN and the infinities are kept as they are.
   *
   * @param metrics values by name; either all of them are logged or, when one is refused, none
   * @throws FairleadError `INVALID_ARGUMENT` for a value that is no number, a step or timestamp that is no whole number, a
   * name that cannot be used; `CLOSED` after the end of the run
   */
  log(metrics: Readonly<Record<string, number>>, options?: LogOptions): void;
  /**
   * Logs parameters. A parameter is written once: the same value again is no error.
   * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` for a text of more than 65,536 characters, `CONFLICT` for
   * another value, `CLOSED`
   */
  logParams(params: Readonly<Record<string, ParamValue>>): void;
  /**
   * Sets tags; a later value replaces an earlier one.
   * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` for a text of more than 65,536 characters, `CLOSED`
   */
  setTags(tags: Readonly<Record<string, string>>): void;
  /**
   * Keeps bytes with the run, streamed, by their SHA-256; the same content is kept once in the whole store.
   *
   * @param name a relative path such as `model/digits.onnx`; a later artifact of the same name replaces the earlier
   * @param source the bytes, the path of a file, or a stream of bytes
   * @throws FairleadError `INVALID_ARGUMENT`, `NOT_FOUND` for a path that leads nowhere, `STORE_FAILED`, `CLOSED`, `ABORTED`
   */
  logArtifact(name: string, source: ArtifactSource, options?: CallOptions): Promise<BlobInfo>;
  /**
   * Keeps every file of a folder and of those below it, by their paths in it. All names are checked first; the first file
   * that fails stops the others, and what was kept by then stays. Node only.
   *
   * @param folder its path; a symbolic link that leads out of it is refused
   * @throws FairleadError `NOT_FOUND` for no folder, `INVALID_ARGUMENT` for a link that leads out or in a circle and for a name
   * that no artifact may have, and as `logArtifact`
   */
  logArtifacts(folder: string, options?: LogArtifactsOptions): Promise<readonly LoggedArtifact[]>;
  /**
   * Resolves once everything logged before the call is as safe as asked: only that is acknowledged.
   * @throws FairleadError `STORE_FAILED` when it could not be written, or when points were dropped since the last flush,
   * which is said once; `CLOSED`, `ABORTED`
   */
  flush(options?: FlushOptions): Promise<void>;
  health(): RunHealth;
  /**
   * Ends the run as FINISHED, flushed to disk. Where that fails it can be called again.
   * @throws FairleadError as `flush`; `CLOSED` when the run has ended otherwise
   */
  complete(): Promise<void>;
  /**
   * Ends the run as FAILED with an error, flushed to disk.
   * @throws FairleadError as `flush`; `CLOSED` when the run has ended otherwise
   */
  fail(error: unknown): Promise<void>;
  /** Ends a run that has not ended as INTERRUPTED, flushed to disk, and releases it. */
  close(): Promise<void>;
}
