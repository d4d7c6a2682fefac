import { describeValue } from '../config';
import { FairleadError } from '../errors';
import type { Actor } from './change';
import type { RolloutRunOptions } from './result';

/**
 * The unit of assignment of a request. Any text is one, the empty one too; what is no text is refused, for a number here and the same
 * number as a text in another process would be two units.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkedKey(key: unknown): string | undefined {
  if (key === undefined || typeof key === 'string') return key;
  throw invalid('key', 'a text, or undefined for a request that is assigned by chance', key);
}

/**
 * The options of a request.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkedRunOptions(options: RolloutRunOptions): RolloutRunOptions {
  if (typeof options === 'object' && options !== null) return options;
  throw invalid('options', 'an object', options);
}

/**
 * Who wants something done, and why: it goes into the history, and so into the store.
 * @param others fields beside these two. What is none is refused: `promote({ arms })` would promote whoever is first
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkedActor<A extends Actor>(by: A, others: readonly string[] = []): A {
  const fields = ['actor', 'reason', ...others];
  const expected = `an object with ${fields.join(', ')}, each of which may be left out`;
  if (typeof by !== 'object' || by === null) throw invalid('by', expected, by);
  for (const field of Object.keys(by)) {
    if (!fields.includes(field))
      throw invalid(field, `no such field, but ${expected}`, (by as Record<string, unknown>)[field]);
  }
  for (const field of ['actor', 'reason'] as const) {
    if (by[field] !== undefined && typeof by[field] !== 'string') throw invalid(field, 'a text', by[field]);
  }
  return by;
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
