import { describe, expect, test } from 'vitest';
import type { ModelSignature } from '../signature';
import { type DType, dtypes } from '../tensor/dtype';
import { checkTensor, type Tensor } from '../tensor/tensor';
import { hasFreeAxes, madeUpInputs } from './made-up-inputs';

const model = (batchAxis: number | null, ...shapes: (number | string)[][]): ModelSignature => ({
  inputs: shapes.map((shape, index) => ({ name: `x${index}`, dtype: 'float32', shape })),
  outputs: [],
  batchAxis,
});
const drawn = (dtype: DType, seed = 1): Tensor => {
  const inputs = [{ name: 'x', dtype, shape: [500] }];
  return madeUpInputs({ inputs, outputs: [], batchAxis: null }, { seed, freeSize: 1 })?.x as Tensor;
};

describe('shapes', () => {
  const shapesOf = (signature: ModelSignature, freeSize: number): (readonly number[])[] =>
    Object.values(madeUpInputs(signature, { seed: 1, freeSize }) ?? {}).map(({ shape }) => shape);

  test('the batch has two rows, wherever its name stands; other symbols the size that was asked for', () => {
    expect(shapesOf(model(0, ['n', 3], ['n', 'n']), 16)).toEqual([
      [2, 3],
      [2, 2],
    ]);
    expect(shapesOf(model(0, ['n', 'length', 4]), 16)).toEqual([[2, 16, 4]]);
    expect(shapesOf(model(null, [1, 3, 'h', 'w']), 64)).toEqual([[1, 3, 64, 64]]);
    expect(shapesOf(model(null, []), 1)).toEqual([[]]);
  });

  test('what is too large is not made', () => {
    expect(madeUpInputs(model(null, [2 ** 22]), { seed: 1, freeSize: 1 })?.x0?.data.length).toBe(2 ** 22);
    expect(madeUpInputs(model(null, [2 ** 22 + 1]), { seed: 1, freeSize: 1 })).toBeUndefined();
    expect(madeUpInputs(model(0, ['n', 'a', 'b', 'c', 'd']), { seed: 1, freeSize: 256 })).toBeUndefined();
  });

  test('tells the batch from axes that can only be guessed', () => {
    expect(hasFreeAxes(model(0, ['n', 3], ['n']))).toBe(false);
    expect(hasFreeAxes(model(null, [1, 3]))).toBe(false);
    expect(hasFreeAxes(model(0, ['n', 'length']))).toBe(true);
    expect(hasFreeAxes(model(null, ['n', 3]))).toBe(true);
  });
});

describe('values', () => {
  test.each(dtypes)('%s is well formed, varied, the same for the same seed and other for another', (dtype) => {
    const tensor = drawn(dtype);
    checkTensor(tensor, dtype);
    expect(drawn(dtype)).toEqual(tensor);
    expect(drawn(dtype, 2)).not.toEqual(tensor);
    expect(new Set<unknown>(tensor.data).size).toBeGreaterThan(1);
  });

  test.each(['float32', 'float64'] as const)('%s lies in [-1, 1] and uses all of it', (dtype) => {
    const values = Array.from(drawn(dtype).data as Float32Array);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.min(...values)).toBeLessThan(-0.9);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
    expect(Math.max(...values)).toBeGreaterThan(0.9);
  });

  test('float16 lies between 1/32 and 1, of either sign', () => {
    const bits = Array.from(drawn('float16').data as Uint16Array);
    expect(bits.every((half) => (half & 0x7fff) >= 0x2800 && (half & 0x7fff) < 0x3c00)).toBe(true);
    expect(new Set(bits.map((half) => half >> 15))).toEqual(new Set([0, 1]));
  });

  test.each(['int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'bool'] as const)('%s is 0 or 1', (dtype) => {
    expect(new Set(Array.from(drawn(dtype).data as ArrayLike<number | bigint>, Number))).toEqual(new Set([0, 1]));
  });

  test('8-bit integers go anywhere', () => {
    expect(Math.min(...(drawn('int8').data as Int8Array))).toBeLessThan(-100);
    expect(Math.max(...(drawn('uint8').data as Uint8Array))).toBeGreaterThan(200);
  });
});
