import type { BatchReason } from '../runner/runner';
import { type ShapeCosts, usableMs } from './shape-costs';

/** What is known when a lane could take a batch. */
export interface BatchSituation {
  /** Rows that wait for a batch of this shape. */
  readonly waitingRows: number;
  /** Rows of the request that leaves first. */
  readonly headRows: number;
  /** Milliseconds until that request's deadline; infinite without one. */
  readonly slackMs: number;
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** Idle lanes that could share what waits, this one included; 1 or more. */
  readonly idleLanes: number;
  /** Whether a batch of twice the size is to show what it takes nowadays; else what was once slow would never be tried again. */
  readonly explores: boolean;
}

/** What to do: send so many rows, or give the first request up because it cannot be answered in time. */
export type BatchPlan =
  | { readonly rows: number; readonly reason: BatchReason | undefined }
  | { readonly rows: 0; readonly reason?: undefined };

/**
 * Decides how many of the waiting rows go to a lane together: no more than what is worth waiting for (the knee), no more
 * than what is done before the first one's deadline, and no more than a fair part where other lanes are idle too.
 *
 * `reason` is undefined where nothing but the number of waiting rows bounded the batch.
 */
export function planBatch(costs: ShapeCosts, lane: number, situation: BatchSituation): BatchPlan {
  const { waitingRows, headRows, slackMs, maxRows, idleLanes, explores } = situation;
  const { target: knee, worth } = costs.sizes(lane);
  const target = explores ? knee * 2 : knee;
  let want = Math.min(waitingRows, target, maxRows);
  let reason: BatchReason | undefined;
  if (want === maxRows) reason = 'full';
  else if (want < waitingRows) reason = 'knee';
  if (idleLanes > 1 && waitingRows < target * idleLanes) {
    // Halves on two lanes are done sooner than the whole on one.
    const part = Math.max(Math.ceil(waitingRows / idleLanes), Math.min(worth, want));
    if (part < want) {
      want = part;
      reason = undefined;
    }
  }
  want = Math.max(want, headRows);
  const usable = usableMs(slackMs);
  if (usable === Number.POSITIVE_INFINITY || costs.predictP95Ms(lane, want) <= usable) return { rows: want, reason };
  return planInTime(costs, lane, situation, usable, want, Math.min(worth, want));
}

/** The same where the first request has not the time for all that is wanted. */
function planInTime(
  costs: ShapeCosts,
  lane: number,
  { waitingRows, headRows }: BatchSituation,
  usable: number,
  want: number,
  worth: number,
): BatchPlan {
  const inTime = costs.rowsWithin(lane, usable, want);
  if (inTime >= worth && inTime >= headRows) return { rows: inTime, reason: 'deadline' };
  // Predictions of the 95th percentile are for the worse days; the mean may yet do.
  if (worth >= headRows && costs.predictMs(lane, worth) <= usable) return { rows: worth, reason: 'deadline' };
  // Where others wait, a batch that comes too late or is hardly worth its lane would make them late as well.
  const isHopeless = costs.predictMs(lane, headRows) > usable && waitingRows > headRows;
  return isHopeless || waitingRows > Math.max(worth, headRows) ? { rows: 0 } : { rows: headRows, reason: 'deadline' };
}

/** What is known of arrivals, for a batch that may gain by waiting. */
export interface WaitSituation {
  readonly waitingRows: number;
  /** Rows that arrive a millisecond. */
  readonly rowsPerMs: number;
  /** Milliseconds until the earliest deadline. */
  readonly slackMs: number;
}

/** A wait must promise at least this much more rows a millisecond. */
const worthwhileGain = 1.05;
/** No wait is shorter, since no timer is. */
const shortestWaitMs = 1;

/**
 * How long an idle lane should wait for more rows, in milliseconds, when most rows a second is what counts: as long as
 * the arrivals promise a better rate, and never so long that a deadline is missed. 0 when it should not wait.
 */
export function usefulWaitMs(costs: ShapeCosts, lane: number, situation: WaitSituation): number {
  const { waitingRows, rowsPerMs, slackMs } = situation;
  const { target } = costs.sizes(lane);
  const usable = usableMs(slackMs);
  if (waitingRows >= target || rowsPerMs <= 0) return 0;
  const now = costs.predictMs(lane, waitingRows);
  if (now <= 0) return 0;
  let best = (waitingRows / now) * worthwhileGain;
  let waitMs = 0;
  for (const share of [0.25, 0.5, 0.75, 1]) {
    const rows = Math.ceil(waitingRows + share * (target - waitingRows));
    const wait = (rows - waitingRows) / rowsPerMs;
    if (wait < shortestWaitMs || wait + costs.predictP95Ms(lane, rows) > usable) continue;
    const rate = rows / (wait + costs.predictMs(lane, rows));
    if (rate > best) {
      best = rate;
      waitMs = wait;
    }
  }
  return waitMs;
}
