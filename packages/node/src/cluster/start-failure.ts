import { type ErrorCode, type ErrorDetails, FairleadError, messageOf } from '@fairlead/core';
import type { StartFailure } from './messages';

/** Characters of a message, and of a stack or of details, that are passed on: a channel between processes is no place for megabytes. */
const [messageLimit, restLimit] = [4096, 16_384];

/** What is told of an error that kept a worker from starting. */
export function describeFailure(thrown: unknown): StartFailure {
  const stack = thrown instanceof Error ? thrown.stack?.slice(0, restLimit) : undefined;
  const plain = { message: messageOf(thrown).slice(0, messageLimit), ...(stack !== undefined && { stack }) };
  if (!FairleadError.isInstance(thrown)) return plain;
  const details = sayable(thrown.details);
  return { ...plain, code: thrown.code, ...(details !== undefined && { details }) };
}

/** The error in the primary process; what was no `FairleadError` there is `LANE_LOST` here. */
export function toError(worker: number, { code, message, stack, details }: StartFailure): FairleadError {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  return new FairleadError(
    (code as ErrorCode | undefined) ?? 'LANE_LOST',
    `startCluster: process ${worker} could not start: ${message}`,
    { cause, details: { ...details, process: worker } },
  );
}

function sayable(details: ErrorDetails): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = JSON.stringify(details);
    return text.length > restLimit ? undefined : (JSON.parse(text) as Record<string, unknown>);
  } catch {
    // A bigint, or a circle.
    return undefined;
  }
}
