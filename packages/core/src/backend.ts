import type { FairleadError } from './errors';
import type { CallOptions, Closeable } from './lifecycle';
import type { LoadedModel } from './model-source';
import type { TensorSpec } from './signature';
import type { Tensors } from './tensor/tensor';

/*
 * The contract between Fairlead and a runtime, version 1: the only file that the author of a backend reads.
 * The conformance suite in `@fairlead/core/testing` runs against any implementation.
 */

/** Whether a backend works here. */
export type Support =
  | { readonly supported: true; readonly devices: readonly string[] }
  | { readonly supported: false; readonly reason: string };

/** A device that was asked for and could not be had. */
export interface DeviceFallback {
  /** The device that was asked for, for example `cuda`. */
  readonly from: string;
  /** The device that is used in its place. */
  readonly to: string;
  readonly reason: string;
}

/** What a session takes where it lives. */
export interface SessionUsage {
  /** Bytes of the worker that the session has for itself, as far as its platform tells: of its heap and its buffers. */
  readonly memoryBytes: number;
}

/** A model, loaded and ready to compute. Calls of `doRun` may overlap only where `concurrency` allows it. */
export interface Session extends Closeable {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** See `ModelSignature.batchAxis`. */
  readonly batchAxis: number | null;
  /** The device that computes: `cpu`, `cuda`, `webgpu`, `wasm`. */
  readonly device: string;
  /** Every device that was asked for before this one and could not be had; empty when the first choice runs. */
  readonly fallbacks: readonly DeviceFallback[];
  /**
   * How many `doRun` calls may be in flight at once. @default 1
   */
  readonly concurrency?: number;
  /**
   * Computes the outputs. Inputs have been checked against the signature. The session must not keep a reference to the
   * inputs after the promise settles, and the arrays that it answers belong to the caller.
   * @throws FairleadError `RUN_FAILED` when the runtime fails
   */
  doRun(inputs: Tensors, options: CallOptions): Promise<Tensors>;
  /**
   * What it takes at this moment. Worker lanes offer it where their platform can tell; without it, `describe()` shows no
   * memory of the lane. It may be answered after the batches that are in flight.
   * @throws FairleadError `LANE_LOST`, `CLOSED`
   */
  doMeasure?(): Promise<SessionUsage>;
  /**
   * Resolves when the session has lost the device that it computes on and can compute nothing more, with why; for ever
   * pending until then. A worker lane then ends, and its owner hears of it at once, busy or idle.
   */
  readonly lost?: Promise<FairleadError>;
}

/** A module that a worker imports to make the same backend there. It must export `createBackend(options): Backend`. */
export interface WorkerModule {
  /** Absolute URL of an ES module. */
  readonly moduleUrl: string;
  /** What `createBackend` takes; must survive structured cloning. */
  readonly options: unknown;
}

/**
 * Why a lane had to leave its worker: the worker died (`worker`), its device was lost (`device`), a run did not end in
 * time (`timeout`), or runs failed that had worked before (`run`).
 */
export type LossReason = 'worker' | 'device' | 'timeout' | 'run';

/**
 * What a lane that helps itself tells, by name. Between `device-lost` and `device-recovered` it computes nothing, and the
 * runner sends it nothing; a lane that gives up calls `onLost` in place of the latter.
 */
export interface LaneEventMap {
  'device-lost': {
    /** The device that computed. */
    readonly device: string;
    readonly reason: LossReason;
    readonly error: FairleadError;
    /** Batches that were in flight. */
    readonly batches: number;
  };
  'device-recovered': {
    /** The device that computes now. */
    readonly device: string;
    /** The device that was lost. */
    readonly from: string;
    /** Milliseconds for which nothing was computed. */
    readonly downMs: number;
  };
  /** A batch that was in flight when its device was lost is computed again. */
  'batch-replayed': {
    /** The device that computes it now. */
    readonly device: string;
    /** How often it has been computed again, from 1. */
    readonly replay: number;
  };
  /** A worker had grown past its limit; another took its place, and it ends when its last batch is done. */
  'worker-recycled': {
    readonly device: string;
    /** Bytes that the worker before took, and those that it might. */
    readonly memoryBytes: number;
    readonly limitBytes: number;
  };
  'device-fallback': DeviceFallback;
}

/** Hears what a lane tells. */
export type LaneListener = <K extends keyof LaneEventMap>(name: K, event: LaneEventMap[K]) => void;

/** Opens sessions in workers of this platform. */
export interface LaneHost {
  /**
   * Whether `lanes: 'auto'` leaves every model in its worker, however fast it is: where this thread draws a page, and
   * loading the runtime here as well would cost more than it saves. @default false
   */
  readonly staysInWorker?: boolean;
  /**
   * Starts a worker, imports `module` there and creates the session in it, so that nothing of it blocks this thread.
   * @param onLost called once when the worker dies without being closed
   * @param onEvent called by a lane that brings itself back after a loss. Its `device` and `fallbacks` may change
   */
  openLane(
    module: WorkerModule,
    model: LoadedModel,
    options: CallOptions & { readonly onLost?: (error: unknown) => void; readonly onEvent?: LaneListener },
  ): Promise<Session>;
}

/**
 * The threads that the sessions of a backend compute with on the CPU, so that a runner can share out the cores among its
 * lanes. It counts for sessions whose `device` is `cpu`; what another device needs of the CPU is not shared out.
 */
export interface Threading {
  /** Whole cores that the sessions of this process should keep busy together; 1 or more. */
  readonly cores: number;
  /** Threads that each session computes with as the backend stands; 1 or more. */
  readonly threads: number;
  /**
   * The same backend, with so many threads in each of its sessions, here and in workers. Absent where their number
   * cannot be chosen, or where the user has fixed it; a runner then shares out lanes alone.
   * @param threads 1 or more
   */
  withThreads?(threads: number): Backend;
}

/** A runtime behind a fixed contract. Users never call the `do…` methods. */
export interface Backend {
  readonly specVersion: 'v1';
  /** Short name, for example `onnxruntime-node`. */
  readonly name: string;
  /** Whether this backend works here, and if not, why. Never throws. */
  isSupported(): Promise<Support>;
  /**
   * What a bare string means as a model: a path on Node, a URL in a page.
   * @throws FairleadError `MODEL_NOT_FOUND`
   */
  doResolve?(reference: string, options: CallOptions): Promise<LoadedModel>;
  /**
   * @throws FairleadError `MODEL_INVALID` when the bytes are no model of this runtime, `BACKEND_UNAVAILABLE` when no
   * device that was asked for works
   */
  doCreateSession(model: LoadedModel, options: CallOptions): Promise<Session>;
  /** How the same backend is made in a worker; without it, sessions run inline. */
  readonly worker?: WorkerModule;
  /** How this platform makes worker lanes; without it, sessions run inline, and `describe()` says so. */
  readonly laneHost?: LaneHost;
  /** The threads of its sessions and the cores there are for them; without it, a runner does not tune its lanes. */
  readonly threading?: Threading;
}
