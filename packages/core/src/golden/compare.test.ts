import { describe, expect, test } from 'vitest';
import type { DataOf, DType } from '../tensor/dtype';
import { numberToHalf } from '../tensor/float16';
import type { Tensor } from '../tensor/tensor';
import { compareTensors } from './compare';

function tensor<D extends DType>(dtype: D, data: DataOf<D>, shape: number[] = [data.length]): Tensor<D> {
  return { dtype, shape, data };
}
const floats = (...values: number[]) => tensor('float32', Float32Array.from(values));
const halves = (...values: number[]) => tensor('float16', Uint16Array.from(values, numberToHalf));

describe('an answer', () => {
  test.each<[string, Tensor, Tensor]>([
    ['float32 within a hundredth of its size', floats(1000, -1000), floats(1009.9, -1009.9)],
    ['float32 near zero within 0.0001', floats(0), floats(0.00009)],
    ['float16 within two hundredths', halves(100, 0), halves(101.9, 0.0009)],
    ['float64 within a millionth', tensor('float64', Float64Array.of(1)), tensor('float64', Float64Array.of(1 + 9e-7))],
    ['NaN where NaN was', floats(Number.NaN), floats(Number.NaN)],
    ['a NaN of another payload', halves(Number.NaN), tensor('float16', Uint16Array.of(0x7e01))],
    ['an infinity where it was', floats(Number.POSITIVE_INFINITY), floats(Number.POSITIVE_INFINITY)],
    ['zero of the other sign', floats(0), floats(-0)],
    ['no elements at all', floats(), floats()],
    ['equal strings', tensor('string', ['a']), tensor('string', ['a'])],
    ['equal big integers', tensor('int64', BigInt64Array.of(5n)), tensor('int64', BigInt64Array.of(5n))],
  ])('agrees: %s', (_what, expected, given) => {
    expect(compareTensors(expected, given)).toBeUndefined();
  });

  test.each<[string, Tensor, Tensor, string, string]>([
    ['float32 past its share', floats(1000), floats(1010.1), '1000 ± 10', '1010.09998'],
    ['float16 past two hundredths', halves(100), halves(103), '100 ± 2', '103'],
    ['NaN for a number', floats(1), floats(Number.NaN), '1 ± 0.0101', 'NaN'],
    ['a number for NaN', floats(Number.NaN), floats(1), 'NaN', '1'],
    ['a number for an infinity', floats(Number.POSITIVE_INFINITY), floats(3e38), 'Infinity', '3.00000001e+38'],
    ['the other infinity', floats(Number.POSITIVE_INFINITY), floats(Number.NEGATIVE_INFINITY), 'Infinity', '-Infinity'],
    ['an infinity for a number', floats(1), floats(Number.POSITIVE_INFINITY), '1 ± 0.0101', 'Infinity'],
    ['a label next to it', tensor('int32', Int32Array.of(3)), tensor('int32', Int32Array.of(4)), '3', '4'],
    [
      'big integers that are one number',
      tensor('int64', BigInt64Array.of(2n ** 60n)),
      tensor('int64', BigInt64Array.of(2n ** 60n + 1n)),
      '1152921504606846976',
      '1152921504606846977',
    ],
    ['another text', tensor('string', ['a"']), tensor('string', ['b']), '"a\\""', '"b"'],
    ['true for false', tensor('bool', Uint8Array.of(0)), tensor('bool', Uint8Array.of(1)), '0', '1'],
  ])('differs: %s', (_what, expected, given, wanted, found) => {
    expect(compareTensors(expected, given)).toEqual({
      at: [0],
      expected: wanted,
      given: found,
      differing: 1,
      elements: 1,
    });
  });

  test('is measured by the tolerance that the file states, and by the default where it states none', () => {
    expect(compareTensors(floats(1), floats(1.4), { absolute: 0.5 })).toBeUndefined();
    expect(compareTensors(floats(1), floats(1.4), { absolute: 0.3, relative: 0 })?.expected).toBe('1 ± 0.3');
    expect(compareTensors(floats(1000), floats(1009.9), { absolute: 0 })).toBeUndefined();
    expect(compareTensors(floats(1000), floats(1000.9), { relative: 0 })?.expected).toBe('1000 ± 0.0001');
    const [three, five] = [tensor('int64', BigInt64Array.of(3n)), tensor('int64', BigInt64Array.of(5n))];
    expect(compareTensors(three, five, { absolute: 2 })).toBeUndefined();
    expect(compareTensors(three, five, { absolute: 1 })).toBeDefined();
  });

  test('names the first element that differs by its index on each axis, and counts the others', () => {
    const expected = tensor(
      'float32',
      Float32Array.from({ length: 12 }, (_, index) => index),
      [2, 2, 3],
    );
    const given = { ...expected, data: expected.data.map((value) => (value >= 8 ? value + 1 : value)) };
    expect(compareTensors(expected, given)).toMatchObject({
      at: [1, 0, 2],
      expected: '8 ± 0.0801',
      given: '9',
      differing: 4,
    });
    expect(
      compareTensors(tensor('float32', Float32Array.of(1), []), tensor('float32', Float32Array.of(2), [])),
    ).toMatchObject({ at: [] });
  });

  test('of another shape differs as a whole', () => {
    const [row, column] = [
      tensor('float32', new Float32Array(4), [1, 4]),
      tensor('float32', new Float32Array(4), [4, 1]),
    ];
    expect(compareTensors(row, column)).toEqual({
      at: undefined,
      expected: 'shape [1, 4]',
      given: 'shape [4, 1]',
      differing: 4,
      elements: 4,
    });
    expect(compareTensors(row, tensor('float32', new Float32Array(4)))?.given).toBe('shape [4]');
  });
});
