import { describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../testing/virtual-clock';
import { createTraffic } from './traffic';

/** So many requests that come and go at once. */
function pass(traffic: ReturnType<typeof createTraffic>, requests: number): void {
  for (let sent = 0; sent < requests; sent++) {
    traffic.onStart();
    traffic.onEnd();
  }
}

test('requests that meet a run are paid for by those that meet none', () => {
  const traffic = createTraffic(0.125, createVirtualClock());
  expect(traffic.isOpen).toBe(true);
  traffic.onStart();
  traffic.beginRun();
  traffic.onStart();
  traffic.endRun();
  traffic.onStart();
  expect(traffic).toMatchObject({ inFlight: 3, overlapped: 2, isOpen: false });
  // Two of sixteen.
  pass(traffic, 12);
  expect(traffic.isOpen).toBe(false);
  pass(traffic, 1);
  expect(traffic.isOpen).toBe(true);
});

test('a share of 1 is no bound, though a long request meets many runs', () => {
  const traffic = createTraffic(1, createVirtualClock());
  traffic.onStart();
  for (let run = 0; run < 3; run++) {
    traffic.beginRun();
    traffic.endRun();
  }
  expect(traffic).toMatchObject({ overlapped: 3, isOpen: true });
});

test('no more is saved up than the share of two thousand requests', () => {
  const traffic = createTraffic(0.001, createVirtualClock());
  pass(traffic, 50_000);
  traffic.beginRun();
  traffic.onStart();
  traffic.onStart();
  expect(traffic.isOpen).toBe(true);
  traffic.onStart();
  expect(traffic.isOpen).toBe(false);
});

describe('requests that a run would meet', () => {
  /** Requests of 2 ms each, with such lulls after them. */
  async function traffic(lullsMs: readonly number[]): Promise<[ReturnType<typeof createTraffic>, VirtualClock]> {
    const clock = createVirtualClock();
    const watched = createTraffic(1, clock);
    await clock.advance(500);
    for (const lullMs of lullsMs) {
      watched.onStart();
      await clock.advance(2);
      watched.onEnd();
      await clock.advance(lullMs);
    }
    return [watched, clock];
  }

  test('are counted from lulls that were seen to their end', async () => {
    const [even] = await traffic([8, 8, 8, 8, 8, 0]);
    expect([1, 7.5, 8, 9, 18].map(even.metWithin)).toEqual([0, 0, 1, 1, 2]);
    const [mixed] = await traffic([3, 20, 3, 20, 3, 20, 0]);
    // A lull of 3 and one of 20 in turn: half of all are over after 5 ms.
    expect(mixed.metWithin(5)).toBeCloseTo(0.5, 9);
    expect(mixed.metWithin(2)).toBe(0);
  });

  test('go by how old the lull is: that of a pause is not over soon', async () => {
    const [watched, clock] = await traffic([3, 20, 3, 20, 3, 20, 3]);
    // As old as 3 ms it is one that ends now, or one of 20.
    expect(watched.metWithin(1)).toBeGreaterThan(0);
    await clock.advance(5);
    expect(watched.metWithin(5)).toBe(0);
    expect(watched.metWithin(13)).toBe(1);
  });

  test('are unknown before the first lull, while some are under way, and in a lull longer than any', async () => {
    const [watched, clock] = await traffic([]);
    expect(watched.metWithin(1)).toBeUndefined();
    watched.onStart();
    watched.onEnd();
    expect(watched.metWithin(1)).toBeUndefined();
    await clock.advance(5);
    watched.onStart();
    expect(watched.metWithin(1)).toBeUndefined();
    watched.onEnd();
    expect(watched.metWithin(0)).toBe(0);
    await clock.advance(6);
    expect(watched.metWithin(1)).toBeUndefined();
  });

  test('are those of late', async () => {
    const [watched] = await traffic([...new Array(500).fill(3), ...new Array(200).fill(50), 0]);
    expect(watched.metWithin(10)).toBe(0);
  });
});
