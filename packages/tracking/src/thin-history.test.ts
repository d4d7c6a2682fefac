import { expect, test } from 'vitest';
import { thinHistory } from './thin-history';

function historyOf(values: readonly number[]) {
  return {
    key: 'loss',
    steps: Float64Array.from(values, (_, i) => i),
    timestamps: Float64Array.from(values, (_, i) => 1000 + i),
    values: Float64Array.from(values),
  };
}

test('a short history stays as it is', () => {
  const history = historyOf([3, 1, 2, 5]);
  expect(thinHistory(history, 4)).toBe(history);
  expect(thinHistory(history, undefined)).toBe(history);
});

test('a long one keeps its first and last point and the extremes of every stretch, each with its own step and time', () => {
  const values = Array.from({ length: 1002 }, (_, i) => Math.sin(i / 9) + (i === 500 ? 50 : 0) - (i === 503 ? 70 : 0));
  const thin = thinHistory(historyOf(values), 42);
  expect(thin.values.length).toBeLessThanOrEqual(42);
  expect(thin.values.length).toBeGreaterThan(35);
  expect(thin.steps[0]).toBe(0);
  expect(thin.steps.at(-1)).toBe(1001);
  expect(thin.steps).toContain(500);
  expect(thin.steps).toContain(503);
  expect([...thin.steps]).toEqual([...new Set(thin.steps)].sort((a, b) => a - b));
  thin.steps.forEach((step, i) => {
    expect(thin.values[i]).toBe(values[step]);
    expect(thin.timestamps[i]).toBe(1000 + step);
  });
});

test('NaN gives way to numbers, and stays where there are none', () => {
  const values = [1, ...new Array(50).fill(Number.NaN), ...[Number.NaN, 7, Number.NaN, -2, Number.NaN], 1];
  expect([...thinHistory(historyOf(values), 4).values]).toEqual([1, 7, -2, 1]);
  expect([...thinHistory(historyOf(new Array(10).fill(Number.NaN)), 4).values]).toEqual(new Array(3).fill(Number.NaN));
  expect([
    ...thinHistory(historyOf([0, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, 0]), 4).values,
  ]).toEqual([0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]);
});

test.each([3, 0, -1, 4.5, Number.NaN, '10'])('refuses %j points', (maxPoints) => {
  expect(() => thinHistory(historyOf([1, 2, 3, 4, 5]), maxPoints as number)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'maxPoints' }) }),
  );
});
