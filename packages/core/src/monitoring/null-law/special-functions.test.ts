import { describe, expect, it } from 'vitest';
import fixtures from '../fixtures/distances.json';
import { lnChiSquaredSurvival, lnGamma, lnHypergeometric, lnKolmogorovSurvival } from './special-functions';

const { laws } = fixtures;

function expectClose(actual: number, expected: number, relative: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(relative * Math.max(1e-6, Math.abs(expected)));
}

describe('lnGamma', () => {
  it('is the logarithm of the factorial', () => {
    let factorial = 1;
    for (let n = 1; n <= 20; n++) {
      factorial *= n;
      expect(Math.abs(lnGamma(n + 1) - Math.log(factorial))).toBeLessThan(1e-12);
    }
    expectClose(lnGamma(0.5), Math.log(Math.sqrt(Math.PI)), 1e-13);
  });
});

describe('laws', () => {
  it.each(laws.chiSquared)('χ² of $degrees degrees at $x', ({ x, degrees, lnP }) => {
    expectClose(lnChiSquaredSurvival(x, degrees), lnP, 1e-9);
  });

  it.each(laws.kolmogorov)('Kolmogorov at $lambda', ({ lambda, lnP }) => {
    expectClose(lnKolmogorovSurvival(lambda), lnP, 1e-9);
  });

  it.each(laws.hypergeometric)('hypergeometric at $window of $reference', ({ window, reference, p }) => {
    const [inWindow, windowRows] = window as [number, number];
    const [inReference, referenceRows] = reference as [number, number];
    expectClose(Math.exp(lnHypergeometric(inWindow, windowRows, inReference, referenceRows)), p, 1e-6);
  });

  it('says nothing where there is nothing to say', () => {
    expect(lnChiSquaredSurvival(0, 9)).toBe(0);
    expect(lnChiSquaredSurvival(5, 0)).toBe(0);
    expect(lnChiSquaredSurvival(Number.POSITIVE_INFINITY, 3)).toBe(Number.NEGATIVE_INFINITY);
    expect(lnKolmogorovSurvival(0)).toBe(0);
    expect(lnHypergeometric(0, 10, 0, 10)).toBe(0);
    expect(lnHypergeometric(3, 10, 0, 0)).toBe(0);
  });
});
