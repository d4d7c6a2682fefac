import type { CallOptions } from '@fairlead/core';
import type { StoreDamage } from './run-store';

/** How runs are compacted. */
export interface CompactOptions extends CallOptions {
  /** Only say what would be done. @default false */
  readonly dryRun?: boolean;
}

/** What a compaction did, or would do. */
export interface CompactReport {
  /** Runs whose segments became one. */
  readonly runs: number;
  readonly segments: { readonly before: number; readonly after: number };
  /** Of those runs' segments; after a dry run `after` is an upper bound. */
  readonly bytes: { readonly before: number; readonly after: number };
  /** Runs of several segments that were left as they are, and why. */
  readonly skipped: readonly { readonly run: string; readonly reason: string }[];
}

/** What is collected as garbage. */
export interface CollectGarbageOptions extends CallOptions {
  /** Only say what would be removed. @default false */
  readonly dryRun?: boolean;
  /**
   * Nothing that is younger is removed, because another process may be about to refer to it. 60,000 or more, the longest
   * time that your longest upload takes at least. @default 86400000 (a day)
   */
  readonly olderThanMs?: number;
}

/** Something that was removed, or would be. */
export interface GarbageItem {
  /** A run that was deleted, an artifact that nothing refers to, or a file that a crash left. */
  readonly kind: 'run' | 'artifact' | 'leftover';
  /** The id, the digest, or the file relative to the store's folder. */
  readonly name: string;
  readonly bytes: number;
}

/** What a garbage collection did, or would do. */
export interface GarbageReport {
  readonly items: readonly GarbageItem[];
  /** Of all of them. */
  readonly bytes: number;
  /** What was kept although it looks like garbage, and why. */
  readonly kept: readonly { readonly name: string; readonly reason: string }[];
}

/** Something that is wrong with a store. */
export interface StoreProblem extends Omit<StoreDamage, 'kind'> {
  /**
   * Besides the kinds of {@link StoreDamage}: `missing-file`, which something refers to; `digest-mismatch`, bytes that are
   * not those they were; `rebuildable`, damage to something that is made anew by itself.
   */
  readonly kind: StoreDamage['kind'] | 'missing-file' | 'digest-mismatch' | 'rebuildable';
  /** What is concerned and what to do, for people. */
  readonly message: string;
}

/** What reading everything came to. */
export interface CheckReport {
  readonly runs: number;
  readonly segments: number;
  readonly artifacts: number;
  readonly models: number;
  /** How many bytes were read. */
  readonly bytes: number;
  /** Empty for a healthy store. */
  readonly problems: readonly StoreProblem[];
}

/** What can be done to a store as a whole. All of it is safe while other processes read and write. */
export interface StoreMaintenance {
  compact(options?: CompactOptions): Promise<CompactReport>;
  collectGarbage(options?: CollectGarbageOptions): Promise<GarbageReport>;
  check(options?: CallOptions): Promise<CheckReport>;
}
