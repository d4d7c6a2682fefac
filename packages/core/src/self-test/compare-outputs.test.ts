import { describe, expect, test } from 'vitest';
import type { Tensor, Tensors } from '../tensor/tensor';
import { firstDifference } from './compare-outputs';

const float32 = (values: readonly number[], shape: readonly number[] = [values.length]): Tensors => ({
  y: { dtype: 'float32', shape, data: Float32Array.from(values) },
});
const float16 = (...bits: number[]): Tensors => ({
  y: { dtype: 'float16', shape: [bits.length], data: Uint16Array.from(bits) },
});
const of = (tensor: Tensor): Tensors => ({ y: tensor });

describe('what counts as equal', () => {
  test.each([
    ['the same bits', [1, -2, 0], [1, -2, 0]],
    ['an element within 1 % of itself', [100, 100], [100.9, 99.1]],
    ['a small element within 1 % of the typical size', [10, 0.001], [10, 0.05]],
    ['noise about nothing but zeros', [0, 0], [9e-6, -9e-6]],
    ['zeros of either sign', [0], [-0]],
    ['NaN for NaN, infinities for themselves', [Number.NaN, Infinity, -Infinity], [Number.NaN, Infinity, -Infinity]],
    ['no elements', [], []],
  ])('%s', (_what, expected, given) => {
    expect(firstDifference(float32(expected), float32(given))).toBeUndefined();
  });

  test('numbers whose squares are too large for a number', () => {
    const huge = (value: number): Tensors => of({ dtype: 'float64', shape: [1], data: Float64Array.of(value) });
    expect(firstDifference(huge(1e300), huge(1.001e300))).toBeUndefined();
    expect(firstDifference(huge(1e300), huge(1.1e300))).toMatchObject({ expected: '1e+300', given: '1.1e+300' });
  });

  test('half precision within 3 %, subnormal, infinite and NaN', () => {
    // 1, the smallest subnormal, infinity, NaN.
    const expected = float16(0x3c00, 0x0001, 0x7c00, 0x7e00);
    // 1.0195, zero, infinity, another NaN.
    expect(firstDifference(expected, float16(0x3c14, 0x0000, 0x7c00, 0x7e01))).toBeUndefined();
    expect(firstDifference(float16(0x3c00, 0xbc00), float16(0x3c00, 0x3c00))).toMatchObject({
      element: '[1]',
      expected: '-1',
      given: '1',
    });
    expect(firstDifference(float16(0x7c00), float16(0x7bff))).toMatchObject({ expected: 'Infinity', given: '65504' });
  });

  test('8-bit integers one apart', () => {
    const bytes = (...values: number[]): Tensors =>
      of({ dtype: 'uint8', shape: [values.length], data: Uint8Array.from(values) });
    expect(firstDifference(bytes(0, 200), bytes(1, 199))).toBeUndefined();
    expect(firstDifference(bytes(0, 200), bytes(0, 202))).toMatchObject({ expected: '200', given: '202' });
  });
});

describe('what counts as different', () => {
  test.each([
    ['an element out by more than 1 % of everything', [1, 2, 3], [1, 2, 3.2], '[2]', '3', '3.200000047683716'],
    ['a sign', [1, -1], [1, 1], '[1]', '-1', '1'],
    ['zeros for numbers', [0.5, 0.5], [0, 0], '[0]', '0.5', '0'],
    ['NaN for a number', [1], [Number.NaN], '[0]', '1', 'NaN'],
    ['a number for NaN', [Number.NaN], [1], '[0]', 'NaN', '1'],
    ['another infinity', [Infinity], [-Infinity], '[0]', 'Infinity', '-Infinity'],
    ['a number for an infinity', [Infinity], [1], '[0]', 'Infinity', '1'],
    ['an infinity for a number', [1], [Infinity], '[0]', '1', 'Infinity'],
  ])('%s', (_what, expected, given, element, wanted, got) => {
    expect(firstDifference(float32(expected), float32(given))).toEqual({
      output: 'y',
      element,
      expected: wanted,
      given: got,
    });
  });

  test('the first element, by its row and column', () => {
    const expected = float32([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(firstDifference(expected, float32([1, 2, 3, 4, 50, 60], [2, 3]))).toMatchObject({ element: '[1, 1]' });
    expect(firstDifference(float32([1], []), float32([2], []))).toMatchObject({ element: '[]' });
  });

  test.each<[string, Tensor, Tensor, string, string]>([
    [
      'int64',
      { dtype: 'int64', shape: [2], data: BigInt64Array.of(7n, 2n ** 60n) },
      { dtype: 'int64', shape: [2], data: BigInt64Array.of(7n, 2n ** 60n + 1n) },
      '1152921504606846976',
      '1152921504606846977',
    ],
    [
      'int32',
      { dtype: 'int32', shape: [1], data: Int32Array.of(7) },
      { dtype: 'int32', shape: [1], data: Int32Array.of(8) },
      '7',
      '8',
    ],
    [
      'bool',
      { dtype: 'bool', shape: [1], data: Uint8Array.of(1) },
      { dtype: 'bool', shape: [1], data: Uint8Array.of(0) },
      '1',
      '0',
    ],
    [
      'string',
      { dtype: 'string', shape: [1], data: ['cat'] },
      { dtype: 'string', shape: [1], data: ['cats'] },
      'cat',
      'cats',
    ],
  ])('%s that is not the same', (_dtype, expected, given, wanted, got) => {
    expect(firstDifference(of(expected), of(expected))).toBeUndefined();
    expect(firstDifference(of(expected), of(given))).toMatchObject({ expected: wanted, given: got });
  });

  test('an output of another shape or dtype, one that is missing, one too many', () => {
    const expected = float32([1, 2], [1, 2]);
    const other = { ...expected, z: { dtype: 'bool', shape: [1], data: Uint8Array.of(1) } } satisfies Tensors;
    const whole = { element: undefined, expected: 'float32 [1, 2]' };
    expect(firstDifference(expected, float32([1, 2], [2, 1]))).toEqual({
      ...whole,
      output: 'y',
      given: 'float32 [2, 1]',
    });
    const double: Tensors = of({ dtype: 'float64', shape: [1, 2], data: Float64Array.of(1, 2) });
    expect(firstDifference(expected, double)).toEqual({ ...whole, output: 'y', given: 'float64 [1, 2]' });
    expect(firstDifference(expected, {})).toEqual({ ...whole, output: 'y', given: 'nothing' });
    expect(firstDifference(expected, other)).toEqual({
      output: 'z',
      element: undefined,
      expected: 'no such output',
      given: 'bool [1]',
    });
  });
});
