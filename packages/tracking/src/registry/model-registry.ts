import type { AliasControl, CallOptions, Evidence, ModelSource } from '@fairlead/core';
import type { Gate, GateResult } from '../store/gate';
import type { AliasMove, RegistryChange } from '../store/registry-store';
import type {
  Annotation,
  Deployment,
  DeploymentDraft,
  EvaluationDraft,
  ModelVersion,
  RegisteredModel,
  VersionDraft,
} from './model-version';

/** What a {@link CheckGate} answers. */
export interface CheckAnswer {
  readonly passed: boolean;
  /** What there was, in words. */
  readonly found?: string;
}

/** A check of your own. It runs at every try of the call that it is given to, and cannot be kept with an alias. */
export interface CheckGate {
  readonly kind: 'check';
  /** For the report. */
  readonly name: string;
  /** What it asks for, in words. @default 'that it passes' */
  readonly expected?: string;
  /**
   * @param candidate the version that is to be promoted
   * @param current the version that the alias points to now; `undefined` for a new alias
   */
  check(
    candidate: ModelVersion,
    current: ModelVersion | undefined,
    options: CallOptions,
  ): Promise<boolean | CheckAnswer> | boolean | CheckAnswer;
}

/** How an alias is set. */
export interface SetAliasOptions extends CallOptions {
  /**
   * The version that the alias must point to now, `null` for an alias that must not exist yet: the move fails with
   * `CONFLICT` where it is otherwise. Absent, the alias moves from wherever it is.
   */
  readonly expected?: string | null;
}

/** How a version is promoted. */
export interface PromoteOptions extends SetAliasOptions {
  /** What it must meet, beside the gates that are kept with the alias. @default [] */
  readonly gates?: readonly (Gate | CheckGate)[];
  /**
   * Moves the alias even where a gate refuses; the move then keeps `forced: true` and what each gate said. For
   * emergencies: everybody reads it in the history. @default false
   */
  readonly force?: boolean;
}

/** How a version is voted on. */
export interface ApproveOptions extends CallOptions {
  /** What is voted on, such as `safety`, as the gate has it. @default 'approval' */
  readonly gate?: string;
  /** `false` refuses, or takes an approval back: while it stands, the gate does not pass. @default true */
  readonly approved?: boolean;
}

/**
 * Models, their versions, and the aliases that point at versions. Every change is a commit that is never rewritten, so
 * the history is complete. Evidence says who makes a change and why, and is kept for ever.
 *
 * Each method that takes a version or an alias throws `NOT_FOUND`, naming what exists, where there is none; all of them
 * throw `INVALID_ARGUMENT` or `INVALID_OPTION` for what cannot be used, `STORE_FAILED`, `ABORTED`, and `CLOSED` after the
 * tracker was closed.
 */
