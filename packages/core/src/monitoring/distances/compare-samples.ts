import { checkOptions, optionError, test, wholeNumber } from '../../option-checks';
import { defaultPermutations } from '../null-law/permutation';
import { argumentError, type FiniteSample, finiteSample, type NonFiniteRule } from './check-arguments';
import {
  type Comparison,
  oneOf,
  type PermutationOptions,
  type PValueMode,
  permutationChecks,
  type SampleMethod,
} from './comparison';
import { countStatistic, withChiSquaredLaw } from './count-statistic';
import { type CountTest, testCounts } from './count-test';
import { type KolmogorovSmirnovMode, kolmogorovSmirnovPValue, ksOfSorted } from './kolmogorov-smirnov';
import { checkDiscrepancySize, createDiscrepancy } from './maximum-mean-discrepancy';
import { createQuantilePermuter } from './permute-quantile-bins';
import { type Permuted, permuteSorted, poolSorted } from './permute-sorted';
import { countByReferenceQuantiles, mostBins, tally } from './quantile-bins';
import { deviationOf, leastDeviation, wassersteinOfSorted } from './wasserstein';

/** How two samples of values are compared. */
export interface CompareSamplesOptions<Method extends SampleMethod = SampleMethod> extends PermutationOptions {
  /**
   * Which distance. `kolmogorov-smirnov`, `wasserstein` (in standard deviations of the reference) and
   * `maximum-mean-discrepancy` compare the values; the others count them by quantile bins of the reference first.
   */
  readonly method: Method;
  /**
   * How the p-value is computed.
   *
   * - `auto`: `kolmogorov-smirnov`: `exact` up to ten million as the product of both samples' rows, else `asymptotic`;
   *   `wasserstein` and `maximum-mean-discrepancy`: `permutation`; what is counted by bins: as in
   *   `compareCounts`, but that each permutation finds the bins of its reference again.
   * - `exact`, `asymptotic`, `kolmogorov`: for `kolmogorov-smirnov`, see `kolmogorovSmirnovPValue`; with ties too large.
   * - `chi-squared`: for `psi`, `jensen-shannon`, `hellinger`, `chi-squared` and `cramers-v`.
   * - `permutation`: for every distance; the right one for `kolmogorov-smirnov` with many ties.
   *
   * @default 'auto'
   */
  readonly pValue?: 'auto' | PValueMode;
  /** Quantile bins, 2 to 10,000; only for the distances that count. @default 10 */
  readonly bins?: number;
  /** Numbers of one row, one row behind the other; only for `maximum-mean-discrepancy`. @default 1 */
  readonly width?: number;
  /** σ of the kernel; only for `maximum-mean-discrepancy`. @default the median distance between rows */
  readonly bandwidth?: number;
  /**
   * What becomes of NaN and ±∞: `refuse` throws, `leave-out` compares the other rows and counts what was left out. Only for
   * `kolmogorov-smirnov`, `wasserstein` and `maximum-mean-discrepancy`: the others tally them as cells of their own.
   *
   * @default 'refuse'
   */
  readonly nonFinite?: NonFiniteRule;
}

const onValues = ['kolmogorov-smirnov', 'wasserstein', 'maximum-mean-discrepancy'] as const;
const onBins = [
  'psi',
  'jensen-shannon',
  'hellinger',
  'total-variation',
  'l-infinity',
  'chi-squared',
  'cramers-v',
] as const;

/** Products of rows up to which `auto` counts the exact law: some hundredths of a second. */
const mostStepsWithoutAsking = 1e7;

/** Steps that the permutations of a kernel may take: some seconds. */
const mostPermutedPairs = 4e9;

/**
 * Compares two samples of values, in any order and of any sizes, and says how surprising their distance is for samples of
 * these sizes.
 *
 * @param reference values of the reference's rows
 * @param window values of the window's rows
 * @throws FairleadError `INVALID_ARGUMENT` when a sample is empty (of fewer than two rows for `maximum-mean-discrepancy`)
 *   or holds what is no number or, unless it is left out, not finite; `INVALID_OPTION` for an option that is wrong or that
 *   the distance has no use for; `LIMIT_EXCEEDED` when the samples would need more memory or time than there can be
 */
