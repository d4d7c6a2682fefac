import type { DeviceFallback, FairleadError, HealthStatus, ModelInfo } from '@fairlead/core';
import type { ProgressEvent } from '../model-cache/cache-events';

/**
 * How a store stands.
 *
 * - `idle`: nobody uses it, and nothing is loaded; also what a server renders.
 * - `loading`: the model that was asked for is on its way. One that was asked for before it still answers.
 * - `ready`: the model that was asked for answers.
 * - `failed`: it could not be loaded; `error` says why, `retry()` tries again. One that was asked for before it still answers.
 * - `closed`: `close()` was called, for good.
 */
export type ModelStatus = 'idle' | 'loading' | 'ready' | 'failed' | 'closed';

/** Something that happened inside the runner, for a person to read. */
export interface RunnerNote {
  readonly name: 'lane-lost' | 'lane-restart' | 'worker-recycled' | 'model-swap' | 'model-swap-fail';
  /** A sentence. */
  readonly text: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atEpochMs: number;
}

/** What a store shows at one moment. Frozen; it is the same object for as long as nothing has changed. */
export interface ModelSnapshot<Output> {
  readonly status: ModelStatus;
  /** How far the download is; only while a `cachedModel` is downloaded. */
  readonly progress: ProgressEvent | undefined;
  /** The model that answers; undefined before one does. */
  readonly model: ModelInfo | undefined;
  /** The device that computes: `webgpu`, `wasm` …; undefined where the runner does not tell. */
  readonly device: string | undefined;
  /** Devices that were asked for first and could not be had, and why. */
  readonly fallbacks: readonly DeviceFallback[];
  /** How the runner stands, where it tells: `degraded` while a worker that died is replaced. */
  readonly health: HealthStatus | undefined;
  /** The last 20 things that happened inside the runner, oldest first. */
  readonly notes: readonly RunnerNote[];
  /** Whether a run is in flight, or waits for the model. */
  readonly running: boolean;
  /** The answer to the newest run that was answered. It stays while others run, and while another model is loaded. */
  readonly result: Output | undefined;
  /** Why the model that was asked for could not be loaded; undefined where it could, or is being loaded. */
  readonly error: FairleadError | undefined;
  /** Why the newest run has no answer; undefined once one has. Runs that a newer one ended are no failures. */
  readonly runError: FairleadError | undefined;
}

/** A store that nobody uses yet; one object, which a server renders too. */
export const idleSnapshot: ModelSnapshot<never> = Object.freeze({
  status: 'idle',
  progress: undefined,
  model: undefined,
  device: undefined,
  fallbacks: Object.freeze([]),
  health: undefined,
  notes: Object.freeze([]),
  running: false,
  result: undefined,
  error: undefined,
  runError: undefined,
});

/** The snapshot with some fields changed, or the very same one when none is. */
export function changed<Output>(
  snapshot: ModelSnapshot<Output>,
  patch: Partial<ModelSnapshot<Output>>,
): ModelSnapshot<Output> {
  const fields = Object.keys(patch) as (keyof ModelSnapshot<Output>)[];
  if (fields.every((field) => Object.is(snapshot[field], patch[field]))) return snapshot;
  return Object.freeze({ ...snapshot, ...patch });
}
