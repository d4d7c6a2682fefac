import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import type { Cohort } from './cohort';
import { cohortOf } from './cohort.fixture';
import { ExpiryWheel } from './expiry-wheel';

function requestUntil(deadline: number, now = 0): Cohort {
  return cohortOf([1], { deadline, enqueuedAt: now });
}

function setup(clock: VirtualClock = createVirtualClock()) {
  const expired: { deadline: number; at: number }[] = [];
  const wheel = new ExpiryWheel(clock, ({ traits: { deadline } }) => expired.push({ deadline, at: clock.now() }));
  return { clock, wheel, expired };
}

describe('the expiry wheel', () => {
  test('ends each request at its deadline, less than a millisecond late and never early', async () => {
    const { clock, wheel, expired } = setup();
    const deadlines = [1, 0.001, 17.5, 31, 32, 33, 64.2, 999, 1000, 65_536.5, 3_600_000, 1e9, 5e9];
    for (const deadline of deadlines) wheel.add(requestUntil(deadline));
    await clock.advance(1e10);
    expect(expired.map(({ deadline }) => deadline)).toEqual([...deadlines].sort((a, b) => a - b));
    for (const { deadline, at } of expired) {
      expect(at).toBeGreaterThanOrEqual(deadline);
      expect(at - deadline).toBeLessThan(1);
    }
    expect(clock.pendingTimers).toBe(0);
  });

  test('keeps one timer, and none when nothing is watched', () => {
    const { clock, wheel } = setup();
    expect(clock.pendingTimers).toBe(0);
    const requests = Array.from({ length: 1000 }, (_, index) => requestUntil(1 + ((index * 7919) % 5000)));
    for (const request of requests) wheel.add(request);
    expect(clock.pendingTimers).toBe(1);
    for (const request of requests) wheel.remove(request);
    expect(clock.pendingTimers).toBe(0);
  });

  test('leaves alone what it does not watch, and forgets only once', async () => {
    const { clock, wheel, expired } = setup();
    const [watched, other] = [requestUntil(10), requestUntil(10)];
    wheel.remove(other);
    wheel.add(watched);
    wheel.remove(other);
    wheel.remove(watched);
    wheel.remove(watched);
    await clock.advance(20);
    expect(expired).toEqual([]);
  });

  test('whose timer comes late ends all that is due', async () => {
    const { clock, wheel, expired } = setup();
    const late = Object.create(clock, { now: { value: () => clock.now() + 500 } }) as VirtualClock;
    const lateWheel = new ExpiryWheel(late, ({ traits: { deadline } }) => expired.push({ deadline, at: late.now() }));
    for (const deadline of [501, 600, 700]) lateWheel.add(requestUntil(deadline));
    wheel.close();
    await clock.advance(250);
    expect(expired.map(({ deadline }) => deadline)).toEqual([501, 600, 700]);
  });

  test('whose timer comes early waits for the rest', async () => {
    const clock = createVirtualClock();
    const early = Object.create(clock, {
      setTimer: { value: (callback: () => void, delayMs: number) => clock.setTimer(callback, delayMs * 0.9) },
    }) as VirtualClock;
    const { wheel, expired } = setup(early);
    wheel.add(requestUntil(1000));
    await clock.advance(999);
    expect(expired).toEqual([]);
    await clock.advance(1.5);
    expect(expired).toHaveLength(1);
  });

  test('may be changed by whoever hears of an expiry', async () => {
    const clock = createVirtualClock();
    const expired: Cohort[] = [];
    const requests = [1, 2, 3, 4, 5].map(() => requestUntil(10));
    const wheel: ExpiryWheel = new ExpiryWheel(clock, (request) => {
      expired.push(request);
      for (const other of requests.slice(1, 3)) wheel.remove(other);
      if (expired.length === 1) wheel.add(requestUntil(20, 10));
    });
    for (const request of requests) wheel.add(request);
    await clock.advance(30);
    const alive = [requests[0], requests[3], requests[4]];
    // Whichever of the slot comes first has the other two taken out, if they were still in.
    for (const request of alive) expect(expired).toContain(request);
    expect(new Set(expired).size).toBe(expired.length);
    expect(expired.some(({ traits }) => traits.deadline === 20)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('closed fires no more', async () => {
    const { clock, wheel, expired } = setup();
    wheel.add(requestUntil(10));
    wheel.close();
    await clock.advance(20);
    expect(expired).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('holds whatever comes and goes', async () => {
    const step = fc.record({
      wait: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 200, noNaN: true })),
      left: fc.oneof(
        fc.double({ min: 0.01, max: 40, noNaN: true }),
        fc.integer({ min: 1, max: 5000 }),
        fc.double({ min: 1, max: 1e7, noNaN: true }),
      ),
      remove: fc.option(fc.nat(60), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = createVirtualClock();
        const at = new Map<Cohort, number>();
        const removed = new Set<Cohort>();
        const wheel = new ExpiryWheel(clock, (request) => {
          expect(at.has(request)).toBe(false);
          at.set(request, clock.now());
        });
        const requests: Cohort[] = [];
        for (const { wait, left, remove } of steps) {
          await clock.advance(wait);
          const request = requestUntil(clock.now() + left, clock.now());
          requests.push(request);
          wheel.add(request);
          const gone = remove === undefined ? undefined : requests[remove];
          if (gone !== undefined && !at.has(gone)) {
            wheel.remove(gone);
            removed.add(gone);
          }
          expect(clock.pendingTimers).toBeLessThanOrEqual(1);
        }
        await clock.advance(2e7);
        for (const request of requests) {
          const end = at.get(request);
          if (removed.has(request)) {
            expect(end).toBeUndefined();
            continue;
          }
          expect(end).toBeGreaterThanOrEqual(request.traits.deadline);
          expect((end as number) - request.traits.deadline).toBeLessThan(1);
        }
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
