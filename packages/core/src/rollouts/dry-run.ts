import { createAssigner } from './assignment/assignment';
import { shareErrorRate } from './evidence/error-rate';
import type { RolloutSettings } from './options';
import type { DryRun } from './result';

/** What a rollout would do where nothing harms. */
export function dryRunOf(settings: RolloutSettings): DryRun {
  const { name, strategy, guardrails, maxFalseRollbackRate, maxFalsePromotionRate, random } = settings;
  const challengers = Object.keys(settings.challengers);
  return {
    strategy: strategy.name,
    maxFalseRollbackRate,
    maxFalsePromotionRate,
    guardrails: guardrails.map(({ name: guardrail, margin }) => {
      const alpha = shareErrorRate(maxFalseRollbackRate, guardrails.length, challengers.length);
      return { guardrail, margin, alpha, harmAt: 1 / alpha, nonInferiorAt: 1 / maxFalsePromotionRate };
    }),
    steps: strategy.plan(challengers).map((step) => ({
      ...step,
      controlShare: createAssigner(name, step.weights, {}, random).controlShare,
    })),
  };
}
