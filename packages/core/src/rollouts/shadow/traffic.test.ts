import { expect, test } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock';
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

test('lulls are measured from the last answer to the next request', async () => {
  const clock = createVirtualClock();
  const traffic = createTraffic(1, clock);
  await clock.advance(500);
  expect(traffic.lullMs).toBe(0);
  for (let request = 0; request < 3; request++) {
    traffic.onStart();
    await clock.advance(2);
    traffic.onEnd();
    await clock.advance(8);
  }
  expect(traffic.lullMs).toBe(8);
  await clock.advance(42);
  // One that lasts counts at once, and little for those that come.
  expect(traffic.lullMs).toBe(50);
  traffic.onStart();
  expect(traffic.lullMs).toBeCloseTo(8 + 0.1 * 42, 9);
});
