import { type ErrorCode, FairleadError } from '@fairlead/core';

const codes: Readonly<Record<string, ErrorCode>> = {
  RESOURCE_DOES_NOT_EXIST: 'NOT_FOUND',
  RESOURCE_ALREADY_EXISTS: 'ALREADY_EXISTS',
  INVALID_PARAMETER_VALUE: 'INVALID_ARGUMENT',
  BAD_REQUEST: 'INVALID_ARGUMENT',
  MALFORMED_REQUEST: 'INVALID_ARGUMENT',
  INVALID_STATE: 'CONFLICT',
  NOT_IMPLEMENTED: 'UNSUPPORTED',
};

/** What was asked, for messages. */
export interface Asked {
  /** Such as `POST`. */
  readonly method: string;
  /** Where, with neither query nor credentials. */
  readonly place: string;
}

function hintFor(status: number): string {
  if (status === 401) {
    return 'It wants to know who asks: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or give `auth`.';
  }
  if (status === 403) {
    return (
      'These credentials may not do that; or the server refuses this host or origin: start it with --allowed-hosts and ' +
      '--cors-allowed-origins, or let pages log by a relay.'
    );
  }
  if (status === 404 || status === 405) {
    return 'No MLflow API is there: check the path of `url`, and that the server is MLflow 2 or later.';
  }
  if (status >= 300 && status < 400)
    return 'It sends elsewhere, and requests with data do not follow: give the final address as `url`.';
  if (status === 413) return 'A proxy before it takes less data at once: raise its limit.';
  if (status >= 500) return 'Look at the log of the server.';
  return 'Look at the log of the server, or of a proxy before it.';
}

/** The error of an answer that is no success, JSON or not. */
export function answerError(asked: Asked, status: number, body: string): FairleadError {
  const { error_code: errorCode, message } = parseBody(body);
  if (errorCode === undefined) {
    return new FairleadError(
      'REMOTE_FAILED',
      `${asked.method} ${asked.place} was answered with ${status} and no error of MLflow. ${hintFor(status)}`,
      { details: { status, body: body.slice(0, 200) } },
    );
  }
  const code = codes[errorCode] ?? 'REMOTE_FAILED';
  const hint = code === 'REMOTE_FAILED' ? ` ${hintFor(status)}` : '';
  return new FairleadError(code, `MLflow refused ${asked.method} ${asked.place} (${errorCode}): ${message}${hint}`, {
    details: { status, errorCode },
  });
}

function parseBody(body: string): { error_code?: string; message: string } {
  try {
    const parsed = JSON.parse(body) as { error_code?: unknown; message?: unknown } | null;
    const code = parsed?.error_code;
    if (typeof code !== 'string' && typeof code !== 'number') return { message: '' };
    return { error_code: String(code), message: String(parsed?.message ?? '').slice(0, 2000) };
  } catch {
    // HTML of the server itself or of a proxy.
    return { message: '' };
  }
}

/** The error of a server that did not answer. */
export function unreachableError(asked: Asked, why: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'REMOTE_FAILED',
    `${asked.method} ${asked.place} got no answer: ${why}. Check that the MLflow server runs and that \`url\` is its address.`,
    cause === undefined ? {} : { cause },
  );
}
