import type { Session } from '../backend';
import type { WarmUpTime } from '../runner/warm-up';

/** Counts what a lane does. */
export interface LaneCounter {
  /** A batch went to the lane at the time `now`, in milliseconds of the clock. */
  begin(now: number): void;
  /** One came back; `rows` that were computed, 0 when it failed. */
  end(now: number, rows: number): void;
}

/** A session as the batcher sees it: a place for so many batches at once. */
export interface LaneSlot {
  /** `inline`, `worker-1`, `worker-2`, … */
  readonly name: string;
  /** Changes when a lost worker is replaced. */
  session: Session;
  /** Batches that may be in flight at once. */
  capacity: number;
  inFlight: number;
  /** A lane whose worker died takes nothing until it has a new one. */
  alive: boolean;
  readonly meter: LaneCounter;
  /** What its batches took by their rows while it was warmed up; empty where it was not. */
  readonly warmUpTimes: readonly WarmUpTime[];
}
