import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../testing';
import { createDeviceLimits, createSeenIds } from './device-limits';

describe('what is remembered of senders', () => {
  it('is bounded, and the silent are forgotten first', () => {
    const limits = createDeviceLimits(createVirtualClock(), 1, 100, 60_000, 3);
    for (let sender = 0; sender < 10_000; sender++) limits.waitOf(`sender-${sender}`);
    expect(limits.size).toBe(3);
    for (let turn = 0; turn < 9; turn++) expect(limits.waitOf('sender-9998')).toBe(0);
    expect(limits.waitOf('sender-9998')).toBe(60_000);
    // Forgotten, so that it may send as much as a new one.
    for (const sender of ['a', 'b', 'c']) limits.waitOf(sender);
    expect(limits.waitOf('sender-9998')).toBe(0);
  });

  it('refills requests by the minute, and rows by the window', async () => {
    const clock = createVirtualClock();
    const limits = createDeviceLimits(clock, 6, 100, 60_000, 3);
    for (let turn = 0; turn < 10; turn++) limits.waitOf('a');
    expect(limits.waitOf('a')).toBe(10_000);
    await clock.advance(10_000);
    expect(limits.waitOf('a')).toBe(0);
    expect([limits.takeRows('a', 60), limits.takeRows('a', 60), limits.takeRows('a', 40)]).toEqual([true, false, true]);
    await clock.advance(60_000);
    expect(limits.takeRows('a', 100)).toBe(true);
  });

  it('holds as many ids as it may', () => {
    const seen = createSeenIds(2);
    for (const id of ['a', 'b', 'c', 'c']) seen.add(id);
    expect([seen.has('a'), seen.has('b'), seen.has('c'), seen.size]).toEqual([false, true, true, 2]);
  });
});
