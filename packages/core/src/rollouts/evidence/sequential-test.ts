import { FairleadError } from '../../errors';
import { optionError } from '../../option-checks';
import type { Guardrail, GuardrailEvidence, SequentialTest, Tally } from '../contracts';
import { meanConfidenceSequence } from './confidence-sequence';
import { meanOfCapitals, pValueOf } from './e-value';

/** Options of {@link createSequentialTest}. */
export interface SequentialTestOptions {
  /**
   * How likely a challenger that is worse by more than the margin may be called non-inferior by this guardrail, over all looks.
   * More than 0, less than 1. It need not be shared among guardrails, since all of them have to agree.
   * @default 0.05
   */
  readonly maxFalsePromotionRate?: number;
  /**
   * What a challenger without harm is.
   *
   * - `same-behaviour`: what it does to a block is what the control does, and on top of it at most the margin, on average. Requests
   *   are assigned at random, so of two blocks that follow one another either could as well have been the challenger's. Sharp for
   *   blocks of any size.
   * - `same-mean`: its mean over blocks is at most the margin above the control's, and blocks may behave in any other way: a control that
   *   fails whole batches, a challenger that fails as many requests one by one. Sharp for blocks of one or two requests only.
   *
   * @default 'same-behaviour'
   */
  readonly harmless?: 'same-behaviour' | 'same-mean';
}

/**
 * How steep bets are, a factor of three apart: the best for blocks of n requests is n times half the logarithm of the odds
 * ratio, so these suit blocks of 1 to 100 requests and effects from small to large.
 */
const slopes = [0.25, 0.8, 2.4, 7, 20, 60];
/** A pair never takes more than the capital but for a fiftieth: a whole batch may fail by chance. */
const largestStake = 0.98;
/** Parts of the capital that are bet on means. */
const stakes = [0.03, 0.1, 0.25, 0.5, 0.75, largestStake];

/** A bet: what it pays for a difference, 0 for 0, and how steep it is at most. */
interface Bet {
  payoff(difference: number): number;
  readonly slope: number;
}

const signBets: readonly Bet[] = slopes.map((slope) => ({
  payoff: (difference) => largestStake * Math.tanh(slope * difference),
  slope: largestStake * slope,
}));

const meanBets: readonly Bet[] = stakes.map((stake) => ({ payoff: (difference) => stake * difference, slope: stake }));

/**
 * Tests by betting whether a challenger is worse than its control by more than the margin m, and whether it is not. x and y are
 * the values of a pair of blocks, scaled to a range of 1, and d = x - y (y - x where lower is the harm).
 *
 * **Harm.** Each bet g multiplies its capital by (1 + g(d)) / (1 + L m), where g is odd and rises by at most L a unit. Where the challenger
 * does what the control does, the pair could as well have been the other way round, so g(d) is 0 on average, whatever the requests
 * of a block share and whatever drifts in both arms; what it does on top, e with a mean of at most m, adds at most L e. So the capital
 * is expected never to grow, and by Ville's inequality it reaches 1 / alpha, at any of all looks, with a probability of at most alpha. The
 * symmetry is that of sign tests by betting (Ramdas, Ruf, Larsson and Koolen, "Admissible anytime-valid sequential inference must
 * rely on nonnegative martingales", 2020, section on symmetric distributions; the bound by L is the duality of Kantorovich and Rubinstein).
 * g(d) = .98 tanh(s d) is the likelihood ratio of a pair whose odds ratio is exp(2 s / n) for blocks of n independent requests, so
 * with blocks of one request it is the mSPRT of the pairs that differ (Robbins 1970; Lindon, Ha, Ulam and Sanden,
 * "Rapid regression detection in software deployments through sequential testing", arXiv 2205.14762), with a mixture over six odds ratios.
 *
 * **Harm by `same-mean`.** g(d) = λ d, λ < 1: all that is fair when nothing but the mean is known (Waudby-Smith and Ramdas,
 * "Estimating means of bounded random variables by betting", 2024; that nothing else is: Clerico, "On the optimality of coin-betting
 * for mean estimation", arXiv 2412.02640). A difference of one request in a block of n moves it by 1 / n, which is why it needs n
 * times as many requests.
 *
 * **Non-inferiority.** The capital is multiplied by 1 + λ (m - d), λ < 1 / (1 - m), whose mean is at most 1 where the challenger is worse by m or more.
 * There is no symmetry to use here, and it must not be: a challenger that loses one batch in a hundred is found by counting batches, so at
 * least ln(1 / rate) / m pairs are needed whatever their size.
 *
 * Harm is declared only while the mean difference exceeds the margin: evidence of another kind of failing is then no rollback.
 *
 * The state is the logarithms of the capitals and the sums of d and d²; replicas add theirs. For each bet the product over
 * all pairs of all replicas is fair in any order, and so is the mean over bets that is taken last.
 *
 * @param guardrail its margin must be less than the range of its bounds
 * @param alpha how likely a challenger without harm may be called harmful, over all looks. More than 0, less than 1
 * @throws FairleadError `INVALID_OPTION` for a rate that is no probability, bounds without a range, or a margin that is beyond it
 */
