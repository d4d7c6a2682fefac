import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { Strategy } from '../contracts';
import type { ArmSums } from './bandit-state';
import { createBandit } from './bandit-strategy';
import { evenAmongBest } from './best-arms';
import { type CholeskyFactor, dot, factorise, solveLower } from './cholesky';
import { type BanditOptions, banditFields, type FloorOptions, floorField } from './options';

/** Options of {@link linUcb}. */
export interface LinUcbOptions extends BanditOptions, FloorOptions {
  /** Numbers in a context, 1 to 256. Give one of them the value 1 throughout, for an arm's reward apart from the context. */
  readonly dimensions: number;
  /** The α in front of the width: how many standard deviations the bound lies above what is expected. 0 or more. @default 1 */
  readonly exploration?: number;
  /** The λ of ridge regression, in units of squared contexts. More than 0. @default 1 */
  readonly ridge?: number;
}

const schema = z.strictObject({
  dimensions: z.int().check(z.gte(1), z.lte(256)),
  exploration: z._default(z.number().check(z.gte(0)), 1),
  ridge: z._default(z.number().check(z.gt(0)), 1),
  explorationFloor: floorField,
  ...banditFields,
});

interface Fit {
  readonly factor: CholeskyFactor;
  /** L⁻¹ b: θᵀx is its product with L⁻¹ x. */
  readonly solved: Float64Array;
}

/**
 * LinUCB with a model for each arm: the greatest θᵀx + α √(xᵀ A⁻¹ x) is chosen for the context x, with A = λ I + Σ x xᵀ and
 * θ = A⁻¹ Σ x r over the rewards r of the arm (Li, Chu, Langford and Schapire, "A contextual-bandit approach to personalized news
 * article recommendation", 2010, algorithm 1). With a discount the sums fade and the ridge does not (Russac, Vernade and Cappé,
 * "Weighted linear bandits for non-stationary environments", 2019, in its simpler form with one matrix). Rewards may be any
 * finite numbers; with contexts and rewards of about 1, an α of 1 to 2 is usual.
 *
 * The state holds the plain sums, which replicas can add and in which no error grows; A is factored by Cholesky's method when an
 * arm whose sums changed is looked at next, and no inverse is formed. With L Lᵀ = A and v = L⁻¹ x, xᵀ A⁻¹ x is |v|², which
 * cannot be negative.
 *
 * The chance of an arm is the floor, and what floors leave for the arm that is chosen, in equal shares among equals. `weights` are
 * the shares of what was learnt, since who is chosen next depends on the context.
 *
 * @throws FairleadError `INVALID_OPTION`; from `choose` and `learn` `INVALID_INPUT` for a context of another length
 */
export function linUcb(options: LinUcbOptions): Strategy {
  const { exploration, ridge, dimensions, ...rest } = parseOptions(schema, options, 'linUcb');
  // By the sums themselves, which never change: an arm without a new reward keeps its fit.
  const fits = new WeakMap<ArmSums, Fit>();
  const fitOf = (sums: ArmSums): Fit => {
    let fit = fits.get(sums);
    if (fit === undefined) {
      const factor = factorise(sums.gram, dimensions, ridge);
      fit = { factor, solved: solveLower(factor, sums.moment) };
      fits.set(sums, fit);
    }
    return fit;
  };
  return createBandit({
    name: 'lin-ucb',
    dimensions,
    rewardRange: undefined,
    ...rest,
    shares: (sums, context) =>
      evenAmongBest(
        sums.map((arm) => {
          const { factor, solved } = fitOf(arm);
          const v = solveLower(factor, context);
          return dot(solved, v) + exploration * Math.sqrt(dot(v, v));
        }),
      ),
    isStale: () => false,
    until: 'No steps: the arm with the greatest upper confidence bound for the context of a request is chosen.',
  });
}
