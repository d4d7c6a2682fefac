import {
  championArm,
  createOffPolicyEstimator,
  type LoggedDecision,
  type OffPolicyReport,
  type Strategy,
  type StrategyState,
  thompson,
} from '@fairlead/core/rollouts';
import { createRandom, type Random } from '../lib/random';
import type { Result, SuiteContext } from '../lib/suite';

const decisions = 1000;
const runs = 500;
const estimates = ['ips', 'selfNormalised', 'doublyRobust'] as const;
type Kind = (typeof estimates)[number];

/** Chances of a reward of 1 by arm, for a context from 0 to 1. */
const meanOf = (arm: string, x: number): number => (arm === championArm ? 0.5 : 0.2 + 0.5 * x);
const arms = [championArm, 'challenger'];

/** The policy in question: the challenger for contexts above .6. It earns ∫ max(.5, .2 + .5 x) dx. */
const policy = ({ context }: LoggedDecision): Record<string, number> => ({
  [(context?.[0] as number) > 0.6 ? 'challenger' : championArm]: 1,
});
const truth = 0.5 * 0.6 + 0.2 * 0.4 + 0.25 * (1 - 0.36);

/** Who takes the decisions that are logged. */
const loggers: readonly { readonly name: string; readonly create?: () => Strategy }[] = [
  { name: 'logged by a fixed policy, 80 to 20' },
  { name: 'logged by Thompson with a floor of .1', create: () => thompson({ explorationFloor: 0.1 }) },
];

/** How far off-policy estimates are from the truth, and how often their 95 % intervals hold it, over runs with fixed seeds. */
export function measureOffPolicy({ note, quick }: SuiteContext): Result[] {
  const repeats = quick ? 20 : runs;
  return loggers.flatMap(({ name, create }) => {
    note(`off-policy: ${name}`);
    const reports = Array.from({ length: repeats }, (_, run) => reportOf(create?.(), createRandom(7919 * (run + 1))));
    return estimates.flatMap((kind) => rowsOf(`${name}: ${kind}`, kind, reports));
  });
}

function rowsOf(label: string, kind: Kind, reports: readonly OffPolicyReport[]): Result[] {
  const count = reports.length;
  const found = reports.map((report) => report[kind]);
  const bias = found.reduce((sum, { value }) => sum + value - truth, 0) / count;
  const error = Math.sqrt(found.reduce((sum, { value }) => sum + (value - truth) ** 2, 0) / count);
  const covered = found.filter(({ lower, upper }) => lower <= truth && truth <= upper).length / count;
  return [
    { name: `${label}, bias`, value: bias, unit: 'rewards' },
    { name: `${label}, root mean square error`, value: error, unit: 'rewards' },
    { name: `${label}, 95 % intervals that hold the truth`, value: covered, unit: 'share', goal: '>= 0.93' },
  ];
}

function reportOf(strategy: Strategy | undefined, random: Random): OffPolicyReport {
  const estimator = createOffPolicyEstimator({ policy, rewardModel: 'linear' });
  let state: StrategyState | undefined = strategy?.start(['challenger'], 0);
  for (let index = 0; index < decisions; index++) {
    const x = random();
    const { arm, propensity } =
      strategy?.choose?.(state as StrategyState, undefined, random, arms) ?? drawFixed(random);
    const reward = random() < meanOf(arm, x) ? 1 : 0;
    estimator.add({ id: String(index), at: index, arm, propensity, context: [x], reward });
    state = strategy?.learn?.(state as StrategyState, arm, reward, undefined);
  }
  return estimator.report();
}

function drawFixed(random: Random): { readonly arm: string; readonly propensity: number } {
  return random() < 0.8 ? { arm: championArm, propensity: 0.8 } : { arm: 'challenger', propensity: 0.2 };
}
