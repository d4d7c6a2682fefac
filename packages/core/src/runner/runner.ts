import type { LaneEventMap } from '../backend';
import type { ErrorCode, FairleadError } from '../errors';
import type { Events } from '../events';
import type { CallOptions, Closeable } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import type { AnySignature, InputsOf, ModelSignature, OutputsOf } from '../signature';
import type { Tensors } from '../tensor/tensor';

/** Which model answered. */
export interface ModelInfo {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the model's bytes, lower-case hex. */
  readonly digest: string;
}

/** Class of a request: a higher one leaves the queue first. */
export type Priority = 'high' | 'normal' | 'low';

/** Whether the inputs of a request may leave the device: `local-only` is a hard stop for every runner that would send them. */
export type Privacy = 'local-only' | 'cloud-allowed';

/** Options of one request. */
export interface RunOptions extends CallOptions {
  /** Milliseconds the caller is ready to wait, from now. 0 or more; without it a request never expires. */
  readonly timeoutMs?: number;
  /**
   * Absolute deadline in milliseconds of the runner's clock. Stages set it for the stages inside them; a caller gives
   * `timeoutMs`. Where both are given, the deadline counts.
   */
  readonly deadline?: number;
  /** @default 'normal' */
  readonly priority?: Priority;
  /**
   * Identifies the unit of assignment or fairness, for example a user's id. Where the queue is long, each key gets its
   * share of it, so that one that floods it does not delay the others; see `batching.weightOf`.
   */
  readonly key?: string;
  /**
   * Requests of one group share batches with one another alone, on the same session as all others: so a rollout keeps the slice
   * that it compares a challenger with in batches as small as the challenger's. Batches become smaller by it; use few groups.
   * Where nothing here batches, as in a remote runner, it has no effect.
   */
  readonly batchGroup?: string;
  /**
   * Whether the request may be run again, once, when the worker that computes it dies. A request that may itself be
   * what kills the worker should not be.
   * @default false
   */
  readonly idempotent?: boolean;
  /**
   * `local-only`: a cascade asks nobody but the runner on the device, and a remote runner refuses the request with
   * `UNSUPPORTED` before anything is sent.
   * @default 'cloud-allowed'
   */
  readonly privacy?: Privacy;
}

/** Where the time of a request went. */
export interface RunTiming {
  /** Milliseconds between the call and the start of its batch. */
  readonly queueMs: number;
  /** Milliseconds that its batch took to compute. */
  readonly computeMs: number;
  /**
   * The batches that it travelled in: one, or as many as a request of more rows than a batch may have was split into. Every
   * request of a batch has the same object here, which is how a trace knows who shared one. Absent where nothing here computed,
   * as behind a remote runner or a cache.
   */
  readonly batches?: readonly ComputedBatch[];
}

/** A batch that was computed. */
export interface ComputedBatch {
  /** Lane that computed it: `inline`, `worker-1`, … */
  readonly lane: string;
  readonly reason: BatchReason;
  readonly rows: number;
  /** When it began, in milliseconds of the runner's clock. */
  readonly startedAt: number;
  readonly computeMs: number;
}

/** The answer to a request. */
export interface RunResult<S extends AnySignature = AnySignature> {
  readonly outputs: OutputsOf<S>;
  /** The model that computed it: after a swap, some answers still come from the model before. */
  readonly model: ModelInfo;
  readonly timing: RunTiming;
  /** Rows in the batch that the request travelled in. */
  readonly batchSize: number;
}

/**
 * Why a batch left the queue with the rows that it had:
 *
 * - `full`: it had `maxBatchRows` rows.
 * - `knee`: more rows would have made it slower and gained next to nothing.
 * - `deadline`: with more rows the first of them would have been late.
 * - `idle`: a lane was idle, and this was all that had come.
 * - `free`: a lane became free, and this was all that waited.
 * - `drain`: the runner was closing.
 */
export type BatchReason = 'full' | 'knee' | 'deadline' | 'idle' | 'free' | 'drain';

/** One batch was computed. */
export interface BatchEndEvent {
  readonly model: ModelInfo;
  /** Lane that computed it: `inline`, `worker-1`, … */
  readonly lane: string;
  readonly reason: BatchReason;
  readonly rows: number;
  readonly requests: number;
  /**
   * Requests that got their answer since the event before: without those that were aborted or expired on the way, and a
   * request that was split counts once, when its last part is back. Absent where a runner does not tell.
   */
  readonly answered?: number;
  /** Milliseconds that each request waited, in the order of its rows. */
  readonly queueMs: readonly number[];
  readonly computeMs: number;
  /** The collated inputs; valid only during the call, so copy what you keep. */
  readonly inputs: Tensors;
  /** The outputs before they were split; valid only during the call. */
  readonly outputs: Tensors;
}

/** A request ended without an answer. */
export interface RequestFailEvent {
  readonly model: ModelInfo;
  readonly code: ErrorCode;
  readonly rows: number;
}

/** A runtime failed on a batch; the runner may still isolate the bad rows. */
export interface BatchFailEvent {
  readonly model: ModelInfo;
  readonly lane: string;
  readonly rows: number;
  readonly error: unknown;
}

/** A model is loaded, warm and takes requests. */
export interface ModelReadyEvent {
  readonly model: ModelInfo;
  readonly device: string;
  /** Milliseconds for loading and warming up. */
  readonly loadMs: number;
  /** The model, so that a monitor can read its sidecars. */
  readonly loaded: LoadedModel;
}

