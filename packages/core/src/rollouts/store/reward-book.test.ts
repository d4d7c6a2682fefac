import { describe, expect, it } from 'vitest';
import { type BookedReward, bookRewards, keptRewards } from './reward-book';

describe('the rewards of a store', () => {
  it('are the same list where nothing is new, and keep no more than they may', () => {
    const given = Array.from({ length: keptRewards + 10 }, (_, index) => ({ id: `a:${index}`, owner: 'a', value: 1 }));
    const { booked, answer } = bookRewards([], 'b', given, 0);
    expect(booked).toHaveLength(keptRewards);
    expect(answer.position).toBe(keptRewards + 10);
    expect(booked[0]).toEqual({ id: 'a:10', owner: 'a', value: 1, serial: 11, by: 'b' } satisfies BookedReward);
    const again = bookRewards(booked, 'c', given.slice(-2), 0);
    expect(again.booked).toBe(booked);
    expect(again.answer.isFirst).toEqual([false, false]);
    // What was forgotten is new again.
    expect(bookRewards(booked, 'c', given.slice(0, 1), 0).answer.isFirst).toEqual([true]);
  });
});
