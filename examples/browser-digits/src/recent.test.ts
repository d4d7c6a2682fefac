import { expect, test } from 'vitest';
import { createRecent } from './recent';

test('the median is of the last values only', () => {
  const recent = createRecent(4);
  expect(recent.median()).toBeUndefined();
  recent.add(100);
  expect(recent.median()).toBe(100);
  for (const value of [1, 9, 2, 4]) recent.add(value);
  expect(recent.values).toEqual([1, 9, 2, 4]);
  expect(recent.median()).toBe(3);
  recent.add(8);
  recent.add(8);
  recent.add(8);
  expect(recent.median()).toBe(8);
});
