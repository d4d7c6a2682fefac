import { describe, expect, test } from 'vitest';
import type { TensorSpec } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { dataOf, thrownBy } from '../testing/test-kit.fixture';
import { checkOutputs, createSplit, joinRows } from './split';

const spec = (name: string, dtype: TensorSpec['dtype'] = 'float32'): TensorSpec => ({
  name,
  dtype,
  shape: ['batch', ''],
});
const floats = (...values: number[]) => Float32Array.from(values);

describe('splitting', () => {
  test('copies small rows, so that they do not keep the whole batch in memory', () => {
    const data = floats(1, 2, 3, 4, 5, 6);
    const outputs: Tensors = { y: { dtype: 'float32', shape: [3, 2], data } };
    const own = createSplit(outputs, [spec('y')])(1, 2);
    expect(own.y).toEqual({ dtype: 'float32', shape: [2, 2], data: floats(3, 4, 5, 6) });
    expect(dataOf(own, 'y', 'float32').buffer.byteLength).toBe(16);
    expect(outputs.y?.shape).toEqual([3, 2]);
  });

  test('views large rows', () => {
    const data = new Float32Array(3 * 2000).map((_, index) => index);
    const own = createSplit({ y: { dtype: 'float32', shape: [3, 2000], data } }, [spec('y')])(2, 1);
    const view = dataOf(own, 'y', 'float32');
    expect(view.buffer).toBe(data.buffer);
    expect(view[0]).toBe(4000);
    expect(view).toHaveLength(2000);
  });

  test('holds for strings, big integers, rows without elements and of many axes', () => {
    const outputs: Tensors = {
      words: { dtype: 'string', shape: [2, 2], data: ['a', 'b', 'c', 'd'] },
      ids: { dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, 2n) },
      none: { dtype: 'float32', shape: [2, 0], data: floats() },
      image: { dtype: 'float32', shape: [2, 1, 2], data: floats(1, 2, 3, 4) },
    };
    const specs = [spec('words', 'string'), spec('ids', 'int64'), spec('none'), spec('image')];
    expect(createSplit(outputs, specs)(1, 1)).toEqual({
      words: { dtype: 'string', shape: [1, 2], data: ['c', 'd'] },
      ids: { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n) },
      none: { dtype: 'float32', shape: [1, 0], data: floats() },
      image: { dtype: 'float32', shape: [1, 1, 2], data: floats(3, 4) },
    });
  });

  test('and joining again gives what was there', () => {
    const outputs: Tensors = {
      words: { dtype: 'string', shape: [5, 1], data: ['a', 'b', 'c', 'd', 'e'] },
      y: { dtype: 'float32', shape: [5, 2], data: floats(0, 1, 2, 3, 4, 5, 6, 7, 8, 9) },
    };
    const specs = [spec('words', 'string'), spec('y')];
    const parts = [
      [0, 2],
      [2, 1],
      [3, 2],
    ].map(([start, rows]) => createSplit(outputs, specs)(start as number, rows as number));
    expect(joinRows(parts, specs)).toEqual(outputs);
  });
});

describe('checking', () => {
  test('passes what the signature allows, more outputs than it names included', () => {
    const y = { dtype: 'float32', shape: [2, 3], data: floats(1, 2, 3, 4, 5, 6) } as const;
    expect(() => checkOutputs([spec('y')], { y, extra: y }, 2)).not.toThrow();
    expect(() => checkOutputs([spec('y')], { y }, null)).not.toThrow();
    expect(() => checkOutputs([], {}, 2)).not.toThrow();
  });

  test('tells what to do when a model does not answer row by row', () => {
    const y = { dtype: 'float32', shape: [1, 2], data: floats(1, 2) } as const;
    const error = thrownBy(() => checkOutputs([spec('y')], { y }, 4), 'OUTPUT_INVALID');
    expect(error.message).toContain('batching: false');
    expect(error.details).toMatchObject({ field: 'y', given: 'shape [1, 2]' });
  });
});
