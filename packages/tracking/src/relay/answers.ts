import { type ErrorCode, type ErrorDetails, FairleadError } from '@fairlead/core';

/*
 * What a relay answers: JSON that says by `relay` that it is one, so that a page never takes the answer of a proxy or of
 * another server for a refusal.
 */

/** The field and value by which a page knows the answer of a relay. */
export const relayVersion = 'v1';

/** The error of a request that is answered with a status. */
export function refusal(status: number, code: ErrorCode, message: string, details: ErrorDetails): FairleadError {
  return new FairleadError(code, message, { details: { ...details, status } });
}

const statuses: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  PROTOCOL_ERROR: 400,
  DIGEST_MISMATCH: 400,
  ABORTED: 400,
  NOT_FOUND: 404,
  CONFLICT: 409,
  LIMIT_EXCEEDED: 413,
  OVERLOADED: 429,
};

/** The status that an error is answered with. */
export function statusOfError(error: unknown): number {
  if (!FairleadError.isInstance(error)) return 500;
  const { status } = error.details;
  return typeof status === 'number' ? status : (statuses[error.code] ?? 503);
}

/** An answer in JSON. */
export function answer(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify({ relay: relayVersion, ...body }), {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
  });
}

/** The answer that an error is. What went wrong inside the server is not told to a page. */
export function answerError(error: unknown): Response {
  const status = statusOfError(error);
  if (!FairleadError.isInstance(error) || (status >= 500 && error.details.status === undefined)) {
    const message = 'The store behind the relay could not keep it. Send it again later.';
    return answer(status, { error: { code: 'STORE_FAILED', message, details: {} } });
  }
  const { code, message, details } = error;
  const { status: _, ...told } = details;
  const { retryAfterMs } = details;
  const wait: Record<string, string> = {};
  if (retryAfterMs !== undefined) wait['retry-after'] = String(Math.ceil(retryAfterMs / 1000));
  return answer(status, { error: { code, message, details: told } }, wait);
}
