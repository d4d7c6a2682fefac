import type { Clock } from '../../clock';

/** Requests whose share is saved up at most, so that a quiet hour is not followed by a long burst. */
const savedRequests = 2000;
/** Requests that are remembered, with the lulls before them. */
const remembered = 128;

/** Requests that come within a time, on average, for it to count as one in which none comes. */
export const asGoodAsNone = 0.02;

/** The requests of callers, as a shadow sees them: whether some are under way, and how many were while it ran. */
export interface Traffic {
  /** Requests under way. */
  readonly inFlight: number;
  /** Requests that were under way while the shadow ran, each counted once a run. */
  readonly overlapped: number;
  /** Whether the share of requests that may meet a run leaves room. What a run then meets may be more: the debt is paid first. */
  readonly isOpen: boolean;
  /**
   * How many requests come on average within so many milliseconds of a lull as old as this one, as it was of late; undefined where
   * requests are under way, or no lull has lasted that long and been seen to its end.
   */
  metWithin(ms: number): number | undefined;
  onStart(): void;
  onEnd(): void;
  beginRun(): void;
  endRun(): void;
}

/**
 * Watches the requests that a shadow must not disturb.
 *
 * @param share of the requests that may be under way while the shadow runs, on average; with 1 it is always open
 */
export function createTraffic(share: number, clock: Clock): Traffic {
  let inFlight = 0;
  let overlapped = 0;
  // What a first run meets is not known: it is let begin, and paid for afterwards.
  let balance = 0;
  let idleSince: number = clock.now();
  let running = false;
  /** When the last requests began, and the lull that one ended, in a ring; NaN where it ended none. */
  const beganAt = new Float64Array(remembered);
  const lullSince = new Float64Array(remembered);
  let seen = 0;
  const meet = (requests: number): void => {
    overlapped += requests;
    balance -= requests;
  };
  return {
    get inFlight() {
      return inFlight;
    },
    get overlapped() {
      return overlapped;
    },
    get isOpen() {
      return share >= 1 || balance >= 0;
    },
    metWithin(ms) {
      if (inFlight > 0 || seen === 0) return undefined;
      const now = clock.now();
      const age = now - idleSince;
      let [lulls, met] = [0, 0];
      const oldest = Math.max(0, seen - remembered);
      for (let index = oldest; index < seen; index++) {
        const from = (lullSince[index % remembered] as number) + age;
        // None, shorter than this one already is, or not seen to its end.
        if (!(from <= (beganAt[index % remembered] as number) && from + ms <= now)) continue;
        lulls++;
        for (let next = index; next < seen && (beganAt[next % remembered] as number) <= from + ms; next++) met++;
      }
      return lulls === 0 ? undefined : met / lulls;
    },
    onStart() {
      balance = Math.min(savedRequests * share, balance + share);
      const slot = seen % remembered;
      beganAt[slot] = clock.now();
      // What came before the first request is no lull between requests.
      lullSince[slot] = inFlight === 0 && seen > 0 ? idleSince : Number.NaN;
      seen++;
      inFlight++;
      if (running) meet(1);
    },
    onEnd() {
      inFlight--;
      if (inFlight === 0) idleSince = clock.now();
    },
    beginRun() {
      running = true;
      meet(inFlight);
    },
    endRun() {
      running = false;
    },
  };
}
