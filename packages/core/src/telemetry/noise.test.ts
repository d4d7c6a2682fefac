import { describe, expect, it } from 'vitest';
import { createRandom } from '../monitoring/random';
import {
  createSecureUniform,
  discreteLaplace,
  exactScale,
  planNoise,
  type UniformBelow,
  varianceOfNoise,
} from './noise';

/** Repeatable draws for statistics; the product draws from the platform's cryptographic source. */
function seeded(seed: number): UniformBelow {
  const random = createRandom(seed);
  return (limit) => Math.floor(random() * limit);
}

describe('the noise of telemetry', () => {
  it.each([0.5, 1, 8, 50, 1568])('is unbiased with the stated variance and law at scale %d', (scale) => {
    const draws = 40_000;
    const uniform = seeded(7);
    let sum = 0;
    let squares = 0;
    let zeros = 0;
    for (let i = 0; i < draws; i++) {
      const value = discreteLaplace(scale, uniform);
      sum += value;
      squares += value * value;
      if (value === 0) zeros++;
    }
    const variance = varianceOfNoise(scale);
    // Four standard errors: of a mean, of a mean square (the law's kurtosis is 6 at most), of a share.
    expect(Math.abs(sum / draws)).toBeLessThan(4 * Math.sqrt(variance / draws));
    expect(Math.abs(squares / draws / variance - 1)).toBeLessThan(4 * Math.sqrt((6.5 + 1 / variance) / draws));
    const alpha = Math.exp(-1 / scale);
    const share = (1 - alpha) / (1 + alpha);
    expect(Math.abs(zeros / draws - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / draws));
  });

  it('keeps the promise of ε: neighbouring counts are told with probabilities that differ by a factor of exp(1 / scale)', () => {
    const scale = 2;
    const uniform = seeded(3);
    const counts = new Map<number, number>();
    for (let i = 0; i < 200_000; i++) {
      const value = discreteLaplace(scale, uniform);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    for (let value = -4; value < 4; value++) {
      const ratio = Math.log((counts.get(value) ?? 0) / (counts.get(value + 1) ?? 0));
      expect(Math.abs(Math.abs(ratio) - 1 / scale)).toBeLessThan(0.05);
    }
  });

  it('draws from the cryptographic source, evenly below any limit', () => {
    const uniform = createSecureUniform();
    const spread = Array.from({ length: 30_000 }, () => uniform(3));
    for (const each of [0, 1, 2]) expect(spread.filter((value) => value === each).length).toBeGreaterThan(9500);
    expect(uniform(1)).toBe(0);
    expect(uniform(2 ** 53)).toBeLessThan(2 ** 53);
  });

  it('splits a budget by what a row changes, and rounds noise up, never down', () => {
    expect(planNoise(1, 1, 784, true)).toEqual({ epsilon: 1, featureScale: 1568, otherScale: 10 });
    expect(planNoise(2, 1, 8, false)).toEqual({ epsilon: 2, featureScale: 8, otherScale: 4 });
    expect(planNoise(1, 100, 8, false).featureScale).toBe(1600);
    expect(exactScale(1.01)).toBe(1.0625);
    expect(exactScale(1e-9)).toBe(0.0625);
    expect(() => planNoise(0.001, 1000, 784, true)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
