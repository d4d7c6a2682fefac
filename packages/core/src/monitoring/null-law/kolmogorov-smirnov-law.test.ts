import { describe, expect, it } from 'vitest';
import fixtures from '../fixtures/distances.json';
import { exactTwoSampleSurvival, limitSurvival, oneSampleSurvival } from './kolmogorov-smirnov-law';

/** Within 1e-6, and 1e-6 of the value itself where it is small. */
function expectClose(actual: number, expected: number, relative = 1e-6): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(Math.min(1e-6, relative * expected));
}

describe('oneSampleSurvival', () => {
  it.each(fixtures.oneSample)('agrees with kstwo at $n rows and $d', ({ n, d, p }) => {
    expectClose(oneSampleSurvival(d, n), p);
  });

  it('falls with the distance, without a step where one formula hands over to the next', () => {
    for (const n of [1, 2, 7, 140, 141, 999, 100_001]) {
      let before = 1;
      for (let i = 1; i <= 400; i++) {
        const p = oneSampleSurvival(i / 400, n);
        expect(p).toBeLessThanOrEqual(before + 1e-6);
        expect(p).toBeGreaterThanOrEqual(0);
        before = p;
      }
      expect(before).toBe(0);
    }
  });
});

describe('exactTwoSampleSurvival', () => {
  it('counts the orders of two tiny samples', () => {
    // One and one: always 1 apart. Two and two: of the six orders, two are 1 apart, four ½.
    expect(exactTwoSampleSurvival(1, 1, 1)).toBe(1);
    expect(exactTwoSampleSurvival(4, 2, 2)).toBeCloseTo(1 / 3, 15);
    expect(exactTwoSampleSurvival(2, 2, 2)).toBe(1);
    expect(exactTwoSampleSurvival(0, 3, 5)).toBe(1);
  });

  it('is 2 / C(n + m, n) at the largest distance, with all its digits', () => {
    let choices = 1;
    for (let i = 1; i <= 40; i++) choices = (choices * (60 + i)) / i;
    expect(exactTwoSampleSurvival(40 * 60, 40, 60) * choices).toBeCloseTo(2, 10);
    expect(exactTwoSampleSurvival(40 * 60, 60, 40) * choices).toBeCloseTo(2, 10);
  });

  it('nears the limit law', () => {
    const d = 0.05;
    expect(exactTwoSampleSurvival(d * 2000 * 3000, 2000, 3000) / limitSurvival(d, 2000, 3000)).toBeCloseTo(1, 1);
  });
});
