import type { Session } from '../backend';
import type { LaneCounter } from '../batching/lane-slot';
import type { Clock } from '../clock';

/** How much a lane has done, and what it takes. */
export interface LaneLoad {
  /** Batches that were computed since the lane was opened. */
  readonly batches: number;
  /** Rows of them. */
  readonly rows: number;
  /** Milliseconds since the lane was opened in which it had a batch to compute. */
  readonly busyMs: number;
  /** The same as a share of all the time since then, 0 to 1. */
  readonly busyShare: number;
  /**
   * Bytes: the JavaScript heap and the buffers of the worker, and the model's own bytes, which stand for what the runtime
   * holds outside the heap; no figure of that can be had for one lane. Inline, where the heap is everybody's, the model's
   * bytes alone. Undefined where a worker does not tell. A figure may be some seconds old: asking refreshes it for the
   * next time.
   */
  readonly memoryBytes: number | undefined;
}

/** Measures one lane through all its sessions. */
export interface LaneMeter extends LaneCounter {
  /** The lane has this session now; it is asked for its memory. */
  follow(session: Session): void;
  /** Sets all counts to 0: what was tried is over. */
  reset(): void;
  /** How the lane stands; refreshes the figure of its memory if that is old. */
  read(): LaneLoad;
  /** Asks the session what it takes; resolves when the figure is there, or cannot be had. */
  refresh(): Promise<void>;
}

/** Milliseconds before the figure of a lane's memory is refreshed. */
const freshMs = 2000;

/**
 * Makes the meter of a lane.
 * @param inline whether the lane has no worker
 */
export function createLaneMeter(modelBytes: number, inline: boolean, clock: Clock): LaneMeter {
  let session: Session | undefined;
  let [batches, computedRows, busyMs, inFlight] = [0, 0, 0, 0];
  let busySince = 0;
  let since = clock.now();
  let askedAt = Number.NEGATIVE_INFINITY;
  let workerBytes: number | undefined;

  const refresh = async (): Promise<void> => {
    askedAt = clock.now();
    try {
      workerBytes = (await session?.doMeasure?.())?.memoryBytes;
    } catch {
      // The worker is gone, which is told elsewhere; the one that replaces it will be asked.
      workerBytes = undefined;
    }
  };

  return {
    begin(now) {
      if (inFlight++ === 0) busySince = now;
    },
    end(now, rowsComputed) {
      if (--inFlight === 0) busyMs += now - busySince;
      if (rowsComputed === 0) return;
      batches++;
      computedRows += rowsComputed;
    },
    follow(next) {
      session = next;
      workerBytes = undefined;
    },
    reset() {
      [batches, computedRows, busyMs] = [0, 0, 0];
      since = busySince = clock.now();
    },
    read() {
      const now = clock.now();
      if (session?.doMeasure !== undefined && now - askedAt >= freshMs) void refresh();
      const busy = busyMs + (inFlight > 0 ? now - busySince : 0);
      const heapBytes = inline ? 0 : workerBytes;
      return {
        batches,
        rows: computedRows,
        busyMs: busy,
        busyShare: now > since ? Math.min(1, busy / (now - since)) : 0,
        memoryBytes: heapBytes === undefined ? undefined : heapBytes + modelBytes,
      };
    },
    refresh,
  };
}
