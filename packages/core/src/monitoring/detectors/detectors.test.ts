import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import { createRandom } from '../random';
import { createAdwin } from './adwin';
import { createCusum } from './cusum';
import { createDdm } from './ddm';
import type { BinaryStreamDetector, StreamDetector } from './detector';
import { createEddm } from './eddm';
import { kolmogorovSmirnovTable, largestGap } from './equal-samples';
import { createHddmA } from './hddm-a';
import { createHddmW } from './hddm-w';
import { createKswin } from './kswin';
import { createPageHinkley } from './page-hinkley';

const ofNumbers = { createAdwin, createCusum, createKswin, createPageHinkley };
const ofErrors = { createDdm, createEddm };
const ofShares = { createHddmA, createHddmW };

function thrownBy(act: () => unknown): FairleadError {
  try {
    act();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}

/** The states over a stream in which errors become more frequent, with a value that is refused before each. */
function statesWith(detector: StreamDetector, refused: readonly unknown[]): string[] {
  const random = createRandom(11);
  return Array.from({ length: 1200 }, (_, index) => {
    for (const value of refused) expect(() => detector.update(value as number)).toThrow();
    return detector.update(random() < (index < 600 ? 0.1 : 0.7) ? 1 : 0);
  });
}

describe('a value that a detector cannot take', () => {
  const noNumber = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, undefined, null, '1', 1n, [1]];

  it.each(Object.entries({ ...ofNumbers, ...ofErrors, ...ofShares }))('is refused by %s', (name, create) => {
    for (const value of noNumber) {
      const error = thrownBy(() => create().update(value as number));
      expect(error.code).toBe('INVALID_INPUT');
      expect(error.details).toMatchObject({ field: 'value', expected: expect.any(String), given: expect.any(String) });
      expect(error.message).toContain(name);
      expect(error.message).toMatch(/expected .*, given .*\. It has changed nothing; (leave|say|scale)/);
    }
  });

  it.each(Object.entries(ofNumbers))('%s takes any finite number whose square is one too', (_name, create) => {
    const detector = create() as StreamDetector;
    for (const value of [-1e100, 1e100, 0, -0, Number.MIN_VALUE, -3.5]) expect(detector.update(value)).toBeDefined();
    for (const value of [1.1e100, -Number.MAX_VALUE]) {
      expect(thrownBy(() => detector.update(value)).details.given).toBe(String(value));
    }
    expect(thrownBy(() => detector.update(true as unknown as number)).code).toBe('INVALID_INPUT');
  });

  it.each(Object.entries(ofErrors))('%s takes 0, 1, false and true alone', (_name, create) => {
    const detector = create();
    for (const value of [0, 1, -0, false, true]) expect(detector.update(value)).toBe('ok');
    for (const value of [0.5, 2, -1]) expect(thrownBy(() => detector.update(value)).code).toBe('INVALID_INPUT');
  });

  it.each(Object.entries(ofShares))('%s takes 0 to 1, false and true alone', (_name, create) => {
    const detector = create();
    for (const value of [0, 1, 0.5, false, true]) expect(detector.update(value)).toBe('ok');
    for (const value of [1.0000001, -1e-9]) expect(thrownBy(() => detector.update(value)).code).toBe('INVALID_INPUT');
  });

  it.each(Object.entries({ ...ofNumbers, ...ofErrors, ...ofShares }))('changes nothing in %s', (_name, create) => {
    const states = statesWith(create(), [Number.NaN, Number.POSITIVE_INFINITY]);
    expect(states).toEqual(statesWith(create(), []));
    expect(states).toContain('drift');
  });
});

describe('an error stream of booleans', () => {
  it.each(Object.entries({ ...ofErrors, ...ofShares }))('is one of 0 and 1 to %s', (_name, create) => {
    const [ofBooleans, ofBits] = [create() as BinaryStreamDetector, create()];
    const random = createRandom(3);
    for (let index = 0; index < 500; index++) {
      const wrong = random() < (index < 250 ? 0.1 : 0.6);
      expect(ofBooleans.update(wrong)).toBe(ofBits.update(wrong ? 1 : 0));
    }
  });
});

