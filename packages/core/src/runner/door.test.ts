import { describe, expect, test } from 'vitest';
import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData, dtypes } from '../tensor/dtype';
import { thrownBy } from '../testing/test-kit.fixture';
import { byName, compileDoor } from './door';

const x: TensorSpec = { name: 'x', dtype: 'float32', shape: ['batch', 2] };

function signatureOf(inputs: readonly TensorSpec[], batchAxis: number | null = 0): ModelSignature {
  return { inputs, outputs: [], batchAxis };
}

function refusal(inputs: unknown, signature = signatureOf([x])): { field: unknown; expected: unknown; given: unknown } {
  const error = thrownBy(() => compileDoor(signature)(inputs as Record<string, unknown>), 'INVALID_INPUT');
  const { field, expected, given } = error.details;
  expect(error.message).toContain(String(field));
  expect(error.message).toContain(String(expected));
  expect(error.message).toContain(String(given));
  return { field, expected, given };
}

const floats = (length: number): Float32Array => new Float32Array(length);

describe('what the door admits', () => {
  test('a tensor that fits, without copying it', () => {
    const tensor = { dtype: 'float32', shape: [3, 2], data: floats(6) };
    const admitted = compileDoor(signatureOf([x]))({ x: tensor });
    expect(admitted).toEqual({ rows: 3, tensors: [tensor], shapeKey: '' });
    expect(admitted.tensors[0]?.data).toBe(tensor.data);
  });

  test('a bare array of as many rows as fit into it', () => {
    const admitted = compileDoor(signatureOf([x]))({ x: floats(8) });
    expect(admitted.rows).toBe(4);
    expect(admitted.tensors[0]).toMatchObject({ dtype: 'float32', shape: [4, 2] });
  });

  test('a bare array for a model without a batch axis, of exactly its size', () => {
    const admitted = compileDoor(signatureOf([{ ...x, shape: [1, 2] }], null))({ x: floats(2) });
    expect(admitted).toMatchObject({ rows: 1, tensors: [{ shape: [1, 2] }] });
  });

  test('a scalar where the model has no batch axis', () => {
    const door = compileDoor(signatureOf([{ name: 't', dtype: 'float64', shape: [] }], null));
    expect(door({ t: new Float64Array(1) }).tensors[0]?.shape).toEqual([]);
    expect(door({ t: { dtype: 'float64', shape: [], data: new Float64Array(1) } }).rows).toBe(1);
  });

  test('inputs in any order, brought into that of the signature', () => {
    const y: TensorSpec = { name: 'y', dtype: 'int64', shape: ['batch'] };
    const admitted = compileDoor(signatureOf([x, y]))({ y: new BigInt64Array(2), x: floats(4) });
    expect(admitted.tensors.map(({ dtype }) => dtype)).toEqual(['float32', 'int64']);
    expect(Object.keys(byName([x, y], admitted.tensors))).toEqual(['x', 'y']);
  });

  test('every dtype, as its own array', () => {
    for (const dtype of dtypes) {
      const door = compileDoor(signatureOf([{ name: 'x', dtype, shape: ['n', 2] }]));
      expect(door({ x: allocateData(dtype, 4) }).rows, dtype).toBe(2);
      expect(door({ x: { dtype, shape: [2, 2], data: allocateData(dtype, 4) } }).rows, dtype).toBe(2);
    }
  });

  test('an inherited property, so that an instance of a class serves as inputs', () => {
    class Inputs {
      get x(): Float32Array {
        return floats(2);
      }
    }
    expect(compileDoor(signatureOf([x]))(new Inputs() as unknown as Record<string, unknown>).rows).toBe(1);
  });

  test('NaN and infinities, which are values like others', () => {
    const data = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY);
    expect(compileDoor(signatureOf([x]))({ x: data }).tensors[0]?.data).toBe(data);
  });

  test('rows without elements when the shape says so', () => {
    const door = compileDoor(signatureOf([{ ...x, shape: ['batch', 'tokens'] }]));
    expect(door({ x: { dtype: 'float32', shape: [2, 0], data: floats(0) } })).toMatchObject({ rows: 2 });
  });
});

