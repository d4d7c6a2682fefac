import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import fixtures from '../fixtures/distances.json';
import { kolmogorovSmirnovOnBins, kolmogorovSmirnovPValue } from './kolmogorov-smirnov';
import { psi, psiPValue } from './psi';

describe('psi', () => {
  it('gives what a person computes', () => {
    // (.5−.25)·ln 2 + (.5−.75)·ln(2/3) = .25·ln 3
    expect(psi([25, 75], [50, 50])).toBeCloseTo(0.25 * Math.log(3), 14);
  });

  it('lifts an empty bin to 1e-4 and makes the shares add up to one again', () => {
    const sum = 1 + 1e-4;
    const expected = 2 * ((1 - 1e-4) / sum) * Math.log(1e4);
    expect(psi([10, 0], [0, 10])).toBeCloseTo(expected, 12);
  });

  it('is symmetric and 0 for equal shares', () => {
    expect(psi([1, 2, 3], [10, 20, 30])).toBe(0);
    expect(psi([9, 2, 3], [1, 2, 30])).toBeCloseTo(psi([1, 2, 30], [9, 2, 3]), 14);
  });

  it.each(fixtures.distances)('agrees with numpy on $reference', ({ reference, window, psi: expected }) => {
    expect(Math.abs(psi(reference, window) - expected)).toBeLessThan(1e-9 * (1 + expected));
  });

  it.each(fixtures.laws.psiP)('has the limit law that scipy gives at $psi', (law) => {
    const p = psiPValue(law.psi, law.windowRows, law.referenceRows, law.bins);
    expect(Math.abs(p - law.p)).toBeLessThan(1e-6 * law.p);
  });
});

describe('kolmogorovSmirnovOnBins', () => {
  it('gives what a person computes', () => {
    const { statistic, error } = kolmogorovSmirnovOnBins([1, 1, 2], [2, 1, 1]);
    expect(statistic).toBe(0.25);
    expect(error).toBe(0.5);
  });

  it.each(fixtures.distances)('agrees with scipy where a bin is one value', ({ reference, window, ks }) => {
    expect(Math.abs(kolmogorovSmirnovOnBins(reference, window).statistic - ks)).toBeLessThan(1e-9);
  });

  it('bounds the true distance from below, and its error from above', () => {
    const reference = Array.from({ length: 100 }, (_, i) => i / 100);
    const window = Array.from({ length: 80 }, (_, i) => (i / 80) ** 2);
    const edges = [0.2, 0.5, 0.9];
    const count = (values: number[]) => {
      const counts = [0, 0, 0, 0];
      for (const value of values) {
        const bin = edges.filter((edge) => edge < value).length;
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      return counts;
    };
    const share = (values: number[], x: number) => values.filter((value) => value <= x).length / values.length;
    const truth = Math.max(...[...reference, ...window].map((x) => Math.abs(share(reference, x) - share(window, x))));
    const { statistic, error } = kolmogorovSmirnovOnBins(count(reference), count(window));
    expect(statistic).toBeLessThanOrEqual(truth);
    expect(statistic + error).toBeGreaterThanOrEqual(truth);
    expect(statistic).toBeGreaterThan(0.1);
  });

  it.each(fixtures.laws.ksP)('has the limit law that scipy calls kstwobign at $ks', (law) => {
    const p = kolmogorovSmirnovPValue(law.ks, law.windowRows, law.referenceRows);
    expect(Math.abs(p - law.p)).toBeLessThan(1e-6 * law.p);
  });
});

describe.each([
  ['psi', psi],
  ['kolmogorovSmirnovOnBins', kolmogorovSmirnovOnBins],
] as const)('%s refuses', (_name, distance) => {
  it.each([
    ['other bins', [1, 2], [1, 2, 3], 'window'],
    ['a negative count', [1, -2], [1, 2], 'reference[1]'],
    ['a count that is no number', [1, 2], [Number.NaN, 2], 'window[0]'],
    ['an empty sample', [1, 2], [0, 0], 'window'],
    ['no bins', [], [], 'reference'],
  ])('%s', (_what, reference, window, field) => {
    let thrown: unknown;
    try {
      distance(reference, window);
    } catch (error) {
      thrown = error;
    }
    expect(FairleadError.isInstance(thrown, 'INVALID_ARGUMENT')).toBe(true);
    expect((thrown as FairleadError).details.field).toBe(field);
  });
});
