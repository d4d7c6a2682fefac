import { optionError } from '../../option-checks';
import type { Tally } from '../contracts';
import { type MeanInterval, meanConfidenceSequence } from '../evidence/confidence-sequence';
import type { OutputComparison } from './compare-outputs';

/**
 * In what two answers may disagree, each from 0 to 1:
 *
 * - `tolerance`: the share of rows with an element that is off by more.
 * - `top`: the share of rows whose highest score is in another place.
 * - `rank`: (1 - τ) / 2 with Kendall's τ-b: the share of pairs that are in the other order, ties apart.
 */
export type DisagreementMeasure = 'tolerance' | 'top' | 'rank';

/** How much answers disagree. Intervals hold at every look at once. */
export interface Disagreement {
  readonly measure: DisagreementMeasure;
  /** Of the challenger with the champion, by comparisons. */
  readonly challenger: MeanInterval & { readonly comparisons: number };
  /** Of the champion with itself, asked again: what chance and batching change. */
  readonly noise: MeanInterval & { readonly comparisons: number };
  /** What the challenger disagrees in beyond that noise; -1 to 1. `lower` above 0: it answers differently. */
  readonly excess: { readonly difference: number; readonly lower: number; readonly upper: number };
}

/** Options of {@link createOutputAgreement}. */
export interface OutputAgreementOptions {
  /** How likely any of the bounds of a measure may be wrong at any time. More than 0, less than 1. @default 0.05 */
  readonly alpha?: number;
}

/** Gathers comparisons of outputs into sums that replicas add. */
export interface OutputAgreement {
  /**
   * The tally after a comparison. One comparison is one piece of evidence, however many rows it has: they went through the same batches.
   * @param against `challenger`: its answer beside the champion's; `champion`: the champion's second answer beside its first
   */
  observe(tally: Tally, against: 'challenger' | 'champion', comparison: OutputComparison): Tally;
  /** What a tally says, of one process or the sum of several: a disagreement for each measure that was ever seen. */
  assess(tally: Tally): readonly Disagreement[];
}

const measures: readonly DisagreementMeasure[] = ['tolerance', 'top', 'rank'];

/**
 * Makes what gathers comparisons of outputs: of the challenger with the champion, less what the champion differs from itself. The excess
 * is the difference of two means with a confidence sequence each, so there may be fewer comparisons of the champion with itself; with none of
 * them its bounds say that nothing is known of the noise.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createOutputAgreement(options: OutputAgreementOptions = {}): OutputAgreement {
  const { alpha = 0.05 } = options;
  if (!(alpha > 0 && alpha < 1)) throw optionError('createOutputAgreement', 'alpha', 'more than 0, less than 1', alpha);
  return {
    observe(tally, against, comparison) {
      const next: Record<string, number | readonly number[]> = { ...tally };
      for (const measure of measures) {
        const value = disagreementOf(comparison, measure);
        if (value === undefined) continue;
        const name = `${against}/${measure}`;
        const { count, sum, squares } = sumsOf(tally, name);
        next[name] = [count + 1, sum + value, squares + value * value];
      }
      return next;
    },
    assess(tally) {
      const intervalOf = (name: string): MeanInterval & { comparisons: number } => {
        const sums = sumsOf(tally, name);
        // Half of the error rate each, so that both hold together, and with them their difference.
        return { comparisons: sums.count, ...meanConfidenceSequence(sums, alpha / 2, 0) };
      };
      return measures
        .map((measure): Disagreement => {
          const challenger = intervalOf(`challenger/${measure}`);
          const noise = intervalOf(`champion/${measure}`);
          const excess = {
            difference: challenger.mean - noise.mean,
            lower: challenger.lower - noise.upper,
            upper: challenger.upper - noise.lower,
          };
          return { measure, challenger, noise, excess };
        })
        .filter(({ challenger, noise }) => challenger.comparisons + noise.comparisons > 0);
    },
  };
}

/** How much two answers disagree, 0 to 1; `undefined` where the comparison does not say. */
export function disagreementOf(comparison: OutputComparison, measure: DisagreementMeasure): number | undefined {
  const { rows, withinTolerance, sameTop, rankAgreement } = comparison;
  if (rows === 0) return undefined;
  switch (measure) {
    case 'tolerance':
      return 1 - withinTolerance / rows;
    case 'top':
      return sameTop === undefined ? undefined : 1 - sameTop / rows;
    case 'rank':
      return rankAgreement === undefined ? undefined : (1 - rankAgreement.kendall) / 2;
  }
}

function sumsOf(tally: Tally, name: string): { count: number; sum: number; squares: number } {
  const value = tally[name];
  const [count = 0, sum = 0, squares = 0] = typeof value === 'object' ? value : [];
  return { count, sum, squares };
}
