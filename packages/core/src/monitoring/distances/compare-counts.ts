import { checkOptions, optionError, test } from '../../option-checks';
import {
  createCountPermutation,
  exactTwoCellPValue,
  mostRowsToPermute,
  permutationSteps,
} from '../null-law/hypergeometric';
import { defaultPermutations, permutationPValue } from '../null-law/permutation';
import { createRandom } from '../random';
import { argumentError, checkRowCounts } from './check-arguments';
import {
  chiSquaredOfCounts,
  fewestExpectedForChiSquared,
  lnChiSquaredPValue,
  poolRareCells,
  yatesChiSquaredOfCounts,
} from './chi-squared';
import {
  type Comparison,
  type CountMethod,
  oneOf,
  type PermutationOptions,
  type PValueMode,
  permutationChecks,
} from './comparison';
import { type CountStatistic, fewestExpectedRows, occupiedCells, sumOf } from './counts';
import { cramersVOfCounts } from './cramers-v';
import { type Divergence, lnDivergencePValue } from './divergence-law';
import { hellingerOfCounts } from './hellinger';
import { jensenShannonOfCounts } from './jensen-shannon';
import { kolmogorovSmirnovPValue, ksErrorOfCounts, ksOfCounts } from './kolmogorov-smirnov';
import { lInfinityOfCounts } from './l-infinity';
import { psiOfCounts } from './psi';
import { totalVariationOfCounts } from './total-variation';
import { checkValues, createWassersteinOfCounts } from './wasserstein';

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

/** Rows that every cell must expect for the χ² law of a divergence; simulated, see the guide. */
const fewestExpectedForDivergence = 30;

/** Steps that all permutations together may take: some seconds. */
const mostPermutationSteps = 5e9;

const withChiSquaredLaw: readonly CountMethod[] = ['psi', 'jensen-shannon', 'hellinger', 'chi-squared', 'cramers-v'];

