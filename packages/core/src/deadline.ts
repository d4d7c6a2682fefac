import type { Clock } from './clock';
import { FairleadError, stacklessError } from './errors';
import type { RunOptions } from './runner/runner';

/** The deadline of a request that has none. */
export const noDeadline = Number.POSITIVE_INFINITY;

/**
 * The absolute deadline of a request on `clock`: what an outer stage fixed, else `timeoutMs` from now, else none.
 * @throws FairleadError `INVALID_ARGUMENT` for a negative timeout or one that is no number
 */
export function deadlineOf(options: RunOptions | undefined, clock: Clock): number {
  if (options === undefined) return noDeadline;
  if (options.deadline !== undefined) return checked(options.deadline, 'deadline');
  if (options.timeoutMs === undefined) return noDeadline;
  const timeoutMs = checked(options.timeoutMs, 'timeoutMs');
  if (timeoutMs < 0) throw invalid('timeoutMs', timeoutMs);
  return clock.now() + timeoutMs;
}

function checked(value: unknown, field: string): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw invalid(field, value);
  return value;
}

function invalid(field: string, value: unknown): FairleadError {
  const expected = field === 'timeoutMs' ? 'milliseconds, 0 or more' : 'milliseconds of the clock';
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${String(value)}.`, {
    details: { field, expected, given: String(value) },
  });
}

/** The error of a request whose time ran out. */
export function deadlineError(where: string): FairleadError {
  return stacklessError(
    'DEADLINE_EXCEEDED',
    `The request's time ran out ${where}. Give it a longer timeoutMs, or send less at once.`,
  );
}
