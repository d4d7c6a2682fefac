import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { Strategy } from '../contracts';
import { createBandit } from './bandit-strategy';
import { evenAmongBest } from './best-arms';
import {
  type BanditOptions,
  banditFields,
  type FloorOptions,
  floorField,
  type RangeOptions,
  rangeField,
} from './options';

/** Options of {@link ucb1}. */
export interface Ucb1Options extends BanditOptions, FloorOptions, RangeOptions {
  /** The c in √(c · ln N / n): more of it explores more. More than 0. @default 2 */
  readonly exploration?: number;
}

const schema = z.strictObject({
  exploration: z._default(z.number().check(z.gt(0)), 2),
  rewardRange: rangeField,
  explorationFloor: floorField,
  ...banditFields,
});

/**
 * Chooses the arm with the greatest upper confidence bound: mean + √(c · ln N / n), with n rewards of the arm, N of all arms,
 * and rewards scaled to 0 … 1 (UCB1: Auer, Cesa-Bianchi and Fischer, "Finite-time analysis of the multiarmed bandit problem",
 * Machine Learning 47, 2002, where c = 2). With a discount, n and N are discounted (Garivier and Moulines, "On upper-confidence
 * bound policies for switching bandit problems", 2011). Arms without a reward come first, in equal shares.
 *
 * It counts rewards and not requests: until the rewards of its choices come, it goes on choosing the same arm. The chance of
 * an arm is the floor, and what floors leave for the arm that is chosen, in equal shares among equals.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function ucb1(options: Ucb1Options = {}): Strategy {
  const { exploration, ...rest } = parseOptions(schema, options, 'ucb1');
  return createBandit({
    name: 'ucb1',
    dimensions: 0,
    ...rest,
    shares(sums) {
      const all = sums.reduce((total, { count }) => total + count, 0);
      const log = Math.log(Math.max(1, all));
      return evenAmongBest(
        sums.map(({ count, total }) =>
          count === 0 ? Number.POSITIVE_INFINITY : total / count + Math.sqrt((exploration * log) / count),
        ),
      );
    },
    isStale: () => true,
    until: 'No steps: the arm with the greatest upper confidence bound of its mean reward is chosen.',
  });
}
