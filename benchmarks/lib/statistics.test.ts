import { describe, expect, it } from 'vitest';
import { formatNumber } from './format';
import { flatness, median } from './statistics';

describe('median', () => {
  it.each([
    [[3], 3],
    [[10, 9, 1], 9],
    [[4, 1, 3, 2], 2.5],
    [[2, 10, 100], 10],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('leaves its argument as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('of nothing is an error', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('flatness', () => {
  it('is the end of a series by its first quarter', () => {
    const series = [100, 50, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 12, 14];
    expect(flatness(series)).toBe(1.3);
    expect(flatness(new Array(10).fill(7))).toBe(1);
  });

  it('is not asked of a few values', () => {
    expect(() => flatness([1, 2, 3, 4, 5, 6, 7, 8, 9])).toThrow('given 9');
  });
});

describe('formatNumber', () => {
  it.each([
    [0.96249, '0.962'],
    [18.44, '18.4'],
    [999.6, '1000'],
    [123456.7, '123457'],
    [0, '0'],
  ])('%d is written %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});