describe('an option that is wrong', () => {
  it.each<[(options: never) => unknown, Record<string, unknown>, string]>([
    [createAdwin, { delta: 0 }, 'delta'],
    [createAdwin, { delta: 1 }, 'delta'],
    [createAdwin, { delta: Number.NaN }, 'delta'],
    [createAdwin, { clock: 0 }, 'clock'],
    [createAdwin, { clock: 1.5 }, 'clock'],
    [createAdwin, { maxBuckets: 1 }, 'maxBuckets'],
    [createAdwin, { maxBuckets: 101 }, 'maxBuckets'],
    [createAdwin, { minWindowLength: 0 }, 'minWindowLength'],
    [createAdwin, { gracePeriod: -1 }, 'gracePeriod'],
    [createAdwin, { compat: 'weka' }, 'compat'],
    [createAdwin, { width: 10 }, 'width'],
    [createDdm, { warmStart: 0 }, 'warmStart'],
    [createDdm, { warningThreshold: -1 }, 'warningThreshold'],
    [createDdm, { warningThreshold: 3, driftThreshold: 2 }, 'driftThreshold'],
    [createEddm, { alpha: 1.1 }, 'alpha'],
    [createEddm, { alpha: 0.8 }, 'beta'],
    [createHddmA, { driftConfidence: 0 }, 'driftConfidence'],
    [createHddmA, { warningConfidence: 0.0001 }, 'warningConfidence'],
    [createHddmA, { twoSided: 'yes' }, 'twoSided'],
    [createHddmA, { lambda: 0.1 }, 'lambda'],
    [createHddmW, { lambda: 1 }, 'lambda'],
    [createHddmW, { driftConfidence: 0.01 }, 'warningConfidence'],
    [createPageHinkley, { threshold: 0 }, 'threshold'],
    [createPageHinkley, { delta: Number.POSITIVE_INFINITY }, 'delta'],
    [createPageHinkley, { alpha: 0 }, 'alpha'],
    [createPageHinkley, { mode: 'sideways' }, 'mode'],
    [createCusum, { minInstances: 0 }, 'minInstances'],
    [createCusum, { slack: -0.1 }, 'slack'],
    [createCusum, { threshold: '5' }, 'threshold'],
    [createKswin, { alpha: 1 }, 'alpha'],
    [createKswin, { windowSize: 59 }, 'windowSize'],
    [createKswin, { statSize: 1 }, 'statSize'],
    [createKswin, { statSize: 1001, windowSize: 5000 }, 'statSize'],
    [createKswin, { seed: -1 }, 'seed'],
  ])('%o refuses %o', (create, options, field) => {
    const error = thrownBy(() => create(options as never));
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.details.field).toBe(field);
    expect(error.message).toMatch(/expected .+, given .+/);
  });
});

