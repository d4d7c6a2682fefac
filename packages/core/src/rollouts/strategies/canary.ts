import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { optionError } from '../../option-checks';
import type { Decision, EvidenceSummary, LookTime, Strategy, StrategyState } from '../contracts';
import {
  armsOf,
  dropHarmful,
  evenWeights,
  fewestSince,
  isWithin,
  type PromoteRule,
  requestsByArm,
  type Schedule,
  winnerOf,
} from './parts';
import { promoteField, scheduleField, shareField, wholeField } from './schemas';

/** One step of a canary. */
export interface CanaryStep {
  /**
   * Share of each challenger. More than 0, at most 1. Where challengers have everything there is no control to compare with, so
   * with `promoteOn: 'non-inferior'` such a step is taken only once they may be promoted.
   */
  readonly weight: number;
  /** Requests that each challenger must have had at this step before the next. @default 100 */
  readonly minRequests?: number;
  /** Milliseconds that the step lasts at least. @default 0 */
  readonly pauseMs?: number;
  /** Whether a person has to approve before it goes on; outside the hours of the schedule an approval waits for them. @default false */
  readonly approval?: boolean;
}

/** Options of {@link canary}. */
export interface CanaryOptions {
  /** At least one; weights grow from step to step. @default 1 %, 5 %, 25 %, 50 % */
  readonly steps?: readonly CanaryStep[];
  /**
   * What promotes after the last step: that every guardrail has shown the challenger to be not worse by more than its margin,
   * or that none has shown harm until then. With `never` it stays at the last step until somebody promotes it.
   * @default 'non-inferior'
   */
  readonly promoteOn?: PromoteRule;
  /** Hours in which it may move on. @default at any time */
  readonly schedule?: Schedule;
}

const stepSchema = z.strictObject({
  weight: shareField,
  minRequests: z._default(wholeField, 100),
  pauseMs: z._default(z.number().check(z.gte(0)), 0),
  approval: z._default(z.boolean(), false),
});

const schema = z.strictObject({
  steps: z._default(z.array(stepSchema).check(z.minLength(1)), [0.01, 0.05, 0.25, 0.5].map(plainStep)),
  promoteOn: z._default(promoteField, 'non-inferior'),
  schedule: scheduleField,
});

function plainStep(weight: number) {
  return { weight, minRequests: 100, pauseMs: 0, approval: false };
}

/**
 * Gives a challenger a small share of the traffic, and more in steps while nothing speaks against it. Harm rolls it back at any
 * step; several challengers have the same share each, and one that harms leaves alone.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function canary(options: CanaryOptions = {}): Strategy {
  const { steps, promoteOn, ...others } = parseOptions(schema, options, 'canary');
  const schedule = others.schedule as Schedule | undefined;
  steps.forEach(({ weight }, index) => {
    if (index > 0 && weight <= (steps[index - 1] as { weight: number }).weight) {
      throw optionError('canary', `steps.${index}.weight`, 'more than that of the step before', weight);
    }
  });
  const stepAt = (state: StrategyState): ReturnType<typeof plainStep> =>
    steps[Math.min(Number(state.step), steps.length - 1)] as ReturnType<typeof plainStep>;

  /** Whether a step leaves nothing to the champion, and so no control slice. */
  const isLeftAlone = (state: StrategyState, index: number): boolean =>
    (steps[index]?.weight ?? 0) * armsOf(state).length >= 1;

  const decide = (state: StrategyState, evidence: EvidenceSummary, { epochMs, approved }: LookTime): Decision => {
    const harmful = dropHarmful(state, evidence);
    if (harmful !== undefined) return harmful;
    const step = stepAt(state);
    const index = Number(state.step);
    const stay = (reason: string): Decision => ({ action: 'stay', state, reason });
    const had = fewestSince(state, evidence);
    if (had < step.minRequests) return stay(`${had} of ${step.minRequests} requests at this step.`);
    if (epochMs < Number(state.sinceEpochMs) + step.pauseMs) return stay('The step has not lasted its pause.');
    const isLast = index === steps.length - 1;
    const winner = isLast ? winnerOf(state, evidence, promoteOn) : undefined;
    if (isLast && winner === undefined) return stay('The evidence does not decide yet.');
    if (
      isLeftAlone(state, index + 1) &&
      promoteOn === 'non-inferior' &&
      winnerOf(state, evidence, promoteOn) === undefined
    ) {
      return stay('The evidence does not decide yet, and after the next step there is no control to compare with.');
    }
    const isApproved = approved || state.approved === true;
    if (!isWithin(schedule, epochMs)) {
      const reason = 'It is outside the hours of the schedule.';
      return step.approval && isApproved ? { ...stay(reason), state: { ...state, approved: true } } : stay(reason);
    }
    if (step.approval && !isApproved) {
      return { action: 'wait-for-approval', state, reason: `Step ${index + 1} of ${steps.length} is to be approved.` };
    }
    if (winner !== undefined) {
      const found = promoteOn === 'no-harm' ? 'no guardrail was harmed' : 'no worse than its control by any guardrail';
      return { action: 'promote', state, arm: winner, reason: `${winner} went through all steps: ${found}.` };
    }
    const { approved: _before, ...others } = state;
    const next = { ...others, step: index + 1, sinceEpochMs: epochMs };
    const requestsAtStart = requestsByArm(armsOf(state), evidence);
    const weight = (steps[index + 1] as { weight: number }).weight;
    const reason = `Step ${index + 2} of ${steps.length}: ${weight * 100} % after ${had} requests without harm.`;
    return { action: 'step', state: { ...next, requestsAtStart }, reason };
  };

  return {
    name: 'canary',
    start(arms, epochMs) {
      const most = (steps.at(-1) as { weight: number }).weight;
      if (most * arms.length > 1) {
        throw optionError(
          'canary',
          'steps',
          `weights of at most ${1 / arms.length} for ${arms.length} challengers`,
          most,
        );
      }
      return { step: 0, sinceEpochMs: epochMs, arms: [...arms], requestsAtStart: {} };
    },
    weights: (state) => evenWeights(armsOf(state), stepAt(state).weight),
    decide,
    plan: (arms) =>
      steps.map(({ weight, minRequests, pauseMs, approval }, index) => ({
        weights: evenWeights(arms, weight),
        earliestMs: steps.slice(0, index).reduce((sum, before) => sum + before.pauseMs, 0),
        until:
          `${minRequests} requests for each challenger` +
          (pauseMs > 0 ? `, ${pauseMs} ms` : '') +
          (index === steps.length - 1 ? `, then promote on ${promoteOn}` : '') +
          (approval ? ', approval' : '') +
          (schedule === undefined ? '' : ', within the schedule'),
      })),
  };
}
