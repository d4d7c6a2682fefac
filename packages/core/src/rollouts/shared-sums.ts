import type { SharedSums } from './contracts';
import type { RolloutSettings } from './options';

/** What the replicas of a rollout share beside the evidence, by a name that is the same in each. */
export function sharedSumsOf(
  { guardrails, observers }: Pick<RolloutSettings, 'guardrails' | 'observers'>,
  sampleRatio: SharedSums,
): Readonly<Record<string, SharedSums>> {
  const shared: Record<string, SharedSums> = { ratio: sampleRatio };
  for (const guardrail of guardrails) {
    if (guardrail.shared !== undefined) shared[`guardrail/${guardrail.name}`] = guardrail.shared;
  }
  observers.forEach(({ shared: sums }, index) => {
    if (sums !== undefined) shared[`observer/${index}/${sums.name}`] = sums;
  });
  return shared;
}
