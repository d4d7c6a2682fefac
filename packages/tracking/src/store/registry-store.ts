import type { CallOptions, Closeable, Evidence, ModelSignature, SidecarName } from '@fairlead/core';
import type { BlobInfo } from './artifact-store';
import type { Gate, GateResult } from './gate';
import type { StoreDamage } from './run-store';

/** A version of a model, by its name and number. */
export interface VersionRef {
  readonly name: string;
  readonly version: string;
}

/** The data that a version was made from. */
export interface DatasetRef {
  readonly name: string;
  /** Of the content: SHA-256 in hex, or `md5:…` of DVC. */
  readonly digest: string;
  /** What it served for, such as `training`. */
  readonly context?: string;
}

/** What a version scored on some data. */
export interface Evaluation {
  /** Values by name; NaN and the infinities are kept. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly dataset?: DatasetRef;
  /** The id of the run that measured it. */
  readonly run?: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What a version of a model is made of; never changed afterwards. */
export interface VersionContent {
  readonly digest: string;
  readonly size: number;
  readonly signature?: ModelSignature;
  readonly metrics: Readonly<Record<string, number>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly description?: string;
  /** The id of the run that made it. */
  readonly run?: string;
  /** The versions that it was fine-tuned, distilled or merged from. */
  readonly parents: readonly VersionRef[];
  readonly datasets: readonly DatasetRef[];
  readonly sidecars: Readonly<Partial<Record<SidecarName, BlobInfo>>>;
}

/** A version as the store has it: its content, in which tags, description and card are those of the last annotation. */
export interface StoredVersion extends VersionContent {
  /** `'1'`, `'2'`, … */
  readonly version: string;
  /** Epoch milliseconds. */
  readonly registeredAt: number;
  /** Who registered it; absent where nobody said. */
  readonly author?: string;
  /** Oldest first. */
  readonly evaluations: readonly Evaluation[];
  /** Epoch milliseconds; only for a version that was deleted, whose bytes may be gone. */
  readonly deletedAt?: number;
}

/** One move of an alias. */
export interface AliasMove {
  readonly alias: string;
  /** The version before; `null` when the alias was new. */
  readonly from: string | null;
  /** `null` when the alias was deleted. */
  readonly to: string | null;
  readonly evidence: Evidence;
  /** Epoch milliseconds. */
  readonly at: number;
  /** What the gates said, where there were any. */
  readonly gates?: readonly GateResult[];
  /** Moved though a gate refused. */
  readonly forced?: boolean;
  /** Back to where the alias pointed before. */
  readonly rollback?: boolean;
}

/** What every change of a model has. */
interface Change {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Who did it, and why. */
  readonly evidence: Evidence;
}

/** One change of a model: the unit in which a registry is written, and audited. */
export type RegistryChange =
  | (Omit<Change, 'evidence'> & {
      readonly type: 'version';
      readonly version: StoredVersion;
      /** Absent where nobody said who registers it. */
      readonly evidence?: Evidence;
    })
  | (AliasMove & { readonly type: 'alias' })
  /** The gates that every later move of an alias must pass; an empty list removes them. */
  | (Change & { readonly type: 'gates'; readonly alias: string; readonly gates: readonly Gate[] })
  | (Change & {
      readonly type: 'annotate';
      readonly version: string;
      /** Added and replaced; `null` removes one. */
      readonly tags?: Readonly<Record<string, string | null>>;
      readonly description?: string;
      readonly card?: BlobInfo;
      /** Added to those that there are. */
      readonly evaluation?: Evaluation;
    })
  /** A vote of `evidence.actor`; his latest of a gate counts. */
  | (Change & {
      readonly type: 'approve';
      readonly version: string;
      readonly gate: string;
      readonly approved: boolean;
    })
  | (Change & { readonly type: 'delete'; readonly version: string })
  | (Change & {
      readonly type: 'deploy';
      readonly version: string;
      /** Where it serves, in the user's words. */
      readonly target: string;
      readonly active: boolean;
      /** Other versions go on serving there; without it this one replaces them. */
      readonly beside?: boolean;
    });

/** A model as the registry has it. */
export interface StoredModel {
  readonly name: string;
  /** In the order of their numbers, deleted ones among them. */
  readonly versions: readonly StoredVersion[];
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Everything that ever happened to the model, oldest first. */
  readonly changes: readonly RegistryChange[];
  readonly damage: readonly StoreDamage[];
}

/** What a commit came to. */
export interface CommitResult {
  /** The model after it; `undefined` when there is none and none was made. */
  readonly model: StoredModel | undefined;
  /** The change as it was kept; `undefined` when nothing was to be done. */
  readonly change: RegistryChange | undefined;
}

/** Registered models. */
export interface RegistryStore {
  names(options?: CallOptions): Promise<readonly string[]>;
  read(name: string, options?: CallOptions): Promise<StoredModel | undefined>;
  /**
   * The one way in. Keeps the change that `decide` makes of the present state, atomically: where somebody else was first,
   * it decides anew. `undefined` leaves everything as it is, and what `decide` throws is thrown on. A store whose server
   * numbers versions may give a new version another number than the change proposes; the result says which.
   * @throws FairleadError `STORE_FAILED`, after which a read tells whether the change was kept; `ABORTED`, and nothing was;
   * `CONFLICT` when every attempt was overtaken
   */
  commit(
    name: string,
    decide: (model: StoredModel | undefined) => RegistryChange | undefined,
    options?: CallOptions,
  ): Promise<CommitResult>;
  /** Calls back after every change of a model, by this process or another; it may call once too often. */
  watch(name: string, onChange: () => void): Closeable;
}
