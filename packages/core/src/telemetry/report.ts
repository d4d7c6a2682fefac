import type { ErrorCode } from '../errors';

/*
 * What leaves a device: counts, never a value that went into a model or came out of it.
 */

/** Noise that was added to the counts of a report. */
export interface TelemetryNoise {
  /** The privacy budget ε that one window of the device spent on this report. */
  readonly epsilon: number;
  /** Scale of the discrete Laplace noise of every feature's counts. */
  readonly featureScale: number;
  /** Scale of that of all other counts. */
  readonly otherScale: number;
}

/** What one device counted in one window of time. Plain data. */
export interface TelemetryReport {
  /** 32 hexadecimal digits that no other report has: 24 chosen by chance for each `startTelemetry`, 8 of a running number. */
  readonly id: string;
  readonly modelName: string;
  readonly modelVersion: string;
  /** The reference whose bins were counted, as {@link fingerprintOf} tells it. */
  readonly reference: string;
  /** Which form of the model ran, such as `fp16`. */
  readonly variant: string;
  /** What it ran on, such as `webgpu`. */
  readonly device: string;
  /** When the window began and ended, by the device's clock, in milliseconds since 1970-01-01 UTC. */
  readonly fromEpochMs: number;
  readonly toEpochMs: number;
  /** Every count is a multiple of it; what was left over stayed on the device. 1 where nothing is suppressed. */
  readonly minimumCount: number;
  /** Absent where no noise was added. */
  readonly noise?: TelemetryNoise;
  /** Rows that went through the model. 0 in all but the first of several reports that share a window. With noise, as all counts, possibly negative. */
  readonly rows: number;
  /** Indices of the features that are counted, ascending. */
  readonly features: readonly number[];
  /** For each of them the counts of its bins, then of NaN, −∞ and +∞. */
  readonly counts: readonly (readonly number[])[];
  /** Rows by predicted class, then those of no known class; empty where predictions are not counted. */
  readonly predictions: readonly number[];
  /** Batches by compute time: one more than {@link latencyBounds}. Empty where none are told. */
  readonly latency: readonly number[];
  /** Requests that failed, by code. */
  readonly failures: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** What bounds a report, so that no sender can make a server allocate without end. */
export const telemetryLimits = {
  /** Bytes of a body; what `sendBeacon` takes at most. */
  bodyBytes: 65_536,
  /** Reports in a body. */
  reports: 64,
  /** Characters of a model's name or version. */
  nameLength: 128,
  /** Classes of a prediction. */
  classes: 1024,
  /** Cells of one feature: its bins and three tallies. */
  cells: 514,
  /** Index of a feature. */
  features: 65_536,
  /** Characters of a token. */
  tokenLength: 1024,
} as const;

/** Upper bounds of the latency sketch, in milliseconds: each 1.5 times the one before, from 0.25 ms to a little above 10 s. */
export const latencyBounds: readonly number[] = Array.from({ length: 28 }, (_, index) => 0.25 * 1.5 ** index);

/** Characters that a variant or device may have; anything else becomes `other` on the way in. */
export const labelPattern = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** The codes by which failures are counted, in the order of the wire: new ones are added at the end. */
const codePlaces: Readonly<Record<ErrorCode, number>> = {
  INVALID_OPTION: 0,
  INVALID_INPUT: 1,
  INVALID_ARGUMENT: 2,
  MODEL_NOT_FOUND: 3,
  MODEL_INVALID: 4,
  DIGEST_MISMATCH: 5,
  GOLDEN_MISMATCH: 6,
  SIGNATURE_MISMATCH: 7,
  NOT_FOUND: 8,
  ALREADY_EXISTS: 9,
  CONFLICT: 10,
  GATE_REFUSED: 11,
  ABORTED: 12,
  DEADLINE_EXCEEDED: 13,
  OVERLOADED: 14,
  CLOSED: 15,
  BACKEND_UNAVAILABLE: 16,
  RUN_FAILED: 17,
  OUTPUT_INVALID: 18,
  LANE_LOST: 19,
  REMOTE_FAILED: 20,
  PROTOCOL_ERROR: 21,
  LIMIT_EXCEEDED: 22,
  STORE_CORRUPT: 23,
  STORE_FAILED: 24,
  UNSUPPORTED: 25,
  UNAUTHENTICATED: 26,
  FORBIDDEN: 27,
};

/** The codes of failures by their number on the wire. */
export const failureCodes: readonly ErrorCode[] = (Object.keys(codePlaces) as ErrorCode[]).sort(
  (left, right) => codePlaces[left] - codePlaces[right],
);
