import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import fixtures from '../fixtures/distances.json';
import { chiSquaredStatistic } from './chi-squared';
import { type CompareCountsOptions, compareCounts } from './compare-counts';
import type { CountMethod } from './comparison';
import { countCategories } from './count-categories';
import { cramersV } from './cramers-v';
import { hellingerDistance } from './hellinger';
import { jensenShannonDistance } from './jensen-shannon';
import { kolmogorovSmirnovOnBins } from './kolmogorov-smirnov';
import { lInfinityDistance } from './l-infinity';
import { psi } from './psi';
import { totalVariationDistance } from './total-variation';
import { wassersteinOnCounts } from './wasserstein';

const distances = {
  psi,
  'kolmogorov-smirnov': (reference: number[], window: number[]) => kolmogorovSmirnovOnBins(reference, window).statistic,
  'jensen-shannon': jensenShannonDistance,
  hellinger: hellingerDistance,
  'total-variation': totalVariationDistance,
  'l-infinity': lInfinityDistance,
  'chi-squared': chiSquaredStatistic,
  'cramers-v': cramersV,
};
type Named = keyof typeof distances;
const names = Object.keys(distances) as Named[];

const thrownBy = (call: () => unknown): FairleadError => {
  try {
    call();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
};

describe('the distances on counts', () => {
  it('give the numbers that everybody can check', () => {
    const uniform = [0.25, 0.25, 0.25, 0.25];
    const shares = [0.1, 0.2, 0.3, 0.4];
    const distance = jensenShannonDistance(uniform, shares);
    expect(distance).toBeCloseTo(0.2005, 4);
    expect(distance ** 2).toBeCloseTo(0.0402, 4);
    expect(distance * Math.sqrt(Math.LN2)).toBeCloseTo(0.1669, 4);
    expect(totalVariationDistance(uniform, shares)).toBeCloseTo(0.2, 15);
    expect(lInfinityDistance(uniform, shares)).toBeCloseTo(0.15, 15);
  });

  it.each(fixtures.counts)('agree with numpy and scipy to 1e-9 on $reference', (expected) => {
    const { reference, window, statistics } = expected;
    for (const name of names) {
      const wanted = statistics[name];
      const found = distances[name](reference, window);
      expect(Math.abs(found - wanted), name).toBeLessThanOrEqual(1e-9 * Math.max(1, wanted));
    }
    const moved = wassersteinOnCounts(reference, window, expected.values);
    expect(Math.abs(moved - expected.wasserstein)).toBeLessThanOrEqual(1e-9);
  });

  it('keep their digits where the shares are nearly equal', () => {
    // p, q = ½ ± 1e-9: JSD = (1e-9)²·2/ln 2 bits and H² = (1e-9)²·… by their second order.
    const near = [0.5 + 1e-9, 0.5 - 1e-9];
    const far = [0.5 - 1e-9, 0.5 + 1e-9];
    expect(jensenShannonDistance(near, far) / (1e-9 * Math.sqrt(2 / Math.LN2))).toBeCloseTo(1, 6);
    expect(hellingerDistance(near, far) / (1e-9 * Math.SQRT2)).toBeCloseTo(1, 6);
  });

  it('are 0 for equal shares, do not know which sample is which, and stay in range', () => {
    for (const name of names) {
      expect(distances[name]([10, 20, 0, 5], [100, 200, 0, 50])).toBeCloseTo(0, 12);
      const there = distances[name]([30, 1, 0, 9], [5, 6, 7, 0]);
      expect(distances[name]([5, 6, 7, 0], [30, 1, 0, 9])).toBeCloseTo(there, 12);
      const apart = distances[name]([10, 0, 0], [0, 0, 10]);
      if (name !== 'psi' && name !== 'chi-squared') expect(apart).toBeCloseTo(1, 12);
    }
  });

  describe.each([...names, 'wasserstein'] as const)('%s refuses', (name) => {
    const distance = (reference: number[], window: number[]) =>
      name === 'wasserstein' ? wassersteinOnCounts(reference, window, [1, 2]) : distances[name](reference, window);
    it.each<[string, unknown, unknown, string]>([
      ['other cells', [1, 2], [1, 2, 3], 'window'],
      ['a negative count', [1, -2], [1, 2], 'reference[1]'],
      ['NaN', [1, 2], [Number.NaN, 2], 'window[0]'],
      ['infinitely many rows', [1, Number.POSITIVE_INFINITY], [1, 2], 'reference[1]'],
      ['a text', [1, 2], ['1', 2], 'window[0]'],
      ['a bigint', [1n, 2n], [1, 2], 'reference[0]'],
      ['all zeros', [0, 0], [1, 2], 'reference'],
      ['an empty window', [1, 2], [0, 0], 'window'],
      ['no cells', [], [], 'reference'],
      ['no array', 7, [1], 'reference'],
      ['nothing', [1], undefined, 'window'],
      ['a length that is none', { length: -1 }, [1], 'reference'],
    ])('%s', (_what, reference, window, field) => {
      const error = thrownBy(() => distance(reference as number[], window as number[]));
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.details.field).toBe(field);
    });
  });

  it('refuse values that do not fit the cells', () => {
    expect(thrownBy(() => wassersteinOnCounts([1, 2], [1, 2], [1])).details.field).toBe('values');
    expect(thrownBy(() => wassersteinOnCounts([1, 2], [1, 2], [1, Number.NaN])).details.field).toBe('values[1]');
  });
});

