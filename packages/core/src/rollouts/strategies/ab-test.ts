import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { optionError } from '../../option-checks';
import {
  championArm,
  type Decision,
  type EvidenceSummary,
  type LookTime,
  type Strategy,
  type StrategyState,
} from '../contracts';
import { armsOf, dropHarmful, fewestSince, isWithin, type PromoteRule, type Schedule, winnerOf } from './parts';
import { promoteField, scheduleField, shareField, wholeField } from './schemas';

/** Options of {@link abTest}. */
export interface AbTestOptions {
  /** The share of each arm, `champion` among them. They sum to 1. @default the same for each */
  readonly weights?: Readonly<Record<string, number>>;
  /** Milliseconds that it lasts at least before it may end. 0 or more. @default 0 */
  readonly durationMs?: number;
  /** Requests that each challenger must have had before it may end. @default 1000 */
  readonly minRequests?: number;
  /** What promotes then. With `never` somebody decides. @default 'never' */
  readonly promoteOn?: PromoteRule;
  /** Hours in which it may be promoted. @default at any time */
  readonly schedule?: Schedule;
}

const schema = z.strictObject({
  weights: z.optional(z.record(z.string(), shareField)),
  durationMs: z._default(z.number().check(z.gte(0)), 0),
  minRequests: z._default(wholeField, 1000),
  promoteOn: z._default(promoteField, 'never'),
  schedule: scheduleField,
});

/** What a sum of shares may be off by, for 1/3 is no number of a computer. */
const rounding = 1e-6;

/**
 * Compares arms at fixed weights. A challenger that harms leaves, and the champion gets its share.
 *
 * @throws FairleadError `INVALID_OPTION` where the weights do not sum to 1 or name other arms
 */
export function abTest(options: AbTestOptions = {}): Strategy {
  const { weights: given, durationMs, minRequests, promoteOn, ...others } = parseOptions(schema, options, 'abTest');
  const schedule = others.schedule as Schedule | undefined;
  if (given !== undefined) {
    const sum = Object.values(given).reduce((total, weight) => total + weight, 0);
    if (Math.abs(sum - 1) > rounding) throw optionError('abTest', 'weights', 'shares that sum to 1', sum);
  }

  const check = (arms: readonly string[]): void => {
    if (given === undefined) return;
    for (const arm of [championArm, ...arms]) {
      if (!Object.hasOwn(given, arm)) throw optionError('abTest', `weights.${arm}`, 'a share of every arm', undefined);
    }
    const stranger = Object.keys(given).find((arm) => arm !== championArm && !arms.includes(arm));
    if (stranger !== undefined) {
      const expected = `one of ${[championArm, ...arms].join(', ')}`;
      throw optionError('abTest', `weights.${stranger}`, expected, stranger);
    }
  };

  const weightsFor = (all: number, arms: readonly string[]): Readonly<Record<string, number>> => {
    const shares = arms.map((arm) => [arm, given?.[arm] ?? 1 / (all + 1)] as const);
    const rest = 1 - shares.reduce((sum, [, weight]) => sum + weight, 0);
    return { [championArm]: Math.max(0, rest), ...Object.fromEntries(shares) };
  };

  const decide = (state: StrategyState, evidence: EvidenceSummary, { epochMs }: LookTime): Decision => {
    const harmful = dropHarmful(state, evidence);
    if (harmful !== undefined) return harmful;
    const stay = (reason: string): Decision => ({ action: 'stay', state, reason });
    const had = fewestSince(state, evidence);
    if (had < minRequests) return stay(`${had} of ${minRequests} requests.`);
    if (epochMs < Number(state.sinceEpochMs) + durationMs) return stay('It has not lasted long enough.');
    const winner = winnerOf(state, evidence, promoteOn);
    if (winner === undefined) return stay('Nobody has won.');
    if (!isWithin(schedule, epochMs)) return stay('It is outside the hours of the schedule.');
    return { action: 'promote', state, arm: winner, reason: `${winner} won: ${promoteOn}.` };
  };

  return {
    name: 'ab-test',
    start(arms, epochMs) {
      check(arms);
      return { sinceEpochMs: epochMs, arms: [...arms], all: arms.length };
    },
    weights: (state) => weightsFor(Number(state.all), armsOf(state)),
    decide,
    plan(arms) {
      check(arms);
      const until = `${minRequests} requests for each challenger and ${durationMs} ms, then promote on ${promoteOn}`;
      return [{ weights: weightsFor(arms.length, arms), earliestMs: 0, until }];
    },
  };
}
