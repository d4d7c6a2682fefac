import { type ErrorCode, type ErrorDetails, FairleadError } from '../errors';
import type { ErrorBody } from '../serving/http-error';

/** An answer with an error status. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Codes that mean the same on both sides of the wire, so that a caller need not know where the model runs. */
const samePerCode: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_INPUT',
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'CONFLICT',
  'OVERLOADED',
  'DEADLINE_EXCEEDED',
  'LIMIT_EXCEEDED',
  'UNSUPPORTED',
]);

/** What a bare status means, for servers that send no code. */
const codesByStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID_INPUT',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  413: 'LIMIT_EXCEEDED',
  415: 'UNSUPPORTED',
  422: 'INVALID_INPUT',
  429: 'OVERLOADED',
  501: 'UNSUPPORTED',
  503: 'OVERLOADED',
  504: 'DEADLINE_EXCEEDED',
};

/**
 * The error that an answer with an error status stands for.
 *
 * @param epochMs wall-clock time, against which a date in `retry-after` counts
 */
export function errorOfResponse(what: string, answer: ErrorAnswer, epochMs: number): FairleadError {
  const { status, headers, text } = answer;
  const body = parseBody(text);
  const stated = body.code;
  // A code of the server's own inside is its affair: CLOSED there does not mean that this runner was closed.
  const code =
    stated === undefined
      ? (codesByStatus[status] ?? 'REMOTE_FAILED')
      : samePerCode.has(stated)
        ? stated
        : 'REMOTE_FAILED';
  const retryAfterMs = retryAfter(headers, epochMs);
  const details: ErrorDetails = {
    status,
    ...(stated !== undefined && { remoteCode: stated }),
    ...(body.type !== undefined && { remoteType: body.type }),
    ...(body.field !== undefined && { field: body.field }),
    ...(body.expected !== undefined && { expected: body.expected }),
    ...(body.given !== undefined && { given: body.given }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  const said = body.error === '' ? 'It gave no reason.' : `It says: ${body.error}`;
  return new FairleadError(code, `${what} answered ${status}. ${said}`, { details });
}

/** At most this much of what a server says goes into a message. */
const maxMessage = 500;

/** What servers say: of Fairlead's the code and facts, of TorchServe's kind a type. */
type SaidBody = ErrorBody & { readonly type?: string };

function parseBody(text: string): SaidBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { error: text.slice(0, maxMessage) };
  }
  if (typeof value !== 'object' || value === null) return { error: text.slice(0, maxMessage) };
  const { error, message, code, type, field, expected, given } = value as Record<string, unknown>;
  const word = (part: unknown): string | undefined =>
    typeof part === 'string' ? part.slice(0, maxMessage) : undefined;
  const facts = {
    code: word(code),
    type: word(type),
    field: word(field),
    expected: word(expected),
    given: word(given),
  };
  return { error: word(error) ?? word(message) ?? text.slice(0, maxMessage), ...facts } as SaidBody;
}

/** Milliseconds after which a retry may succeed: from `retry-after-ms`, or seconds or a date in `retry-after`. */
function retryAfter(headers: Headers, epochMs: number): number | undefined {
  const exact = headers.get('retry-after-ms');
  if (exact !== null && /^\d{1,12}$/.test(exact)) return Number(exact);
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - epochMs);
}
