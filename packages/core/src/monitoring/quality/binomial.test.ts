import { describe, expect, it } from 'vitest';
import { criticalCount, lnBinomialLowerTail, lnBinomialUpperTail, shareUpperBound } from './binomial';

/** The sum of the masses by the recurrence from (1−p)ⁿ, for sizes at which nothing underflows. */
function upperTail(k: number, n: number, p: number): number {
  let mass = (1 - p) ** n;
  for (let i = 0; i < k; i++) mass *= (((n - i) / (i + 1)) * p) / (1 - p);
  let sum = 0;
  for (let i = k; i <= n; i++) {
    sum += mass;
    mass *= (((n - i) / (i + 1)) * p) / (1 - p);
  }
  return sum;
}

describe('binomial tails', () => {
  it.each([
    [1, 10, 0.1],
    [3, 10, 0.1],
    [10, 10, 0.3],
    [7, 50, 0.02],
    [30, 100, 0.25],
    [20, 100, 0.25],
    [5, 1000, 0.001],
    [60, 1000, 0.03],
  ])('P(X ≥ %d) of %d trials of %d', (k, n, p) => {
    expect(Math.exp(lnBinomialUpperTail(k, n, p)) / upperTail(k, n, p)).toBeCloseTo(1, 8);
    expect(Math.exp(lnBinomialLowerTail(k - 1, n, p)) + Math.exp(lnBinomialUpperTail(k, n, p))).toBeCloseTo(1, 10);
  });

  it('stays in logarithms where the probability underflows', () => {
    // 1000 of 1000 at 1e-4 is 1e-4000.
    expect(lnBinomialUpperTail(1000, 1000, 1e-4)).toBeCloseTo(1000 * Math.log(1e-4), 6);
  });

  it('answers the ends: nothing is possible at 0, everything at 1', () => {
    expect(lnBinomialUpperTail(0, 10, 0)).toBe(0);
    expect(lnBinomialUpperTail(1, 10, 0)).toBe(Number.NEGATIVE_INFINITY);
    expect(lnBinomialUpperTail(11, 10, 0.5)).toBe(Number.NEGATIVE_INFINITY);
    expect(lnBinomialUpperTail(10, 10, 1)).toBe(0);
    expect(lnBinomialLowerTail(-1, 10, 0.5)).toBe(Number.NEGATIVE_INFINITY);
    expect(lnBinomialLowerTail(9, 10, 1)).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe('shareUpperBound', () => {
  it('is 1 − (1 − c)^(1/n) for none of n, the rule of three', () => {
    expect(shareUpperBound(0, 1000, 0.999)).toBeCloseTo(1 - 0.001 ** (1 / 1000), 12);
    expect(shareUpperBound(0, 1, 0.95)).toBeCloseTo(0.95, 12);
  });

  it('leaves the count at the asked probability', () => {
    const bound = shareUpperBound(13, 400, 0.99);
    expect(Math.exp(lnBinomialLowerTail(13, 400, bound))).toBeCloseTo(0.01, 9);
    expect(bound).toBeGreaterThan(13 / 400);
    expect(shareUpperBound(5, 5, 0.9)).toBe(1);
  });
});

describe('criticalCount', () => {
  it.each([
    [1000, 0.01, 1e-3],
    [1000, 0.2, 1e-6],
    [20, 0.01, 1e-3],
    [100_000, 0.5, 1e-9],
  ])('is the first count of %d rows that is too rare at a share of %d', (rows, share, level) => {
    const count = criticalCount(rows, share, Math.log(level));
    expect(lnBinomialUpperTail(count, rows, share)).toBeLessThanOrEqual(Math.log(level));
    expect(lnBinomialUpperTail(count - 1, rows, share)).toBeGreaterThan(Math.log(level));
  });

  it('is one for no tolerance, and out of reach where even all rows would not be rare', () => {
    expect(criticalCount(50, 0, Math.log(1e-6))).toBe(1);
    expect(criticalCount(10, 0.9, Math.log(1e-6))).toBe(11);
  });
});
