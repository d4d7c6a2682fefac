import type { CallOptions, Closeable, Events, Evidence } from '@fairlead/core';
import type { Lineage } from './lineage/lineage';
import type { MaintenanceCalls } from './maintenance-calls';
import type { ModelRegistry } from './registry/model-registry';
import type { ModelVersion } from './registry/model-version';
import type { Run } from './run/run';
import type { RunStartOptions, TypedRunStartOptions } from './run/run-options';
import type { CompareOptions, RunComparison } from './search/compare-runs';
import type { SearchOptions, SearchRow } from './search/search-options';
import type { ArtifactPlace, ArtifactStreamOptions, UploadProgress } from './store/artifact-store';
import type { Gate, GateResult } from './store/gate';
import type { AliasMove } from './store/registry-store';
import type {
  DatasetInput,
  EndStatus,
  ExperimentSummary,
  HistoryOptions,
  MetricHistory,
  MetricSummary,
  ModelUse,
  ParamValue,
  PointColumns,
  RunError,
  StoreDamage,
  StoredArtifact,
} from './store/run-store';
import type { SyncOptions, SyncReport } from './sync/sync-report';

/**
 * How a run stands. `KILLED`: a signal ended it, or it has no end and its lease ran out; should the process of such a one
 * wake again, the run is `RUNNING` again.
 */
export type RunStatus = 'RUNNING' | EndStatus;

/** A run as it was recorded. */
export interface RunSummary {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  /** The id of the run that this one is part of. */
  readonly parent?: string;
  readonly status: RunStatus;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds; absent while it runs, and for one whose process fell silent. */
  readonly endedAt?: number;
  /** When it was deleted, epoch milliseconds. */
  readonly deletedAt?: number;
  /** What ended a run that FAILED. */
  readonly error?: RunError;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Each metric in short. */
  readonly metrics: Readonly<Record<string, MetricSummary>>;
}

/** An artifact that can be read. */
export interface RunArtifact extends StoredArtifact {
  /** The bytes, checked. @throws FairleadError `DIGEST_MISMATCH`, `NOT_FOUND`, `ABORTED` */
  read(options?: CallOptions): Promise<Uint8Array>;
  /**
   * The bytes in pieces, for artifacts too large for memory; checked at the end.
   * @throws FairleadError `DIGEST_MISMATCH`, `NOT_FOUND`, `INVALID_ARGUMENT` for an offset past the end, `ABORTED`
   */
  stream(options?: ArtifactStreamOptions): AsyncIterable<Uint8Array>;
}

/** A run with everything that was logged. */
export interface RunRecord extends RunSummary {
  readonly artifacts: readonly RunArtifact[];
  /** The datasets that went into it. */
  readonly inputs: readonly DatasetInput[];
  /** The registered models that it used. */
  readonly uses: readonly ModelUse[];
  /** What could not be read; empty for a healthy run. */
  readonly damage: readonly StoreDamage[];
  /** The artifact of a name. @throws FairleadError `NOT_FOUND` that names what exists */
  artifact(name: string): RunArtifact;
  /** The points of a metric. @throws FairleadError `NOT_FOUND` that names what exists, `INVALID_ARGUMENT` */
  history(key: string, options?: HistoryOptions): Promise<MetricHistory>;
  /**
   * Every point of every metric in pieces, so that not all of them lie in memory at once; in the order in which they were
   * logged, or metric by metric where the store knows no other.
   */
  points(options?: CallOptions): AsyncIterable<PointColumns>;
}

/** Which runs are listed. */
export interface RunFilter extends CallOptions {
  /** Only those of this experiment. */
  readonly experiment?: string;
  /** Only those that stand so. */
  readonly status?: RunStatus;
  /** Only those that are part of the run of this id. */
  readonly parent?: string;
  /** Whether deleted runs are found. @default 'exclude' */
  readonly deleted?: 'exclude' | 'only' | 'include';
  /** At most so many, the newest. @default all */
  readonly limit?: number;
}

/** One page of what a search found. */
export interface SearchPage<Columns extends readonly string[] = readonly string[]> {
  readonly runs: readonly RunSummary[];
  /** The columns that were asked for, one row a run. */
  readonly rows: readonly SearchRow<Columns>[];
  /** Asks for the next page; absent on the last. */
  readonly nextPageToken?: string;
}

