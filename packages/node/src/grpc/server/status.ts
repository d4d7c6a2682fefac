import { type ErrorCode, FairleadError } from '@fairlead/core';
import { publicError } from '@fairlead/core/serving';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { encodeErrorDetails } from '../status/error-details';
import { wellFormed } from '../status/message-text';

/** A status as grpc-js takes it in the place of an answer. */
export interface GrpcFailure {
  readonly code: Status;
  readonly details: string;
  readonly metadata: Metadata;
}

/**
 * The status of each code. What the caller can change is INVALID_ARGUMENT and its kin; RESOURCE_EXHAUSTED alone says "later", and
 * UNAVAILABLE "elsewhere", since clients and meshes retry by them.
 */
const statuses: Readonly<Record<ErrorCode, Status>> = {
  INVALID_INPUT: Status.INVALID_ARGUMENT,
  INVALID_ARGUMENT: Status.INVALID_ARGUMENT,
  PROTOCOL_ERROR: Status.INVALID_ARGUMENT,
  LIMIT_EXCEEDED: Status.INVALID_ARGUMENT,
  NOT_FOUND: Status.NOT_FOUND,
  MODEL_NOT_FOUND: Status.NOT_FOUND,
  ALREADY_EXISTS: Status.ALREADY_EXISTS,
  CONFLICT: Status.FAILED_PRECONDITION,
  GATE_REFUSED: Status.FAILED_PRECONDITION,
  UNAUTHENTICATED: Status.UNAUTHENTICATED,
  FORBIDDEN: Status.PERMISSION_DENIED,
  UNSUPPORTED: Status.UNIMPLEMENTED,
  OVERLOADED: Status.RESOURCE_EXHAUSTED,
  ABORTED: Status.CANCELLED,
  CLOSED: Status.UNAVAILABLE,
  BACKEND_UNAVAILABLE: Status.UNAVAILABLE,
  LANE_LOST: Status.UNAVAILABLE,
  REMOTE_FAILED: Status.UNAVAILABLE,
  DEADLINE_EXCEEDED: Status.DEADLINE_EXCEEDED,
  INVALID_OPTION: Status.INTERNAL,
  MODEL_INVALID: Status.INTERNAL,
  DIGEST_MISMATCH: Status.INTERNAL,
  GOLDEN_MISMATCH: Status.INTERNAL,
  SIGNATURE_MISMATCH: Status.INTERNAL,
  RUN_FAILED: Status.INTERNAL,
  OUTPUT_INVALID: Status.INTERNAL,
  STORE_CORRUPT: Status.INTERNAL,
  STORE_FAILED: Status.INTERNAL,
};

/** Codes of failures that are the server's, and that its log should tell. */
const serversOwn: ReadonlySet<Status> = new Set([Status.INTERNAL, Status.UNAVAILABLE]);

/**
 * The status of anything that was thrown, never with a stack or a message that is not meant for the client. Its trailing metadata tell
 * Fairlead's code and facts, and when to try again, both as gRPC's retry policies read it (`grpc-retry-pushback-ms`) and as
 * Google's `RetryInfo`.
 */
export function failureOf(thrown: unknown): GrpcFailure {
  const error = rootOf(thrown);
  const { code, message, field, expected, given, retryAfterMs } = publicError(error);
  const status = code === undefined ? Status.INTERNAL : (statuses[code] ?? Status.INTERNAL);
  const metadata = new Metadata();
  const details = wellFormed(message);
  if (code !== undefined) {
    metadata.set('fairlead-error-bin', Buffer.from(JSON.stringify({ code, field, expected, given })));
  }
  if (status === Status.RESOURCE_EXHAUSTED) {
    const waitMs = Math.max(1, Math.ceil(retryAfterMs ?? 1000));
    metadata.set('grpc-retry-pushback-ms', String(waitMs));
    metadata.set('grpc-status-details-bin', encodeErrorDetails(status, details, waitMs));
  }
  return { code: status, details, metadata };
}

/** Whether the log should tell of it, since the client is not told what went wrong. */
export function isServersOwn({ code }: GrpcFailure): boolean {
  return serversOwn.has(code);
}

/** A request that the server itself aborted fails for the server's reason. */
export function rootOf(thrown: unknown): unknown {
  if (FairleadError.isInstance(thrown, 'ABORTED') && FairleadError.isInstance(thrown.cause)) return thrown.cause;
  return thrown;
}
