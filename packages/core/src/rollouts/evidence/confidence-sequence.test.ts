import { describe, expect, test } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { meanConfidenceSequence, type ValueSums } from './confidence-sequence';

function sumsOf(values: readonly number[]): ValueSums {
  return {
    count: values.length,
    sum: values.reduce((sum, value) => sum + value, 0),
    squares: values.reduce((sum, value) => sum + value * value, 0),
  };
}

describe('the confidence sequence of a mean', () => {
  test('leaves out exactly the means that lose a bet against the values, found by trying them', () => {
    const values = [0.5, 0.25, 0, 0, 1, 0.75, 0, 0.5, -0.25, 0.5, 0.5, 0.25];
    const stakes = [0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75];
    const capital = (mean: number, sign: number): number =>
      stakes.reduce(
        (sum, stake) =>
          sum +
          values.reduce(
            (product, value) =>
              (product * Math.exp(stake * sign * value + (stake + Math.log(1 - stake)) * value * value)) /
              (1 + stake * sign * mean),
            1,
          ),
        0,
      ) / stakes.length;
    const means = Array.from({ length: 20_001 }, (_, index) => -1 + index / 10_000);
    const possible = means.filter((mean) => capital(mean, 1) <= 2 / 0.2 && capital(mean, -1) <= 2 / 0.2);
    const { mean, lower, upper } = meanConfidenceSequence(sumsOf(values), 0.2);
    expect(mean).toBeCloseTo(4 / 12, 12);
    expect(lower).toBeCloseTo(possible[0] as number, 3);
    expect(upper).toBeCloseTo(possible.at(-1) as number, 3);
  });

  test.each([
    ['rare failures', (random: () => number) => (random() < 0.02 ? 1 : 0), 0.02],
    ['differences', (random: () => number) => (random() < 0.1 ? 1 : 0) - (random() < 0.05 ? 1 : 0), 0.05],
    ['values around -0.5', (random: () => number) => -random(), -0.5],
  ])('holds at every one of 500 looks at once: %s', (_what, draw, truth) => {
    const random = createRandom(11);
    let missed = 0;
    for (let run = 0; run < 100; run++) {
      let sums: ValueSums = { count: 0, sum: 0, squares: 0 };
      for (let look = 0; look < 500; look++) {
        const value = draw(random);
        sums = { count: sums.count + 1, sum: sums.sum + value, squares: sums.squares + value * value };
        const { lower, upper } = meanConfidenceSequence(sums, 0.1);
        if (truth >= lower && truth <= upper) continue;
        missed++;
        break;
      }
    }
    expect(missed / 100).toBeLessThanOrEqual(0.1);
  });

  test('closes in on the mean, and is wider for a smaller error rate', () => {
    const widths = [100, 1000, 10_000, 100_000].map((count) => {
      const { lower, upper } = meanConfidenceSequence({ count, sum: count * 0.02, squares: count * 0.02 }, 0.05);
      expect(lower).toBeLessThan(0.02);
      expect(upper).toBeGreaterThan(0.02);
      return upper - lower;
    });
    expect(widths).toEqual([...widths].sort((one, other) => other - one));
    expect(widths[3]).toBeLessThan(0.005);
    const strict = meanConfidenceSequence({ count: 1000, sum: 20, squares: 20 }, 0.001);
    expect(strict.upper - strict.lower).toBeGreaterThan(widths[1] as number);
  });

  test('knows nothing without values, stays within what is possible, and is the mirror of that of the negated values', () => {
    expect(meanConfidenceSequence({ count: 0, sum: 0, squares: 0 }, 0.05)).toEqual({ mean: 0, lower: -1, upper: 1 });
    expect(meanConfidenceSequence({ count: 0, sum: 0, squares: 0 }, 0.05, 0).lower).toBe(0);
    expect(meanConfidenceSequence({ count: 3, sum: 0, squares: 0 }, 0.05, 0).lower).toBe(0);
    const mirrored = meanConfidenceSequence({ count: 50, sum: -20, squares: 12 }, 0.05);
    const { lower, upper } = meanConfidenceSequence({ count: 50, sum: 20, squares: 12 }, 0.05);
    expect(mirrored.lower).toBeCloseTo(-upper, 12);
    expect(mirrored.upper).toBeCloseTo(-lower, 12);
  });

  test('refuses an error rate that is none', () => {
    for (const alpha of [0, 1, -1, Number.NaN]) {
      expect(() => meanConfidenceSequence({ count: 1, sum: 0, squares: 0 }, alpha)).toThrow(/alpha/);
    }
  });
});
