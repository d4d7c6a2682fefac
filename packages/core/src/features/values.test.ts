import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateData, type DType, dtypes, type NumericDType } from '../tensor/dtype';
import type { FeatureValue } from './feature-store';
import { isFeatureValue, writeElements } from './values';

function write(dtype: DType, value: FeatureValue, size = 1) {
  const data = allocateData(dtype, size);
  return writeElements(dtype, data, 0, size, value) ? Array.from(data as ArrayLike<unknown>) : undefined;
}

test.each<[DType, FeatureValue, unknown]>([
  ['float32', 0.5, [0.5]],
  ['float32', '0.5', [0.5]],
  ['float32', '-1e3', [-1000]],
  ['float32', 'NaN', [Number.NaN]],
  ['float32', true, [1]],
  ['float32', 3n, [3]],
  ['float32', '', undefined],
  ['float32', ' 1', undefined],
  ['float32', '0x10', undefined],
  ['float32', 'Infinity', undefined],
  ['float64', 2n ** 60n, undefined],
  ['float16', 1, [0x3c00]],
  ['float16', 'x', undefined],
  ['int8', 127, [127]],
  ['int8', 128, undefined],
  ['int8', '-128', [-128]],
  ['int32', 1.5, undefined],
  ['uint8', -1, undefined],
  ['uint32', 2 ** 32 - 1, [2 ** 32 - 1]],
  ['int64', 5, [5n]],
  ['int64', '9007199254740993', [9007199254740993n]],
  ['int64', 2 ** 53, undefined],
  ['int64', 2n ** 63n, undefined],
  ['int64', '9223372036854775808', undefined],
  ['int64', true, [1n]],
  ['uint64', -1n, undefined],
  ['uint64', 2n ** 64n - 1n, [2n ** 64n - 1n]],
  ['bool', true, [1]],
  ['bool', 'false', [0]],
  ['bool', '1', [1]],
  ['bool', 2, undefined],
  ['string', 'a', ['a']],
  ['string', 7, ['7']],
])('a %s of %s', (dtype, value, expected) => {
  expect(write(dtype, value)).toEqual(expected);
});

test('vectors fit exactly or not at all', () => {
  expect(write('float32', [1, 2, '3'], 3)).toEqual([1, 2, 3]);
  expect(write('float32', [1, 2], 3)).toBeUndefined();
  expect(write('float32', 1, 2)).toBeUndefined();
  expect(write('float32', [1], 1)).toEqual([1]);
  expect(write('int8', [1, 500], 2)).toBeUndefined();
});

test('whatever a store says, an element fits its dtype or is refused', async () => {
  const element = fc.oneof(fc.double(), fc.bigInt(), fc.string(), fc.boolean(), fc.integer());
  await fc.assert(
    fc.property(fc.constantFrom(...dtypes), element, (dtype, value) => {
      const written = write(dtype, value);
      if (written === undefined) return;
      const [only] = written;
      if (dtype === 'string') expect(only).toBe(String(value));
      else if (dtype === 'int64' || dtype === 'uint64') expect(typeof only).toBe('bigint');
      else if (dtype.includes('int')) expect(only === Number(value)).toBe(true);
      else expect(typeof only).toBe('number');
    }),
    { numRuns: 3000 },
  );
});

test('what is no value is known', () => {
  for (const value of [1, 1n, 'a', true, [1, 'a'], []]) expect(isFeatureValue(value)).toBe(true);
  for (const value of [undefined, null, {}, [null], () => 1, [[1]]]) expect(isFeatureValue(value)).toBe(false);
  const numeric: NumericDType[] = ['float32'];
  expect(numeric.every((dtype) => write(dtype, []) === undefined)).toBe(true);
});
