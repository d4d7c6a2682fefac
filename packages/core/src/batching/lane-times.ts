import type { LaneSlot } from './lane-slot';
import type { ShapeCosts } from './shape-costs';

/** A batch that a lane was given. */
export interface LaneRun {
  readonly startedAt: number;
  readonly rows: number;
  readonly costs: ShapeCosts;
}

/**
 * What each lane is busy with. A lane may be given a batch while it computes another, so a batch begins to compute when
 * the one before has ended, and not when it was sent.
 */
export class LaneTimes {
  readonly #runs: LaneRun[][];
  readonly #endedAt: number[];

  constructor(lanes: readonly LaneSlot[]) {
    this.#runs = lanes.map(() => []);
    this.#endedAt = lanes.map(() => Number.NEGATIVE_INFINITY);
  }

  /** A batch is sent to a lane. */
  begin(lane: number, now: number, rows: number, costs: ShapeCosts): LaneRun {
    const run = { startedAt: now, rows, costs };
    (this.#runs[lane] as LaneRun[]).push(run);
    return run;
  }

  /**
   * A batch came back.
   * @returns milliseconds that it computed
   */
  end(lane: number, run: LaneRun, now: number): number {
    const runs = this.#runs[lane] as LaneRun[];
    // Batches mostly come back in the order in which they were sent.
    if (runs[0] === run) runs.shift();
    else runs.splice(runs.indexOf(run), 1);
    const startedAt = Math.max(run.startedAt, this.#endedAt[lane] as number);
    this.#endedAt[lane] = now;
    return now - startedAt;
  }

  /** When a lane will have computed all that it was given, as far as can be told; in the past for an idle lane. */
  freeAt(lane: number): number {
    let at = this.#endedAt[lane] as number;
    for (const { startedAt, rows, costs } of this.#runs[lane] as LaneRun[]) {
      at = Math.max(at, startedAt) + costs.predictMs(lane, rows);
    }
    return at;
  }
}
