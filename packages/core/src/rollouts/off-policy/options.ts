import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { LoggedDecision } from '../rewards/logged-decision';

/**
 * A policy whose worth is asked for: the chance of each arm for a decision, by what was known when it was taken. An arm that is left
 * out has none; together they are 1.
 */
export type TargetPolicy = (decision: LoggedDecision) => Readonly<Record<string, number>>;

/** What a reward is expected to be: of an arm, given a context. */
export type RewardModel = (arm: string, context: readonly number[] | undefined) => number;

/** How off-policy estimates are made. */
export interface EstimateOptions {
  /**
   * What the doubly robust estimate corrects: `mean`, the mean reward of each arm; `linear`, ridge regression of each arm's
   * rewards on the context and a constant; or a model of your own, which must not have been fitted on these decisions. The first
   * two are fitted as decisions come, and each decision is judged by those before it alone. @default 'mean'
   */
  readonly rewardModel?: 'mean' | 'linear' | RewardModel;
  /**
   * Greatest weight: greater ones are cut to it. That makes estimates by weights narrower, and biased towards 0 by what was cut:
   * `clipped` tells how much. 1 or more. @default no limit
   */
  readonly maxWeight?: number;
  /** Of the intervals. More than 0, less than 1. @default 0.95 */
  readonly confidence?: number;
  /** What a decision without a reward earned. Without it such decisions are left out, and counted. */
  readonly missingReward?: number;
}

/** Options of {@link createOffPolicyEstimator}. */
export interface OffPolicyOptions extends EstimateOptions {
  readonly policy: TargetPolicy;
}

/** Fields of {@link EstimateOptions}. */
export const estimateFields = {
  rewardModel: z._default(
    z.union([
      z.enum(['mean', 'linear']),
      z.custom<RewardModel>((value) => typeof value === 'function', "'mean', 'linear' or a function"),
    ]),
    'mean',
  ),
  maxWeight: z._default(z.number().check(z.gte(1)), Number.MAX_VALUE),
  confidence: z._default(z.number().check(z.gt(0), z.lt(1)), 0.95),
  missingReward: z.optional(z.number()),
};

const schema = z.strictObject({
  ...estimateFields,
  policy: z.custom<TargetPolicy>((value) => typeof value === 'function', 'a function of a decision'),
});

/** The options, complete. @throws FairleadError `INVALID_OPTION` */
export function parseOffPolicyOptions(options: OffPolicyOptions): z.output<typeof schema> {
  return parseOptions(schema, options, 'off-policy estimate');
}