describe('what the door refuses', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 3],
    ['a string', 'x'],
    ['a function', () => floats(2)],
  ])('%s in place of the inputs', (_what, inputs) => {
    expect(refusal(inputs)).toMatchObject({ field: 'inputs', expected: 'an object with "x"' });
  });

  test.each([
    ['a typed array', floats(2)],
    ['an array', [1, 2]],
    ['an empty array', []],
  ])('%s in place of the inputs, saying that they go by name', (_what, inputs) => {
    expect(refusal(inputs)).toMatchObject({ field: 'inputs', expected: 'an object with "x"' });
  });

  test('a missing input', () => {
    expect(refusal({})).toEqual({ field: 'x', expected: 'a float32 tensor [batch, 2]', given: 'nothing' });
    expect(refusal({ x: undefined })).toMatchObject({ field: 'x', given: 'nothing' });
    expect(refusal({ x: null })).toMatchObject({ field: 'x', given: 'null' });
  });

  test('a name that the model does not know, before anything else', () => {
    expect(refusal({ z: floats(2) })).toEqual({ field: 'z', expected: 'an input named "x"', given: '"z"' });
    expect(refusal({ x: floats(2), X: floats(2) })).toMatchObject({ field: 'X' });
  });

  test('names that every object has', () => {
    const signature = signatureOf([{ ...x, name: 'constructor' }]);
    expect(refusal({}, signature)).toMatchObject({ field: 'constructor' });
    expect(refusal({ toString: floats(2) })).toMatchObject({ field: 'toString' });
  });

  test.each([
    ['a number', 3],
    ['a string', 'abc'],
    ['true', true],
    ['a symbol', Symbol('x')],
    ['a bigint', 3n],
  ])('%s in place of a tensor', (_what, value) => {
    expect(refusal({ x: value })).toMatchObject({ field: 'x', expected: 'a float32 tensor [batch, 2]' });
  });

  test('a message that does not repeat all of a long wrong value', () => {
    const { given } = refusal({ x: 'a'.repeat(100_000) });
    expect(String(given).length).toBeLessThan(200);
  });

  test('another dtype', () => {
    expect(refusal({ x: { dtype: 'float64', shape: [1, 2], data: new Float64Array(2) } })).toEqual({
      field: 'x.dtype',
      expected: 'float32',
      given: 'float64',
    });
  });

  test.each([
    ['missing', undefined],
    ['null', null],
    ['an object without a string form', Object.create(null)],
    ['a symbol', Symbol('float32')],
  ])('a dtype that is %s', (_what, dtype) => {
    expect(refusal({ x: { dtype, shape: [1, 2], data: floats(2) } })).toMatchObject({ field: 'x.dtype' });
  });

  test.each([
    ['plain numbers', [1, 2], 'x'],
    ['a Float64Array', new Float64Array(2), 'x'],
    ['a DataView', new DataView(new ArrayBuffer(8)), 'x'],
    ['plain numbers in a tensor', { dtype: 'float32', shape: [1, 2], data: [1, 2] }, 'x.data'],
    ['an ArrayBuffer in a tensor', { dtype: 'float32', shape: [1, 2], data: new ArrayBuffer(8) }, 'x.data'],
    ['no data in a tensor', { dtype: 'float32', shape: [1, 2] }, 'x.data'],
    ['null data in a tensor', { dtype: 'float32', shape: [1, 2], data: null }, 'x.data'],
  ])('%s where a Float32Array belongs', (_what, value, field) => {
    expect(refusal({ x: value })).toMatchObject({ field, expected: 'a Float32Array for dtype float32' });
  });

  test('plain numbers for int64, which wants big integers', () => {
    const signature = signatureOf([{ name: 'ids', dtype: 'int64', shape: ['batch'] }]);
    expect(refusal({ ids: [1, 2] }, signature)).toMatchObject({ expected: 'a BigInt64Array for dtype int64' });
    expect(refusal({ ids: new Int32Array(2) }, signature)).toMatchObject({ given: 'a Int32Array' });
    expect(refusal({ ids: new BigUint64Array(2) }, signature)).toMatchObject({ given: 'a BigUint64Array' });
  });

  test('a shape that is no array, or holds what is no size', () => {
    const tensor = (shape: unknown) => ({ x: { dtype: 'float32', shape, data: floats(2) } });
    for (const shape of [undefined, null, '1,2', 2, { 0: 1, 1: 2, length: 2 }]) {
      expect(refusal(tensor(shape))).toMatchObject({ field: 'x.shape', expected: '[batch, 2]' });
    }
    for (const sizes of [
      [-1, 2],
      [0.5, 2],
      [Number.NaN, 2],
      ['1', 2],
      [1n, 2],
      [undefined, 2],
      [Symbol('n'), 2],
    ]) {
      expect(refusal(tensor(sizes))).toMatchObject({ field: 'x.shape', expected: '[batch, 2]' });
    }
    expect(refusal(tensor([2 ** 53, 2]))).toMatchObject({ field: 'x.shape' });
    expect(refusal(tensor(new Array(2)))).toMatchObject({ field: 'x.shape' });
  });

  test('a shape of another rank or other fixed sizes', () => {
    const tensor = (shape: number[], length: number) => ({ x: { dtype: 'float32', shape, data: floats(length) } });
    expect(refusal(tensor([2], 2))).toEqual({ field: 'x.shape', expected: '[batch, 2]', given: '[2]' });
    expect(refusal(tensor([1, 1, 2], 2))).toMatchObject({ given: '[1, 1, 2]' });
    expect(refusal(tensor([], 1))).toMatchObject({ given: '[]' });
    expect(refusal(tensor([1, 3], 3))).toMatchObject({ given: '[1, 3]' });
    expect(refusal(tensor([2, 1], 2))).toMatchObject({ given: '[2, 1]' });
  });

  test('data that are shorter or longer than the shape', () => {
    const tensor = (length: number) => ({ x: { dtype: 'float32', shape: [2, 2], data: floats(length) } });
    expect(refusal(tensor(3))).toEqual({
      field: 'x.data',
      expected: '4 elements for shape [2, 2]',
      given: '3 elements',
    });
    expect(refusal(tensor(5))).toMatchObject({ field: 'x.data', given: '5 elements' });
    expect(refusal(tensor(0))).toMatchObject({ field: 'x.data', given: '0 elements' });
  });

  test('a shape whose product is past every array, without overflowing', () => {
    const signature = signatureOf([{ ...x, shape: ['batch', 'a', 'b'] }]);
    const shape = [2 ** 40, 2 ** 40, 2 ** 40];
    expect(refusal({ x: { dtype: 'float32', shape, data: floats(4) } }, signature)).toMatchObject({ field: 'x.data' });
  });

  test('data whose buffer was given away', () => {
    const data = floats(2);
    structuredClone(data, { transfer: [data.buffer] });
    expect(refusal({ x: { dtype: 'float32', shape: [1, 2], data } })).toMatchObject({ given: '0 elements' });
    expect(refusal({ x: data })).toMatchObject({ field: 'x', given: '0 elements' });
  });

  test('zero rows', () => {
    expect(refusal({ x: { dtype: 'float32', shape: [0, 2], data: floats(0) } })).toEqual({
      field: 'x',
      expected: 'at least one row',
      given: 'zero rows',
    });
    expect(refusal({ x: floats(0) })).toMatchObject({ field: 'x', given: '0 elements' });
  });

  test('a bare array that is no whole number of rows', () => {
    expect(refusal({ x: floats(3) })).toEqual({ field: 'x', expected: 'rows of 2 elements each', given: '3 elements' });
    const fixed = signatureOf([{ ...x, shape: [1, 2] }], null);
    expect(refusal({ x: floats(4) }, fixed)).toMatchObject({ expected: '2 elements for shape [1, 2]' });
  });

  test('a bare array where more than the rows is open', () => {
    const signature = signatureOf([{ ...x, shape: ['batch', 'tokens'] }]);
    expect(refusal({ x: floats(4) }, signature)).toMatchObject({ field: 'x', given: 'a bare array' });
    const unbatched = signatureOf([{ ...x, shape: ['batch', 2] }], null);
    expect(refusal({ x: floats(4) }, unbatched)).toMatchObject({ field: 'x', given: 'a bare array' });
  });

  test('elements of a string tensor that are no strings, naming the first', () => {
    const signature = signatureOf([{ name: 'words', dtype: 'string', shape: ['batch'] }]);
    expect(refusal({ words: ['a', 3] }, signature)).toEqual({
      field: 'words.data[1]',
      expected: 'a string',
      given: 'number',
    });
    const tensor = { dtype: 'string', shape: [3], data: ['a', undefined, 4] };
    expect(refusal({ words: tensor }, signature)).toMatchObject({ field: 'words.data[1]', given: 'undefined' });
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
    expect(refusal({ words: ['a', , 'c'] }, signature)).toMatchObject({ field: 'words.data[1]' });
    expect(refusal({ words: 'abc' }, signature)).toMatchObject({ field: 'words' });
  });

  test('inputs of different numbers of rows', () => {
    const y: TensorSpec = { name: 'y', dtype: 'float32', shape: ['rows'] };
    expect(refusal({ x: floats(4), y: floats(3) }, signatureOf([x, y]))).toEqual({
      field: 'y',
      expected: '2 rows, as many as the inputs before it',
      given: '3 rows',
    });
  });
});

