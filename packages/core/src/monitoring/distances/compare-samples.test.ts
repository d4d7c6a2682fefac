import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import fixtures from '../fixtures/distances.json';
import { createRandom } from '../random';
import { type CompareSamplesOptions, compareSamples } from './compare-samples';
import { kolmogorovSmirnovDistance, kolmogorovSmirnovPValue } from './kolmogorov-smirnov';
import { lInfinityDistance } from './l-infinity';
import { maximumMeanDiscrepancy } from './maximum-mean-discrepancy';
import { psi } from './psi';
import { countByReferenceQuantiles } from './quantile-bins';
import { normalizedWassersteinDistance, wassersteinDistance } from './wasserstein';

const thrownBy = (call: () => unknown): FairleadError => {
  try {
    call();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
};

const modes = ['exact', 'asymptotic', 'kolmogorov'] as const;

describe('distances of values', () => {
  it.each(fixtures.samples)('agree with scipy: $name', (expected) => {
    const { reference, window } = expected;
    const given = [...window];
    expect(Math.abs(kolmogorovSmirnovDistance(reference, window) - expected.ks)).toBeLessThanOrEqual(1e-9);
    const moved = wassersteinDistance(reference, window);
    expect(Math.abs(moved - expected.wasserstein)).toBeLessThanOrEqual(1e-9 * Math.max(1, expected.wasserstein));
    const normalized = normalizedWassersteinDistance(reference, window);
    expect(Math.abs(normalized - expected.normalizedWasserstein)).toBeLessThanOrEqual(
      1e-9 * Math.max(1, expected.normalizedWasserstein),
    );
    for (const pValue of modes) {
      const found = compareSamples(reference, window, { method: 'kolmogorov-smirnov', pValue });
      expect(Math.abs(found.pValue - expected[pValue]), pValue).toBeLessThanOrEqual(1e-6 * expected[pValue]);
      expect(found.pValueMode).toBe(pValue);
      expect(found.statistic).toBeCloseTo(expected.ks, 12);
    }
    const compared = compareSamples(reference, window, { method: 'wasserstein', permutations: 19 });
    expect(compared.statistic).toBeCloseTo(normalized, 12);
    // The samples are the caller's.
    expect(window).toEqual(given);
  });

  it.each(fixtures.ksPowers)('Kolmogorov and Smirnov at $n and $m rows, power $power', (expected) => {
    const { n, m, power } = expected;
    const reference = Float64Array.from({ length: m }, (_, i) => (i + 0.5) / m);
    const window = Float64Array.from({ length: n }, (_, i) => ((i + 0.5) / n) ** power);
    const distance = kolmogorovSmirnovDistance(reference, window);
    expect(Math.abs(distance - expected.ks)).toBeLessThanOrEqual(1e-9);
    for (const mode of ['exact', 'asymptotic'] as const) {
      const p = kolmogorovSmirnovPValue(distance, n, m, mode);
      expect(Math.abs(p - expected[mode]), mode).toBeLessThanOrEqual(1e-6 * Math.max(expected[mode], 1e-300));
    }
  });

  it.each(fixtures.discrepancies)('maximum mean discrepancy agrees with numpy and frouros: $name', (expected) => {
    const { reference, window, width, bandwidth } = expected;
    expect(Math.abs(maximumMeanDiscrepancy(reference, window, { width }) - expected.numpy)).toBeLessThan(1e-9);
    const given = maximumMeanDiscrepancy(reference, window, { width, bandwidth });
    expect(Math.abs(given - expected.frouros)).toBeLessThan(1e-9);
    const fixed = compareSamples(reference, window, {
      method: 'maximum-mean-discrepancy',
      width,
      bandwidth: 2,
      permutations: 9,
    });
    expect(Math.abs(fixed.statistic - expected.numpyAtBandwidth2)).toBeLessThan(1e-9);
    expect(fixed).toMatchObject({ referenceRows: reference.length / width, windowRows: window.length / width });
  });

  it.each(fixtures.permuted)('have the p-values of all permutations of $window', ({ reference, window, p }) => {
    const permutations = 5000;
    for (const method of ['kolmogorov-smirnov', 'wasserstein', 'maximum-mean-discrepancy'] as const) {
      const found = compareSamples(reference, window, { method, pValue: 'permutation', permutations, seed: 11 });
      const deviation = Math.sqrt((p[method] * (1 - p[method])) / permutations);
      expect(Math.abs(found.pValue - p[method]), method).toBeLessThanOrEqual(4 * deviation + 1 / permutations);
    }
  });

  it('keep rows together that are equal', () => {
    expect(maximumMeanDiscrepancy([3, 3, 3], [3, 3])).toBe(0);
    // More than half of the distances are 0: the kernel takes the median of the others.
    const rows = [0, 0, 0, 0, 0, 0, 0, 1];
    expect(maximumMeanDiscrepancy(rows, rows)).toBeCloseTo(maximumMeanDiscrepancy(rows, rows, { bandwidth: 1 }), 15);
    expect(compareSamples([3, 3, 3], [3, 3], { method: 'maximum-mean-discrepancy' }).pValue).toBe(1);
    expect(compareSamples([3, 3, 3], [3, 3], { method: 'wasserstein' }).pValue).toBe(1);
  });

  it('take the largest and the smallest numbers', () => {
    const huge = [1e300, 2e300, 3e300, 4e300];
    expect(
      normalizedWassersteinDistance(
        huge,
        huge.map((value) => value + 1e300),
      ),
    ).toBeCloseTo(1 / Math.sqrt(1.25), 12);
    expect(maximumMeanDiscrepancy([1e200, 2e200, 3e200], [1e200, 5e200])).toBeCloseTo(
      maximumMeanDiscrepancy([1, 2, 3], [1, 5]),
      12,
    );
    expect(maximumMeanDiscrepancy([1e-200, 2e-200, 3e-200], [1e-200, 5e-200], { bandwidth: 1e-200 })).toBeCloseTo(
      maximumMeanDiscrepancy([1, 2, 3], [1, 5], { bandwidth: 1 }),
      12,
    );
    const error = thrownBy(() => compareSamples([-1.7e308], [1.7e308], { method: 'wasserstein' }));
    expect(error.details.field).toBe('window');
  });

  it('do not care in which unit or order rows come', () => {
    const random = createRandom(4);
    const reference = Array.from({ length: 300 }, random);
    const window = Array.from({ length: 80 }, () => random() * 1.2);
    for (const method of ['kolmogorov-smirnov', 'wasserstein'] as const) {
      const once = compareSamples(reference, window, { method });
      const turned = compareSamples([...reference].reverse(), [...window].reverse(), { method });
      expect(turned).toEqual(once);
      const scale = (value: number) => value * 1024;
      expect(compareSamples(reference.map(scale), window.map(scale), { method }).pValue).toBe(once.pValue);
    }
  });

  it('choose the law by the rows', () => {
    const values = (rows: number) => Float64Array.from({ length: rows }, (_, i) => i / rows);
    const compare = (n: number, m: number) => compareSamples(values(m), values(n), { method: 'kolmogorov-smirnov' });
    expect(compare(500, 10_000).pValueMode).toBe('exact');
    expect(compare(5000, 10_000).pValueMode).toBe('asymptotic');
  });

  it('leave out what is not finite when told to, and count it', () => {
    const reference = [1, Number.NaN, 2, 3, Number.POSITIVE_INFINITY];
    const window = [Number.NEGATIVE_INFINITY, 4, 5];
    for (const method of ['kolmogorov-smirnov', 'wasserstein', 'maximum-mean-discrepancy'] as const) {
      expect(thrownBy(() => compareSamples(reference, window, { method })).details.field).toBe('reference[1]');
      const found = compareSamples(reference, window, { method, nonFinite: 'leave-out' });
      const { statistic } = compareSamples([1, 2, 3], [4, 5], { method });
      expect(found).toMatchObject({
        statistic,
        referenceRows: 3,
        windowRows: 2,
        referenceLeftOut: 2,
        windowLeftOut: 1,
      });
    }
    const rows = compareSamples([1, Number.NaN, 2, 3, 5, 5], [1, 2, 3, 4], {
      method: 'maximum-mean-discrepancy',
      width: 2,
      nonFinite: 'leave-out',
    });
    expect(rows).toMatchObject({ referenceRows: 2, referenceLeftOut: 1, windowRows: 2 });
  });
});

describe('what is counted by quantile bins', () => {
  const reference = Float64Array.from({ length: 1000 }, (_, i) => (i * 377) % 1000);

  it('has open ends, and cells for NaN and the infinities', () => {
    const window = [-5, 250, 251, 2000, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY];
    expect(countByReferenceQuantiles(reference, window, 4)).toEqual({
      reference: [250, 250, 250, 250, 0, 0],
      window: [1, 2, 0, 1, 2, 1],
      cells: ['(-Infinity, 249]', '(249, 499]', '(499, 749]', '(749, Infinity)', 'NaN', 'Infinity'],
    });
  });

  it('gives a value that fills a bin one of its own', () => {
    const { cells, window } = countByReferenceQuantiles([7, 7, 7], [6, 7, 8], 10);
    expect(window).toEqual([1, 1, 1]);
    expect(cells).toHaveLength(3);
  });

  it('compares what it counted', () => {
    const window = Float64Array.from({ length: 500 }, (_, i) => i * 1.7);
    const counted = countByReferenceQuantiles(reference, window);
    for (const method of ['psi', 'total-variation', 'cramers-v'] as const) {
      const found = compareSamples(reference, window, { method });
      expect(found).toMatchObject({ method, referenceRows: 1000, windowRows: 500 });
      expect(found.pValue).toBeLessThan(0.05);
    }
    expect(compareSamples(reference, window, { method: 'psi' }).statistic).toBe(psi(counted.reference, counted.window));
    const missing = [...window.slice(0, 450), ...new Array<number>(50).fill(Number.NaN)];
    expect(compareSamples(reference, missing, { method: 'l-infinity' }).statistic).toBeGreaterThan(0.09);
  });
});

describe('permuted quantile bins', () => {
  it('have the p-value of every way to deal the rows, NaN among them', () => {
    const reference = [0.3, 1.2, 2.5, 2.5, Number.NaN, 4.1];
    const window = [2.5, 5.5, Number.NaN, 6, Number.NaN];
    const rows = [...reference, ...window];
    for (const method of ['psi', 'l-infinity'] as const) {
      const statisticOf = (first: number[], second: number[]) => {
        const counted = countByReferenceQuantiles(first, second, 3);
        return (method === 'psi' ? psi : lInfinityDistance)(counted.reference, counted.window);
      };
      const observed = statisticOf(reference, window);
      let reached = 0;
      let all = 0;
      for (let chosen = 0; chosen < 2 ** rows.length; chosen++) {
        const isChosen = (row: number) => ((chosen >> row) & 1) === 1;
        const first = rows.filter((_, row) => isChosen(row));
        if (first.length !== reference.length) continue;
        const second = rows.filter((_, row) => !isChosen(row));
        all++;
        if (statisticOf(first, second) >= observed - 1e-12) reached++;
      }
      const exact = reached / all;
      const permutations = 4000;
      const { pValue } = compareSamples(reference, window, { method, bins: 3, pValue: 'permutation', permutations });
      const deviation = Math.sqrt((exact * (1 - exact)) / permutations);
      expect(all).toBe(462);
      expect(Math.abs(pValue - exact), method).toBeLessThanOrEqual(4 * deviation + 1 / permutations);
    }
  });
});

describe('compareSamples refuses', () => {
  const nothing = Number.NaN;
  it.each<[string, unknown, unknown, Partial<CompareSamplesOptions>, string, string]>([
    ['an empty reference', [], [1], {}, 'INVALID_ARGUMENT', 'reference'],
    ['an empty window', [1], [], {}, 'INVALID_ARGUMENT', 'window'],
    ['an empty window of bins', [1], [], { method: 'psi' }, 'INVALID_ARGUMENT', 'window'],
    ['a reference without a finite value', [nothing], [1], { method: 'psi' }, 'INVALID_ARGUMENT', 'reference'],
    ['only what is left out', [1], [nothing], { nonFinite: 'leave-out' }, 'INVALID_ARGUMENT', 'window'],
    ['NaN', [1, nothing], [1], {}, 'INVALID_ARGUMENT', 'reference[1]'],
    ['a text', [1], ['1'], {}, 'INVALID_ARGUMENT', 'window[0]'],
    ['a text for bins', [1], ['1'], { method: 'psi' }, 'INVALID_ARGUMENT', 'window[0]'],
    ['a bigint', [1n], [1], {}, 'INVALID_ARGUMENT', 'reference[0]'],
    ['no array', 'abc', [1], {}, 'INVALID_ARGUMENT', 'reference'],
    ['one row', [1], [1, 2], { method: 'maximum-mean-discrepancy' }, 'INVALID_ARGUMENT', 'reference'],
    [
      'a broken row',
      [1, 2, 3, 4],
      [1, 2, 3, 4, 5],
      { method: 'maximum-mean-discrepancy', width: 2 },
      'INVALID_ARGUMENT',
      'window',
    ],
    [
      'more rows than the kernel has room for',
      { length: 1e9 },
      [1, 2],
      { method: 'maximum-mean-discrepancy' },
      'LIMIT_EXCEEDED',
      'reference',
    ],
    [
      'rows too wide for their number',
      { length: 4000 * 2000 },
      { length: 2000 },
      { method: 'maximum-mean-discrepancy', width: 2000 },
      'LIMIT_EXCEEDED',
      'options.width',
    ],
    [
      'too many permutations of a kernel',
      new Float64Array(1000),
      new Float64Array(1000),
      { method: 'maximum-mean-discrepancy', permutations: 1_000_000 },
      'LIMIT_EXCEEDED',
      'options.permutations',
    ],
    [
      'too many permutations of many rows',
      new Float64Array(5000),
      [1],
      { method: 'wasserstein', permutations: 1_000_000 },
      'LIMIT_EXCEEDED',
      'options.permutations',
    ],
    [
      'an exact law of too many rows',
      new Float64Array(40_000),
      new Float64Array(40_000),
      { pValue: 'exact' },
      'LIMIT_EXCEEDED',
      'mode',
    ],
    [
      'too many permutations of quantile bins',
      new Float64Array(5000).map((_, i) => i),
      [1],
      { method: 'psi', permutations: 1_000_000 },
      'LIMIT_EXCEEDED',
      'options.permutations',
    ],
    ['hostile permutations', [1], [1], { permutations: 1e9 }, 'INVALID_OPTION', 'permutations'],
    ['no permutations', [1], [1], { permutations: 0 }, 'INVALID_OPTION', 'permutations'],
    ['bins without use', [1], [1], { bins: 5 }, 'INVALID_OPTION', 'bins'],
    ['one bin', [1], [1], { method: 'psi', bins: 1 }, 'INVALID_OPTION', 'bins'],
    ['a width without use', [1], [1], { width: 5 }, 'INVALID_OPTION', 'width'],
    ['a rule without use', [1], [1], { method: 'psi', nonFinite: 'leave-out' }, 'INVALID_OPTION', 'nonFinite'],
    ['a bandwidth of 0', [1], [1], { method: 'maximum-mean-discrepancy', bandwidth: 0 }, 'INVALID_OPTION', 'bandwidth'],
    ['a law of another', [1], [1], { pValue: 'chi-squared' }, 'INVALID_OPTION', 'pValue'],
    ['a law of another', [1], [1], { method: 'wasserstein', pValue: 'exact' }, 'INVALID_OPTION', 'pValue'],
    ['a law of another', [1], [1], { method: 'psi', pValue: 'asymptotic' }, 'INVALID_OPTION', 'pValue'],
    ['a law of another', [1], [1], { method: 'l-infinity', pValue: 'chi-squared' }, 'INVALID_OPTION', 'pValue'],
    ['no such distance', [1], [1], { method: 'euclidean' as 'psi' }, 'INVALID_OPTION', 'method'],
  ])('%s', (_what, reference, window, options, code, field) => {
    const error = thrownBy(() =>
      compareSamples(
        reference as number[],
        window as number[],
        {
          method: 'kolmogorov-smirnov',
          ...options,
        } as CompareSamplesOptions,
      ),
    );
    expect(error.details.field).toBe(field);
    expect(error.code).toBe(code);
  });

  it('p-values of no distance', () => {
    expect(thrownBy(() => kolmogorovSmirnovPValue(1.5, 10, 10)).details.field).toBe('statistic');
    expect(thrownBy(() => kolmogorovSmirnovPValue(Number.NaN, 10, 10)).details.field).toBe('statistic');
    expect(thrownBy(() => kolmogorovSmirnovPValue(0.5, 0, 10)).details.field).toBe('windowRows');
    expect(thrownBy(() => kolmogorovSmirnovPValue(0.5, 10, 1.5)).details.field).toBe('referenceRows');
    expect(thrownBy(() => kolmogorovSmirnovPValue(0.5, 10, 10, 'approx' as 'exact')).details.field).toBe('mode');
    expect(thrownBy(() => maximumMeanDiscrepancy([1, 2], [1, 2], { width: 0 })).details.field).toBe('options.width');
    expect(thrownBy(() => maximumMeanDiscrepancy([1, 2], [1, 2], { bandwidth: -1 })).details.field).toBe(
      'options.bandwidth',
    );
    expect(thrownBy(() => countByReferenceQuantiles([1], [1], 1e9)).details.field).toBe('bins');
  });
});
