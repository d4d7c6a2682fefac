import { type OptionCheck, test, wholeNumber } from '../../option-checks';
import { mostPermutations } from '../null-law/permutation';

/** A distance of two samples counted in the same cells. */
export type CountMethod =
  | 'psi'
  | 'kolmogorov-smirnov'
  | 'jensen-shannon'
  | 'wasserstein'
  | 'hellinger'
  | 'total-variation'
  | 'l-infinity'
  | 'chi-squared'
  | 'cramers-v';

/** A distance of two samples of values. */
export type SampleMethod = CountMethod | 'maximum-mean-discrepancy';

/**
 * How a p-value was computed.
 *
 * - `exact`: by adding up or counting every outcome.
 * - `asymptotic`, `kolmogorov`: the laws of the Kolmogorov–Smirnov distance, see `kolmogorovSmirnovPValue`.
 * - `chi-squared`: the (scaled) χ² law of many rows.
 * - `permutation`: by dealing the rows to the two samples anew, (1 + how many reach the statistic) / (1 + permutations).
 */
export type PValueMode = 'exact' | 'asymptotic' | 'kolmogorov' | 'chi-squared' | 'permutation';

/** A distance, and how surprising it is for samples of these sizes. */
export interface Comparison<Method extends SampleMethod = SampleMethod> {
  /** The distance that was asked for. */
  readonly method: Method;
  /** The distance; larger is further apart. */
  readonly statistic: number;
  /** The probability of a statistic at least as large when both samples come from one law. */
  readonly pValue: number;
  /** How the p-value was computed. */
  readonly pValueMode: PValueMode;
  /** Rows of the reference that were compared. */
  readonly referenceRows: number;
  /** Rows of the window that were compared. */
  readonly windowRows: number;
  /** Permutations drawn; 0 where the p-value follows from a law. */
  readonly permutations: number;
  /** Rows of the reference that were left out since they were not finite. */
  readonly referenceLeftOut: number;
  /** Rows of the window that were left out since they were not finite. */
  readonly windowLeftOut: number;
  /** Cells that were joined, since each expected fewer than five rows; 0 except for `chi-squared`. */
  readonly pooledCells: number;
  /** By how much the true distance of the values can exceed `statistic`; above 0 only for `kolmogorov-smirnov` on counts. */
  readonly statisticError: number;
}

/** Options that every comparison has. */
export interface PermutationOptions {
  /** Permutations, 1 to 1,000,000, where the p-value needs any; the smallest p-value is 1 / (1 + permutations). @default 999 */
  readonly permutations?: number;
  /** What the permutations follow from, a whole number below 2³²: same samples and seed, same p-value. @default 1 */
  readonly seed?: number;
}

/** One of these strings. */
export function oneOf(...choices: readonly string[]): OptionCheck {
  return test((value) => choices.includes(value as string), choices.map((choice) => `'${choice}'`).join(', '));
}

/** The checks of {@link PermutationOptions}. */
export const permutationChecks: Readonly<Record<keyof PermutationOptions, OptionCheck>> = {
  permutations: wholeNumber(1, mostPermutations),
  seed: wholeNumber(0, 2 ** 32 - 1),
};
