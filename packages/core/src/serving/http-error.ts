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

/** The error answer to anything that was thrown: never a stack, nor a message that is not meant for the client. */
export function errorResponse(thrown: unknown): ServiceResponse {
  const error = rootOf(thrown);
  if (!FairleadError.isInstance(error)) {
    return jsonResponse(
      500,
      JSON.stringify({ error: 'The server failed to answer this request.' } satisfies ErrorBody),
    );
  }
  const status = statuses[error.code] ?? 500;
  const message =
    internalMessages[error.code] ?? (status === 500 ? 'The server failed to answer this request.' : error.message);
  const { field, expected, given } = status < 500 ? error.details : {};
  const body = { error: message, code: error.code, field, expected, given } as ErrorBody;
  return jsonResponse(status, JSON.stringify(body), { ...retryAfter(error, status), ...challenge(error, status) });
}

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

/** An answer in JSON. */
export function jsonResponse(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): ServiceResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}
