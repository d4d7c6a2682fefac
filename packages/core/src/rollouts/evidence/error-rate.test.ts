import { describe, expect, test } from 'vitest';
import { combineEValues, shareErrorRate } from './error-rate';

describe('an error rate', () => {
  test('is shared equally over guardrails and challengers', () => {
    expect(shareErrorRate(0.06, 3)).toBeCloseTo(0.02, 12);
    expect(shareErrorRate(0.06, 3, 2)).toBeCloseTo(0.01, 12);
  });

  test.each([
    [0, 1, 1, 'rate'],
    [1, 1, 1, 'rate'],
    [Number.NaN, 1, 1, 'rate'],
    [0.05, 0, 1, 'guardrails'],
    [0.05, 1.5, 1, 'guardrails'],
    [0.05, 1, 0, 'challengers'],
  ])('of %d over %d guardrails and %d challengers is refused', (rate, guardrails, challengers, field) => {
    expect(() => shareErrorRate(rate, guardrails, challengers)).toThrow(new RegExp(`option "${field}"`));
  });

  test('is kept by the mean of e-values, which sees what one of them would, and more', () => {
    expect(combineEValues([])).toBe(1);
    expect(combineEValues([60, 0, 0])).toBeCloseTo(20, 12);
    expect(combineEValues([25, 25, 25])).toBeCloseTo(25, 12);
    expect(combineEValues([Number.MAX_VALUE, Number.MAX_VALUE])).toBe(Number.MAX_VALUE);
  });
});
