import { type CholeskyFactor, dot, factorise, solveLower } from '../bandits/cholesky';
import type { RewardModel } from './options';

/** A reward model that learns from one decision after another. */
export interface LearningModel {
  predict: RewardModel;
  learn(arm: string, reward: number, context: readonly number[] | undefined): void;
}

/** The mean reward of each arm, drawn towards the mean of all as by one more reward. */
export function createMeanModel(): LearningModel {
  const sums = new Map<string, { count: number; mean: number }>();
  const all = { count: 0, mean: 0 };
  return {
    predict(arm) {
      const { count, mean } = sums.get(arm) ?? { count: 0, mean: 0 };
      return (count * mean + all.mean) / (count + 1);
    },
    learn(arm, reward) {
      const sum = sums.get(arm) ?? { count: 0, mean: 0 };
      sums.set(arm, sum);
      for (const each of [sum, all]) {
        each.count++;
        each.mean += (reward - each.mean) / each.count;
      }
    },
  };
}

interface ArmFit {
  count: number;
  readonly gram: number[];
  readonly moment: number[];
  fittedAt: number;
  factor: CholeskyFactor;
  solved: Float64Array;
}

/** Growth of an arm's rewards after which its regression is solved again. */
const refitGrowth = 0.05;

/**
 * Ridge regression of each arm's rewards, less the mean of all rewards, on the context and a constant, with a ridge of 1.
 * A context of another length than the first one counts as none, and then only the constant is used.
 */
export function createLinearModel(): LearningModel {
  const fits = new Map<string, ArmFit>();
  const means = createMeanModel();
  let size: number | undefined;
  const featuresOf = (context: readonly number[] | undefined, length: number): number[] =>
    context === undefined || context.length !== length - 1
      ? [1, ...new Array<number>(length - 1).fill(0)]
      : [1, ...context];
  return {
    predict(arm, context) {
      const fit = fits.get(arm);
      const base = means.predict('', undefined);
      if (fit === undefined || size === undefined) return base;
      if (fit.count - fit.fittedAt >= refitGrowth * fit.fittedAt) {
        fit.factor = factorise(fit.gram, size, 1);
        fit.solved = solveLower(fit.factor, fit.moment);
        fit.fittedAt = fit.count;
      }
      return base + dot(fit.solved, solveLower(fit.factor, featuresOf(context, size)));
    },
    learn(arm, reward, context) {
      size ??= (context?.length ?? 0) + 1;
      const x = featuresOf(context, size);
      let fit = fits.get(arm);
      if (fit === undefined) {
        fit = {
          count: 0,
          gram: new Array<number>((size * (size + 1)) / 2).fill(0),
          moment: new Array<number>(size).fill(0),
          fittedAt: 0,
          factor: new Float64Array(0),
          solved: new Float64Array(0),
        };
        fits.set(arm, fit);
      }
      fit.count++;
      const centred = reward - means.predict('', undefined);
      for (let row = 0, at = 0; row < size; row++) {
        fit.moment[row] = (fit.moment[row] as number) + (x[row] as number) * centred;
        for (let column = 0; column <= row; column++, at++) {
          fit.gram[at] = (fit.gram[at] as number) + (x[row] as number) * (x[column] as number);
        }
      }
      means.learn('all', reward, undefined);
    },
  };
}
