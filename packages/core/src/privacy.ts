import { describeValue } from './config';
import { FairleadError } from './errors';

/**
 * Whether inputs must stay on the device. Anything but the two words is refused, so that a slip of the pen never lets
 * data out.
 *
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function isLocalOnly(privacy: unknown): boolean {
  if (privacy === undefined || privacy === 'cloud-allowed') return false;
  if (privacy === 'local-only') return true;
  const expected = '"local-only" or "cloud-allowed"';
  const given = describeValue(privacy);
  throw new FairleadError('INVALID_ARGUMENT', `privacy: expected ${expected}, given ${given}. Nothing was sent.`, {
    details: { field: 'privacy', expected, given },
  });
}
