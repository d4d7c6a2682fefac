import {
  championArm,
  epsilonGreedy,
  linUcb,
  type Strategy,
  type StrategyState,
  thompson,
  ucb1,
} from '@fairlead/core/rollouts';
import { createRandom, type Random } from '../lib/random';
import type { Result, SuiteContext } from '../lib/suite';

const steps = 10_000;
const runs = 20;
/** Steps after which a reward comes. */
const delays = [0, 1000];

interface Problem {
  readonly name: string;
  /** Chances of a reward of 1, the champion's first. */
  readonly means: readonly number[];
  /** Whether 10,000 steps are enough to tell the arms apart: then Thompson sampling is to be ahead of both others. */
  readonly isTold: boolean;
}

const problems: readonly Problem[] = [
  { name: '2 arms, .4 and .5', means: [0.4, 0.5], isTold: true },
  { name: '5 arms, .1 to .5', means: [0.1, 0.2, 0.3, 0.4, 0.5], isTold: true },
  // A test of α .05 and power .9 takes 4,200 rewards of each to tell these apart: in 10,000 steps little is decided by anybody.
  { name: '2 arms, .10 and .12', means: [0.1, 0.12], isTold: false },
  // One of Chapelle and Li, 2011, who gave it a million steps.
  { name: '10 arms, one of .5 among .4', means: [...new Array<number>(9).fill(0.4), 0.5], isTold: false },
];

/** What is compared; as a user gets it without options, but for LinUCB, whose context is a constant here. */
const contestants: readonly {
  readonly name: string;
  readonly create?: () => Strategy;
  readonly context?: readonly number[];
}[] = [
  { name: 'uniform' },
  { name: 'ε-greedy', create: () => epsilonGreedy() },
  { name: 'Thompson', create: () => thompson() },
  { name: 'UCB1', create: () => ucb1() },
  { name: 'LinUCB', create: () => linUcb({ dimensions: 1 }), context: [1] },
];

/**
 * Regret over 10,000 steps on Bernoulli arms: what the best arm would have earned more, as a mean over runs. Every contestant plays
 * the same runs, by seeds that are fixed.
 */
export function measureRegret({ note, quick }: SuiteContext): Result[] {
  const results: Result[] = [];
  const repeats = quick ? 2 : runs;
  for (const { name: problem, means, isTold } of problems) {
    for (const delay of delays) {
      const label = `${problem}, rewards ${delay === 0 ? 'at once' : `after ${delay} steps`}`;
      note(`regret: ${label}`);
      const regrets = new Map(
        contestants.map(({ name, create, context }) => {
          let sum = 0;
          for (let run = 0; run < repeats; run++) {
            const random = createRandom(1000 * delay + run);
            sum += create === undefined ? uniformRegret(means) : regretOf(create(), context, means, delay, random);
          }
          return [name, sum / repeats];
        }),
      );
      for (const [name, value] of regrets)
        results.push({ name: `${label}: regret of ${name}`, value, unit: 'rewards' });
      const thompsons = regrets.get('Thompson') as number;
      for (const rival of ['ε-greedy', 'uniform']) {
        const value = thompsons / (regrets.get(rival) as number);
        const name = `${label}: regret of Thompson beside ${rival}`;
        results.push({ name, value, unit: 'ratio', ...(isTold || rival === 'uniform' ? { goal: '<= 1' } : {}) });
      }
    }
  }
  return results;
}

function uniformRegret(means: readonly number[]): number {
  const mean = means.reduce((sum, each) => sum + each, 0) / means.length;
  return steps * (Math.max(...means) - mean);
}

function regretOf(
  strategy: Strategy,
  context: readonly number[] | undefined,
  means: readonly number[],
  delay: number,
  random: Random,
): number {
  const best = Math.max(...means);
  const challengers = means.slice(1).map((_, index) => `challenger-${index + 1}`);
  const arms = [championArm, ...challengers];
  const meanOf = new Map(arms.map((arm, index) => [arm, means[index] as number]));
  const due: { readonly arm: string; readonly reward: number }[] = [];
  let state: StrategyState = strategy.start(challengers, 0);
  let regret = 0;
  for (let step = 0; step < steps; step++) {
    const chosen = strategy.choose?.(state, context, random, arms);
    if (chosen === undefined) throw new Error(`${strategy.name} chooses nothing.`);
    const mean = meanOf.get(chosen.arm) as number;
    regret += best - mean;
    due.push({ arm: chosen.arm, reward: random() < mean ? 1 : 0 });
    const earned = due[step - delay];
    if (earned !== undefined) state = strategy.learn?.(state, earned.arm, earned.reward, context) ?? state;
  }
  return regret;
}
