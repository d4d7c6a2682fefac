import type { ModelSignature, SidecarName } from '@fairlead/core';
import type { BlobInfo } from '../store/artifact-store';
import type { DatasetRef, Evaluation, VersionRef } from '../store/registry-store';
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
  /** For people; at most 65,536 characters. @default none */
  readonly description?: string;
  /** The id of the run that made it. @default none */
  readonly run?: string;
  /** The registered versions that it was fine-tuned, distilled or merged from: `digits/1`, `digits@champion`. @default [] */
  readonly parents?: readonly string[];
  /** The data that it was made from, beside what its run logged as inputs. @default [] */
  readonly datasets?: readonly DatasetRef[];
  /** What travels with the model: monitoring reference, golden rows, model card. @default {} */
  readonly sidecars?: Readonly<Partial<Record<SidecarName, Uint8Array>>>;
  /** Who registers it, whose own approval does not count. 1 to 500 characters. @default nobody, and every approval counts */
  readonly author?: string;
  /** Why; only with an author. @default 'registered' */
  readonly reason?: string;
}

/** What {@link ModelRegistry.annotate} changes; what is left out stays as it is. */
export interface Annotation {
  /** Added and replaced; `null` removes one. */
  readonly tags?: Readonly<Record<string, string | null>>;
  /** At most 65,536 characters. */
  readonly description?: string;
  /** A model card, as {@link formatModelCard} writes it. */
  readonly card?: Uint8Array | string;
}

/** What {@link ModelRegistry.recordEvaluation} keeps. */
export interface EvaluationDraft {
  /** Values by name; NaN and the infinities are kept. @default the last values of the run */
  readonly metrics?: Readonly<Record<string, number>>;
  /** The data that it was measured on. @default the run's one input, where it has exactly one */
  readonly dataset?: DatasetRef;
  /** The id of the run that measured it. */
  readonly run?: string;
}

/** Where {@link ModelRegistry.recordDeployment} says that a version serves. */
export interface DeploymentDraft {
  /** Where, in words of your own: a service, a region, a page. 1 to 500 characters. */
  readonly target: string;
  /** `false`: it no longer serves there. @default true */
  readonly active?: boolean;
  /** Other versions go on serving there, as beside a canary. Otherwise this one replaces them. @default false */
  readonly beside?: boolean;
}

/** Somebody's latest vote on a version. */
export interface Approval {
  /** What was voted on, such as `safety`. */
  readonly gate: string;
  readonly actor: string;
  readonly approved: boolean;
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A version that serves, or has served, somewhere. */
export interface Deployment {
  readonly target: string;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly since: number;
  /** Epoch milliseconds; absent while it serves. */
  readonly until?: number;
  /** Who deployed it. */
  readonly actor: string;
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
  readonly description?: string;
  /** The id of the run that made it. */
  readonly run?: string;
  /** Who registered it; absent where nobody said. */
  readonly author?: string;
  /** The versions that it was fine-tuned, distilled or merged from. */
  readonly parents: readonly VersionRef[];
  /** The data that it was made from, beside the inputs of its run. */
  readonly datasets: readonly DatasetRef[];
  /** What it scored on which data, oldest first. */
  readonly evaluations: readonly Evaluation[];
  /** The latest vote of everybody who voted. */
  readonly approvals: readonly Approval[];
  /** Where it serves now. */
  readonly deployments: readonly string[];
  readonly sidecars: Readonly<Partial<Record<SidecarName, BlobInfo>>>;
  /** Epoch milliseconds. */
  readonly registeredAt: number;
  /** The aliases that point here now. */
  readonly aliases: readonly string[];
}

/** A model and what is registered of it. */
export interface RegisteredModel {
  readonly name: string;
  /** In the order of their numbers, without those that were deleted. */
  readonly versions: readonly ModelVersion[];
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Commits that could not be read; empty for a healthy registry. Aliases may be older than they should be. */
  readonly damage: readonly StoreDamage[];
}
