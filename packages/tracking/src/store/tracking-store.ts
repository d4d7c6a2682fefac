import type { Closeable } from '@fairlead/core';
import type { ArtifactStore } from './artifact-store';
import type { StoreMaintenance } from './maintenance';
import type { RegistryStore } from './registry-store';
import type { Durability, RunStore } from './run-store';

/*
 * The contract between the tracker and a store, version 1: the only file that the author of a store reads. The tracker
 * has checked names and values before it calls; a store keeps what it is given, exactly, and answers it again.
 */

/** What a store keeps at most. */
export interface StoreLimits {
  /** Characters of a tag's value. @default 65536 */
  readonly tagLength?: number;
}

/** Where runs, artifacts and models are kept. */
export interface TrackingStore extends Closeable {
  readonly specVersion: 'v1';
  /** Short name, for example `embedded`. */
  readonly name: string;
  /** What `flush` can promise. */
  readonly durabilities: readonly Durability[];
  /** What the store cannot keep although others can; the tracker refuses it before it is logged. @default none */
  readonly limits?: StoreLimits;
  readonly runs: RunStore;
  readonly artifacts: ArtifactStore;
  readonly registry: RegistryStore;
  /** Absent where the store looks after itself. */
  readonly maintenance?: StoreMaintenance;
}
