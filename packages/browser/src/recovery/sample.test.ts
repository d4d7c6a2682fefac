import type { Tensors } from '@fairlead/core';
import { expect, test } from 'vitest';
import { createSample } from './sample';

const rows = (count: number, value: number): Tensors => ({
  x: { dtype: 'float32', shape: [count], data: new Float32Array(count).fill(value) },
});

test('a sample is a copy of the largest batch that is not too large', () => {
  const sample = createSample();
  expect([sample.hasSeen, sample.inputs]).toEqual([false, undefined]);
  sample.observe(rows(2 ** 20 + 1, 1));
  expect([sample.hasSeen, sample.inputs]).toEqual([true, undefined]);
  const batch = rows(2, 1);
  sample.observe(batch);
  (batch.x as { data: Float32Array }).data.fill(9);
  expect(sample.inputs).toEqual(rows(2, 1));
  sample.observe(rows(1, 5));
  expect(sample.inputs).toEqual(rows(2, 1));
  sample.observe(rows(3, 6));
  expect(sample.inputs).toEqual(rows(3, 6));
});
