import { deadlineError, type ErrorCode, type ErrorDetails, FairleadError } from '@fairlead/core';
import { withoutCredentials } from '@fairlead/core/remote';
import { type Metadata, type ServiceError, status as Status } from '@grpc/grpc-js';
import { retryAfterOf } from '../status/error-details';

/** Codes that mean the same on both sides of the wire, so that a caller need not know where the model runs. */
const sameOnBothSides: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_INPUT',
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'OVERLOADED',
  'DEADLINE_EXCEEDED',
  'LIMIT_EXCEEDED',
  'UNSUPPORTED',
]);

/** What a bare status means, for servers that send no code. */
const codesByStatus: Readonly<Partial<Record<Status, ErrorCode>>> = {
  [Status.INVALID_ARGUMENT]: 'INVALID_INPUT',
  [Status.OUT_OF_RANGE]: 'INVALID_INPUT',
  [Status.NOT_FOUND]: 'NOT_FOUND',
  [Status.RESOURCE_EXHAUSTED]: 'OVERLOADED',
  [Status.UNIMPLEMENTED]: 'UNSUPPORTED',
  [Status.UNAUTHENTICATED]: 'UNAUTHENTICATED',
  [Status.PERMISSION_DENIED]: 'FORBIDDEN',
  [Status.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
};

/** At most this much of what a server says goes into a message. */
const maxMessage = 500;

/**
 * The error that a status stands for.
 *
 * @param headers what the user sent, of which nothing is told
 */
export function errorOfStatus(
  what: string,
  { code: status, details, metadata }: ServiceError,
  headers: Readonly<Record<string, string>>,
): FairleadError {
  const clean = withoutCredentials(details ?? '', headers).slice(0, maxMessage);
  const name = Status[status] ?? String(status);
  // grpc-js says so of what it sends and of what it receives; neither gets better by waiting.
  if (status === Status.RESOURCE_EXHAUSTED && /^(Received|Sent) message .*larger/.test(clean)) {
    return new FairleadError('LIMIT_EXCEEDED', `${what}: ${clean}. Send fewer rows at once, or raise the limit.`, {
      details: { status: name },
    });
  }
  const stated = statedBy(metadata);
  if (stated.code === undefined && status === Status.DEADLINE_EXCEEDED) return deadlineError(`while ${what} was asked`);
  const code =
    stated.code === undefined
      ? (codesByStatus[status] ?? 'REMOTE_FAILED')
      : sameOnBothSides.has(stated.code)
        ? stated.code
        : 'REMOTE_FAILED';
  const retryAfterMs = retryAfter(metadata);
  const facts: ErrorDetails = {
    status: name,
    ...(stated.code !== undefined && { remoteCode: stated.code }),
    ...(stated.field !== undefined && { field: stated.field }),
    ...(stated.expected !== undefined && { expected: stated.expected }),
    ...(stated.given !== undefined && { given: stated.given }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  const said = clean === '' ? 'It gave no reason.' : `It says: ${clean}`;
  const message =
    status === Status.UNAVAILABLE && stated.code === undefined
      ? `${what} cannot be reached: ${clean.replace(/[.\s]*$/, '')}. Is the server running?`
      : `${what} answered ${name}. ${said}`;
  return new FairleadError(code, message, { details: facts });
}

interface Stated {
  readonly code?: ErrorCode;
  readonly field?: string;
  readonly expected?: string;
  readonly given?: string;
}

/** What Fairlead's own servers say beside the status. */
function statedBy(metadata: Metadata | undefined): Stated {
  const [bytes] = metadata?.get('fairlead-error-bin') ?? [];
  if (!Buffer.isBuffer(bytes)) return {};
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const words = Object.entries(value).filter(([, word]) => typeof word === 'string');
  return Object.fromEntries(words.map(([name, word]) => [name, (word as string).slice(0, maxMessage)])) as Stated;
}

/** Milliseconds after which a retry may succeed, as gRPC's retry policies or Google's details tell. */
function retryAfter(metadata: Metadata | undefined): number | undefined {
  const [pushback] = metadata?.get('grpc-retry-pushback-ms') ?? [];
  if (typeof pushback === 'string' && /^\d{1,12}$/.test(pushback)) return Number(pushback);
  const [details] = metadata?.get('grpc-status-details-bin') ?? [];
  return Buffer.isBuffer(details) ? retryAfterOf(details) : undefined;
}
