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
  type Schedule,
  winnerOf,
} from './parts';
import { promoteField, scheduleField, shareField, wholeField } from './schemas';

/** Options of {@link linearRamp}. */
export interface LinearRampOptions {
  /** Share of each challenger at the beginning. More than 0. @default 0.01 */
  readonly from?: number;
  /** Share at the end, more than `from`. At most 1. @default 0.5 */
  readonly to?: number;
  /** Milliseconds from the one to the other. More than 0. */
  readonly overMs: number;
  /** What the share grows by at a time. More than 0. @default 0.01 */
  readonly increment?: number;
  /** Requests that each challenger must have had in all before it is promoted. @default 500 */
  readonly minRequests?: number;
  /** What promotes at the end. @default 'non-inferior' */
  readonly promoteOn?: PromoteRule;
  /** Hours in which it may move on; time outside them counts all the same. @default at any time */
  readonly schedule?: Schedule;
}

const schema = z.strictObject({
  from: z._default(shareField, 0.01),
  to: z._default(shareField, 0.5),
  overMs: z.number().check(z.gt(0)),
  increment: z._default(shareField, 0.01),
  minRequests: z._default(wholeField, 500),
  promoteOn: z._default(promoteField, 'non-inferior'),
  schedule: scheduleField,
});

/**
 * Lets the share of a challenger grow evenly with time, and promotes it at the end. Harm rolls it back at any moment. A ramp goes by the
 * clock, also while no process runs; it stands still while it is paused.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function linearRamp(options: LinearRampOptions): Strategy {
  const { from, to, overMs, increment, minRequests, promoteOn, ...others } = parseOptions(
    schema,
    options,
    'linearRamp',
  );
  const schedule = others.schedule as Schedule | undefined;
  if (to <= from) throw optionError('linearRamp', 'to', `more than "from" (${from})`, to);

  const weightAt = (elapsedMs: number): number => {
    const grown = ((to - from) * Math.min(1, elapsedMs / overMs)) / increment;
    // A whole number of increments, so that rounding takes none away.
    return elapsedMs >= overMs ? to : from + Math.floor(grown + 1e-9) * increment;
  };

  const decide = (state: StrategyState, evidence: EvidenceSummary, { epochMs }: LookTime): Decision => {
    const harmful = dropHarmful(state, evidence);
    if (harmful !== undefined) return harmful;
    const stay = (reason: string): Decision => ({ action: 'stay', state, reason });
    if (!isWithin(schedule, epochMs)) return stay('It is outside the hours of the schedule.');
    const weight = weightAt(epochMs - Number(state.sinceEpochMs));
    if (weight > Number(state.weight)) {
      const reason = `${Number((weight * 100).toFixed(2))} %, as time goes.`;
      return { action: 'step', state: { ...state, weight }, reason };
    }
    if (weight < to) return stay('The next increment is not due yet.');
    const had = fewestSince(state, evidence);
    if (had < minRequests) return stay(`${had} of ${minRequests} requests.`);
    const winner = winnerOf(state, evidence, promoteOn);
    if (winner === undefined) return stay('The evidence does not decide yet.');
    return { action: 'promote', state, arm: winner, reason: `${winner} reached the end of the ramp: ${promoteOn}.` };
  };

  return {
    name: 'linear-ramp',
    start(arms, epochMs) {
      if (to * arms.length > 1) {
        throw optionError('linearRamp', 'to', `at most ${1 / arms.length} for ${arms.length} challengers`, to);
      }
      return { weight: from, sinceEpochMs: epochMs, arms: [...arms] };
    },
    weights: (state) => evenWeights(armsOf(state), Number(state.weight)),
    decide,
    afterPause: (state, pausedMs) => ({ ...state, sinceEpochMs: Number(state.sinceEpochMs) + pausedMs }),
    plan: (arms) => [
      { weights: evenWeights(arms, from), earliestMs: 0, until: `the share grows by ${increment} at a time` },
      {
        weights: evenWeights(arms, to),
        earliestMs: overMs,
        until: `${minRequests} requests for each challenger, then promote on ${promoteOn}`,
      },
    ],
  };
}
