import { describe, expect, it } from 'vitest';
import { meetsGoal } from './goal';

describe('meetsGoal', () => {
  it.each([
    [0.9, '>= 0.9', true],
    [0.89, '>= 0.9', false],
    [20, '<= 20', true],
    [20.1, '<=20', false],
    [1, '> 1', false],
    [-2, '< -1', true],
    [1e-7, '<= 2e-7', true],
    [Number.NaN, '>= 0', false],
    [Number.NaN, '< 0', false],
  ])('%d against "%s" is %s', (value, goal, met) => {
    expect(meetsGoal(value, goal)).toBe(met);
  });

  it.each(['', '0.9', '=> 1', '>= fast', '>= 1 2'])('refuses "%s"', (goal) => {
    expect(() => meetsGoal(1, goal)).toThrow(RangeError);
  });
});
