import type { CallOptions, Closeable, Evidence, ModelSignature, SidecarName } from '@fairlead/core';
import type { BlobInfo } from './artifact-store';
import type { StoreDamage } from './run-store';

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
