import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RetryBudget } from './retry-budget';

const takeAll = (budget: RetryBudget, now: number): number => {
  let taken = 0;
  while (taken < 1e6 && budget.take(now)) taken++;
  return taken;
};

test('the share of the last ten seconds, and the floor', () => {
  const budget = new RetryBudget(0.1, 0);
  for (let index = 0; index < 100; index++) budget.addRequest(index * 90);
  expect(takeAll(budget, 9000)).toBe(10);
  expect(budget.take(9999)).toBe(false);
  expect(takeAll(new RetryBudget(0.1, 1), 0)).toBe(10);
  expect(takeAll(new RetryBudget(0, 0), 0)).toBe(0);
});

test('what is older than ten seconds is forgotten, after any pause', () => {
  const budget = new RetryBudget(0.5, 0);
  for (let index = 0; index < 20; index++) budget.addRequest(500);
  expect(takeAll(budget, 500)).toBe(10);
  for (let index = 0; index < 4; index++) budget.addRequest(9500);
  // 24 requests, 10 retries.
  expect(takeAll(budget, 9500)).toBe(2);
  // The 20 requests and 10 retries of the first second are gone: 4 requests, 2 retries.
  expect(takeAll(budget, 10_500)).toBe(0);
  budget.addRequest(10_500);
  budget.addRequest(10_500);
  expect(takeAll(budget, 10_500)).toBe(1);
  expect(takeAll(budget, 1e9)).toBe(0);
});

test('in no window of ten seconds are there more retries than the share and the floor allow', () => {
  const event = fc.record({ stepMs: fc.nat(3000), requests: fc.nat(20), tries: fc.nat(20) });
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(3),
      fc.integer({ min: -1e6, max: 1e6 }),
      (events, share, perSecond, start) => {
        const budget = new RetryBudget(share, perSecond);
        const log: { slot: number; requests: number; retries: number }[] = [];
        let now = start;
        for (const { stepMs, requests, tries } of events) {
          now += stepMs;
          for (let index = 0; index < requests; index++) budget.addRequest(now);
          let retries = 0;
          for (let index = 0; index < tries; index++) if (budget.take(now)) retries++;
          const slot = Math.floor(now / 1000);
          log.push({ slot, requests, retries });
          const recent = log.filter((entry) => entry.slot > slot - 10);
          const sum = (key: 'requests' | 'retries'): number => recent.reduce((total, entry) => total + entry[key], 0);
          const allowed = sum('requests') * share + perSecond * 10;
          expect(retries === 0 || sum('retries') <= allowed).toBe(true);
          // Nor are retries refused that it allows.
          if (retries < tries) expect(sum('retries') + 1).toBeGreaterThan(allowed);
        }
      },
    ),
  );
});
