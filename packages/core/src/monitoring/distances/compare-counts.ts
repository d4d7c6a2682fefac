import { checkOptions, optionError, test } from '../../option-checks';
import { defaultPermutations } from '../null-law/permutation';
import { checkRowCounts } from './check-arguments';
import { type Comparison, type CountMethod, oneOf, type PermutationOptions, permutationChecks } from './comparison';
import { countStatistic, withChiSquaredLaw } from './count-statistic';
import { createCountPermuter, testCounts } from './count-test';
import { sumOf } from './counts';
import { ksErrorOfCounts } from './kolmogorov-smirnov';
import { checkValues } from './wasserstein';

/** How two samples are compared that were counted in the same cells. */
export interface CompareCountsOptions<Method extends CountMethod = CountMethod> extends PermutationOptions {
  /** Which distance. */
  readonly method: Method;
  /**
   * How the p-value is computed.
   *
   * - `auto`: `exact` where two cells hold rows; else `chi-squared` where the law is good (`chi-squared` and `cramers-v`:
   *   five rows expected in each cell; `psi`, `jensen-shannon` and `hellinger`: 30); else `permutation`. The distance
   *   `chi-squared` asks for the law first.
   * - `exact`: for two cells only.
   * - `chi-squared`: for `psi`, `jensen-shannon`, `hellinger`, `chi-squared` and `cramers-v`, whatever the cells expect.
   *   For `chi-squared`, cells that expect fewer than five rows are joined into one first, where together they expect as
   *   many. Leave that to counts that are random in both samples: where the reference's are fixed, as by bins of its own
   *   quantiles, joining picks out those that the window happens to miss.
   * - `kolmogorov`: for `kolmogorov-smirnov`; on bins too large, so on the safe side.
   * - `permutation`: for every distance, and exact at every size but for the number of permutations.
   *
   * @default 'auto'
   */
  readonly pValue?: 'auto' | 'exact' | 'chi-squared' | 'kolmogorov' | 'permutation';
  /** The value that each cell stands for; needed by `wasserstein`, and by no other. */
  readonly values?: ArrayLike<number>;
}

/**
 * Compares two samples that were counted in the same cells, bins of values or categories, and says how surprising their
 * distance is for samples of these sizes.
 *
 * The statistic is that of the plain function (`psi`, `jensenShannonDistance`, …); for `chi-squared` by its law it is that
 * of the joined table, with Yates' correction where that has two cells. `kolmogorov-smirnov` takes the cells in ascending order.
 *
 * @param reference whole numbers of rows of the reference by cell
 * @param window whole numbers of rows of the window by the same cells
 * @throws FairleadError `INVALID_ARGUMENT` when the lengths differ, a count is negative, fractional or not finite, a sample
 *   is empty, or `exact` is asked for more than two cells; `INVALID_OPTION` for an option that is wrong or that the distance
 *   has no use for; `LIMIT_EXCEEDED` when permutations would need more rows or time than there can be
 */
export function compareCounts<Method extends CountMethod>(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  options: CompareCountsOptions<Method>,
): Comparison<Method> {
  checkCompareCountsOptions(options);
  checkRowCounts(reference, window);
  const { method, pValue = 'auto', permutations = defaultPermutations, seed = 1 } = options;
  const values = options.values === undefined ? undefined : checkValues(options.values, reference.length);
  const statistic = countStatistic(method, values);
  const permute = createCountPermuter(reference, window, permutations, seed);
  const found = testCounts(reference, window, { method, statistic, pValue, permute });
  return {
    method,
    ...found,
    referenceRows: sumOf(reference),
    windowRows: sumOf(window),
    permutations: found.pValueMode === 'permutation' ? permutations : 0,
    referenceLeftOut: 0,
    windowLeftOut: 0,
    statisticError:
      method === 'kolmogorov-smirnov' ? ksErrorOfCounts(reference, 0, window, 0, reference.length, found.statistic) : 0,
  };
}

/** Refuses options that are wrong, and those that the distance has no use for. */
function checkCompareCountsOptions(options: CompareCountsOptions): void {
  checkOptions(
    'compareCounts',
    options,
    {
      method: oneOf(...withChiSquaredLaw, 'kolmogorov-smirnov', 'wasserstein', 'total-variation', 'l-infinity'),
      pValue: oneOf('auto', 'exact', 'chi-squared', 'kolmogorov', 'permutation'),
      values: test((value) => typeof value === 'object' && value !== null, 'an array of numbers'),
      ...permutationChecks,
    },
    ['method'],
  );
  const { method, pValue, values } = options;
  if ((method === 'wasserstein') !== (values !== undefined)) {
    const expected = method === 'wasserstein' ? 'the value of each cell' : `nothing with method '${method}'`;
    throw optionError('compareCounts', 'values', expected, values);
  }
  const lawless =
    (pValue === 'chi-squared' && !withChiSquaredLaw.includes(method)) ||
    (pValue === 'kolmogorov' && method !== 'kolmogorov-smirnov');
  if (lawless) throw optionError('compareCounts', 'pValue', `'auto' or 'permutation' with method '${method}'`, pValue);
}
