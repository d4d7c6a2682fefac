import type { Block } from '@fairlead/core/rollouts';

/** A rule that looks at averages after every block. */
export interface Watcher {
  /** True from the block on that makes it roll back. */
  observe(block: Block): boolean;
}

interface Counts {
  requests: number;
  failed: number;
}

/** Requests of the challenger between two scrapes, and the success rate that is asked for. */
const scrape = 50;
const leastSuccess = 0.95;

/**
 * A threshold on an average, as the analysis of Argo Rollouts or a metric check of Flagger is usually written: the success rate since the
 * last scrape must be 95 %, which is five times as many failures as there are; the first that is not aborts.
 */
export function createThreshold(): Watcher {
  let since: Counts = { requests: 0, failed: 0 };
  return {
    observe({ arm, requests, failedRequests }) {
      if (arm === 'champion') return false;
      since.requests += requests;
      since.failed += failedRequests;
      if (since.requests < scrape) return false;
      const success = 1 - since.failed / since.requests;
      since = { requests: 0, failed: 0 };
      return success < leastSuccess;
    },
  };
}

/** Requests of each arm before the first look: before, nobody trusts the normal law. */
const firstLook = 50;

/** A test of two proportions for one look, looked at after every block; it takes each request for a piece of evidence. */
export function createPeekingTest(z: number): Watcher {
  const arms: Record<'challenger' | 'champion', Counts> = {
    challenger: { requests: 0, failed: 0 },
    champion: { requests: 0, failed: 0 },
  };
  return {
    observe({ arm, requests, failedRequests }) {
      const mine = arms[arm === 'champion' ? 'champion' : 'challenger'];
      mine.requests += requests;
      mine.failed += failedRequests;
      const { challenger, champion } = arms;
      if (challenger.requests < firstLook || champion.requests < firstLook) return false;
      const pooled = (challenger.failed + champion.failed) / (challenger.requests + champion.requests);
      const error = Math.sqrt(pooled * (1 - pooled) * (1 / challenger.requests + 1 / champion.requests));
      return error > 0 && (challenger.failed / challenger.requests - champion.failed / champion.requests) / error > z;
    },
  };
}