describe('symbolic dimensions', () => {
  const ids: TensorSpec = { name: 'ids', dtype: 'float32', shape: ['batch', 'tokens'] };
  const mask: TensorSpec = { name: 'mask', dtype: 'float32', shape: ['batch', 'tokens'] };
  const tensor = (...shape: number[]) => ({
    dtype: 'float32',
    shape,
    data: floats(shape.reduce((product, size) => product * size, 1)),
  });

  test('make the key of what can share a batch, whatever the rows', () => {
    const door = compileDoor(signatureOf([ids, mask]));
    const three = door({ ids: tensor(1, 3), mask: tensor(1, 3) });
    expect(three.shapeKey).not.toBe('');
    expect(door({ ids: tensor(2, 3), mask: tensor(2, 3) }).shapeKey).toBe(three.shapeKey);
    expect(door({ ids: tensor(1, 4), mask: tensor(1, 4) }).shapeKey).not.toBe(three.shapeKey);
  });

  test('of one name have one size in every input', () => {
    expect(refusal({ ids: tensor(1, 3), mask: tensor(1, 4) }, signatureOf([ids, mask]))).toEqual({
      field: 'mask.shape',
      expected: '3 for dimension "tokens", as in the inputs before it',
      given: '4',
    });
  });

  test('without a name are independent of each other', () => {
    const door = compileDoor(
      signatureOf([
        { ...ids, shape: ['batch', '', ''] },
        { ...mask, shape: ['batch', ''] },
      ]),
    );
    const one = door({ ids: tensor(1, 3, 4), mask: tensor(1, 5) });
    const other = door({ ids: tensor(1, 4, 3), mask: tensor(1, 5) });
    expect(one.shapeKey).not.toBe(other.shapeKey);
  });

  test('are told apart without a batch axis as well', () => {
    const door = compileDoor(signatureOf([{ ...ids, shape: ['a', 'b'] }], null));
    expect(door({ ids: tensor(2, 6) }).shapeKey).not.toBe(door({ ids: tensor(6, 2) }).shapeKey);
  });

  test('of sizes that could be mixed up when written side by side are told apart', () => {
    const door = compileDoor(signatureOf([{ ...ids, shape: ['batch', 'a', 'b'] }]));
    expect(door({ ids: tensor(1, 1, 11) }).shapeKey).not.toBe(door({ ids: tensor(1, 11, 1) }).shapeKey);
  });
});
