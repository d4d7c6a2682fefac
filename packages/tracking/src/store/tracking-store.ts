import type { CallOptions, Closeable, Evidence, ModelSignature, SidecarName } from '@fairlead/core';

/*
 * The contract between the tracker and a store, version 1: the only file that the author of a store reads. The tracker
 * has checked names and values before it calls; a store keeps what it is given, exactly, and answers it again.
 */

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

/** Where the bytes of an artifact come from: themselves, the path of a file, or a stream. */
export type ArtifactSource = Uint8Array | string | AsyncIterable<Uint8Array>;

/** Bytes that are kept by their digest. */
export interface BlobInfo {
  /** SHA-256, lower-case hex. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Content-addressed bytes: the same content is kept once. */
export interface ArtifactStore {
  /** Keeps bytes durably. @throws FairleadError `NOT_FOUND` for a path that leads nowhere, `STORE_FAILED`, `ABORTED` */
  put(source: ArtifactSource, options?: CallOptions): Promise<BlobInfo>;
  /** What is known of a digest; `undefined` when its bytes are not here. */
  stat(digest: string): Promise<BlobInfo | undefined>;
  /** The bytes, checked. @throws FairleadError `NOT_FOUND`, `DIGEST_MISMATCH` */
  read(digest: string, options?: CallOptions): Promise<Uint8Array>;
}

/** What a version of a model is made of. */
export interface VersionContent {
  readonly digest: string;
  readonly size: number;
  readonly signature?: ModelSignature;
  readonly metrics: Readonly<Record<string, number>>;
  readonly tags: Readonly<Record<string, string>>;
  /** The id of the run that made it. */
  readonly run?: string;
  readonly sidecars: Readonly<Partial<Record<SidecarName, BlobInfo>>>;
}

/** A version as the store has it. */
export interface StoredVersion extends VersionContent {
  /** `'1'`, `'2'`, … */
  readonly version: string;
  /** Epoch milliseconds. */
  readonly registeredAt: number;
}

/** One move of an alias. */
export interface AliasMove {
  readonly alias: string;
  /** The version before; `null` when the alias was new. */
  readonly from: string | null;
  readonly to: string;
  readonly evidence: Evidence;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A model as the registry has it. */
export interface StoredModel {
  readonly name: string;
  /** In the order of their numbers. */
  readonly versions: readonly StoredVersion[];
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Every move of every alias, oldest first. */
  readonly moves: readonly AliasMove[];
  readonly damage: readonly StoreDamage[];
}

/** An alias and where it is to point. */
export interface AliasTarget {
  readonly alias: string;
  readonly to: string;
  /** The version that it must point to now, `null` for none; any when absent. */
  readonly expected?: string | null;
  readonly evidence: Evidence;
}

/** Registered models. */
export interface RegistryStore {
  names(options?: CallOptions): Promise<readonly string[]>;
  read(name: string, options?: CallOptions): Promise<StoredModel | undefined>;
  /** Adds a version under the next number. Every call adds one. */
  addVersion(name: string, content: VersionContent, options?: CallOptions): Promise<StoredVersion>;
  /**
   * Points an alias at a version, atomically. Where it points there already, nothing is written.
   * @returns the move, or `undefined` where nothing was to be done
   * @throws FairleadError `CONFLICT` when the alias is not where it was expected
   */
  moveAlias(name: string, target: AliasTarget, options?: CallOptions): Promise<AliasMove | undefined>;
  /** Calls back after every change of a model, by this process or another; it may call once too often. */
  watch(name: string, onChange: () => void): Closeable;
}

/** Where runs, artifacts and models are kept. */
export interface TrackingStore extends Closeable {
  readonly specVersion: 'v1';
  /** Short name, for example `embedded`. */
  readonly name: string;
  /** What `flush` can promise. */
  readonly durabilities: readonly Durability[];
  readonly runs: RunStore;
  readonly artifacts: ArtifactStore;
  readonly registry: RegistryStore;
}
