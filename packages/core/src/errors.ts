/**
 * Every way in which Fairlead can fail. The union is closed: a `switch` over it can be exhaustive.
 *
 * - `INVALID_OPTION`: an option of a factory has the wrong type, range or name.
 * - `INVALID_INPUT`: the inputs of a call do not fit the model's signature.
 * - `INVALID_ARGUMENT`: any other argument that cannot be used.
 * - `MODEL_NOT_FOUND`: the path, URL or reference of a model leads nowhere.
 * - `MODEL_INVALID`: bytes were found, but they are no model that the backend can load.
 * - `DIGEST_MISMATCH`: bytes were found, but not the promised ones.
 * - `GOLDEN_MISMATCH`: a model does not answer its own golden rows; nothing is computed with it.
 * - `SIGNATURE_MISMATCH`: two models that must be interchangeable are not.
 * - `NOT_FOUND`: a run, version, alias, experiment, artifact or feature of an entity does not exist.
 * - `ALREADY_EXISTS`: a name that must be new is taken.
 * - `CONFLICT`: somebody else changed the same thing first; read again and retry.
 * - `GATE_REFUSED`: a version does not meet the gates of an alias; `details.gates` says what each asked for and found.
 * - `UNAUTHENTICATED`: the caller has not shown who he is, or not convincingly.
 * - `FORBIDDEN`: the caller is known, and may not do this.
 * - `ABORTED`: the caller's signal was aborted; `name` is `AbortError`.
 * - `DEADLINE_EXCEEDED`: the time that the caller gave ran out.
 * - `OVERLOADED`: a bounded queue is full or a deadline cannot be met; `details.retryAfterMs` says when to try again.
 * - `CLOSED`: the thing was closed before the call.
 * - `BACKEND_UNAVAILABLE`: the runtime or device asked for does not work here.
 * - `RUN_FAILED`: the runtime failed while it computed.
 * - `OUTPUT_INVALID`: the runtime answered something that the signature does not allow.
 * - `LANE_LOST`: the worker that held the session died.
 * - `REMOTE_FAILED`: a remote server answered with an error or not at all.
 * - `PROTOCOL_ERROR`: a message does not follow its protocol.
 * - `LIMIT_EXCEEDED`: a size limit was passed.
 * - `STORE_CORRUPT`: stored bytes fail their checksum.
 * - `STORE_FAILED`: the file system or database refused.
 * - `UNSUPPORTED`: the thing is valid, but not offered by this part.
 */
export type ErrorCode =
  | 'INVALID_OPTION'
  | 'INVALID_INPUT'
  | 'INVALID_ARGUMENT'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_INVALID'
  | 'DIGEST_MISMATCH'
  | 'GOLDEN_MISMATCH'
  | 'SIGNATURE_MISMATCH'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'CONFLICT'
  | 'GATE_REFUSED'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'ABORTED'
  | 'DEADLINE_EXCEEDED'
  | 'OVERLOADED'
  | 'CLOSED'
  | 'BACKEND_UNAVAILABLE'
  | 'RUN_FAILED'
  | 'OUTPUT_INVALID'
  | 'LANE_LOST'
  | 'REMOTE_FAILED'
  | 'PROTOCOL_ERROR'
  | 'LIMIT_EXCEEDED'
  | 'STORE_CORRUPT'
  | 'STORE_FAILED'
  | 'UNSUPPORTED';

/** Structured facts about an error: which field, what was expected, what was given, and whatever else helps. */
export interface ErrorDetails {
  /** The option, input or field at fault, for example `pixels` or `batching.maxBatchRows`. */
  readonly field?: string;
  /** What would have been right, in words. */
  readonly expected?: string;
  /** What was given, in words. */
  readonly given?: string;
  /** Milliseconds after which a retry may succeed. */
  readonly retryAfterMs?: number;
  readonly [key: string]: unknown;
}

/** What the constructor of {@link FairleadError} takes beside the message. */
export interface FairleadErrorOptions {
  /** The error, or any other value, that caused this one. */
  readonly cause?: unknown;
  /** Structured facts. @default {} */
  readonly details?: ErrorDetails;
}

const marker = Symbol.for('fairlead.error');

/**
 * The one error class of Fairlead. Recognise it with {@link FairleadError.isInstance}, which works across several
 * installed copies of the library, and decide by its `code`, never by its message.
 */
export class FairleadError extends Error {
  /** What went wrong, from a closed union. */
  readonly code: ErrorCode;
  /** Structured facts about what went wrong. */
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: FairleadErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = code === 'ABORTED' ? 'AbortError' : 'FairleadError';
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, marker, { value: true });
  }

  /** Whether a value is a `FairleadError` of any installed copy, and, when `code` is given, one of that code. */
  static isInstance(value: unknown, code?: ErrorCode): value is FairleadError {
    if (typeof value !== 'object' || value === null) return false;
    if ((value as Record<symbol, unknown>)[marker] !== true) return false;
    return code === undefined || (value as FairleadError).code === code;
  }
}

/**
 * An error of a kind that comes many times a second under load, and whose origin is plain: the stack would cost more than the rest.
 */
export function stacklessError(code: ErrorCode, message: string, options?: FairleadErrorOptions): FairleadError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new FairleadError(code, message, options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The error of a call whose `signal` was aborted: code `ABORTED`, `name` `AbortError`, `cause` the signal's reason. */
export function abortedError(signal: AbortSignal, what = 'The call'): FairleadError {
  return new FairleadError('ABORTED', `${what} was aborted by its signal.`, { cause: signal.reason });
}

/** Throws an `ABORTED` error when the signal is already aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what?: string): void {
  if (signal?.aborted) throw abortedError(signal, what);
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** A plain, structured-cloneable form of an error, for wires and workers. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  /** The message of the cause, where there was one. */
  readonly cause?: string;
}

/** Turns anything thrown into its plain form; what is no `FairleadError` gets `fallbackCode`. */
export function serializeError(thrown: unknown, fallbackCode: ErrorCode): SerializedError {
  if (!FairleadError.isInstance(thrown)) return { code: fallbackCode, message: messageOf(thrown), details: {} };
  const cause = thrown.cause === undefined ? {} : { cause: messageOf(thrown.cause) };
  return { code: thrown.code, message: thrown.message, details: cloneable(thrown.details), ...cause };
}

/** Makes an error of its plain form. */
export function deserializeError(plain: SerializedError): FairleadError {
  return new FairleadError(plain.code, plain.message, {
    details: plain.details,
    ...(plain.cause === undefined ? {} : { cause: new Error(plain.cause) }),
  });
}

function cloneable(details: ErrorDetails): ErrorDetails {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(details)) {
    plain[key] = typeof value === 'function' || typeof value === 'symbol' ? String(value) : value;
  }
  return plain;
}
