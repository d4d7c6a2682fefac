import type { SharedReward, SharedRewardsAnswer } from '../contracts';

/** A reward as a store keeps it. */
export interface BookedReward extends SharedReward {
  /** One more for each that is kept. */
  readonly serial: number;
  /** The replica that gave it. */
  readonly by: string;
}

/** Rewards that a store keeps; those before them are forgotten. */
export const keptRewards = 10_000;

/**
 * What a store that keeps rewards in a list, oldest first, does with new ones.
 * @returns the list after it, the same one where nothing was new, and the answer
 */
export function bookRewards(
  booked: readonly BookedReward[],
  replica: string,
  rewards: readonly SharedReward[],
  after: number,
): { readonly booked: readonly BookedReward[]; readonly answer: SharedRewardsAnswer } {
  const givers = new Map(booked.map(({ id, by }) => [id, by]));
  const added: BookedReward[] = [];
  let last = booked.at(-1)?.serial ?? 0;
  // A store that lost what it had counts from 1 again.
  const heard = after > last ? 0 : after;
  const isFirst = rewards.map((reward) => {
    const giver = givers.get(reward.id);
    if (giver !== undefined) return giver === replica;
    givers.set(reward.id, replica);
    added.push({ ...reward, serial: ++last, by: replica });
    return true;
  });
  const others = booked.filter(({ serial, owner, by }) => serial > heard && owner === replica && by !== replica);
  return {
    booked: added.length === 0 ? booked : [...booked, ...added].slice(-keptRewards),
    answer: { isFirst, others: others.map(({ id, owner, value }) => ({ id, owner, value })), position: last },
  };
}
