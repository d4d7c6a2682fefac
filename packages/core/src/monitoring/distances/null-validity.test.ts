import { describe, expect, it } from 'vitest';
import { adjustPValues } from '../multiple-testing/adjust-p-values';
import { createRandom } from '../random';
import { type CompareCountsOptions, compareCounts } from './compare-counts';
import { type CompareSamplesOptions, compareSamples } from './compare-samples';
import { jensenShannonDistance } from './jensen-shannon';
import { psi } from './psi';
import { countByReferenceQuantiles } from './quantile-bins';
import { normalizedWassersteinDistance } from './wasserstein';

/*
 * Without a drift a p-value is at most .05 in at most one comparison of twenty, at every size of the window: simulated
 * with fixed seeds, each comparison with a reference of its own.
 */

const level = 0.05;

/** For a machine that is busy with other tests too; nothing here waits. */
const patient = { timeout: 60_000 };

/** At most the level and 4 standard errors, and no less than a fifth of it: valid, and not deaf. */
function expectValid(hits: number, comparisons: number, what: string): void {
  const error = Math.sqrt((level * (1 - level)) / comparisons);
  expect(hits / comparisons, what).toBeLessThanOrEqual(level + 4 * error);
  expect(hits / comparisons, what).toBeGreaterThanOrEqual(level / 5);
}

const laws = {
  'ten equal categories': new Array<number>(10).fill(0.1),
  'a few frequent, many rare': [0.5, 0.25, 0.12, 0.06, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002],
  'two categories': [0.7, 0.3],
};

/** Draws counts of `rows` rows from shares that add up to 1. */
function drawCounts(shares: readonly number[], rows: number, random: () => number): number[] {
  const counts = new Array<number>(shares.length).fill(0);
  for (let row = 0; row < rows; row++) {
    let rest = random();
    let cell = 0;
    while (cell + 1 < shares.length && rest >= (shares[cell] as number)) rest -= shares[cell++] as number;
    counts[cell] = (counts[cell] as number) + 1;
  }
  return counts;
}

const normal = (random: () => number) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const onCounts: readonly CompareCountsOptions['method'][] = [
  'psi',
  'kolmogorov-smirnov',
  'jensen-shannon',
  'wasserstein',
  'hellinger',
  'total-variation',
  'l-infinity',
  'chi-squared',
  'cramers-v',
];

describe.each([50, 500])('without a drift, at %i rows against 10,000', (windowRows) => {
  it.each(Object.entries(laws))('counts of %s are found to differ one time in twenty', patient, (_name, shares) => {
    const random = createRandom(windowRows + shares.length);
    const comparisons = 400;
    const hits = new Map<string, number>();
    for (let comparison = 0; comparison < comparisons; comparison++) {
      const reference = drawCounts(shares, 10_000, random);
      const window = drawCounts(shares, windowRows, random);
      for (const method of onCounts) {
        const values = method === 'wasserstein' ? { values: shares.map((_, cell) => cell * cell) } : {};
        const options = { method, permutations: 99, seed: comparison, ...values };
        const { pValue } = compareCounts(reference, window, options);
        hits.set(method, (hits.get(method) ?? 0) + (pValue <= level ? 1 : 0));
      }
    }
    for (const method of onCounts) expectValid(hits.get(method) ?? 0, comparisons, method);
  });

  it('χ² of joined rare categories finds a difference one time in twenty', () => {
    const random = createRandom(3 * windowRows);
    const comparisons = 400;
    let hits = 0;
    for (let comparison = 0; comparison < comparisons; comparison++) {
      const reference = drawCounts(laws['a few frequent, many rare'], 10_000, random);
      const window = drawCounts(laws['a few frequent, many rare'], windowRows, random);
      if (compareCounts(reference, window, { method: 'chi-squared', pValue: 'chi-squared' }).pValue <= level) hits++;
    }
    expectValid(hits, comparisons, 'joined');
  });

  it('values are found to differ one time in twenty', patient, () => {
    const ways: readonly CompareSamplesOptions[] = [
      { method: 'kolmogorov-smirnov', pValue: 'exact' },
      { method: 'kolmogorov-smirnov', pValue: 'asymptotic' },
      { method: 'kolmogorov-smirnov', pValue: 'kolmogorov' },
      { method: 'kolmogorov-smirnov', pValue: 'permutation' },
      { method: 'wasserstein' },
      { method: 'psi' },
      { method: 'chi-squared' },
      { method: 'l-infinity' },
    ];
    const random = createRandom(7 * windowRows);
    const comparisons = 150;
    const hits = new Array<number>(ways.length).fill(0);
    for (let comparison = 0; comparison < comparisons; comparison++) {
      const reference = Float64Array.from({ length: 10_000 }, () => normal(random)).sort();
      const window = Float64Array.from({ length: windowRows }, () => normal(random));
      ways.forEach((way, i) => {
        const { pValue } = compareSamples(reference, window, { permutations: 99, seed: comparison, ...way });
        if (pValue <= level) hits[i] = (hits[i] as number) + 1;
      });
    }
    ways.forEach((way, i) => {
      expectValid(hits[i] as number, comparisons, `${way.method} by ${way.pValue ?? 'auto'}`);
    });
  });

  it('rows are found to differ one time in twenty by the maximum mean discrepancy with a reservoir', patient, () => {
    const random = createRandom(windowRows);
    const comparisons = 150;
    const rows = Math.min(windowRows, 64);
    let hits = 0;
    for (let comparison = 0; comparison < comparisons; comparison++) {
      const reference = Float64Array.from({ length: 128 * 4 }, () => normal(random));
      const window = Float64Array.from({ length: rows * 4 }, () => normal(random));
      const { pValue } = compareSamples(reference, window, {
        method: 'maximum-mean-discrepancy',
        width: 4,
        permutations: 99,
        seed: comparison,
      });
      if (pValue <= level) hits++;
    }
    expectValid(hits, comparisons, 'maximum-mean-discrepancy');
  });
});