/** A runner changed to another model. */
export interface ModelSwapEvent {
  readonly from: ModelInfo;
  readonly to: ModelInfo;
  /** The new model, so that a monitor can read its sidecars. */
  readonly loaded: LoadedModel;
}

/** A new model was announced or asked for, and the runner did not change to it. */
export interface SwapFailEvent {
  /** The model before. */
  readonly from: ModelInfo;
  /** What was to come; absent when the source itself failed. */
  readonly to?: ModelInfo;
  readonly error: unknown;
  /**
   * What became of the model before: `kept`, it computed all the time; `restored`, it had been released by a
   * resource-preserving swap and was loaded again; `lost`, that failed too, and the runner has no model.
   */
  readonly outcome: 'kept' | 'restored' | 'lost';
}

/** What a lane tells, with where it lives: absent for what opening a model tells of it as a whole. */
type LaneEvents = {
  readonly [K in keyof LaneEventMap]: LaneEventMap[K] & { readonly model: ModelInfo; readonly lane?: string };
};

/** What a runner tells. */
export interface RunnerEventMap extends LaneEvents {
  'model-ready': ModelReadyEvent;
  'model-swap': ModelSwapEvent;
  'model-swap-fail': SwapFailEvent;
  'batch-end': BatchEndEvent;
  'batch-fail': BatchFailEvent;
  'request-fail': RequestFailEvent;
  'lane-lost': { readonly model: ModelInfo; readonly lane: string; readonly error: unknown };
  'lane-restart': { readonly model: ModelInfo; readonly lane: string };
}

/** The events of a runner. */
export type RunnerEvents = Events<RunnerEventMap>;

/**
 * How a runner stands.
 *
 * - `ready`: every lane computes.
 * - `degraded`: some lane is down; the others do its work, or requests wait until it is back.
 * - `swapping`: another model is being loaded, beside the present one or in its place.
 * - `failed`: it can answer nobody until it is given a model that works, or replaced.
 * - `closed`: it takes no more requests.
 */
export type HealthStatus = 'ready' | 'degraded' | 'swapping' | 'failed' | 'closed';

/** The state of a runner, as a plain object that survives JSON. */
export interface RunnerHealth {
  readonly status: HealthStatus;
  /** Whether a request that came now would be computed at once or after those before it: what a balancer asks. */
  readonly ready: boolean;
  /** Why the status is not `ready`, each a sentence for a person; empty when it is. */
  readonly reasons: readonly string[];
  /** The model that takes new requests, or took the last ones. */
  readonly model: ModelInfo;
  readonly lanes: { readonly alive: number; readonly total: number };
  /** What waits and what is being computed. */
  readonly queue: {
    readonly requests: number;
    readonly rows: number;
    readonly bytes: number;
    readonly batchesInFlight: number;
  };
  /** The last thing that went wrong inside: a batch, a lane or a swap. Absent when nothing did. */
  readonly lastError?: {
    readonly code: ErrorCode;
    readonly message: string;
    /** Milliseconds since 1970-01-01 UTC. */
    readonly atEpochMs: number;
  };
  /** Since when the status is what it is, in milliseconds since 1970-01-01 UTC. */
  readonly sinceEpochMs: number;
}

/**
 * Runs a model. The one contract of Fairlead: local models, remote servers, rollouts, caches and fallbacks are all
 * runners, and whatever takes one takes any.
 */
export interface ModelRunner<S extends AnySignature = AnySignature> extends Closeable {
  /** What goes in and what comes out; the same across swaps. */
  readonly signature: ModelSignature;
  /** The model that takes new requests at this moment. */
  readonly model: ModelInfo;
  /** The same model with its sidecars, where this runner loaded it itself; for a monitor that comes after loading. */
  readonly loaded?: LoadedModel | undefined;
  readonly events: RunnerEvents;
  /**
   * How the runner stands, where it can tell: what a readiness probe asks. A runner around runners passes on what the one
   * inside says.
   */
  health?(): RunnerHealth;
  /**
   * Asks ahead for a request whose inputs nobody has read yet: a server does so before it reads them, since under overload it
   * refuses most requests, and reading costs more than refusing. Only a runner that computes itself can tell: one around others
   * might answer out of a cache, or by another.
   *
   * @param options those that `run` would be given
   * @returns where `run` would refuse the request now, whatever its inputs are, what refuses it when it is called: it counts the
   * request as one of one row that failed, and answers the error that `run` would reject with. Not to call it leaves no trace.
   * Undefined where `run` must be asked.
   * @throws FairleadError `INVALID_ARGUMENT` for options that cannot be used
   */
  foresee?(options?: RunOptions): (() => FairleadError) | undefined;
  /**
   * Computes the outputs for one or more rows. Inputs are copied before the call returns.
   *
   * @param inputs a tensor for each input of the signature, or a bare array where its shape is plain: as many rows as
   * fit into the array
   * @throws FairleadError `INVALID_INPUT` before any work; `OVERLOADED`, `DEADLINE_EXCEEDED`, `ABORTED`, `CLOSED`,
   * `RUN_FAILED`, `LANE_LOST`
   */
  run(inputs: InputsOf<S>, options?: RunOptions): Promise<RunResult<S>>;
}