describe('compareCounts', () => {
  it('says which distance, how far, how surprising and by which way', () => {
    expect(compareCounts([500, 300, 200], [20, 15, 15], { method: 'psi' })).toEqual({
      method: 'psi',
      statistic: psi([500, 300, 200], [20, 15, 15]),
      pValue: expect.closeTo(0.2, 1),
      pValueMode: 'permutation',
      referenceRows: 1000,
      windowRows: 50,
      permutations: 999,
      referenceLeftOut: 0,
      windowLeftOut: 0,
      pooledCells: 0,
      statisticError: 0,
    });
  });

  it.each(fixtures.chiSquaredTests)(
    'agrees with chi2_contingency on $reference',
    ({ reference, window, ...expected }) => {
      const found = compareCounts(reference, window, { method: 'chi-squared', pValue: 'chi-squared' });
      expect(found.pValueMode).toBe('chi-squared');
      expect(Math.abs(found.statistic - expected.statistic)).toBeLessThanOrEqual(1e-9 * (1 + expected.statistic));
      expect(Math.abs(found.pValue - expected.p)).toBeLessThanOrEqual(1e-9 * expected.p);
    },
  );

  it.each(fixtures.divergenceLaws)('has the corrected law that numpy has on $window', ({ reference, window, p }) => {
    for (const method of ['psi', 'jensen-shannon', 'hellinger'] as const) {
      const found = compareCounts(reference, window, { method, pValue: 'chi-squared' });
      expect(Math.abs(found.pValue - p[method]), method).toBeLessThanOrEqual(1e-6 * p[method]);
      expect(found.pValueMode).toBe('chi-squared');
    }
  });

  it.each(fixtures.enumerated)('agrees with every outcome of $reference and $window added up', (expected) => {
    const { reference, window, p } = expected;
    const twoCells = reference.length === 2;
    for (const method of [...names, 'wasserstein'] as const) {
      const wanted = p[method];
      const values = method === 'wasserstein' ? { values: expected.values } : {};
      const permutations = 5000;
      const permuted = compareCounts(reference, window, {
        method,
        pValue: 'permutation',
        permutations,
        seed: 3,
        ...values,
      });
      const deviation = Math.sqrt((wanted * (1 - wanted)) / permutations);
      expect(Math.abs(permuted.pValue - wanted), method).toBeLessThanOrEqual(4 * deviation + 1 / permutations);
      expect(permuted).toMatchObject({ pValueMode: 'permutation', permutations });
      if (!twoCells) continue;
      const exact = compareCounts(reference, window, { method, pValue: 'exact', ...values });
      expect(Math.abs(exact.pValue - wanted), method).toBeLessThanOrEqual(1e-9 * wanted);
      expect(exact).toMatchObject({ pValueMode: 'exact', permutations: 0 });
    }
  });

  it('chooses the way by itself', () => {
    const modeOf = (method: CountMethod, reference: number[], window: number[]) =>
      compareCounts(reference, window, {
        method,
        permutations: 99,
        ...(method === 'wasserstein' ? { values: reference.map((_, cell) => cell) } : {}),
      }).pValueMode;
    for (const method of ['psi', 'jensen-shannon', 'hellinger'] as const) {
      expect(modeOf(method, [1000, 1000, 1000], [40, 40, 40])).toBe('chi-squared');
      expect(modeOf(method, [1000, 1000, 1000], [9, 9, 9])).toBe('permutation');
    }
    for (const method of ['chi-squared', 'cramers-v'] as const) {
      expect(modeOf(method, [1000, 1000, 1000], [9, 9, 9])).toBe('chi-squared');
      expect(modeOf(method, [1000, 1000, 10], [9, 9, 9])).toBe('permutation');
    }
    for (const method of ['total-variation', 'l-infinity', 'kolmogorov-smirnov', 'wasserstein'] as const) {
      expect(modeOf(method, [1000, 1000, 1000], [300, 300, 300])).toBe('permutation');
      expect(modeOf(method, [1000, 0, 1000], [300, 0, 300])).toBe('exact');
    }
    expect(modeOf('chi-squared', [1000, 1000], [300, 300])).toBe('chi-squared');
    expect(modeOf('chi-squared', [10, 0], [3, 1])).toBe('exact');
  });

  it('joins rare cells when asked, and where together they are enough', () => {
    const law = { method: 'chi-squared', pValue: 'chi-squared' } as const;
    const rare = [
      [4000, 3000, 30, 25, 31],
      [600, 300, 3, 2, 9],
    ] as const;
    expect(compareCounts(...rare, law)).toMatchObject({ pooledCells: 3, pValueMode: 'chi-squared' });
    expect(compareCounts(...rare, { method: 'chi-squared' })).toMatchObject({
      pooledCells: 0,
      pValueMode: 'permutation',
    });
    // A category that the reference has never had is not joined away.
    const unseen = compareCounts([6000, 4000, 0], [28, 19, 3], { method: 'chi-squared' });
    expect(unseen).toMatchObject({ pooledCells: 0, pValueMode: 'permutation', statistic: expect.closeTo(600, -2) });
    expect(unseen.pValue).toBeLessThanOrEqual(0.002);
    expect(compareCounts([6000, 4000, 0], [28, 19, 3], law).pooledCells).toBe(0);
  });

  it('finds nothing in one cell, and nothing in equal shares', () => {
    for (const method of names) {
      const one = compareCounts([10, 0], [5, 0], { method });
      expect(one.statistic).toBeCloseTo(0, 12);
      expect(one.pValue, method).toBe(1);
      const equal = compareCounts([100, 200, 300], [10, 20, 30], { method, permutations: 99 });
      expect(equal.pValue, method).toBe(1);
    }
  });

  it('finds a drift in every distance', () => {
    for (const method of [...names, 'wasserstein'] as const) {
      const values = method === 'wasserstein' ? { values: [3, 2, 1] } : {};
      expect(compareCounts([5000, 3000, 2000], [150, 250, 100], { method, ...values }).pValue).toBeLessThanOrEqual(
        0.001,
      );
    }
  });

  it('gives the same for the same seed, something near for another', () => {
    const options = { method: 'l-infinity', permutations: 2000 } as const;
    const once = compareCounts([50, 30, 20], [10, 12, 9], { ...options, seed: 5 });
    expect(compareCounts([50, 30, 20], [10, 12, 9], { ...options, seed: 5 })).toEqual(once);
    const other = compareCounts([50, 30, 20], [10, 12, 9], { ...options, seed: 6 });
    expect(other.pValue).not.toBe(once.pValue);
    expect(other.pValue).toBeCloseTo(once.pValue, 1);
  });

  it('says how much a distance on bins may hide', () => {
    const { statistic, statisticError, pValue } = compareCounts([10, 80, 10], [20, 60, 20], {
      method: 'kolmogorov-smirnov',
      pValue: 'kolmogorov',
    });
    expect(statistic).toBeCloseTo(0.1, 15);
    expect(statisticError).toBeCloseTo(0.8, 15);
    expect(pValue).toBeGreaterThan(0.5);
  });

  it('takes many rows', () => {
    const reference = [40_000_000, 30_000_000, 20_000_000];
    const permuted = compareCounts(reference, [400_000, 300_500, 199_500], { method: 'psi', pValue: 'permutation' });
    const law = compareCounts(reference, [400_000, 300_500, 199_500], { method: 'psi' });
    expect(law.pValueMode).toBe('chi-squared');
    expect(permuted.pValue).toBeCloseTo(law.pValue, 1);
  });

  it.each<[string, unknown, unknown, Partial<CompareCountsOptions>, string, string]>([
    ['a fractional count', [1, 2.5], [1, 2], {}, 'INVALID_ARGUMENT', 'reference[1]'],
    ['a negative count', [1, 2], [1, -2], {}, 'INVALID_ARGUMENT', 'window[1]'],
    ['NaN', [1, 2], [1, Number.NaN], {}, 'INVALID_ARGUMENT', 'window[1]'],
    ['a count past what is exact', [2 ** 53, 2], [1, 2], {}, 'INVALID_ARGUMENT', 'reference[0]'],
    ['a sum past what is exact', [2 ** 53 - 1, 2 ** 53 - 1], [1, 2], {}, 'INVALID_ARGUMENT', 'reference'],
    ['an empty sample', [0, 0], [1, 2], {}, 'INVALID_ARGUMENT', 'reference'],
    ['other cells', [1], [1, 2], {}, 'INVALID_ARGUMENT', 'window'],
    ['exact on three cells', [1, 2, 3], [1, 2, 3], { pValue: 'exact' }, 'INVALID_ARGUMENT', 'reference'],
    ['exact on too many rows', [1, 2], [1e6, 2], { pValue: 'exact' }, 'LIMIT_EXCEEDED', 'window'],
    ['too many rows to permute', [1e9, 2], [1, 2], { pValue: 'permutation' }, 'LIMIT_EXCEEDED', 'reference'],
    [
      'too many permutations of too many cells',
      new Array(1000).fill(10),
      new Array(1000).fill(10),
      { pValue: 'permutation', permutations: 1_000_000 },
      'LIMIT_EXCEEDED',
      'options.permutations',
    ],
    ['hostile permutations', [1, 2], [1, 2], { permutations: 1e12 }, 'INVALID_OPTION', 'permutations'],
    ['no permutations', [1, 2], [1, 2], { permutations: 0 }, 'INVALID_OPTION', 'permutations'],
    ['a seed that is none', [1, 2], [1, 2], { seed: -1 }, 'INVALID_OPTION', 'seed'],
    ['a law of another', [1, 2], [1, 2], { method: 'l-infinity', pValue: 'chi-squared' }, 'INVALID_OPTION', 'pValue'],
    ['a law of another', [1, 2], [1, 2], { method: 'psi', pValue: 'kolmogorov' }, 'INVALID_OPTION', 'pValue'],
    ['values that are not needed', [1, 2], [1, 2], { values: [1, 2] }, 'INVALID_OPTION', 'values'],
    ['values that are missing', [1, 2], [1, 2], { method: 'wasserstein' }, 'INVALID_OPTION', 'values'],
    ['too few values', [1, 2], [1, 2], { method: 'wasserstein', values: [1] }, 'INVALID_ARGUMENT', 'values'],
    ['no such distance', [1, 2], [1, 2], { method: 'kl' as 'psi' }, 'INVALID_OPTION', 'method'],
    ['no distance', [1, 2], [1, 2], { method: undefined as unknown as 'psi' }, 'INVALID_OPTION', 'method'],
    ['an unknown option', [1, 2], [1, 2], { bins: 5 } as object, 'INVALID_OPTION', 'bins'],
  ])('refuses %s', (_what, reference, window, options, code, field) => {
    const error = thrownBy(() =>
      compareCounts(reference as number[], window as number[], { method: 'psi', ...options } as CompareCountsOptions),
    );
    expect(error.code).toBe(code);
    expect(error.details.field).toBe(field);
  });
});

describe('countCategories', () => {
  it('gives each category of either sample one cell', () => {
    expect(countCategories(['a', 'b', 'a'], new Set(['c', 'a']))).toEqual({
      reference: [2, 1, 0],
      window: [1, 0, 1],
      cells: ['a', 'b', 'c'],
    });
    expect(countCategories([1, Number.NaN, true], [Number.NaN, '1']).window).toEqual([0, 1, 0, 1]);
  });

  it('refuses what is no category, nothing, and identifiers', () => {
    expect(thrownBy(() => countCategories([], ['a'])).details.field).toBe('reference');
    expect(thrownBy(() => countCategories(['a'], [null as unknown as string])).details.field).toBe('window[0]');
    const ids = Array.from({ length: 70_000 }, (_, i) => i);
    expect(thrownBy(() => countCategories(ids, [1])).code).toBe('LIMIT_EXCEEDED');
  });
});
