import {
  createCountPermutation,
  exactTwoCellPValue,
  mostRowsToPermute,
  permutationSteps,
} from '../null-law/hypergeometric';
import { permutationPValue } from '../null-law/permutation';
import { createRandom } from '../random';
import { argumentError } from './check-arguments';
import {
  chiSquaredOfCounts,
  fewestExpectedForChiSquared,
  lnChiSquaredPValue,
  poolRareCells,
  yatesChiSquaredOfCounts,
} from './chi-squared';
import type { Comparison, CountMethod } from './comparison';
import { withChiSquaredLaw } from './count-statistic';
import { type CountStatistic, fewestExpectedRows, occupiedCells, sumOf } from './counts';
import { type Divergence, lnDivergencePValue } from './divergence-law';
import { kolmogorovSmirnovPValue } from './kolmogorov-smirnov';

/** Rows that every cell must expect for the χ² law of a divergence; simulated, see the guide. */
const fewestExpectedForDivergence = 30;

/** Steps that all permutations together may take: some seconds. */
const mostPermutationSteps = 5e9;

/** Rows of a window whose outcomes are still added up one by one. */
const mostRowsToEnumerate = 1_000_000;

/** The p-value of an observed statistic by dealing the rows anew. */
export type Permuter = (statistic: CountStatistic, observed: number) => number;

/** What is asked of two samples of counts. */
export interface CountTest {
  readonly method: CountMethod;
  readonly statistic: CountStatistic;
  readonly pValue: 'auto' | 'exact' | 'chi-squared' | 'kolmogorov' | 'permutation';
  readonly permute: Permuter;
}

/** What was found. */
export type CountTestResult = Pick<Comparison, 'statistic' | 'pValue' | 'pValueMode' | 'pooledCells'>;

/** The distance of two samples of counts and its p-value, in the way that was asked for or that is good for them. */
export function testCounts(reference: ArrayLike<number>, window: ArrayLike<number>, test: CountTest): CountTestResult {
  const { method, pValue } = test;
  const statistic = test.statistic(reference, window);
  const occupied = occupiedCells(reference, window);
  const cells = occupied.reference.length;
  switch (pValue === 'auto' ? goodWay(method, occupied.reference, occupied.window) : pValue) {
    case 'kolmogorov': {
      const p = kolmogorovSmirnovPValue(statistic, sumOf(window), sumOf(reference));
      return { statistic, pValue: p, pValueMode: 'kolmogorov', pooledCells: 0 };
    }
    case 'exact': {
      if (cells > 2) {
        const expected = "rows in at most two cells for an exact p-value (say 'permutation' for more)";
        throw argumentError('reference', expected, `rows in ${cells} cells`);
      }
      return { statistic, pValue: exactPValue(test, reference, window), pValueMode: 'exact', pooledCells: 0 };
    }
    case 'chi-squared':
      return { statistic, pooledCells: 0, ...byLaw(method, occupied.reference, occupied.window) };
    default:
      return { statistic, pValue: test.permute(test.statistic, statistic), pValueMode: 'permutation', pooledCells: 0 };
  }
}

/** The way that is good for these counts, all of whose cells hold rows. */
function goodWay(
  method: CountMethod,
  reference: Float64Array,
  window: Float64Array,
): 'exact' | 'chi-squared' | 'permutation' {
  const fewest = fewestExpectedRows(reference, window);
  if (method === 'chi-squared' && reference.length > 1 && fewest >= fewestExpectedForChiSquared) return 'chi-squared';
  if (reference.length <= 2 && sumOf(window) <= mostRowsToEnumerate) return 'exact';
  if (!withChiSquaredLaw.includes(method)) return 'permutation';
  const enough =
    method === 'cramers-v' || method === 'chi-squared' ? fewestExpectedForChiSquared : fewestExpectedForDivergence;
  return fewest >= enough ? 'chi-squared' : 'permutation';
}

/** By the χ² law; the distance χ² itself joins rare cells first and corrects two, so that its statistic is another. */
function byLaw(
  method: CountMethod,
  reference: Float64Array,
  window: Float64Array,
): Pick<CountTestResult, 'pValue' | 'pValueMode'> & Partial<CountTestResult> {
  const pValueMode = 'chi-squared';
  if (method === 'chi-squared') {
    const table = poolRareCells(reference, window) ?? { reference, window, pooledCells: 0 };
    const cells = table.reference.length;
    const statistic = (cells === 2 ? yatesChiSquaredOfCounts : chiSquaredOfCounts)(table.reference, table.window);
    const pValue = Math.exp(lnChiSquaredPValue(statistic, cells));
    return { statistic, pValue, pValueMode, pooledCells: table.pooledCells };
  }
  const ln =
    method === 'cramers-v'
      ? lnChiSquaredPValue(chiSquaredOfCounts(reference, window), reference.length)
      : lnDivergencePValue(method as Divergence, reference, window);
  return { pValue: Math.exp(ln), pValueMode };
}

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

/** Deals the rows of all cells anew, given how many each cell holds in both samples together. */
export function createCountPermuter(
  reference: ArrayLike<number>,
  window: ArrayLike<number>,
  permutations: number,
  seed: number,
): Permuter {
  return (statistic, observed) => {
    const totals = Float64Array.from(reference, (count, cell) => count + (window[cell] as number));
    const rows = sumOf(totals);
    const windowRows = sumOf(window);
    if (rows > mostRowsToPermute) {
      const expected = `at most ${mostRowsToPermute} rows of both samples together for permutations (count fewer rows)`;
      throw argumentError('reference', expected, `${rows} rows`, 'LIMIT_EXCEEDED');
    }
    const steps = permutations * permutationSteps(totals, windowRows);
    if (steps > mostPermutationSteps) {
      const expected = `fewer permutations or cells, up to ${mostPermutationSteps} steps in all`;
      throw argumentError('options.permutations', expected, `${permutations}, ${steps} steps`, 'LIMIT_EXCEEDED');
    }
    const deal = createCountPermutation(totals, windowRows, createRandom(seed));
    const trialReference = new Float64Array(totals.length);
    const trialWindow = new Float64Array(totals.length);
    return permutationPValue(observed, permutations, () => {
      deal(trialReference, trialWindow);
      return statistic(trialReference, trialWindow);
    });
  };
}
