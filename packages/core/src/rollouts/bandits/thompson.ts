import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { Strategy } from '../contracts';
import { createBandit } from './bandit-strategy';
import { chancesOfBeingBest } from './chances-of-being-best';
import {
  type BanditOptions,
  banditFields,
  type FloorOptions,
  floorField,
  type RangeOptions,
  rangeField,
} from './options';

/** Options of {@link thompson}. */
export interface ThompsonOptions extends BanditOptions, FloorOptions, RangeOptions {
  /**
   * What is believed of an arm before its first reward, as the parameters of a Beta law: as if it had earned α − 1 times the
   * greatest reward and β − 1 times the least. 1 or more each. @default { alpha: 1, beta: 1 }
   */
  readonly prior?: { readonly alpha: number; readonly beta: number };
  /**
   * How likely an arm is judged by a draw from what is known of its mean reward; else it is judged by what is expected. Less of it explores
   * less; 1 is plain Thompson sampling. More than 0, at most 1. @default 1 / arms
   */
  readonly exploration?: number;
}

const parameter = z.number().check(z.gte(1), z.lte(1e9));

const schema = z.strictObject({
  prior: z._default(z.strictObject({ alpha: parameter, beta: parameter }), { alpha: 1, beta: 1 }),
  exploration: z.optional(z.number().check(z.gt(0), z.lte(1))),
  rewardRange: rangeField,
  explorationFloor: floorField,
  ...banditFields,
});

/** Growth of an arm's evidence after which chances are computed again. */
const refreshGrowth = 0.02;

/**
 * Thompson sampling: the mean reward of each arm is drawn from what is known of it, and the arm with the greatest one is chosen (Thompson,
 * "On the likelihood that one unknown probability exceeds another", Biometrika 25, 1933; Chapelle and Li, "An empirical evaluation of
 * Thompson sampling", 2011).
 *
 * By default of k arms only one in k is drawn, each independently, and the others are taken for what is expected of them (ε-exploring
 * Thompson sampling: Jin, Yang, Xiao and Xu, "Thompson sampling with less exploration is fast and optimal", 2023). Plain Thompson
 * sampling, `exploration: 1`, chooses each arm as often as it is likely to be the best one. Where differences are small for the number
 * of requests, or rewards come late, it explores longer than pays; its regret varies less.
 *
 * What is known of an arm's mean reward is Beta(α + Σr, β + Σ(1 − r)), with rewards r scaled to 0 … 1. For rewards of 0 and 1
 * that is Bayes' rule. For rewards between, it is as wide as that of a coin with the same mean or wider than it need be, so it
 * explores somewhat longer (Agrawal and Goyal, "Analysis of Thompson sampling for the multi-armed bandit problem", 2012, draw the
 * coin; here its expectation is added, so that learning needs no chance). Rewards without bounds: {@link epsilonGreedy}, or `linUcb`
 * with the context `[1]`.
 *
 * The chances of being chosen are computed by quadrature, to about 1e-8, and the arm is drawn from them: the propensity is the
 * very chance that it was drawn with, the floor included. They are computed again when what is known of an arm grew by 2 %, which
 * is at each of its first fifty rewards; sampling in batches that grow so keeps the order of the regret (Kalkanli and Ozgur,
 * "Batched Thompson sampling", 2021).
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function thompson(options: ThompsonOptions = {}): Strategy {
  const { prior, exploration, ...rest } = parseOptions(schema, options, 'thompson');
  const { alpha, beta } = prior;
  return createBandit({
    name: 'thompson',
    dimensions: 0,
    ...rest,
    shares: (sums) =>
      chancesOfBeingBest(
        sums.map(({ count, total }) => ({ alpha: alpha + total, beta: beta + Math.max(0, count - total) })),
        exploration ?? 1 / sums.length,
      ),
    isStale: (then, now) => Math.abs(now - then) >= refreshGrowth * (alpha + beta + then),
    until:
      'No steps: the arm is chosen whose reward is expected to be the best, or might be by a draw from what is known of it.',
  });
}
