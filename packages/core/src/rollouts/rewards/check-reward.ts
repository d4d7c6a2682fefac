import { describeValue } from '../../config';
import { FairleadError } from '../../errors';

/** How much the clocks of those who report rewards may differ from this one. */
const clockSkewMs = 1000;

/**
 * Checks what is told of a reward.
 * @param time when it was earned, where that is told: `{ at }`
 * @returns when it was earned, as it was told
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkReward(decisionId: unknown, reward: unknown, time: unknown, now: number): number | undefined {
  if (typeof decisionId !== 'string') throw invalidReward('decisionId', 'the id of a decision', decisionId);
  if (!Number.isFinite(reward)) throw invalidReward('reward', 'a finite number', reward);
  if (time === undefined) return undefined;
  // A bare number would be read as no time at all, and a late reward would count.
  if (typeof time !== 'object' || time === null) throw invalidReward('time', 'an object such as { at }', time);
  const { at } = time as { readonly at?: unknown };
  if (at === undefined) return undefined;
  if (typeof at === 'number' && at <= now + clockSkewMs) return at;
  throw invalidReward('at', `milliseconds since 1970, at most ${now}`, at);
}

/**
 * When a reward was earned, in milliseconds since 1970-01-01 UTC. Where that is not told it is now, and never before the decision: the
 * clock may have been set back since, or be behind that of the replica that took it.
 * @throws FairleadError `INVALID_ARGUMENT` where it is told, and was before the decision
 */
export function earnedAt(at: number | undefined, decidedAt: number, now: number): number {
  if (at === undefined) return Math.max(now, decidedAt);
  if (at < decidedAt - clockSkewMs) {
    throw invalidReward('at', `${decidedAt} or later, when the decision was taken`, at);
  }
  return at;
}

/** What is wrong with a decision or a reward. */
export function invalidReward(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  const message = `decision log: "${field}" is wrong: expected ${expected}, given ${given}.`;
  return new FairleadError('INVALID_ARGUMENT', message, { details: { field, expected, given } });
}
