import { describeValue } from '../../config';

/** A value of a message in a few words, at a cost that does not grow with what a stranger sent. */
export function describeGiven(value: unknown): string {
  if (typeof value === 'string') return describeValue(value.slice(0, 100));
  if (typeof value !== 'object' || value === null) return describeValue(value);
  if (!Array.isArray(value)) return 'an object';
  const isShort =
    value.length <= 16 && value.every((element) => typeof element !== 'object' && typeof element !== 'string');
  return isShort ? describeValue(value) : `an array of ${value.length}`;
}
