import { type ErrorCode, FairleadError } from '../errors';
import type { ServiceResponse } from './exchange';

/**
 * The HTTP status of each code. What the caller can change is 4xx. `OVERLOADED` is 429 and not 503, so that a balancer
 * that ejects hosts on 5xx does not turn a busy moment into an outage; 503 means that this server cannot answer at all.
 */
const statuses: Readonly<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  INVALID_ARGUMENT: 400,
  PROTOCOL_ERROR: 400,
  INVALID_OPTION: 500,
  NOT_FOUND: 404,
  MODEL_NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  GATE_REFUSED: 409,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  LIMIT_EXCEEDED: 413,
  UNSUPPORTED: 415,
  OVERLOADED: 429,
  ABORTED: 499,
  CLOSED: 503,
  BACKEND_UNAVAILABLE: 503,
  LANE_LOST: 503,
  DEADLINE_EXCEEDED: 504,
  REMOTE_FAILED: 502,
  MODEL_INVALID: 500,
  DIGEST_MISMATCH: 500,
  GOLDEN_MISMATCH: 500,
  SIGNATURE_MISMATCH: 500,
  RUN_FAILED: 500,
  OUTPUT_INVALID: 500,
  STORE_CORRUPT: 500,
  STORE_FAILED: 500,
};

/** The HTTP status that a code is answered with. */
export function statusOf(code: ErrorCode): number {
  return statuses[code];
}

/** What a client is told of an error that is none of its business: messages of runtimes name files and functions. */
const internalMessages: Readonly<Partial<Record<ErrorCode, string>>> = {
  RUN_FAILED: 'The model failed to compute this request.',
  OUTPUT_INVALID: 'The model answered something that its signature does not allow.',
  LANE_LOST: 'The worker that computed this request died. Send it again.',
  BACKEND_UNAVAILABLE: 'The model has no device to run on.',
  REMOTE_FAILED: 'The server behind this one failed.',
  CLOSED: 'This server is closing. Send the request to another.',
};

/** The body of an error answer: the protocol's `error`, and Fairlead's code and facts for clients that know them. */
export interface ErrorBody {
  readonly error: string;
  readonly code?: ErrorCode;
  readonly field?: string;
  readonly expected?: string;
  readonly given?: string;
}

/** What a client may be told of an error. */
export interface PublicError {
  /** Undefined for what is no error of Fairlead's. */
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly field?: string | undefined;
  readonly expected?: string | undefined;
  readonly given?: string | undefined;
  /** Milliseconds after which a retry may succeed, where that is known. */
  readonly retryAfterMs?: number | undefined;
}

/** What may be told of anything that was thrown: never a stack, nor a message that is not meant for the client. */
export function publicError(thrown: unknown): PublicError {
  const error = rootOf(thrown);
  const hidden = 'The server failed to answer this request.';
  if (!FairleadError.isInstance(error)) return { code: undefined, message: hidden };
  const { code, details } = error;
  const status = statuses[code] ?? 500;
  const message = internalMessages[code] ?? (status === 500 ? hidden : error.message);
  const { field, expected, given, retryAfterMs } = details;
  return status < 500 ? { code, message, field, expected, given, retryAfterMs } : { code, message, retryAfterMs };
}

/** What a client is told of anything that was thrown, and by which status. */
export function describeError(thrown: unknown): { readonly status: number; readonly body: ErrorBody } {
  const error = rootOf(thrown);
  const { code, message, field, expected, given } = publicError(error);
  const status = code === undefined ? 500 : (statuses[code] ?? 500);
  return { status, body: { error: message, code, field, expected, given } as ErrorBody };
}

/**
 * The error answer to anything that was thrown.
 * @param write the form that a protocol has for errors
 */
export function errorResponse(thrown: unknown, write: WriteError = writeError): ServiceResponse {
  const error = rootOf(thrown);
  const { status, body } = describeError(error);
  const headers = FairleadError.isInstance(error) ? { ...retryAfter(error, status), ...challenge(error, status) } : {};
  return jsonResponse(status, write(status, body), headers);
}

/** Writes the body of an error answer. */
export type WriteError = (status: number, error: ErrorBody) => string;

/** The usual form of an error. */
export const writeError: WriteError = (_status, error) => JSON.stringify(error);

/** A request that the server itself aborted fails for the server's reason. */
function rootOf(thrown: unknown): unknown {
  if (FairleadError.isInstance(thrown, 'ABORTED') && FairleadError.isInstance(thrown.cause)) return thrown.cause;
  return thrown;
}

/** Seconds, rounded up, as the header asks for; at least 1, since 0 asks for a retry at once. */
function retryAfter(error: FairleadError, status: number): Readonly<Record<string, string>> {
  if (status !== 429 && status !== 503) return {};
  const milliseconds = error.details.retryAfterMs;
  const seconds = typeof milliseconds === 'number' && milliseconds > 0 ? Math.ceil(milliseconds / 1000) : 1;
  return { 'retry-after': String(seconds), 'retry-after-ms': String(Math.max(1, Math.ceil(milliseconds ?? 1000))) };
}

/** How a caller may show who he is: what the guard says in `details.challenge`, else by a token. */
function challenge(error: FairleadError, status: number): Readonly<Record<string, string>> {
  if (status !== 401) return {};
  const { challenge: asked } = error.details;
  return { 'www-authenticate': typeof asked === 'string' ? asked : 'Bearer' };
}

const json = Object.freeze({ 'content-type': 'application/json' });

/** An answer in JSON. */
export function jsonResponse(
  status: number,
  body: string,
  headers?: Readonly<Record<string, string>>,
): ServiceResponse {
  return { status, headers: headers === undefined ? json : { ...json, ...headers }, body };
}
