import * as z from 'zod/mini';

/** What the options of all bandits have in common. */
export interface BanditOptions {
  /**
   * What each reward leaves of all that was learnt before, so that old rewards fade: 0.999 remembers about the last thousand.
   * More than 0, at most 1. @default 1
   */
  readonly discount?: number;
  /**
   * Whether harm by a guardrail stops the learning, beside taking out the arm that harmed: shares then stay as they are, the
   * champion gets the arm's, and a person has to approve before it goes on. @default true
   */
  readonly freezeOnHarm?: boolean;
}

/** Options of bandits that would leave some arm without any traffic. */
export interface FloorOptions {
  /**
   * Least chance of each arm. Off-policy estimates have nothing to go by where an arm is never chosen, and of n decisions those of an
   * arm with the chance p are worth about n · p; and an arm that becomes better is noticed no sooner. It costs its share of the regret
   * of choosing at random, for ever. 0 to 1 / arms. @default 0.01 / arms: a hundredth of all requests, whatever the number of arms
   */
  readonly explorationFloor?: number;
}

/** Options of bandits whose formulas hold for bounded rewards. */
export interface RangeOptions {
  /** Least and greatest reward; another one is refused. @default [0, 1] */
  readonly rewardRange?: readonly [least: number, greatest: number];
}

export const banditFields = {
  discount: z._default(z.number().check(z.gt(0), z.lte(1)), 1),
  freezeOnHarm: z._default(z.boolean(), true),
};

/** No default here: it depends on the number of arms. */
export const floorField = z.optional(z.number().check(z.gte(0), z.lte(0.5)));

export const rangeField = z._default(
  z
    .tuple([z.number(), z.number()])
    .check(z.refine(([least, greatest]) => least < greatest, 'a least reward and a greater one')),
  [0, 1],
);
