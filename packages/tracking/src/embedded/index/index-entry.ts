import type { StoredRun } from '../../store/run-store';

/** A segment as it was when a run was read. */
export interface SegmentState {
  /** The file's name within the folder of the run. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Epoch milliseconds. */
  readonly mtimeMs: number;
}

/** A run of the index, and by what it can be told whether its files have changed since. */
export interface IndexEntry {
  readonly run: StoredRun;
  /** When something was made or removed in the run's folder, epoch milliseconds. */
  readonly folderMtimeMs: number;
  readonly segments: readonly SegmentState[];
  /** When the run was last known to be as it is here, epoch milliseconds. */
  readonly checkedAt: number;
}
