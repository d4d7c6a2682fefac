import { describeValue } from '../../config';
import { FairleadError } from '../../errors';

/**
 * The unit of assignment of a request. Any text is one, the empty one too; what is no text is refused, for a number here and the same
 * number as a text in another process would be two units.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkedKey(key: unknown): string | undefined {
  if (key === undefined || typeof key === 'string') return key;
  const expected = 'a text, or undefined for a request that is assigned by chance';
  const given = describeValue(key);
  throw new FairleadError('INVALID_ARGUMENT', `key: expected ${expected}, given ${given}.`, {
    details: { field: 'key', expected, given },
  });
}