/** What an event of the registry has. */
export interface RegistryEvent {
  /** The model. */
  readonly name: string;
  readonly evidence: Evidence;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What a tracker tells. */
export interface TrackerEventMap {
  'run-start': { readonly id: string; readonly experiment: string; readonly name: string };
  /** A run that had ended is logged again. */
  'run-resume': { readonly id: string; readonly experiment: string; readonly name: string };
  'run-end': { readonly id: string; readonly status: EndStatus };
  /** A background write of a run failed; told once until one works again. With no listener it is a warning in the log. */
  'write-fail': { readonly id: string; readonly error: unknown };
  /** A piece of an artifact was stored; the last one says as many bytes as the artifact has. */
  'artifact-progress': ArtifactPlace & UploadProgress;
  'version-register': ModelVersion;
  /** This tracker moved, rolled back or deleted an alias. */
  'alias-move': AliasMove & { readonly name: string };
  /** Gates refused a promotion, which then failed with `GATE_REFUSED`. */
  'promotion-refuse': {
    readonly name: string;
    readonly alias: string;
    readonly version: string;
    readonly evidence: Evidence;
    readonly gates: readonly GateResult[];
  };
  /** This tracker set the gates of an alias. */
  'gates-set': RegistryEvent & { readonly alias: string; readonly gates: readonly Gate[] };
  'version-annotate': ModelVersion;
  'version-evaluate': ModelVersion;
  'version-approve': ModelVersion;
  'version-deploy': RegistryEvent & { readonly version: string; readonly target: string; readonly active: boolean };
  'version-delete': RegistryEvent & { readonly version: string };
}

/** Experiments, runs, artifacts and models of one store. */
export interface Tracker extends Closeable, MaintenanceCalls {
  readonly registry: ModelRegistry;
  /** The graph data → run → model version → deployment. */
  readonly lineage: Lineage;
  readonly events: Events<TrackerEventMap>;
  /**
   * Runs a function as a run: FINISHED when it returns, FAILED with its error, which is thrown on, when it throws. The end
   * is on disk when the promise settles.
   * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`; `STORE_FAILED` when the function returned, but not all
   * that it logged could be kept
   */
  withRun<T>(options: RunStartOptions, work: (run: Run) => Promise<T> | T): Promise<T>;
  withRun<Input, Output, T>(
    options: TypedRunStartOptions<Input, Output>,
    work: (run: Run<Output>) => Promise<T> | T,
  ): Promise<T>;
  /**
   * Starts a run. End it with `complete()` or `fail()`; one that is closed without either is INTERRUPTED.
   * @throws FairleadError `INVALID_OPTION`; `INVALID_ARGUMENT` that names a parameter that does not pass the schema;
   * `NOT_FOUND` for a parent that is not here, `CONFLICT` for one that was deleted; `STORE_FAILED`
   */
  startRun(options?: RunStartOptions): Promise<Run>;
  startRun<Input, Output>(options: TypedRunStartOptions<Input, Output>): Promise<Run<Output>>;
  /**
   * Goes on with a run that has ended, however it did, or whose process fell silent: it is RUNNING again, under the same
   * id, and its parameters still stand. Of several processes that resume one run in the same moment one gets it, in a store
   * that can tell, as that of a folder can.
   * @throws FairleadError `NOT_FOUND`; `CONFLICT` while it is logged here, its lease elsewhere goes on or another process
   * resumes it, and for a run that was deleted; `STORE_FAILED`, `ABORTED`
   */
  resumeRun(id: string, options?: CallOptions): Promise<Run>;
  /**
   * Sets tags of a run, also after its end, flushed.
   * @throws FairleadError `NOT_FOUND`, `CONFLICT` for a run that was deleted, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`,
   * `STORE_FAILED`
   */
  setTags(id: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /**
   * Deletes a run: it is no longer found, and garbage collection may remove it for good. Runs that are part of it stay.
   * A deleted run is left as it is.
   * @throws FairleadError `NOT_FOUND`, `CONFLICT` while it is being logged, `STORE_FAILED`
   */
  deleteRun(id: string): Promise<void>;
  /** Takes a deletion back. @throws FairleadError `NOT_FOUND`, also after garbage collection; `STORE_FAILED` */
  restoreRun(id: string): Promise<void>;
  /** Every experiment that has runs, by name. */
  experiments(options?: CallOptions): Promise<readonly ExperimentSummary[]>;
  /** Runs, newest first. */
  runs(filter?: RunFilter): Promise<readonly RunSummary[]>;
  /**
   * Runs that a filter finds, in an order, a page at a time.
   * @throws FairleadError `INVALID_OPTION`; `INVALID_ARGUMENT` for a filter, order, column or page token that cannot be used,
   * with the place; `LIMIT_EXCEEDED`; `UNSUPPORTED` for what the store cannot search for; `ABORTED`
   */
  search<const Columns extends readonly string[] = readonly []>(
    options?: SearchOptions<Columns>,
  ): Promise<SearchPage<Columns>>;
  /**
   * What runs have in common, and what they do not. `formatComparison` makes a table of it.
   * @param ids 1 to 100 runs
   * @throws FairleadError `NOT_FOUND`, `INVALID_ARGUMENT`, `ABORTED`
   */
  compare(ids: readonly string[], options?: CompareOptions & CallOptions): Promise<RunComparison>;
  /** One run with everything that was logged, deleted or not. @throws FairleadError `NOT_FOUND` */
  getRun(id: string, options?: CallOptions): Promise<RunRecord>;
  /**
   * Sends the runs of the folder to the server, for a tracker that was opened with `dir` and `mlflow`: what is there
   * already is not sent again, runs that still go on are sent as far as they are. Interrupted anywhere and called again, it
   * comes to the same. A run that fails does not stop the others; the report names it.
   * @throws FairleadError `UNSUPPORTED` for a tracker without a server, `INVALID_OPTION`, `NOT_FOUND` for a run that is not
   * here, `CONFLICT` while another process syncs this folder, `STORE_FAILED`, `ABORTED`
   */
  sync(options?: SyncOptions): Promise<SyncReport>;
  /** Ends open runs as INTERRUPTED, flushed, and releases the store. */
  close(): Promise<void>;
}
