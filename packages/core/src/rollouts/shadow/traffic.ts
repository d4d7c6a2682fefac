import type { Clock } from '../../clock';

/** Requests whose share is saved up at most, so that a quiet hour is not followed by a long burst. */
const savedRequests = 2000;
/** What the last lull adds to what is known of their length. */
const lullWeight = 0.1;

/** The requests of callers, as a shadow sees them: whether some are under way, and how many were while it ran. */
export interface Traffic {
  /** Requests under way. */
  readonly inFlight: number;
  /** Requests that were under way while the shadow ran, each counted once a run. */
  readonly overlapped: number;
  /** Whether the share of requests that may meet a run leaves room. What a run then meets may be more: the debt is paid first. */
  readonly isOpen: boolean;
  /** Mean milliseconds from the last answer to the next request, of late; 0 where there was no such lull yet. */
  readonly lullMs: number;
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
  let lullMs: number | undefined;
  let seen = false;
  let running = false;
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
    get lullMs() {
      // One that lasts longer than those before is known already.
      return Math.max(lullMs ?? 0, inFlight === 0 && seen ? clock.now() - idleSince : 0);
    },
    onStart() {
      balance = Math.min(savedRequests * share, balance + share);
      if (inFlight === 0) {
        const lull = clock.now() - idleSince;
        // What came before the first request is no lull between requests.
        if (seen) lullMs = lullMs === undefined ? lull : lullMs + lullWeight * (lull - lullMs);
      }
      seen = true;
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
