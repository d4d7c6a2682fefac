import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuantileBins, quantileRelativeError, quantilesOf } from './quantile-bins';

function countsOf(values: readonly number[]): Map<number, number> {
  const bins = new QuantileBins();
  for (const value of values) bins.add(value);
  const counts = new Map<number, number>();
  bins.addTo(counts);
  return counts;
}

function exactQuantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] as number;
}

describe('quantilesOf', () => {
  it('is within 1/128 of the value of that rank, whatever the values', () => {
    const value = fc.oneof(fc.double({ min: 1e-4, max: 1e5, noNaN: true }), fc.integer({ min: 0, max: 50 }));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const [answer] = quantilesOf(countsOf(values), [q]) as [number];
          const exact = exactQuantile(values, q);
          expect(Math.abs(answer - exact)).toBeLessThanOrEqual(exact * quantileRelativeError);
        },
      ),
    );
  });

  it('is exact for 0, and NaN of nothing', () => {
    expect(quantilesOf(countsOf([0, -0, 5e-324, 0]), [0, 0.5, 1])).toEqual([0, 0, 0]);
    expect(quantilesOf(countsOf([]), [0.5, 1])).toEqual([Number.NaN, Number.NaN]);
  });

  it('holds the largest double', () => {
    const [answer] = quantilesOf(countsOf([Number.MAX_VALUE]), [1]) as [number];
    expect(answer / Number.MAX_VALUE).toBeGreaterThan(1 - quantileRelativeError);
    expect(answer).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

describe('QuantileBins', () => {
  it('keeps its memory bounded: past 32 octaves the smallest values run together, none is lost, the large stay right', () => {
    const values = Array.from({ length: 600 }, (_, index) => 2 ** (index - 300));
    const counts = countsOf([0, ...values, ...values.toReversed()]);
    expect(counts.size).toBeLessThanOrEqual(2049);
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(1201);
    expect(quantilesOf(counts, [1])[0]).toBeCloseTo(2 ** 299 * (1 + quantileRelativeError), -280);
    expect(quantilesOf(counts, [0])[0]).toBe(0);
  });

  it('forgets when it is cleared', () => {
    const bins = new QuantileBins();
    bins.add(3);
    bins.add(0);
    bins.clear();
    const counts = new Map<number, number>();
    bins.addTo(counts);
    expect(counts.size).toBe(0);
  });
});