export interface ModelRegistry {
  /**
   * Registers the next version of a model; the first makes the model.
   * @throws FairleadError `NOT_FOUND` for an artifact, run or parent that is not here
   */
  registerVersion(name: string, draft: VersionDraft, options?: CallOptions): Promise<ModelVersion>;
  /**
   * One version, by number or by the alias that points at it.
   * @param reference `digits/2` or `digits@champion`
   */
  getVersion(reference: string, options?: CallOptions): Promise<ModelVersion>;
  /** A model with all its versions and aliases. */
  getModel(name: string, options?: CallOptions): Promise<RegisteredModel>;
  /** Every model, by name. */
  models(options?: CallOptions): Promise<readonly RegisteredModel[]>;
  /** Changes tags, description or card of a version. What it is made of never changes. */
  annotate(
    name: string,
    version: string,
    annotation: Annotation,
    evidence: Evidence,
    options?: CallOptions,
  ): Promise<ModelVersion>;
  /** Adds what a version scored, given or taken from the run that measured it. */
  recordEvaluation(
    name: string,
    version: string,
    evaluation: EvaluationDraft,
    evidence: Evidence,
    options?: CallOptions,
  ): Promise<ModelVersion>;
  /** Votes on a version as `evidence.actor`, whose latest vote of a gate counts. */
  approve(name: string, version: string, evidence: Evidence, options?: ApproveOptions): Promise<ModelVersion>;
  /**
   * Deletes a version: it is found no more, its number is not given again, and its bytes go with the next garbage
   * collection. The audit keeps what it was.
   * @throws FairleadError `CONFLICT` while an alias points at it or it serves somewhere
   */
  deleteVersion(name: string, version: string, evidence: Evidence, options?: CallOptions): Promise<void>;
  /** Says that a version serves somewhere, or no longer does. Saying the same again changes nothing. */
  recordDeployment(
    name: string,
    version: string,
    deployment: DeploymentDraft,
    evidence: Evidence,
    options?: CallOptions,
  ): Promise<ModelVersion>;
  /** Where versions serve and have served, in the order in which they were deployed. */
  deployments(name: string, options?: CallOptions): Promise<readonly Deployment[]>;
  /**
   * Points an alias at a version that meets the gates of the alias. Where it points there already, nothing is written
   * and the last move is answered.
   * @throws FairleadError `CONFLICT`; `GATE_REFUSED` as `promote`
   */
  setAlias(
    name: string,
    alias: string,
    version: string,
    evidence: Evidence,
    options?: SetAliasOptions,
  ): Promise<AliasMove>;
  /**
   * The same, with gates for this move beside those of the alias. All gates are evaluated, against the state at the
   * moment of the move, and the move keeps what each said.
   * @throws FairleadError `CONFLICT`; `GATE_REFUSED`, whose `details.gates` holds a {@link GateResult} a gate
   */
  promote(
    name: string,
    alias: string,
    version: string,
    evidence: Evidence,
    options?: PromoteOptions,
  ): Promise<AliasMove>;
  /** What the gates would say to a promotion now. Nothing is changed. */
  checkGates(
    name: string,
    alias: string,
    version: string,
    options?: Pick<PromoteOptions, 'gates' | 'signal'>,
  ): Promise<readonly GateResult[]>;
  /**
   * Keeps gates with an alias, which need not exist yet: every later move must pass them, whoever makes it. They replace
   * those before; an empty list removes them.
   */
  setGates(
    name: string,
    alias: string,
    gates: readonly Gate[],
    evidence: Evidence,
    options?: CallOptions,
  ): Promise<void>;
  /** The gates that are kept with an alias; none for one that has none or does not exist. */
  gates(name: string, alias: string, options?: CallOptions): Promise<readonly Gate[]>;
  /**
   * Moves an alias back to where it pointed before. Several in a row go further back, and after a rollback a version that
   * was rolled back from is never gone back to: 1, 2, 3, rollback to 2, then 4: rollbacks lead to 2 and to 1. Versions
   * that were deleted are passed over. Gates are not asked, so the way back is always open.
   * @param options `expected`: the version to roll back from, so that two who do it at once roll back once
   * @throws FairleadError `NOT_FOUND` also when there is nothing before, `CONFLICT`
   */
  rollback(name: string, alias: string, evidence: Evidence, options?: SetAliasOptions): Promise<AliasMove>;
  /**
   * Deletes an alias. Its history stays; one of the same name begins anew, with nothing to roll back to. Its gates stay.
   * @throws FairleadError `CONFLICT`
   */
  deleteAlias(name: string, alias: string, evidence: Evidence, options?: SetAliasOptions): Promise<AliasMove>;
  /** Every move of an alias, its deletions among them, oldest first. */
  aliasHistory(name: string, alias: string, options?: CallOptions): Promise<readonly AliasMove[]>;
  /** Everything that ever happened to a model, oldest first: what, when, who and why. */
  audit(name: string, options?: CallOptions): Promise<readonly RegistryChange[]>;
  /**
   * A model as a runner takes it. By alias it is watched: moves of this process are seen at once, those of others by the
   * system's notices or at the next poll. Give every runner a source of its own.
   * @param reference `digits@champion` or `digits/2`; whether it exists is found out by `resolve`
   */
  model(reference: string): ModelSource;
  /**
   * An alias to read, watch and move. A move fails with `CONFLICT` when the alias is no longer where this control last
   * saw it, and with `GATE_REFUSED` when the gates of the alias refuse; a move to the version that `rollback` would lead
   * to is a rollback, and not refused. Whether the alias exists is found out by `read`.
   */
  alias(name: string, alias: string): AliasControl;
}