export function createSequentialTest(
  guardrail: Guardrail,
  alpha: number,
  options: SequentialTestOptions = {},
): SequentialTest {
  const { maxFalsePromotionRate = 0.05, harmless = 'same-behaviour' } = options;
  checkTest(guardrail, alpha, maxFalsePromotionRate, harmless);
  const [least, greatest] = guardrail.bounds;
  const range = greatest - least;
  const margin = guardrail.margin / range;
  const sign = guardrail.harmfulWhen === 'higher' ? 1 : -1;
  const scale = (value: number): number => (Math.min(greatest, Math.max(least, value)) - least) / range;

  const bets = harmless === 'same-behaviour' ? signBets : meanBets;
  const allowances = bets.map(({ slope }) => Math.log1p(slope * margin));
  const fairStakes = stakes.map((stake) => stake / (1 - margin));

  return {
    start: () => ({ blocks: 0, sum: 0, squares: 0, harm: bets.map(() => 0), fair: stakes.map(() => 0) }),
    observe(tally, challenger, control) {
      if (Number.isNaN(challenger) || Number.isNaN(control)) {
        throw new FairleadError(
          'INVALID_ARGUMENT',
          `The guardrail "${guardrail.name}" compares numbers, given ${challenger} for the challenger and ${control} for its control. Leave out blocks that say nothing.`,
          { details: { field: guardrail.name, expected: 'numbers', given: `${challenger}, ${control}` } },
        );
      }
      const difference = sign * (scale(challenger) - scale(control));
      const { blocks, sum, squares, harm, fair } = readTally(tally);
      return {
        blocks: blocks + 1,
        sum: sum + difference,
        squares: squares + difference * difference,
        harm: bets.map(
          ({ payoff }, bet) => (harm[bet] ?? 0) + Math.log1p(payoff(difference)) - (allowances[bet] as number),
        ),
        fair: fairStakes.map((stake, bet) => (fair[bet] ?? 0) + Math.log1p(stake * (margin - difference))),
      };
    },
    assess(tally): GuardrailEvidence {
      const { blocks, sum, squares, harm, fair } = readTally(tally);
      const harmful = meanOfCapitals(harm);
      const nonInferior = meanOfCapitals(fair);
      const { mean, lower, upper } = meanConfidenceSequence({ count: blocks, sum, squares }, alpha);
      const isHarm = harmful >= 1 / alpha && mean > margin;
      return {
        guardrail: guardrail.name,
        harmfulWhen: guardrail.harmfulWhen,
        margin: guardrail.margin,
        blocks,
        harm: { eValue: harmful, pValue: pValueOf(harmful) },
        nonInferiority: { eValue: nonInferior, pValue: pValueOf(nonInferior) },
        estimate: {
          difference: sign * mean * range,
          lower: (sign > 0 ? lower : -upper) * range,
          upper: (sign > 0 ? upper : -lower) * range,
        },
        alpha,
        maxFalsePromotionRate,
        verdict: isHarm ? 'harm' : nonInferior >= 1 / maxFalsePromotionRate ? 'non-inferior' : 'inconclusive',
      };
    },
  };
}

interface ReadTally {
  readonly blocks: number;
  readonly sum: number;
  readonly squares: number;
  readonly harm: readonly number[];
  readonly fair: readonly number[];
}

/** What a tally says; one that is empty says nothing yet. */
function readTally(tally: Tally): ReadTally {
  const number = (value: Tally[string] | undefined): number => (typeof value === 'number' ? value : 0);
  const numbers = (value: Tally[string] | undefined): readonly number[] => (typeof value === 'object' ? value : []);
  return {
    blocks: number(tally.blocks),
    sum: number(tally.sum),
    squares: number(tally.squares),
    harm: numbers(tally.harm),
    fair: numbers(tally.fair),
  };
}

function checkTest(guardrail: Guardrail, alpha: number, maxFalsePromotionRate: number, harmless: string): void {
  const owner = 'createSequentialTest';
  const probability = 'more than 0, less than 1';
  const isProbability = (value: number): boolean => value > 0 && value < 1;
  if (!isProbability(alpha)) throw optionError(owner, 'alpha', probability, alpha);
  if (!isProbability(maxFalsePromotionRate)) {
    throw optionError(owner, 'maxFalsePromotionRate', probability, maxFalsePromotionRate);
  }
  if (harmless !== 'same-behaviour' && harmless !== 'same-mean') {
    throw optionError(owner, 'harmless', "'same-behaviour' or 'same-mean'", harmless);
  }
  const [least, greatest] = guardrail.bounds;
  if (!(Number.isFinite(least) && Number.isFinite(greatest) && least < greatest)) {
    throw optionError(owner, `guardrails.${guardrail.name}.bounds`, 'two finite numbers, the lower first', [
      least,
      greatest,
    ]);
  }
  if (!(guardrail.margin >= 0 && guardrail.margin < greatest - least)) {
    throw optionError(
      owner,
      `guardrails.${guardrail.name}.margin`,
      `0 or more, less than ${greatest - least}, the range of its bounds`,
      guardrail.margin,
    );
  }
}
