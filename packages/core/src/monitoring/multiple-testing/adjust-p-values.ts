import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import { checkOptions, test } from '../../option-checks';

/** How p-values of several features are adjusted. */
export interface AdjustPValuesOptions {
  /**
   * `benjamini-hochberg` where the features are independent or positively correlated; `benjamini-yekutieli` for any
   * dependence, at the price of a factor of about ln(features) + .58.
   *
   * @default 'benjamini-hochberg'
   */
  readonly method?: 'benjamini-hochberg' | 'benjamini-yekutieli';
}

/**
 * Adjusts p-values for how many there are, so that among those at or below a level the expected share of false alarms is
 * at most that level (the false discovery rate). What scipy calls `false_discovery_control`.
 *
 * @param pValues one p-value for each feature, 0 to 1, in any order; the array is not changed
 * @returns the adjusted p-values in the same order; empty for an empty array
 * @throws FairleadError `INVALID_ARGUMENT` for what is no number from 0 to 1, `INVALID_OPTION` for an unknown option
 */
export function adjustPValues(pValues: ArrayLike<number>, options: AdjustPValuesOptions = {}): number[] {
  checkOptions('adjustPValues', options, {
    method: test(
      (value) => value === 'benjamini-hochberg' || value === 'benjamini-yekutieli',
      "'benjamini-hochberg' or 'benjamini-yekutieli'",
    ),
  });
  if (typeof pValues !== 'object' || pValues === null || !Number.isSafeInteger(pValues.length)) {
    throw pValueError('pValues', 'an array of numbers', pValues);
  }
  const count = pValues.length;
  for (let i = 0; i < count; i++) {
    const p: unknown = pValues[i];
    if (typeof p !== 'number' || !(p >= 0 && p <= 1)) throw pValueError(`pValues[${i}]`, 'a number from 0 to 1', p);
  }
  let factor = count;
  if (options.method === 'benjamini-yekutieli') {
    let harmonic = 0;
    for (let i = 1; i <= count; i++) harmonic += 1 / i;
    factor *= harmonic;
  }
  return stepUp(pValues, factor);
}

/** {@link adjustPValues} by Benjamini and Hochberg, unchecked. */
export function benjaminiHochberg(pValues: ArrayLike<number>): number[] {
  return stepUp(pValues, pValues.length);
}

/** Multiplies the p-value of each rank by `factor` / rank, from the largest down: none may end above a larger one's. */
function stepUp(pValues: ArrayLike<number>, factor: number): number[] {
  const count = pValues.length;
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => (pValues[a] as number) - (pValues[b] as number));
  const adjusted = new Array<number>(count);
  let least = 1;
  for (let rank = count; rank >= 1; rank--) {
    const i = order[rank - 1] as number;
    least = Math.min(least, ((pValues[i] as number) * factor) / rank);
    adjusted[i] = least;
  }
  return adjusted;
}

function pValueError(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `adjustPValues: ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