export function compareSamples<Method extends SampleMethod>(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  options: CompareSamplesOptions<Method>,
): Comparison<Method> {
  checkCompareSamplesOptions(options);
  const { method, pValue = 'auto', permutations = defaultPermutations, seed = 1 } = options;
  if (isOnBins(method)) return compareOnBins(method, reference, window, options) as Comparison<Method>;
  const width = options.width ?? 1;
  const rule = options.nonFinite ?? 'refuse';
  if (method === 'maximum-mean-discrepancy') checkDiscrepancySize(reference, window, width);
  const fewestRows = method === 'maximum-mean-discrepancy' ? 2 : 1;
  const first = finiteSample('reference', reference, rule, width, fewestRows);
  const second = finiteSample('window', window, rule, width, fewestRows);
  const rows = { referenceRows: first.values.length / width, windowRows: second.values.length / width };
  const run: Run = { first, second, width, permutations, seed, ...rows };
  const found =
    method === 'maximum-mean-discrepancy'
      ? compareDiscrepancy(run, options.bandwidth)
      : method === 'wasserstein'
        ? compareWasserstein(run)
        : compareKolmogorovSmirnov(run, pValue as 'auto' | KolmogorovSmirnovMode | 'permutation');
  return {
    method,
    ...found,
    ...rows,
    permutations: found.pValueMode === 'permutation' ? permutations : 0,
    referenceLeftOut: first.leftOut,
    windowLeftOut: second.leftOut,
    pooledCells: 0,
    statisticError: 0,
  };
}

interface Run extends Permuted {
  readonly first: FiniteSample;
  readonly second: FiniteSample;
  readonly width: number;
}

type Found = Pick<Comparison, 'statistic' | 'pValue' | 'pValueMode'>;

function isOnBins(method: SampleMethod): method is (typeof onBins)[number] {
  return (onBins as readonly string[]).includes(method);
}

/** Refuses options that are wrong, and those that the distance has no use for. */
function checkCompareSamplesOptions(options: CompareSamplesOptions): void {
  checkOptions(
    'compareSamples',
    options,
    {
      method: oneOf(...onValues, ...onBins),
      pValue: oneOf('auto', 'exact', 'asymptotic', 'kolmogorov', 'chi-squared', 'permutation'),
      bins: wholeNumber(2, mostBins),
      width: wholeNumber(1),
      bandwidth: test(
        (value) => typeof value === 'number' && value > 0 && Number.isFinite(value),
        'a finite number above 0',
      ),
      nonFinite: oneOf('refuse', 'leave-out'),
      ...permutationChecks,
    },
    ['method'],
  );
  const { method, pValue } = options;
  const binned = isOnBins(method);
  const rows = method === 'maximum-mean-discrepancy';
  for (const [field, isUsed] of [
    ['bins', binned],
    ['width', rows],
    ['bandwidth', rows],
    ['nonFinite', !binned],
  ] as const) {
    if (options[field] !== undefined && !isUsed) {
      throw optionError('compareSamples', field, `nothing with method '${method}'`, options[field]);
    }
  }
  const isLaw = pValue !== undefined && pValue !== 'auto' && pValue !== 'permutation';
  const isOfKolmogorovSmirnov = pValue === 'exact' || pValue === 'asymptotic' || pValue === 'kolmogorov';
  const lawless =
    method === 'kolmogorov-smirnov'
      ? isLaw && !isOfKolmogorovSmirnov
      : binned
        ? pValue === 'asymptotic' ||
          pValue === 'kolmogorov' ||
          (pValue === 'chi-squared' && !withChiSquaredLaw.includes(method))
        : isLaw;
  if (lawless) throw optionError('compareSamples', 'pValue', `another way with method '${method}'`, pValue);
}

