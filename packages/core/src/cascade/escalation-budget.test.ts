import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EscalationBudget } from './escalation-budget';

test('the rate refills by the clock, up to the burst', () => {
  const budget = new EscalationBudget({ rowsPerMinute: 60, burst: 3 }, 0);
  expect(budget.take(5, 0)).toBe(3);
  expect(budget.take(1, 999)).toBe(0);
  expect(budget.take(1, 1000)).toBe(1);
  expect(budget.available(1_000_000)).toBe(3);
  expect(budget.takeAll(4, 1_000_000)).toBe(false);
  expect(budget.takeAll(3, 1_000_000)).toBe(true);
  // A clock that goes back brings nothing.
  expect(budget.available(0)).toBe(0);
  expect(budget.available(1_001_000)).toBe(1);
});

test('a share of ten rows of a tenth each is one row, whatever floats say', () => {
  const budget = new EscalationBudget({ share: 0.1, burst: 1 }, 0);
  expect(budget.take(1, 0)).toBe(1);
  for (let row = 0; row < 10; row++) budget.addRows(1);
  expect(budget.take(2, 0)).toBe(1);
});

test('a large request has its whole share, and quiet times save up no more than the burst', () => {
  const budget = new EscalationBudget({ share: 0.5, burst: 2 }, 0);
  budget.addRows(100);
  expect(budget.available(0)).toBe(52);
  for (let row = 0; row < 1000; row++) budget.addRows(1);
  expect(budget.available(0)).toBe(2);
});

test('whatever comes when, neither bound is ever passed', () => {
  const event = fc.record({
    afterMs: fc.integer({ min: 0, max: 5000 }),
    rows: fc.integer({ min: 0, max: 20 }),
    wanted: fc.integer({ min: 0, max: 20 }),
  });
  const options = fc.record({
    share: fc.double({ min: 0, max: 0.99, noNaN: true }),
    rowsPerMinute: fc.integer({ min: 0, max: 1000 }),
    burst: fc.integer({ min: 1, max: 10 }),
  });
  fc.assert(
    fc.property(options, fc.array(event, { maxLength: 60 }), (given, events) => {
      const { share, rowsPerMinute, burst } = given;
      const budget = new EscalationBudget(given, 0);
      const taken: { at: number; rows: number }[] = [];
      let now = 0;
      let seen = 0;
      for (const { afterMs, rows, wanted } of events) {
        now += afterMs;
        budget.addRows(rows);
        seen += rows;
        const got = budget.take(wanted, now);
        expect(got).toBeLessThanOrEqual(wanted);
        taken.push({ at: now, rows: got });
        expect(taken.reduce((sum, each) => sum + each.rows, 0)).toBeLessThanOrEqual(burst + share * seen + 1e-6);
      }
      for (const [start, { at: from }] of taken.entries()) {
        let sum = 0;
        for (const { at, rows } of taken.slice(start)) {
          sum += rows;
          expect(sum).toBeLessThanOrEqual(burst + (rowsPerMinute * (at - from)) / 60_000 + 1e-6);
        }
      }
    }),
  );
});