/** The statistic of each distance on counts. */
function statisticOf(method: CountMethod, values: ArrayLike<number> | undefined, cells: number): CountStatistic {
  switch (method) {
    case 'psi':
      return (reference, window) => psiOfCounts(reference, 0, window, 0, cells);
    case 'kolmogorov-smirnov':
      return (reference, window) => ksOfCounts(reference, 0, window, 0, cells);
    case 'jensen-shannon':
      return jensenShannonOfCounts;
    case 'hellinger':
      return hellingerOfCounts;
    case 'total-variation':
      return totalVariationOfCounts;
    case 'l-infinity':
      return lInfinityOfCounts;
    case 'chi-squared':
      return chiSquaredOfCounts;
    case 'cramers-v':
      return cramersVOfCounts;
    case 'wasserstein':
      return createWassersteinOfCounts(values as ArrayLike<number>);
  }
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
  const statistic = statisticOf(method, values, reference.length);
  const test: CountTest = { method, statistic, permutations, seed };
  const found = method === 'chi-squared' ? testChiSquared(test, reference, window, pValue) : undefined;
  const observed = found?.statistic ?? statistic(reference, window);
  const { ln, mode } = found ?? testDistance(test, reference, window, pValue);
  return {
    method,
    statistic: observed,
    pValue: Math.min(1, Math.exp(ln)),
    pValueMode: mode,
    referenceRows: sumOf(reference),
    windowRows: sumOf(window),
    permutations: mode === 'permutation' ? permutations : 0,
    referenceLeftOut: 0,
    windowLeftOut: 0,
    pooledCells: found?.pooledCells ?? 0,
    statisticError:
      method === 'kolmogorov-smirnov' ? ksErrorOfCounts(reference, 0, window, 0, reference.length, observed) : 0,
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

interface CountTest {
  readonly method: CountMethod;
  readonly statistic: CountStatistic;
  readonly permutations: number;
  readonly seed: number;
}

interface FoundPValue {
  readonly ln: number;
  readonly mode: PValueMode;
}

/** χ² has a law of its own kind: rare cells are joined if asked for, two cells corrected. */
function testChiSquared(
  test: CountTest,
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  pValue: NonNullable<CompareCountsOptions['pValue']>,
): (FoundPValue & { readonly statistic: number; readonly pooledCells: number }) | undefined {
  const good = fewestExpectedRows(reference, window) >= fewestExpectedForChiSquared;
  if (pValue !== 'chi-squared' && !(pValue === 'auto' && good)) return undefined;
  const table = poolRareCells(reference, window) ?? { ...occupiedCells(reference, window), pooledCells: 0 };
  const cells = table.reference.length;
  const statistic = cells === 2 ? yatesChiSquaredOfCounts : test.statistic;
  const observed = statistic(table.reference, table.window);
  const ln = lnChiSquaredPValue(observed, cells);
  return { statistic: observed, ln, mode: 'chi-squared', pooledCells: table.pooledCells };
}

function testDistance(
  test: CountTest,
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  pValue: NonNullable<CompareCountsOptions['pValue']>,
): FoundPValue {
  const { method } = test;
  const occupied = occupiedCells(reference, window);
  const cells = occupied.reference.length;
  if (pValue === 'kolmogorov') {
    const distance = ksOfCounts(reference, 0, window, 0, reference.length);
    return { ln: Math.log(kolmogorovSmirnovPValue(distance, sumOf(window), sumOf(reference))), mode: 'kolmogorov' };
  }
  if (pValue === 'exact' && cells > 2) {
    const expected = "rows in at most two cells for an exact p-value (say 'permutation' for more)";
    throw argumentError('reference', expected, `rows in ${cells} cells`);
  }
  if (pValue === 'exact' || (pValue === 'auto' && cells <= 2 && sumOf(window) <= mostRowsToEnumerate)) {
    return { ln: Math.log(exactPValue(test, reference, window)), mode: 'exact' };
  }
  if (method !== 'chi-squared' && withChiSquaredLaw.includes(method)) {
    const fewest = method === 'cramers-v' ? fewestExpectedForChiSquared : fewestExpectedForDivergence;
    if (pValue === 'chi-squared' || (pValue === 'auto' && fewestExpectedRows(reference, window) >= fewest)) {
      const ln =
        method === 'cramers-v'
          ? lnChiSquaredPValue(chiSquaredOfCounts(occupied.reference, occupied.window), cells)
          : lnDivergencePValue(method as Divergence, occupied.reference, occupied.window);
      return { ln, mode: 'chi-squared' };
    }
  }
  return { ln: Math.log(permute(test, reference, window)), mode: 'permutation' };
}

/** Rows of a window whose outcomes are still added up one by one. */
const mostRowsToEnumerate = 1_000_000;

function exactPValue(test: CountTest, reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const windowRows = sumOf(window);
  if (windowRows > mostRowsToEnumerate) {
    throw argumentError(
      'window',
      `at most ${mostRowsToEnumerate} rows for an exact p-value`,
      `${windowRows} rows`,
      'LIMIT_EXCEEDED',
    );
  }
  const [first = -1, second = -1] = Array.from(reference, (_, cell) => cell).filter(
    (cell) => (reference[cell] as number) + (window[cell] as number) > 0,
  );
  if (second < 0) return 1;
  const totals = [
    (reference[first] as number) + (window[first] as number),
    (reference[second] as number) + (window[second] as number),
  ] as const;
  const trialReference = Float64Array.from(reference);
  const trialWindow = Float64Array.from(window);
  return exactTwoCellPValue(
    totals,
    windowRows,
    (k) => {
      trialWindow[first] = k;
      trialWindow[second] = windowRows - k;
      trialReference[first] = totals[0] - k;
      trialReference[second] = totals[1] - (windowRows - k);
      return test.statistic(trialReference, trialWindow);
    },
    window[first] as number,
  );
}

function permute(test: CountTest, reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const totals = Float64Array.from(reference, (count, cell) => count + (window[cell] as number));
  const rows = sumOf(totals);
  if (rows > mostRowsToPermute) {
    const expected = `at most ${mostRowsToPermute} rows of both samples together for permutations (divide the counts of a sample of rows)`;
    throw argumentError('reference', expected, `${rows} rows`, 'LIMIT_EXCEEDED');
  }
  const steps = test.permutations * permutationSteps(totals, sumOf(window));
  if (steps > mostPermutationSteps) {
    const expected = `fewer permutations or cells, up to ${mostPermutationSteps} steps in all`;
    throw argumentError('options.permutations', expected, `${test.permutations}, ${steps} steps`, 'LIMIT_EXCEEDED');
  }
  const deal = createCountPermutation(totals, sumOf(window), createRandom(test.seed));
  const trialReference = new Float64Array(totals.length);
  const trialWindow = new Float64Array(totals.length);
  return permutationPValue(test.statistic(reference, window), test.permutations, () => {
    deal(trialReference, trialWindow);
    return test.statistic(trialReference, trialWindow);
  });
}
