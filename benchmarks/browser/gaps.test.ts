import { expect, it } from 'vitest';
import { summarizeGaps } from './gaps';

it('sums up gaps, whatever their order', () => {
  const gaps = Array.from({ length: 1000 }, (_, index) => 16 + (index % 10) / 10);
  for (let late = 0; late < 20; late++) gaps[late * 50] = 40 + late;
  expect(summarizeGaps(gaps)).toEqual({ count: 1000, p99: 50, longest: 59 });
});

it('takes one gap for all of them, and refuses none', () => {
  expect(summarizeGaps([17])).toEqual({ count: 1, p99: 17, longest: 17 });
  expect(() => summarizeGaps([])).toThrow(RangeError);
});
