import type { CallOptions, Closeable } from './lifecycle';

/** What may travel with a model: monitoring reference, golden rows, model card. */
export type SidecarName = 'reference' | 'golden' | 'card';

/** A model's bytes, and what is known about them. */
export interface LoadedModel {
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, lower-case hex. */
  readonly digest: string;
  readonly name: string;
  readonly version: string;
  /** What travels with the model; `undefined` when there is none of that name. */
  sidecar(name: SidecarName, options?: CallOptions): Promise<Uint8Array | undefined>;
}

/**
 * Where a model comes from. A source that can `watch` makes hot swaps: the runner loads, warms and switches to every
 * model that the source announces.
 */
export interface ModelSource {
  /**
   * Fetches the model as it is now.
   * @throws FairleadError `MODEL_NOT_FOUND`, `NOT_FOUND`, `DIGEST_MISMATCH`, `ABORTED`
   */
  resolve(options: CallOptions): Promise<LoadedModel>;
  /** Calls back for every later model, never for the one that is in use. Errors go to `onError`. */
  watch?(onChange: (next: LoadedModel) => void, onError?: (error: unknown) => void): Closeable;
}

/** Why an alias moves. */
export interface Evidence {
  /** Who or what decided, for example `canary` or a person's name. */
  readonly actor: string;
  readonly reason: string;
  /** Anything structured that backs the decision; must survive JSON. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Reads, watches and moves a named pointer to a version; how rollouts move aliases of a registry they do not know. */
export interface AliasControl {
  read(): Promise<string>;
  watch(onChange: (version: string) => void): Closeable;
  move(version: string, evidence: Evidence): Promise<void>;
}
