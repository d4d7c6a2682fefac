import { describeValue } from '../../config';
import { FairleadError } from '../../errors';

/** The error for an argument that cannot be used. */
export function refuseArgument(field: string, expected: string, given: unknown): FairleadError {
  const text = typeof given === 'string' ? given : describeValue(given);
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${text}.`, {
    details: { field, expected, given: text },
  });
}

/** The error for a sketch that cannot be merged, because it was made with other options. */
export function refuseOtherSketch(expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_ARGUMENT',
    `other: expected a sketch with ${expected}, given one with ${given}. Make all that are merged with the same options.`,
    { details: { field: 'other', expected, given } },
  );
}

/** How many values a column has that begins at `start` and goes on to the end of the array. */
export function columnLength(data: ArrayLike<number>, start: number, stride: number): number {
  return Math.max(0, Math.ceil((data.length - start) / stride));
}

/**
 * Refuses a column that the array does not have: reading beyond its end would count values that nobody gave.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkColumn(data: ArrayLike<number>, start: number, stride: number, count: number): void {
  if (!(Number.isInteger(start) && start >= 0)) throw refuseArgument('start', 'a whole number, 0 or more', start);
  if (!(Number.isInteger(stride) && stride >= 1)) throw refuseArgument('stride', 'a whole number, 1 or more', stride);
  if (!(Number.isInteger(count) && count >= 0)) throw refuseArgument('count', 'a whole number, 0 or more', count);
  const most = columnLength(data, start, stride);
  if (count > most) throw refuseArgument('count', `at most ${most}, as the array has`, count);
}

/**
 * Refuses what is no share.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkShare(field: string, share: number): void {
  if (!(share >= 0 && share <= 1)) throw refuseArgument(field, 'a number from 0 to 1', share);
}
