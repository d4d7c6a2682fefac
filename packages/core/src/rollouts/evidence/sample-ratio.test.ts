import { describe, expect, test } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { assessSampleRatio } from './sample-ratio';

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

describe('the sample ratio', () => {
  test('has an e-value of 1 on average over all that the expected shares make of eight units', () => {
    const shares = { champion: 0.7, canary: 0.2, other: 0.1 };
    let mean = 0;
    for (let champion = 0; champion <= 8; champion++) {
      for (let canary = 0; canary <= 8 - champion; canary++) {
        const other = 8 - champion - canary;
        const ways = factorial(8) / (factorial(champion) * factorial(canary) * factorial(other));
        const { eValue } = assessSampleRatio({ champion, canary, other }, shares);
        mean += ways * 0.7 ** champion * 0.2 ** canary * 0.1 ** other * eValue;
      }
    }
    expect(mean).toBeCloseTo(1, 9);
  });

  test.each([
    // exp(dirichlet_multinomial.logpmf(n, 100 θ, Σn) - multinomial.logpmf(n, Σn, θ)) and chisquare of SciPy 1.17.1.
    [{ a: 905, b: 95 }, { a: 0.9, b: 0.1 }, 0.34721030388985286],
    [{ a: 850, b: 150 }, { a: 0.9, b: 0.1 }, 19285.65555944435],
    [{ a: 700, b: 180, c: 120 }, { a: 0.7, b: 0.2, c: 0.1 }, 1.233016933520091],
  ])('of %j beside %j has the e-value of a Dirichlet mixture', (counts, shares, eValue) => {
    expect(assessSampleRatio(counts, shares).eValue / eValue).toBeCloseTo(1, 9);
  });

  test("has Pearson's χ² for one look", () => {
    // (60 - 50)² / 50 twice is 4, and P(χ² > 4) with one degree is 0.0455.
    const found = assessSampleRatio({ a: 60, b: 40 }, { a: 0.5, b: 0.5 });
    expect(found.chiSquared).toEqual({
      statistic: expect.closeTo(4, 9),
      degreesOfFreedom: 1,
      pValue: expect.closeTo(0.0455002639, 9),
    });
    const three = assessSampleRatio({ a: 700, b: 180, c: 120 }, { a: 0.7, b: 0.2, c: 0.1 }).chiSquared;
    expect(three).toMatchObject({ statistic: expect.closeTo(6, 9), pValue: expect.closeTo(0.04978706836786395, 9) });
    expect(found.observed).toEqual({ a: 0.6, b: 0.4 });
    expect(found.isMismatch).toBe(false);
  });

  test('alarms where shares are wrong, soon; and where they are right in no more than alpha of the cases, though it looks after every unit', () => {
    const run = (seed: number, share: number): number | undefined => {
      const random = createRandom(seed);
      const counts = { champion: 0, canary: 0 };
      for (let unit = 1; unit <= 1000; unit++) {
        counts[random() < share ? 'canary' : 'champion']++;
        if (assessSampleRatio(counts, { champion: 0.9, canary: 0.1 }, 0.05).isMismatch) return unit;
      }
      return undefined;
    };
    const runs = Array.from({ length: 100 }, (_, seed) => seed);
    const falseAlarms = runs.filter((seed) => run(seed, 0.1) !== undefined).length;
    expect(falseAlarms / runs.length).toBeLessThanOrEqual(0.05);
    const found = runs.filter((seed) => run(seed, 0.16) !== undefined).length;
    expect(found / runs.length).toBeGreaterThan(0.95);
  });

  test('says nothing before there is a unit, and an arm that got none counts', () => {
    expect(assessSampleRatio({}, { a: 0.5, b: 0.5 })).toMatchObject({
      units: 0,
      eValue: 1,
      pValue: 1,
      isMismatch: false,
    });
    expect(assessSampleRatio({ a: 200 }, { a: 0.5, b: 0.5 }).isMismatch).toBe(true);
    expect(assessSampleRatio({ a: 200 }, { a: 1 })).toMatchObject({ eValue: expect.closeTo(1, 9), isMismatch: false });
  });

  test.each<[string, Record<string, number>, Record<string, number>, number, string]>([
    ['shares that do not sum', {}, { a: 0.5, b: 0.4 }, 0.01, 'shares'],
    ['a share of 0', {}, { a: 1, b: 0 }, 0.01, 'shares.b'],
    ['an arm without a share', { c: 1 }, { a: 0.5, b: 0.5 }, 0.01, 'counts.c'],
    ['half a unit', { a: 0.5 }, { a: 0.5, b: 0.5 }, 0.01, 'counts.a'],
    ['an alpha of 0', {}, { a: 0.5, b: 0.5 }, 0, 'alpha'],
  ])('refuses %s', (_what, counts, shares, alpha, field) => {
    expect(() => assessSampleRatio(counts, shares, alpha)).toThrow(`option "${field}"`);
  });
});
