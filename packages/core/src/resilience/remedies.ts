import * as z from 'zod/mini';
import { type ErrorCode, FairleadError } from '../errors';

/** What can be done about a failure. */
interface Remedy {
  /** Whether the same runner may answer when it is asked again. */
  readonly retry: boolean;
  /** Whether it speaks against the health of the runner, so that a circuit breaker counts it. */
  readonly circuit: boolean;
  /** Whether another runner may answer in its place. */
  readonly fallback: boolean;
}

/** The request is wrong or nobody wants its answer: no other try would do better. */
const callersOwn: Remedy = { retry: false, circuit: false, fallback: false };
/** The runner is well and has too much to do. */
const busy: Remedy = { retry: true, circuit: false, fallback: true };
/** What held the model is gone; it may be back at the next try. */
const lost: Remedy = { retry: true, circuit: true, fallback: true };
/** The runner is ill: the same request would end the same way there. */
const ill: Remedy = { retry: false, circuit: true, fallback: true };
/** This runner does not have it or does not take it, and another one may. */
const elsewhere: Remedy = { retry: false, circuit: false, fallback: true };

const remedies: Readonly<Record<ErrorCode, Remedy>> = {
  INVALID_OPTION: callersOwn,
  INVALID_INPUT: callersOwn,
  INVALID_ARGUMENT: callersOwn,
  MODEL_NOT_FOUND: elsewhere,
  MODEL_INVALID: elsewhere,
  DIGEST_MISMATCH: elsewhere,
  GOLDEN_MISMATCH: elsewhere,
  SIGNATURE_MISMATCH: elsewhere,
  NOT_FOUND: elsewhere,
  ALREADY_EXISTS: callersOwn,
  CONFLICT: callersOwn,
  GATE_REFUSED: callersOwn,
  UNAUTHENTICATED: elsewhere,
  FORBIDDEN: elsewhere,
  ABORTED: callersOwn,
  DEADLINE_EXCEEDED: ill,
  OVERLOADED: busy,
  CLOSED: callersOwn,
  BACKEND_UNAVAILABLE: ill,
  RUN_FAILED: ill,
  OUTPUT_INVALID: ill,
  LANE_LOST: lost,
  REMOTE_FAILED: lost,
  PROTOCOL_ERROR: ill,
  LIMIT_EXCEEDED: elsewhere,
  STORE_CORRUPT: elsewhere,
  STORE_FAILED: elsewhere,
  UNSUPPORTED: elsewhere,
};

const everyCode = Object.keys(remedies) as ErrorCode[];

/** The codes that a remedy is for. */
export function codesFor(remedy: keyof Remedy): ReadonlySet<ErrorCode> {
  return new Set(everyCode.filter((code) => remedies[code][remedy]));
}

/** The code of anything that a runner failed with; what is no `FairleadError` failed while it computed. */
export function codeOf(error: unknown): ErrorCode {
  return FairleadError.isInstance(error) ? error.code : 'RUN_FAILED';
}

/** Error codes as an option: at least one. */
export const codesField = z.optional(
  z
    .array(z.custom<ErrorCode>((code) => everyCode.includes(code as ErrorCode), 'a code of FairleadError'))
    .check(z.minLength(1)),
);