describe('ADWIN', () => {
  it('holds the mean and the variance of exactly its window', () => {
    const value = fc.double({ min: -1000, max: 1000, noNaN: true });
    const shape = fc.record({ maxBuckets: fc.integer({ min: 2, max: 6 }), compat: fc.constantFrom('river', 'moa') });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 400 }), shape, (values, options) => {
        const adwin = createAdwin({ clock: 1, delta: 0.1, ...(options as { maxBuckets: number; compat: 'river' }) });
        values.forEach((x, index) => {
          adwin.update(x);
          const window = values.slice(index + 1 - adwin.width, index + 1);
          const mean = window.reduce((sum, y) => sum + y, 0) / window.length;
          const variance = window.reduce((sum, y) => sum + (y - mean) ** 2, 0) / window.length;
          expect(Math.abs(adwin.estimate - mean)).toBeLessThan(1e-8);
          expect(Math.abs(adwin.variance - variance)).toBeLessThan(1e-5);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('is empty at first', () => {
    const adwin = createAdwin();
    expect(adwin).toMatchObject({ width: 0, estimate: Number.NaN, variance: Number.NaN, state: 'ok' });
  });

  it('by River throws its window away at the observation after a drift, by MOA keeps what came after the cut', () => {
    const step = (compat: 'river' | 'moa') => {
      const adwin = createAdwin({ compat });
      for (let index = 0; index < 320; index++) adwin.update(0);
      let index = 0;
      while (adwin.update(1) !== 'drift') index++;
      const { width } = adwin;
      adwin.update(1);
      return { index, width, after: adwin.width };
    };
    const [river, moa] = [step('river'), step('moa')];
    expect(river.index).toBe(31);
    expect(moa.index).toBe(31);
    expect(river.after).toBe(1);
    expect(moa.after).toBe(moa.width + 1);
    expect(moa.width).toBeLessThan(64);
  });
});

describe('CUSUM', () => {
  it('gives what a person computes', () => {
    const cusum = createCusum({ minInstances: 2, slack: 0.5, threshold: 2 });
    expect(cusum.mean).toBeNaN();
    expect(cusum.standardDeviation).toBeNaN();
    // Of 1 and 3: mean 2, standard deviation √2, slack .707, threshold 2.828. The second moves the sum by 1 − .707.
    expect([cusum.update(1), cusum.update(3)]).toEqual(['ok', 'ok']);
    expect(cusum.mean).toBe(2);
    expect(cusum.standardDeviation).toBeCloseTo(Math.SQRT2, 14);
    // .293 + 1 − .707 = .586, then + 3 − .707 = 2.879.
    expect([cusum.update(3), cusum.update(5)]).toEqual(['ok', 'drift']);
    expect(cusum.update(5)).toBe('ok');
    expect(cusum.mean).toBeNaN();
  });

  it('takes any change for a drift where the first observations were one value', () => {
    const cusum = createCusum({ minInstances: 5 });
    for (let index = 0; index < 50; index++) expect(cusum.update(7)).toBe('ok');
    expect(cusum.update(7.001)).toBe('drift');
  });
});

describe('EDDM', () => {
  it('knows the mean distance between errors', () => {
    const eddm = createEddm();
    expect(eddm.meanDistance).toBe(0);
    for (const error of [0, 0, 1, 0, 1, 1]) eddm.update(error);
    expect(eddm.meanDistance).toBeCloseTo(2, 14);
  });
});

describe('DDM', () => {
  it('knows the error rate since it began anew', () => {
    const ddm = createDdm();
    expect(ddm.errorRate).toBe(0);
    for (const error of [true, false, false, false]) ddm.update(error);
    expect(ddm.errorRate).toBe(0.25);
  });
});

describe('KSWIN', () => {
  it('sees a change of the spread, which the mean does not show', () => {
    const kswin = createKswin({ alpha: 1e-6, windowSize: 200, statSize: 60 });
    const random = createRandom(5);
    expect(kswin.pValue).toBeNaN();
    let quiet = true;
    for (let index = 0; index < 2000; index++) quiet &&= kswin.update(random() - 0.5) === 'ok';
    let index = 0;
    while (kswin.update(8 * (random() - 0.5)) !== 'drift') index++;
    expect(quiet).toBe(true);
    expect(index).toBeLessThan(200);
    expect(kswin.pValue).toBeLessThanOrEqual(1e-6);
  });

  it('draws the same for the same seed, another for another', () => {
    const run = (seed?: number) => {
      const kswin = createKswin(seed === undefined ? {} : { seed });
      const random = createRandom(8);
      return Array.from({ length: 300 }, () => {
        kswin.update(random());
        return kswin.pValue;
      });
    };
    expect(run(4)).toEqual(run(4));
    expect(run(4)).not.toEqual(run(5));
    expect(run()).toEqual(run(0));
  });

  it('has the p-value that counting every order of two small samples gives', () => {
    const size = 5;
    const counts = new Array<number>(size + 1).fill(0);
    let orders = 0;
    for (let mask = 0; mask < 1 << (2 * size); mask++) {
      const bits = Array.from({ length: 2 * size }, (_, bit) => (mask >> bit) & 1);
      if (bits.filter((bit) => bit === 1).length !== size) continue;
      orders++;
      const ranks = (which: number) => Float64Array.from(bits.flatMap((bit, rank) => (bit === which ? [rank] : [])));
      const gap = largestGap(ranks(0), ranks(1));
      for (let least = 0; least <= gap; least++) counts[least] = (counts[least] ?? 0) + 1;
    }
    const expected = counts.map((count) => count / orders);
    kolmogorovSmirnovTable(size).forEach((p, gap) => {
      expect(p).toBeCloseTo(expected[gap] ?? Number.NaN, 13);
    });
  });

  it('moves both distributions at equal values', () => {
    expect(largestGap(Float64Array.of(1, 1, 2, 2), Float64Array.of(1, 1, 2, 2))).toBe(0);
    expect(largestGap(Float64Array.of(1, 1, 1, 2), Float64Array.of(1, 2, 2, 2))).toBe(2);
    expect(largestGap(Float64Array.of(1, 2), Float64Array.of(3, 4))).toBe(2);
  });
});