describe('small references', () => {
  it.each([
    [50, 50],
    [30, 200],
  ])('have valid p-values by bins of their own quantiles: %i against %i rows', patient, (windowRows, referenceRows) => {
    const random = createRandom(windowRows);
    const comparisons = 600;
    for (const method of ['psi', 'total-variation'] as const) {
      let hits = 0;
      for (let comparison = 0; comparison < comparisons; comparison++) {
        const reference = Float64Array.from({ length: referenceRows }, () => normal(random));
        const window = Float64Array.from({ length: windowRows }, () => normal(random));
        const { pValue } = compareSamples(reference, window, { method, bins: 5, permutations: 99, seed: comparison });
        if (pValue <= level) hits++;
      }
      expectValid(hits, comparisons, method);
    }
  });
});

describe('the thresholds that other tools have by default', () => {
  const random = createRandom(100);
  const reference = Float64Array.from({ length: 10_000 }, () => normal(random)).sort();
  const categories = new Array<number>(20).fill(0.05);

  function shareOfAlarms(
    windowRows: number,
    comparisons: number,
  ): Record<'w1' | 'js' | 'psi' | 'family' | 'ours', number> {
    const alarms = { w1: 0, js: 0, psi: 0, family: 0, ours: 0 };
    const referenceCounts = drawCounts(categories, 10_000, random);
    for (let comparison = 0; comparison < comparisons; comparison++) {
      const windows = Array.from({ length: 20 }, () => Float64Array.from({ length: windowRows }, () => normal(random)));
      const far = windows.map((window) => normalizedWassersteinDistance(reference, window) >= 0.1);
      const window = windows[0] as Float64Array;
      const counted = countByReferenceQuantiles(reference, window);
      if (far[0]) alarms.w1++;
      if (far.includes(true)) alarms.family++;
      if (jensenShannonDistance(referenceCounts, drawCounts(categories, windowRows, random)) >= 0.1) alarms.js++;
      if (psi(counted.reference, counted.window) >= 0.1) alarms.psi++;
      const pValues = windows.map(
        (values) => compareSamples(reference, values, { method: 'kolmogorov-smirnov', pValue: 'asymptotic' }).pValue,
      );
      if (adjustPValues(pValues).some((p) => p <= level)) alarms.ours++;
    }
    for (const key of ['w1', 'js', 'psi', 'family', 'ours'] as const) alarms[key] /= comparisons;
    return alarms;
  }

  it(
    'alarm most of the time in a small window; p-values adjusted over 20 features do so one time in twenty',
    patient,
    () => {
      const small = shareOfAlarms(100, 60);
      expect(small.w1).toBeGreaterThan(0.5);
      expect(small.js).toBeGreaterThan(0.9);
      expect(small.psi).toBeGreaterThan(0.2);
      expect(small.family).toBe(1);
      expect(small.ours).toBeLessThanOrEqual(level + 4 * Math.sqrt((level * (1 - level)) / 60));
    },
  );

  it('find a drift all the same', () => {
    const window = Float64Array.from({ length: 100 }, () => normal(random) + 0.5);
    const pValues = Array.from({ length: 19 }, () => Float64Array.from({ length: 100 }, () => normal(random))).map(
      (values) => compareSamples(reference, values, { method: 'kolmogorov-smirnov' }).pValue,
    );
    pValues.push(compareSamples(reference, window, { method: 'kolmogorov-smirnov' }).pValue);
    const adjusted = adjustPValues(pValues);
    expect(adjusted.map((p) => p <= level)).toEqual([...new Array<boolean>(19).fill(false), true]);
  });
});