function compareOnBins(
  method: (typeof onBins)[number],
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  options: CompareSamplesOptions,
): Comparison {
  const { pValue = 'auto', bins = 10, permutations = defaultPermutations, seed = 1 } = options;
  const counted = countByReferenceQuantiles(reference, window, bins);
  const found = testCounts(counted.reference, counted.window, {
    method,
    statistic: countStatistic(method),
    pValue: pValue as CountTest['pValue'],
    permute: (statistic, observed) => {
      const first = tally('reference', reference);
      const second = tally('window', window);
      return createQuantilePermuter(first, second, bins, permutations, seed)(statistic, observed);
    },
  });
  return {
    method,
    ...found,
    referenceRows: reference.length,
    windowRows: window.length,
    permutations: found.pValueMode === 'permutation' ? permutations : 0,
    referenceLeftOut: 0,
    windowLeftOut: 0,
    statisticError: 0,
  };
}

function compareDiscrepancy(run: Run, bandwidth: number | undefined): Found {
  const { first, second, width, permutations, seed } = run;
  const smaller = Math.min(run.referenceRows, run.windowRows);
  if ((smaller * smaller * permutations) / 2 > mostPermutedPairs) {
    const expected = `fewer permutations or rows: at most ${mostPermutedPairs} pairs of the smaller sample in all`;
    throw argumentError('options.permutations', expected, `${permutations} with ${smaller} rows`, 'LIMIT_EXCEEDED');
  }
  const discrepancy = createDiscrepancy(first.values, second.values, width, bandwidth);
  return {
    statistic: discrepancy.observed,
    pValue: discrepancy.pValue(permutations, seed),
    pValueMode: 'permutation',
  };
}

function compareWasserstein(run: Run): Found {
  const reference = run.first.values.sort();
  const window = run.second.values.sort();
  // The unit is the reference's as it is, for permuted samples too: it only scales.
  const unit = Math.max(deviationOf(reference), leastDeviation);
  const distance = wassersteinOfSorted(reference, window);
  if (!Number.isFinite(distance)) {
    throw argumentError('window', 'values whose distance is finite', `values ${distance} apart`);
  }
  const pooled = poolSorted(reference, window);
  const pValue = permuteSorted(run, distance, pooled, (isChosen, chosenRows) => {
    const otherRows = pooled.length - chosenRows;
    let chosen = 0;
    let sum = 0;
    for (let row = 0; row + 1 < pooled.length; row++) {
      chosen += isChosen[row] as number;
      const gap = Math.abs(chosen / chosenRows - (row + 1 - chosen) / otherRows);
      sum += gap * ((pooled[row + 1] as number) - (pooled[row] as number));
    }
    return sum;
  });
  return { statistic: distance / unit, pValue, pValueMode: 'permutation' };
}

function compareKolmogorovSmirnov(run: Run, asked: 'auto' | KolmogorovSmirnovMode | 'permutation'): Found {
  const reference = run.first.values.sort();
  const window = run.second.values.sort();
  const statistic = ksOfSorted(reference, window);
  if (asked !== 'permutation') {
    const steps = reference.length * window.length;
    const mode = asked !== 'auto' ? asked : steps <= mostStepsWithoutAsking ? 'exact' : 'asymptotic';
    const pValue = kolmogorovSmirnovPValue(statistic, window.length, reference.length, mode);
    return { statistic, pValue, pValueMode: mode };
  }
  const pooled = poolSorted(reference, window);
  const pValue = permuteSorted(run, statistic, pooled, (isChosen, chosenRows) => {
    const otherRows = pooled.length - chosenRows;
    let chosen = 0;
    let widest = 0;
    for (let row = 0; row < pooled.length; row++) {
      chosen += isChosen[row] as number;
      if (pooled[row] === pooled[row + 1]) continue;
      widest = Math.max(widest, Math.abs(chosen * otherRows - (row + 1 - chosen) * chosenRows));
    }
    return widest / (chosenRows * otherRows);
  });
  return { statistic, pValue, pValueMode: 'permutation' };
}
