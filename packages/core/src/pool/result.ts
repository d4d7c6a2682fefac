import type { CircuitState } from '../resilience/circuit';
import type { ModelInfo } from '../runner/runner';
import type { OutlierReason } from './outliers';

/**
 * How an endpoint stands: `connecting` until it was connected; `open` and `half-open` by its circuit; `ejected` while it is
 * put aside; `ready` otherwise.
 */
export type EndpointState = 'connecting' | 'ready' | 'ejected' | Exclude<CircuitState, 'closed'>;

/** An endpoint at this moment; a plain object that survives JSON. */
export interface EndpointDescription {
  readonly name: string;
  readonly state: EndpointState;
  /** Absent while it was never connected. */
  readonly model?: ModelInfo;
  readonly inFlight: number;
  /** How long it takes at present, in milliseconds: see the choice of `createPool`. */
  readonly latencyMs: number;
  /** Milliseconds until it may be asked again; 0 where it may be now. */
  readonly retryAfterMs: number;
  readonly answers: number;
  /** Failures that count against it. */
  readonly failures: number;
}

/** A pool at this moment; a plain object that survives JSON. */
export interface PoolDescription {
  readonly endpoints: readonly EndpointDescription[];
  /** Milliseconds after which a request is sent to a second endpoint; absent while that is not known or not wanted. */
  readonly hedgeAfterMs?: number;
}

/** What a pool did. */
export interface PoolStats {
  readonly requests: number;
  /** Requests that got no answer. */
  readonly failures: number;
  /** Attempts after a failed one. */
  readonly retries: number;
  /** Requests that a later attempt answered. */
  readonly recovered: number;
  /** Requests that were sent to a second endpoint because the first took long, and those that it answered first. */
  readonly hedges: number;
  readonly hedgesWon: number;
  /** Copies of requests that tried whether an endpoint is back. */
  readonly probes: number;
  /** Requests that might have been tried again and were not, by what was used up. */
  readonly givenUp: { readonly attempts: number; readonly budget: number; readonly endpoints: number };
  /** Times that an endpoint was put aside, by why. */
  readonly ejections: Readonly<Record<OutlierReason, number>>;
}

/** What a pool tells beside the events of its runners. */
export interface PoolEventMap {
  /** An endpoint was connected. */
  'endpoint-connect': { readonly endpoint: string; readonly model: ModelInfo };
  /** Connecting failed; it is tried again after `retryAfterMs`. */
  'endpoint-connect-fail': { readonly endpoint: string; readonly error: unknown; readonly retryAfterMs: number };
  /** An endpoint keeps failing: it is left alone for `retryAfterMs`. Also when it failed when it was tried again. */
  'endpoint-open': { readonly endpoint: string; readonly error: unknown; readonly retryAfterMs: number };
  /** It answered again, `openMs` milliseconds after it was left alone first. */
  'endpoint-close': { readonly endpoint: string; readonly openMs: number };
  /** An endpoint does worse than the others: it is put aside for `forMs`. */
  'endpoint-eject': { readonly endpoint: string; readonly why: OutlierReason; readonly forMs: number };
  /** A request failed on one endpoint and is tried on another. */
  'request-retry': { readonly from: string; readonly to: string; readonly attempt: number; readonly error: unknown };
  /** A request takes long and was sent to a second endpoint. */
  'request-hedge': { readonly from: string; readonly to: string; readonly afterMs: number };
}
