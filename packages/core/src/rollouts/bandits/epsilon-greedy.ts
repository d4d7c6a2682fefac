import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { Strategy } from '../contracts';
import type { ArmSums } from './bandit-state';
import { createBandit } from './bandit-strategy';
import { evenAmongBest } from './best-arms';
import { type BanditOptions, banditFields } from './options';

/** Options of {@link epsilonGreedy}. */
export interface EpsilonGreedyOptions extends BanditOptions {
  /** Share of requests that explore: every arm is then as likely as any other. 0 to 1. @default 0.1 */
  readonly epsilon?: number;
}

const schema = z.strictObject({
  epsilon: z._default(z.number().check(z.gte(0), z.lte(1)), 0.1),
  ...banditFields,
});

/**
 * Chooses the arm with the best mean reward, and any arm for a share ε of the requests (Sutton and Barto, "Reinforcement
 * Learning", 2nd edition, section 2.4). Rewards may be any finite numbers.
 *
 * With k arms the chance of an arm is ε / k, and (1 − ε) / b more for each of the b arms whose mean is the best. An arm without
 * a reward counts as average: as the mean of all rewards.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function epsilonGreedy(options: EpsilonGreedyOptions = {}): Strategy {
  const { epsilon, discount, freezeOnHarm } = parseOptions(schema, options, 'epsilonGreedy');
  return createBandit({
    name: 'epsilon-greedy',
    dimensions: 0,
    rewardRange: undefined,
    discount,
    explorationFloor: 0,
    freezeOnHarm,
    shares(sums) {
      const greedy = evenAmongBest(meansOf(sums));
      return greedy.map((share) => epsilon / sums.length + (1 - epsilon) * share);
    },
    isStale: () => true,
    until: `No steps: the arm with the best mean gets ${100 * (1 - epsilon)} % of the requests, all arms share the rest.`,
  });
}

/** Mean reward of each arm; of those without one, the mean of all. */
function meansOf(sums: readonly ArmSums[]): readonly number[] {
  const count = sums.reduce((all, arm) => all + arm.count, 0);
  const pooled = count === 0 ? 0 : sums.reduce((all, arm) => all + arm.total, 0) / count;
  return sums.map((arm) => (arm.count === 0 ? pooled : arm.total / arm.count));
}
