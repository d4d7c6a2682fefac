import { describeValue } from '../../config';
import { type ErrorCode, FairleadError } from '../../errors';

/** The error for an argument that cannot be compared: names the field, the expected and the given. */
export function argumentError(
  field: string,
  expected: string,
  given: string,
  code: ErrorCode = 'INVALID_ARGUMENT',
): FairleadError {
  return new FairleadError(code, `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

/** Refuses counts that cannot be compared. Shares and weights serve as counts. */
export function checkCounts(reference: ArrayLike<number>, window: ArrayLike<number>): void {
  checkCells(reference, window, 'a count of 0 or more', (count) => count >= 0 && count < Number.POSITIVE_INFINITY);
}

/** Refuses counts that are no numbers of rows: a p-value depends on how many there were, so shares will not do. */
export function checkRowCounts(reference: ArrayLike<number>, window: ArrayLike<number>): void {
  checkCells(
    reference,
    window,
    'a whole number of rows (a p-value needs counts, not shares)',
    (count) => Number.isSafeInteger(count) && count >= 0,
  );
}

function checkCells(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  expected: string,
  passes: (count: number) => boolean,
): void {
  checkArray('reference', reference);
  checkArray('window', window);
  if (reference.length !== window.length) {
    throw argumentError('window', `${reference.length} bins, as many as the reference has`, `${window.length} bins`);
  }
  for (const [field, counts] of [['reference', reference] as const, ['window', window] as const]) {
    let rows = 0;
    for (let bin = 0; bin < counts.length; bin++) {
      const count: unknown = counts[bin];
      if (typeof count !== 'number' || !passes(count)) {
        throw argumentError(`${field}[${bin}]`, expected, describeValue(count));
      }
      rows += count;
    }
    if (rows === 0) throw argumentError(field, 'counts of at least one row', 'none');
    if (!(rows <= Number.MAX_SAFE_INTEGER)) throw argumentError(field, 'at most 2^53 rows', String(rows));
  }
}

/** Refuses what is no array of values. */
export function checkArray(field: string, values: unknown): void {
  const length = typeof values === 'object' && values !== null ? (values as { length?: unknown }).length : undefined;
  if (!Number.isSafeInteger(length) || (length as number) < 0) {
    throw argumentError(field, 'an array of numbers', describeValue(values));
  }
}

/** What becomes of NaN and ±∞ in a sample. */
export type NonFiniteRule = 'refuse' | 'leave-out';

/** The finite values of a sample. */
export interface FiniteSample {
  /** A copy, in the order given. */
  readonly values: Float64Array;
  /** How many rows were left out because they held NaN or ±∞. */
  readonly leftOut: number;
}

/**
 * Copies a sample of rows of `width` numbers. A row with a NaN or ±∞ is refused or left out as a whole.
 *
 * @throws FairleadError `INVALID_ARGUMENT` for what is no number, a broken row, a non-finite value that is not to be
 *   left out, and a sample of fewer than `fewestRows` rows
 */
export function finiteSample(
  field: string,
  sample: ArrayLike<number>,
  rule: NonFiniteRule,
  width = 1,
  fewestRows = 1,
): FiniteSample {
  checkArray(field, sample);
  if (sample.length % width !== 0) {
    throw argumentError(field, `rows of ${width} numbers one behind the other`, `${sample.length} numbers`);
  }
  const values = new Float64Array(sample.length);
  let kept = 0;
  for (let start = 0; start < sample.length; start += width) {
    let finite = true;
    for (let column = 0; column < width; column++) {
      const value: unknown = sample[start + column];
      if (typeof value !== 'number') {
        throw argumentError(`${field}[${start + column}]`, 'a number', describeValue(value));
      }
      if (!Number.isFinite(value)) {
        if (rule === 'refuse') {
          const expected = "a finite number (say nonFinite: 'leave-out' to compare without it)";
          throw argumentError(`${field}[${start + column}]`, expected, String(value));
        }
        finite = false;
      }
      values[kept * width + column] = value;
    }
    if (finite) kept++;
  }
  if (kept < fewestRows) {
    const rows = fewestRows === 1 ? 'at least one row' : `at least ${fewestRows} rows`;
    throw argumentError(field, `${rows} of finite numbers`, String(kept));
  }
  return { values: values.subarray(0, kept * width), leftOut: sample.length / width - kept };
}
