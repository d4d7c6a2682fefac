import type { AliasControl, CallOptions, Evidence, ModelSignature, ModelSource, SidecarName } from '@fairlead/core';
import type { BlobInfo } from '../store/artifact-store';
import type { AliasMove, DatasetRef, Evaluation, VersionRef } from '../store/registry-store';
import type { StoreDamage } from '../store/run-store';

/** What {@link ModelRegistry.registerVersion} makes a version of. */
export interface VersionDraft {
  /** The model's bytes, or the SHA-256 (lower-case hex) of an artifact that was logged. */
  readonly artifact: Uint8Array | string;
  /** What goes in and out, as `runner.signature` has it. */
  readonly signature?: ModelSignature;
  /** What the model scores, by name; NaN and the infinities are kept. @default {} */
  readonly metrics?: Readonly<Record<string, number>>;
  /** @default {} */
  readonly tags?: Readonly<Record<string, string>>;
  /** The id of the run that made it. */
  readonly run?: string;
  /** What travels with the model: monitoring reference, golden rows, model card. @default {} */
  readonly sidecars?: Readonly<Partial<Record<SidecarName, Uint8Array>>>;
}

/** A registered version of a model. */
export interface ModelVersion {
  readonly name: string;
  /** `'1'`, `'2'`, … */
  readonly version: string;
  /** SHA-256 of the model's bytes, lower-case hex. */
  readonly digest: string;
  /** Bytes of the model. */
  readonly size: number;
  readonly signature?: ModelSignature;
  readonly metrics: Readonly<Record<string, number>>;
  readonly tags: Readonly<Record<string, string>>;
  /** The id of the run that made it. */
  readonly run?: string;
  readonly description?: string;
  /** Who registered it; absent where nobody said. */
  readonly author?: string;
  /** The versions that it was fine-tuned, distilled or merged from. */
  readonly parents: readonly VersionRef[];
  /** The data that it was made from. */
  readonly datasets: readonly DatasetRef[];
  /** What it scored on which data, oldest first. */
  readonly evaluations: readonly Evaluation[];
  readonly sidecars: Readonly<Partial<Record<SidecarName, BlobInfo>>>;
  /** Epoch milliseconds. */
  readonly registeredAt: number;
  /** The aliases that point here now. */
  readonly aliases: readonly string[];
}

/** A model and what is registered of it. */
export interface RegisteredModel {
  readonly name: string;
  /** In the order of their numbers. */
  readonly versions: readonly ModelVersion[];
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Commits that could not be read; empty for a healthy registry. Aliases may be older than they should be. */
  readonly damage: readonly StoreDamage[];
}

/** How an alias is set. */
export interface SetAliasOptions extends CallOptions {
  /**
   * The version that the alias must point to now, `null` for an alias that must not exist yet: the move fails with
   * `CONFLICT` where it is otherwise. Absent, the alias moves from wherever it is.
   */
  readonly expected?: string | null;
}

/**
 * Models, their versions, and the aliases that point at versions. Every change is a commit that is never rewritten, so
 * the history is complete.
 */
export interface ModelRegistry {
  /**
   * Registers the next version of a model; the first makes the model.
   * @throws FairleadError `INVALID_ARGUMENT`, `INVALID_OPTION`, `NOT_FOUND` for an artifact or run that is not here
   */
  registerVersion(name: string, draft: VersionDraft, options?: CallOptions): Promise<ModelVersion>;
  /**
   * One version, by number or by the alias that points at it.
   * @param reference `digits/2` or `digits@champion`
   * @throws FairleadError `NOT_FOUND` that names what exists, `INVALID_ARGUMENT`
   */
  getVersion(reference: string, options?: CallOptions): Promise<ModelVersion>;
  /** A model with all its versions and aliases. @throws FairleadError `NOT_FOUND` that names what exists */
  getModel(name: string, options?: CallOptions): Promise<RegisteredModel>;
  /** Every model, by name. */
  models(options?: CallOptions): Promise<readonly RegisteredModel[]>;
  /**
   * Points an alias at a version. Where it points there already, nothing is written and the last move is answered.
   * @param evidence who moves it, and why; kept for ever
   * @throws FairleadError `NOT_FOUND` that names what exists, `CONFLICT`, `INVALID_ARGUMENT`, `INVALID_OPTION`
   */
  setAlias(
    name: string,
    alias: string,
    version: string,
    evidence: Evidence,
    options?: SetAliasOptions,
  ): Promise<AliasMove>;
  /** Every move of an alias, oldest first. @throws FairleadError `NOT_FOUND` that names what exists */
  aliasHistory(name: string, alias: string, options?: CallOptions): Promise<readonly AliasMove[]>;
  /**
   * A model as a runner takes it. By alias it is watched: moves of this process are seen at once, those of others by the
   * system's notices or at the next poll. Give every runner a source of its own.
   * @param reference `digits@champion` or `digits/2`
   * @throws FairleadError `INVALID_ARGUMENT`; whether it exists is found out by `resolve`
   */
  model(reference: string): ModelSource;
  /**
   * An alias to read, watch and move. A move fails with `CONFLICT` when the alias is no longer where this control last
   * saw it.
   * @throws FairleadError `INVALID_ARGUMENT`; whether it exists is found out by `read`
   */
  alias(name: string, alias: string): AliasControl;
}
