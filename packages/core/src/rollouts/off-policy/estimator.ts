import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import { normalUpperQuantile } from '../../monitoring/performance/normal-law';
import type { LoggedDecision } from '../rewards/logged-decision';
import { type OffPolicyOptions, parseOffPolicyOptions, type TargetPolicy } from './options';
import { createLinearModel, createMeanModel, type LearningModel } from './reward-models';
import { RunningMean } from './running-mean';

/** An estimate of a mean reward a decision. */
export interface OffPolicyEstimate {
  readonly value: number;
  readonly standardError: number;
  /** Ends of the interval by the normal law. */
  readonly lower: number;
  readonly upper: number;
}

/** What a policy would have earned. A plain object that survives JSON. */
export interface OffPolicyReport {
  /** Decisions that count. */
  readonly decisions: number;
  /** Decisions that do not, as nothing is known of their reward. */
  readonly withoutReward: number;
  /** What was earned a decision, by the policy that took them. */
  readonly logged: OffPolicyEstimate;
  /** Inverse propensity scoring. */
  readonly ips: OffPolicyEstimate;
  /** The same over the sum of the weights. */
  readonly selfNormalised: OffPolicyEstimate;
  readonly doublyRobust: OffPolicyEstimate;
  /** (Σw)² / Σw²: how many decisions of the policy itself would say as much. */
  readonly effectiveSampleSize: number;
  /** About 1 where propensities are right and every arm of the policy was tried. */
  readonly meanWeight: number;
  readonly largestWeight: number;
  /** Weights that were cut to `maxWeight`, and what all weights together lost by it, as a share of their sum. */
  readonly clipped: { readonly decisions: number; readonly share: number };
  /** Share of the policy's choices that fall upon arms of which there is no decision: nothing is known of those. */
  readonly unsupported: number;
  /** What makes the estimates doubtful, each a sentence for a person; empty where nothing does. */
  readonly warnings: readonly string[];
}

/** Estimates, from decisions that one policy took, what another would have earned. */
export interface OffPolicyEstimator {
  /**
   * Takes a decision; in the order in which they were taken.
   * @throws FairleadError `INVALID_INPUT` for a propensity that is none, a reward that is no finite number, or chances of the policy
   * that do not sum to 1; nothing is counted then
   */
  add(decision: LoggedDecision): void;
  /** @throws FairleadError `NOT_FOUND` while there is no decision with a reward */
  report(): OffPolicyReport;
}

/** Fewest effective decisions for which an interval by the normal law is not doubted. */
const fewEffective = 100;

