import type { ErrorBody } from '../http-error';

/** MLflow's codes of what went wrong, by status. */
const codes: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'RESOURCE_DOES_NOT_EXIST',
  409: 'RESOURCE_CONFLICT',
  429: 'REQUEST_LIMIT_EXCEEDED',
  501: 'NOT_IMPLEMENTED',
  503: 'TEMPORARILY_UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** An error as MLflow writes it, `{error_code, message}`, beside what errors here have anyway. */
export function mlflowError(status: number, error: ErrorBody): string {
  const code = codes[status] ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR');
  return JSON.stringify({ error_code: code, message: error.error, ...error });
}
