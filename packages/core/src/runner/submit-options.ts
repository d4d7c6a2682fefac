import type { SubmitOptions } from '../batching/batcher';
import { priorityRanks } from '../batching/cohort';
import type { Clock } from '../clock';
import { describeValue } from '../config';
import { deadlineOf, noDeadline } from '../deadline';
import { FairleadError } from '../errors';
import type { Priority, RunOptions } from './runner';

/** With the same fields as all others, so that whoever reads them finds one kind of object. */
const plain: SubmitOptions = {
  deadline: noDeadline,
  rank: priorityRanks.normal,
  signal: undefined,
  key: undefined,
  group: undefined,
  idempotent: false,
};

/**
 * Brings the options of one call into the form in which the batcher takes them.
 * @throws FairleadError `INVALID_ARGUMENT` that names the field, the expected and the given
 */
export function submitOptionsOf(options: RunOptions | undefined, clock: Clock): SubmitOptions {
  if (options === undefined) return plain;
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  return {
    deadline: deadlineOf(options, clock),
    rank: rankOf(options.priority),
    signal: signalOf(options.signal),
    key: textOf('key', options.key),
    group: textOf('batchGroup', options.batchGroup),
    idempotent: idempotentOf(options.idempotent),
  };
}

function textOf(field: string, text: string | undefined): string | undefined {
  if (text === undefined || typeof text === 'string') return text;
  throw invalid(field, 'a string', text);
}

function idempotentOf(idempotent: boolean | undefined): boolean {
  if (idempotent === undefined || typeof idempotent === 'boolean') return idempotent === true;
  throw invalid('idempotent', 'true or false', idempotent);
}

function rankOf(priority: Priority | undefined): number {
  if (priority === undefined) return priorityRanks.normal;
  if (typeof priority === 'string' && Object.hasOwn(priorityRanks, priority)) return priorityRanks[priority];
  throw invalid('priority', '"high", "normal" or "low"', priority);
}

/** Whatever behaves like a signal will do: pages and polyfills have classes of their own. The platform's is not asked, which takes a while. */
function signalOf(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal || isLikeSignal(signal)) return signal;
  throw invalid('signal', 'an AbortSignal', signal);
}

function isLikeSignal(value: unknown): value is AbortSignal {
  const { addEventListener, aborted } = (value ?? {}) as Partial<AbortSignal>;
  return typeof addEventListener === 'function' && typeof aborted === 'boolean';
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