/**
 * Makes an estimator. It holds sums alone, whatever the number of decisions.
 *
 * With w = π(a|x) / p, the chance of the decision by the policy in question over its propensity:
 * - inverse propensity scoring is the mean of w r (Horvitz and Thompson, "A generalization of sampling without replacement from a
 *   finite universe", 1952);
 * - self-normalised, Σ w r / Σ w with the variance Σ w² (r − μ)² / (Σ w)² of the delta method (Swaminathan and Joachims, "The
 *   self-normalized estimator for counterfactual learning", 2015; Owen, "Monte Carlo theory, methods and examples", section 9.2);
 * - doubly robust, the mean of Σ_a π(a|x) q(a, x) + w (r − q(a, x)) with a reward model q (Dudík, Langford and Li, "Doubly robust
 *   policy evaluation and learning", 2011); q is fitted on earlier decisions alone, so the estimate is unbiased for any q;
 * - the effective sample size is that of Kong, "A note on importance sampling using standardized weights", 1992.
 *
 * Rewards that are missing must be missing by chance, given arm and context. Where the propensities were themselves learnt from the
 * rewards, as by a bandit, the estimates stay unbiased (but for the self-normalised one, whose bias fades), and the normal law holds
 * only roughly (Hadad et al., "Confidence intervals for policy evaluation in adaptive experiments", 2021): an exploration floor keeps
 * it close.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createOffPolicyEstimator(options: OffPolicyOptions): OffPolicyEstimator {
  const { policy, rewardModel, maxWeight, confidence, missingReward } = parseOffPolicyOptions(options);
  const model: LearningModel =
    typeof rewardModel === 'function'
      ? { predict: rewardModel, learn() {} }
      : rewardModel === 'mean'
        ? createMeanModel()
        : createLinearModel();
  const logged = new RunningMean();
  const ips = new RunningMean();
  const doublyRobust = new RunningMean();
  /** By arm: decisions, and chances by the policy together. */
  const arms = new Map<string, { decisions: number; chances: number }>();
  let decisions = 0;
  let withoutReward = 0;
  // Rewards are taken from the first one, so that squares lose no digits where all rewards are large.
  let origin = 0;
  let sumW = 0;
  let sumWW = 0;
  let sumWR = 0;
  let sumWWR = 0;
  let sumWWRR = 0;
  let sumRaw = 0;
  let largest = 0;
  let cut = 0;

  const armOf = (arm: string): { decisions: number; chances: number } => {
    let found = arms.get(arm);
    if (found === undefined) {
      found = { decisions: 0, chances: 0 };
      arms.set(arm, found);
    }
    return found;
  };

  const addWeighted = (weight: number, reward: number): void => {
    const r = reward - origin;
    sumW += weight;
    sumWW += weight * weight;
    sumWR += weight * r;
    sumWWR += weight * weight * r;
    sumWWRR += weight * weight * r * r;
    largest = Math.max(largest, weight);
  };

  return {
    add(decision) {
      const { arm, propensity, context } = decision;
      const reward = decision.reward ?? missingReward;
      if (!(propensity > 0 && propensity <= 1)) {
        throw invalid(decision, 'propensity', 'more than 0, at most 1', propensity);
      }
      if (reward !== undefined && !Number.isFinite(reward))
        throw invalid(decision, 'reward', 'a finite number', reward);
      if (reward === undefined) {
        withoutReward++;
        return;
      }
      const chances = Object.entries(checkChances(decision, policy(decision)));
      const raw = (chances.find(([name]) => name === arm)?.[1] ?? 0) / propensity;
      const weight = Math.min(raw, maxWeight);
      const expected = chances.reduce((sum, [name, chance]) => sum + chance * model.predict(name, context), 0);
      const corrected = expected + weight * (reward - model.predict(arm, context));
      if (!Number.isFinite(corrected)) {
        throw invalid(decision, 'rewardModel', 'a finite number for every arm of the policy', corrected);
      }
      if (decisions === 0) origin = reward;
      decisions++;
      armOf(arm).decisions++;
      for (const [name, chance] of chances) armOf(name).chances += chance;
      sumRaw += raw;
      if (weight < raw) cut++;
      addWeighted(weight, reward);
      logged.add(reward);
      ips.add(weight * reward);
      doublyRobust.add(corrected);
      model.learn(arm, reward, context);
    },
    report() {
      if (decisions === 0) {
        throw new FairleadError(
          'NOT_FOUND',
          `off-policy estimate: no decision with a reward to estimate from: expected at least one, given ${withoutReward} without.`,
          {
            details: { field: 'decisions', expected: 'at least one with a reward', given: `${withoutReward} without` },
          },
        );
      }
      const z = normalUpperQuantile((1 - confidence) / 2);
      const estimate = (value: number, standardError: number): OffPolicyEstimate => ({
        value,
        standardError,
        lower: value - z * standardError,
        upper: value + z * standardError,
      });
      const mean = sumW === 0 ? 0 : sumWR / sumW;
      const squares = Math.max(0, sumWWRR - 2 * mean * sumWWR + mean * mean * sumWW);
      const unknown = [...arms.values()].filter((arm) => arm.decisions === 0);
      const unsupported = unknown.reduce((sum, arm) => sum + arm.chances, 0) / decisions;
      const effectiveSampleSize = sumWW === 0 ? 0 : (sumW * sumW) / sumWW;
      const meanWeight = sumRaw / decisions;
      const weightError = Math.sqrt(Math.max(0, sumWW / decisions - meanWeight * meanWeight) / decisions);
      return {
        decisions,
        withoutReward,
        logged: estimate(logged.mean, logged.standardError),
        ips: estimate(ips.mean, ips.standardError),
        selfNormalised: estimate(sumW === 0 ? 0 : origin + mean, sumW === 0 ? 0 : Math.sqrt(squares) / sumW),
        doublyRobust: estimate(doublyRobust.mean, doublyRobust.standardError),
        effectiveSampleSize,
        meanWeight,
        largestWeight: largest,
        clipped: { decisions: cut, share: sumRaw === 0 ? 0 : 1 - sumW / sumRaw },
        unsupported,
        warnings: warningsOf({ unsupported, effectiveSampleSize, meanWeight, weightError, cut }),
      };
    },
  };
}

/** A policy that always takes one arm. */
export function alwaysArm(arm: string): TargetPolicy {
  const chances = { [arm]: 1 };
  return () => chances;
}

function warningsOf(found: {
  readonly unsupported: number;
  readonly effectiveSampleSize: number;
  readonly meanWeight: number;
  readonly weightError: number;
  readonly cut: number;
}): readonly string[] {
  const { unsupported, effectiveSampleSize, meanWeight, weightError, cut } = found;
  const warnings: string[] = [];
  if (unsupported > 0) {
    warnings.push(
      `${percent(unsupported)} of the policy's choices are arms that were never tried: estimates by weights take them for 0.`,
    );
  }
  if (effectiveSampleSize < fewEffective) {
    warnings.push(
      `The effective sample size is ${effectiveSampleSize.toFixed(1)}, less than ${fewEffective}: intervals are too narrow.`,
    );
  }
  if (cut === 0 && Math.abs(meanWeight - 1) > 4 * weightError + 1e-9) {
    warnings.push(
      `Weights average ${meanWeight.toPrecision(3)} and should average 1: propensities are wrong, or the policy takes what was never tried.`,
    );
  }
  if (cut > 0) warnings.push(`${cut} weights were cut to maxWeight: estimates by weights are biased towards 0.`);
  return warnings;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function checkChances(decision: LoggedDecision, chances: unknown): Readonly<Record<string, number>> {
  const values = typeof chances === 'object' && chances !== null ? Object.values(chances) : [];
  const sum = values.reduce((total: number, chance: unknown) => total + Number(chance), 0);
  if (values.every((chance) => chance >= 0) && Math.abs(sum - 1) < 1e-6) return chances as Record<string, number>;
  throw invalid(decision, 'policy', 'chances of 0 or more that sum to 1', chances);
}

function invalid(decision: LoggedDecision, field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError(
    'INVALID_INPUT',
    `off-policy estimate: "${field}" of decision "${decision.id}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given, id: decision.id } },
  );
}
