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

/** Options of {@link blueGreen}. */
export interface BlueGreenOptions {
  /**
   * Share that stays on the champion ("blue") after the switch, to compare with. Without it nothing could show harm. More
   * than 0, less than 1. @default 0.05
   */
  readonly control?: number;
  /** Milliseconds that the challenger ("green") has to do well before it is promoted. 0 or more. @default 600000 */
  readonly holdMs?: number;
  /** Requests that it must have had. @default 500 */
  readonly minRequests?: number;
  /** What promotes at the end. @default 'no-harm' */
  readonly promoteOn?: PromoteRule;
  /** Hours in which it may be promoted. @default at any time */
  readonly schedule?: Schedule;
}

const schema = z.strictObject({
  control: z._default(shareField.check(z.lt(1)), 0.05),
  holdMs: z._default(z.number().check(z.gte(0)), 600_000),
  minRequests: z._default(wholeField, 500),
  promoteOn: z._default(promoteField, 'no-harm'),
  schedule: scheduleField,
});

/**
 * Switches all traffic to one challenger at once, but for a control slice, and switches back where it harms. The champion stays
 * loaded all the time.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function blueGreen(options: BlueGreenOptions = {}): Strategy {
  const { control, holdMs, minRequests, promoteOn, ...others } = parseOptions(schema, options, 'blueGreen');
  const schedule = others.schedule as Schedule | undefined;

  const decide = (state: StrategyState, evidence: EvidenceSummary, { epochMs }: LookTime): Decision => {
    const harmful = dropHarmful(state, evidence);
    if (harmful !== undefined) return harmful;
    const stay = (reason: string): Decision => ({ action: 'stay', state, reason });
    const had = fewestSince(state, evidence);
    if (had < minRequests) return stay(`${had} of ${minRequests} requests.`);
    if (epochMs < Number(state.sinceEpochMs) + holdMs) return stay('It has not held out long enough.');
    if (!isWithin(schedule, epochMs)) return stay('It is outside the hours of the schedule.');
    const winner = winnerOf(state, evidence, promoteOn);
    if (winner === undefined) return stay('The evidence does not decide yet.');
    return { action: 'promote', state, arm: winner, reason: `${winner} held out for ${holdMs} ms: ${promoteOn}.` };
  };

  return {
    name: 'blue-green',
    start(arms, epochMs) {
      if (arms.length !== 1) throw optionError('blueGreen', 'challengers', 'exactly one challenger', arms.length);
      return { sinceEpochMs: epochMs, arms: [...arms] };
    },
    weights: (state) => evenWeights(armsOf(state), 1 - control),
    decide,
    plan: (arms) => [
      {
        weights: evenWeights(arms, 1 - control),
        earliestMs: 0,
        until: `${minRequests} requests, ${holdMs} ms, then promote on ${promoteOn}`,
      },
    ],
  };
}
