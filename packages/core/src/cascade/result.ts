import type { CircuitState } from '../resilience/circuit';
import type { ModelInfo, RunResult } from '../runner/runner';
import type { AnySignature } from '../signature';

/**
 * Why a row was computed where it was. On the device (`edge`):
 *
 * - `confident`: the model on the device was sure enough of it.
 * - `settled`: no rule looks at confidence, and nothing else sent the row away.
 * - `local-only`: it would have been escalated, and must not leave the device.
 * - `budget`: it would have been escalated, and the budget is spent.
 * - `cloud-unavailable`: it would have been escalated; the circuit of the cloud is open, or the cloud asked to be left alone.
 * - `deadline`: it would have been escalated, and too little time was left for the cloud.
 * - `cloud-failed`: it was escalated, and the cloud failed or did not answer in time.
 *
 * In the cloud:
 *
 * - `unsure`: the model on the device was not sure enough of it.
 * - `edge-slow`: the device had not answered in time, and the cloud was first.
 * - `edge-predicted-slow`: the device was expected to be too slow; the cloud was asked at once, and was first.
 * - `edge-failed`: the device failed.
 */
export type CascadeReason = EdgeReason | CloudReason;

export type EdgeReason =
  | 'confident'
  | 'settled'
  | 'local-only'
  | 'budget'
  | 'cloud-unavailable'
  | 'deadline'
  | 'cloud-failed';

export type CloudReason = 'unsure' | 'edge-slow' | 'edge-predicted-slow' | 'edge-failed';

/** Reasons for which rows stay that would have been escalated. */
export type StayReason = Exclude<EdgeReason, 'confident' | 'settled'>;

export const edgeReasons: readonly EdgeReason[] = [
  'confident',
  'settled',
  'local-only',
  'budget',
  'cloud-unavailable',
  'deadline',
  'cloud-failed',
];
export const cloudReasons: readonly CloudReason[] = ['unsure', 'edge-slow', 'edge-predicted-slow', 'edge-failed'];

/** Where one row was computed. */
export interface RowOrigin {
  readonly where: 'edge' | 'cloud';
  readonly why: CascadeReason;
  /** How sure the model on the device was; absent where it did not answer, or no rule asks. */
  readonly confidence?: number;
}

/** Where an answer comes from. */
export interface CascadeTrace {
  /** One entry for each row, in order; one in all for a model without rows. */
  readonly rows: readonly RowOrigin[];
  /** Rows that the cloud computed. */
  readonly escalated: number;
  /** The model on the device, when any row is its. */
  readonly edge?: ModelInfo;
  /** The model in the cloud, when any row is its. */
  readonly cloud?: ModelInfo;
}

/** The answer of a cascade. `model` is the device's while any row is, else the cloud's. */
export interface CascadeResult<S extends AnySignature = AnySignature> extends RunResult<S> {
  readonly cascade: CascadeTrace;
}

/** Rows were sent to the cloud. */
export interface RowsEscalateEvent {
  readonly rows: number;
  readonly why: CloudReason;
}

/** Rows that would have been escalated stay on the device. Why says what is in the way. */
export interface EscalationRefuseEvent {
  readonly rows: number;
  readonly why: StayReason;
}

/** What a cascade tells beside the events of the runner on the device. */
export interface CascadeEventMap {
  'rows-escalate': RowsEscalateEvent;
  'escalation-refuse': EscalationRefuseEvent;
  /** The cloud failed a request, or could not be connected to. */
  'cloud-fail': { readonly error: unknown; readonly rows: number };
  /** It keeps failing: the device answers alone for `retryAfterMs` milliseconds. */
  'cloud-open': { readonly error: unknown; readonly retryAfterMs: number };
  /** It answers again, `openMs` milliseconds after it failed. */
  'cloud-close': { readonly openMs: number };
  /** A request was answered. */
  'request-answer': CascadeTrace;
}

/** What a cascade did. */
export interface CascadeStats {
  readonly requests: number;
  /** Requests that ended without an answer. */
  readonly failures: number;
  /** Rows of answers, by where and why. */
  readonly rows: {
    readonly edge: Readonly<Record<EdgeReason, number>>;
    readonly cloud: Readonly<Record<CloudReason, number>>;
  };
  /** Rows that were sent to the cloud, answered or not: what it may charge for. */
  readonly sentRows: number;
  /** Requests to the cloud that failed. */
  readonly cloudFailures: number;
  /** Requests for which both were asked at once. */
  readonly hedges: number;
}

/** How a cascade is set up and how it stands; a plain object that survives JSON. */
export interface CascadeDescription {
  readonly privacy: 'local-only' | 'cloud-allowed';
  /** Model on the device. */
  readonly edge: ModelInfo;
  /** `none` under `privacy: 'local-only'`; `not connected` until it is first needed. */
  readonly cloud: ModelInfo | 'none' | 'not connected';
  /** `closed` while the cloud is asked. */
  readonly circuit: CircuitState;
  /** Milliseconds after which the cloud is asked again; 0 when it may be now. */
  readonly cloudRetryAfterMs: number;
  /** The rules in force, in words. */
  readonly rules: readonly string[];
  /** Rows that may be escalated now; `unlimited` without a budget. */
  readonly budget: number | 'unlimited';
  /** Milliseconds within which most requests end, as learned; 0 before the first. */
  readonly edgeMs: number;
  readonly cloudMs: number;
}
