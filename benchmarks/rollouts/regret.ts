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

interface Problem {
  readonly name: string;
  /** Chances of a reward of 1, the champion's first. */
  readonly means: readonly number[];
  /** Runs of Thompson sampling and ε-greedy: as many as keep the error of their ratio small. */
  readonly runs: number;
  /** Whether it is played for ten times as long too, since ten thousand steps are few to tell its arms apart. */
  readonly isHard?: boolean;
}

const problems: readonly Problem[] = [
  { name: '2 arms, .4 and .5', means: [0.4, 0.5], runs: 100 },
  { name: '5 arms, .1 to .5', means: [0.1, 0.2, 0.3, 0.4, 0.5], runs: 100 },
  // A test of α .05 and power .9 takes 4,200 rewards of each to tell these apart.
  { name: '2 arms, .10 and .12', means: [0.1, 0.12], runs: 400, isHard: true },
  // One of Chapelle and Li, 2011, who gave it a million steps.
  { name: '10 arms, one of .5 among .4', means: [...new Array<number>(9).fill(0.4), 0.5], runs: 60, isHard: true },
];

/** How long it is played, and after how many steps rewards come. */
interface Play {
  readonly steps: number;
  readonly delay: number;
}

const plays: readonly Play[] = [
  { steps: 10_000, delay: 0 },
  { steps: 10_000, delay: 1000 },
];
const longPlay: Play = { steps: 100_000, delay: 1000 };
/** Runs where each takes ten times as long, and runs of those that no goal is held against. */
const fewRuns = 20;

/** What is compared; as a user gets it without options, but for LinUCB, whose context is a constant here. */
interface Contestant {
  readonly name: string;
  readonly create: () => Strategy;
  readonly context?: readonly number[];
}

const ours: Contestant = { name: 'Thompson', create: () => thompson() };
const rival: Contestant = { name: 'ε-greedy', create: () => epsilonGreedy() };
const others: readonly Contestant[] = [
  { name: 'plain Thompson', create: () => thompson({ exploration: 1 }) },
  { name: 'UCB1', create: () => ucb1() },
  { name: 'LinUCB', create: () => linUcb({ dimensions: 1 }), context: [1] },
];

const whyHard =
  'so few steps hardly tell these arms apart, and then it pays to decide early; the same for ten times as long is below';

/** A mean over runs, and its standard error. */
interface Regret {
  readonly name: string;
  readonly mean: number;
  readonly standardError: number;
}

/**
 * Regret on Bernoulli arms: what the best arm would have earned more, as a mean over runs. Every contestant plays with the same seeds,
 * which are fixed.
 */
export function measureRegret({ note, quick }: SuiteContext): Result[] {
  return problems.flatMap((problem) =>
    [...plays, ...(problem.isHard === true ? [longPlay] : [])].flatMap((play) => {
      const { steps, delay } = play;
      const label = `${problem.name}, ${steps.toLocaleString('en-US')} steps, rewards ${delay === 0 ? 'at once' : `after ${delay}`}`;
      note(`regret: ${label}`);
      const runs = quick ? 2 : play === longPlay ? fewRuns : problem.runs;
      return measurePlay(label, problem, quick ? { steps: 1000, delay: delay / 10 } : play, runs, play === longPlay);
    }),
  );
}

function measurePlay(label: string, { means, isHard }: Problem, play: Play, runs: number, isLong: boolean): Result[] {
  const regretOf = (contestant: Contestant, times: number): Regret => summarise(contestant, means, play, times);
  const thompsons = regretOf(ours, runs);
  const rivals = regretOf(rival, runs);
  // What it chooses owes nothing to chance, beside which arm is which.
  const mean = means.reduce((sum, each) => sum + each, 0) / means.length;
  const uniform = { name: 'uniform', mean: play.steps * (Math.max(...means) - mean), standardError: 0 };
  const rest = isLong ? [] : others.map((contestant) => regretOf(contestant, Math.min(runs, fewRuns)));
  return [
    ...[uniform, rivals, thompsons, ...rest].map(({ name, mean: value, standardError }) => ({
      name: `${label}: regret of ${name}`,
      value,
      unit: 'rewards',
      ...(standardError > 0 ? { standardError } : {}),
    })),
    ...[rivals, uniform].map((other) => ({
      name: `${label}: regret of Thompson beside ${other.name}`,
      value: thompsons.mean / other.mean,
      unit: 'ratio',
      standardError: errorOfRatio(thompsons, other),
      goal: '<= 1',
      ...(isHard === true && !isLong ? { remark: whyHard } : {}),
    })),
  ];
}

function summarise({ name, create, context }: Contestant, means: readonly number[], play: Play, runs: number): Regret {
  const regrets = Array.from({ length: runs }, (_, run) =>
    regretOf(create(), context, means, play, createRandom(1000 * play.delay + run)),
  );
  const mean = regrets.reduce((sum, regret) => sum + regret, 0) / runs;
  const squares = regrets.reduce((sum, regret) => sum + (regret - mean) ** 2, 0);
  return { name, mean, standardError: runs > 1 ? Math.sqrt(squares / (runs - 1) / runs) : 0 };
}

/** The standard error of a ratio of two independent means, by the delta method. */
function errorOfRatio(a: Regret, b: Regret): number {
  return (a.mean / b.mean) * Math.hypot(a.standardError / a.mean, b.standardError / b.mean);
}

function regretOf(
  strategy: Strategy,
  context: readonly number[] | undefined,
  means: readonly number[],
  { steps, delay }: Play,
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
