/*
 * How many rows a runner may have at once. It begins with all that may be held. When the runner says that it is overloaded
 * there are half as many, and none before the time that it names; from then on each answer lets a sixteenth of its rows
 * more through, so that after some twelve rounds there are twice as many again. A refusal of what was sent before the last
 * halving says nothing new.
 */

/** Of the rows that were answered, this share is added. */
const growth = 1 / 16;

/** Adapts to a runner that is overloaded. */
export interface LoadWindow {
  /** Rows that may be in flight, 1 or more. */
  readonly rows: number;
  /** Time on the clock before which nothing is sent. */
  readonly opensAt: number;
  /** How often it became smaller; sent along with an item. */
  readonly generation: number;
  answered(rows: number): void;
  /**
   * @param generation that of the window when the item was sent
   * @param inFlight rows that the runner had, without those it refused
   */
  refused(generation: number, inFlight: number, until: number): void;
}

export function createLoadWindow(maxRows: number): LoadWindow {
  let size = maxRows;
  let generation = 0;
  let opensAt = Number.NEGATIVE_INFINITY;
  return {
    get rows() {
      return Math.floor(size);
    },
    get opensAt() {
      return opensAt;
    },
    get generation() {
      return generation;
    },
    answered(rows) {
      size = Math.min(maxRows, size + rows * growth);
    },
    refused(sentIn, inFlight, until) {
      opensAt = Math.max(opensAt, until);
      if (sentIn !== generation) return;
      generation++;
      size = Math.max(1, Math.min(size, inFlight) / 2);
    },
  };
}
