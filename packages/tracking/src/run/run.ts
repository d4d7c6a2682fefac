import type { CallOptions, Closeable } from '@fairlead/core';
import type { LogArtifactsOptions, LoggedArtifact } from '../artifacts/log-folder';
import type { Durability, EndStatus, ParamValue } from '../store/run-store';
import type { RunMedia } from './run-media';
import type { RunStartOptions, TypedRunStartOptions } from './run-options';

/** Where points stand. */
export interface LogOptions {
  /** A whole number, such as an epoch or a batch. @default 0 */
  readonly step?: number;
  /** Epoch milliseconds, a whole number. @default now */
  readonly timestamp?: number;
}

/** How far a flush goes. */
export interface FlushOptions extends CallOptions {
  /**
   * `os`: the data survives the death of this process. `disk`: a power cut too. `remote`: the loss of this machine,
   * because another one has acknowledged it. @default 'disk', or the strongest that the store has
   */
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
  /** Points that no flush to disk, or to another machine where the store has no disk, has made safe yet. */
  readonly unsyncedPoints: number;
  /** Points that were dropped because the buffer was full and could not be written. */
  readonly droppedPoints: number;
  /** Params, tags, artifact entries and beats dropped for the same reason. */
  readonly droppedEvents: number;
  /** Writes, syncs and long parameters that failed; what a failed write held is written again. */
  readonly failures: number;
  /** Artifacts on their way to the store. */
  readonly pendingArtifacts: number;
  /** Milliseconds for which the oldest thing that was logged and is not yet written has waited; 0 when nothing waits. */
  readonly lagMs: number;
  /** What the last failure was; `undefined` when there was none. */
  readonly lastError: unknown;
}

/** A run that is being logged. `Params` is what its schema makes of its parameters. */
export interface Run<Params = Readonly<Record<string, ParamValue>>> extends RunMedia, Closeable {
  /** 32 hexadecimal digits; ids of later runs sort after those of earlier ones. */
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  /** The id of the run that this one is part of. */
  readonly parent: string | undefined;
  /** The parameters that it was started with, as its schema made them; of a resumed run all that were logged before. */
  readonly params: Params;
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
   * Logs parameters. A parameter is written once: the same value again is no error. A text of more than 6000 characters
   * becomes the artifact `params/<name>.txt`, and the parameter `artifact:params/<name>.txt#sha256:…`; trouble with it is
   * told by `flush`. A value that is a secret, by its name or its looks, is kept as `[redacted]`, with a warning in the log.
   * @throws FairleadError `INVALID_ARGUMENT`, `CONFLICT` for another value, `CLOSED`
   */
  logParams(params: Readonly<Record<string, ParamValue>>): void;
  /**
   * Sets tags; a later value replaces an earlier one. Secrets are treated as in parameters.
   * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` for a text of more than 65,536 characters, `CLOSED`
   */
  setTags(tags: Readonly<Record<string, string>>): void;
  /**
   * Starts a run that is part of this one, by default in the same experiment. Neither's end ends the other: end each.
   * @throws FairleadError as `tracker.startRun`; `CLOSED` after the end of this run
   */
  startRun(options?: RunStartOptions): Promise<Run>;
  startRun<Input, Output>(options: TypedRunStartOptions<Input, Output>): Promise<Run<Output>>;
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
   * which is said once; `UNSUPPORTED` for a durability that the store does not have, `CLOSED`, `ABORTED`
   */
  flush(options?: FlushOptions): Promise<void>;
  health(): RunHealth;
  /**
   * Ends the run as FINISHED, flushed to disk. Where that fails it can be called again. Runs that are part of this one go on.
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
