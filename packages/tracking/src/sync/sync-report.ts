import type { CallOptions, FairleadError } from '@fairlead/core';

/** How far a copy of runs has come. */
export interface SyncProgress {
  /** The one that is, or was, being copied. */
  readonly run: { readonly id: string; readonly name: string; readonly experiment: string };
  /** Runs that are dealt with. */
  readonly done: number;
  /** All of them. */
  readonly total: number;
  /** Runs among them that could not be copied. */
  readonly failed: number;
  /** Points that have arrived. */
  readonly points: number;
  /** Artifacts that have arrived. */
  readonly artifacts: number;
  /** Of those artifacts. */
  readonly bytes: number;
}

/** What a copy of runs came to. */
export interface SyncReport {
  /** Runs that were compared and are now the same on both sides. */
  readonly runs: number;
  /** Runs of which everything was there already. */
  readonly unchanged: number;
  /** Points that were sent. */
  readonly points: number;
  /** Artifacts that were sent. */
  readonly artifacts: number;
  /** Of those artifacts. */
  readonly bytes: number;
  /** Runs that could not be copied, or not as a whole, and why. What of them has arrived stays; the next time goes on from there. */
  readonly failed: readonly { readonly id: string; readonly error: FairleadError }[];
}

/** What is sent to the server, and how. */
export interface SyncOptions extends CallOptions {
  /** Only these runs, by their ids, and those that they are part of. @default all */
  readonly runs?: readonly string[];
  /** Only runs of these experiments; not beside `runs`. @default all */
  readonly experiments?: readonly string[];
  /**
   * Compares every run with the server, those too that were sent as a whole: after somebody changed or lost runs there.
   * @default false
   */
  readonly verify?: boolean;
  /** Called whenever something has arrived. */
  readonly onProgress?: (progress: SyncProgress) => void;
}
