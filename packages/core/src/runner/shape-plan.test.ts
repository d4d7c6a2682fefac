import { describe, expect, test } from 'vitest';
import type { ModelSignature, TensorSpec } from '../signature';
import type { Tensor } from '../tensor/tensor';
import { dataOf, thrownBy } from '../testing/test-kit.fixture';
import type { Admitted } from './door';
import type { ShapesOption } from './shape-options';
import { createShapePlanner, type ShapePlan } from './shape-plan';

const ids: TensorSpec = { name: 'ids', dtype: 'int64', shape: ['batch', 'sequence'] };
const mask: TensorSpec = { name: 'mask', dtype: 'int64', shape: ['batch', 'sequence'] };
const score: TensorSpec = { name: 'score', dtype: 'float32', shape: ['batch', 1] };

function signatureOf(...inputs: TensorSpec[]): ModelSignature {
  return { inputs, outputs: [score], batchAxis: 0 };
}

/** Buckets are there, so there is a planner. */
const planner = (option: ShapesOption) => createShapePlanner(option) as (signature: ModelSignature) => ShapePlan;

const shapes: ShapesOption = { sequence: { buckets: [4, 8], pad: { ids: 9n }, mask: 'mask' } };
const long = (...shape: number[]) => ({
  dtype: 'int64' as const,
  shape,
  data: new BigInt64Array(shape.reduce((count, size) => count * size, 1)).fill(5n),
});

/** The arrays of a slab of four rows after a request was placed at its second row. */
function placed(admitted: Admitted, rowElements: number, inputs: number): unknown[][] {
  const targets = Array.from({ length: inputs }, () => new BigInt64Array(4 * rowElements).fill(-1n));
  admitted.fit?.place(targets, admitted.tensors, 1, admitted.rows);
  return targets.map((target) => Array.from(target.subarray(rowElements, (1 + admitted.rows) * rowElements)));
}

describe('the door of a runner with buckets', () => {
  const { door } = planner(shapes)(signatureOf(ids, mask));

  test('gives requests of one bucket one key, whatever their own sizes and rows', () => {
    const keys = [1, 2, 3, 4].map((size) => door({ ids: long(1, size), mask: long(1, size) }).shapeKey);
    expect(new Set(keys).size).toBe(1);
    expect(door({ ids: long(3, 2), mask: long(3, 2) }).shapeKey).toBe(keys[0]);
    expect(door({ ids: long(1, 5), mask: long(1, 5) }).shapeKey).not.toBe(keys[0]);
  });

  test('gives those with and without the mask one key, in whatever order the inputs stand', () => {
    const wide: ModelSignature = signatureOf(
      { ...mask, shape: ['batch', 'b', 'a'] },
      { ...ids, shape: ['batch', 'a', 'b'] },
    );
    const rule = { buckets: [4], pad: { ids: 0n }, mask: 'mask' };
    const both = planner({ a: rule, b: rule })(wide);
    const given = both.door({ ids: long(1, 2, 3), mask: long(1, 3, 2) });
    const left = both.door({ ids: long(1, 2, 3) });
    expect(left.shapeKey).toBe(given.shapeKey);
    expect(left.tensors[0]?.shape).toEqual([1, 3, 2]);
    expect(placed(left, 16, 2)[0]).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0].map(BigInt));
  });

  test('shares what it knows between requests of one size', () => {
    const first = door({ ids: long(1, 3), mask: long(1, 3) });
    const second = door({ ids: long(2, 3), mask: long(2, 3) });
    expect(second.fit).toBe(first.fit);
    expect(first.fit?.rowShapes).toEqual([[4], [4]]);
  });

  test('pads a mask that is given with its own padding', () => {
    const admitted = door({ ids: long(2, 3), mask: long(2, 3) });
    expect(placed(admitted, 4, 2)).toEqual([
      [5n, 5n, 5n, 9n, 5n, 5n, 5n, 9n],
      [5n, 5n, 5n, 0n, 5n, 5n, 5n, 0n],
    ]);
  });

  test('makes a mask that is left out, and shows it to nobody', () => {
    const admitted = door({ ids: long(2, 3) });
    expect(admitted.tensors[1]).toMatchObject({ dtype: 'int64', shape: [2, 3] });
    expect(placed(admitted, 4, 2)[1]).toEqual([1n, 1n, 1n, 0n, 1n, 1n, 1n, 0n]);
    // One that fits exactly needs a mask as well.
    expect(placed(door({ ids: long(1, 4), mask: undefined }), 4, 2)[1]).toEqual([1n, 1n, 1n, 1n]);
  });

  test('makes large masks and small ones, one after the other', () => {
    for (const size of [1, 70_000, 3, 65_536, 8]) {
      const { data } = door({ ids: long(1, size) }).tensors[1] as { data: BigInt64Array };
      expect(data).toHaveLength(size);
      expect(data.every((element) => element === 1n)).toBe(true);
    }
  });

  test('keeps small masks for the next request, and no large ones', () => {
    const bufferOf = (size: number) => {
      const [, made] = door({ ids: long(1, size) }).tensors as [Tensor<'int64'>, Tensor<'int64'>];
      return made.data.buffer;
    };
    expect(bufferOf(65_536)).toBe(bufferOf(3));
    expect(bufferOf(65_537)).not.toBe(bufferOf(65_537));
  });

  test('takes a size above the largest bucket as it is', () => {
    const admitted = door({ ids: long(1, 9) });
    expect(admitted.fit?.rowShapes).toEqual([[9], [9]]);
    expect(placed(admitted, 9, 2)).toEqual([new Array(9).fill(5n), new Array(9).fill(1n)]);
    expect(door({ ids: long(1, 10) }).shapeKey).not.toBe(admitted.shapeKey);
  });

  test('forgets sizes rather than to keep any number of them', () => {
    const first = door({ ids: long(1, 100) });
    for (let size = 101; size < 1200; size++) door({ ids: long(1, size) });
    const again = door({ ids: long(1, 100) });
    expect(again.fit).not.toBe(first.fit);
    expect(again.shapeKey).toBe(first.shapeKey);
  });
});

describe('what the door of a runner with buckets refuses', () => {
  const plan = planner(shapes)(signatureOf(ids, mask));
  const refuse = planner({ sequence: { ...shapes.sequence, beyond: 'refuse' } as never });
  const strict = refuse(signatureOf(ids, mask));
  const refusal = (inputs: Record<string, unknown>, { door } = plan) => {
    const error = thrownBy(() => door(inputs), 'INVALID_INPUT');
    const { field, expected, given } = error.details;
    expect(error.message).toBe(`Input ${field}: expected ${expected}, given ${given}.`);
    return { field, expected, given };
  };

  test('a size of 0, of which nothing would be real', () => {
    expect(refusal({ ids: long(1, 0), mask: long(1, 0) })).toEqual({
      field: 'ids.shape',
      expected: '1 or more for dimension "sequence", which is padded',
      given: '0',
    });
    expect(refusal({ ids: long(1, 0) })).toMatchObject({ field: 'ids.shape', given: '0' });
  });

  test('a size above the largest bucket, where that is asked for', () => {
    expect(refusal({ ids: long(1, 9) }, strict)).toEqual({
      field: 'ids.shape',
      expected: 'at most 8 for dimension "sequence", its largest bucket in "shapes"',
      given: '9',
    });
    expect(strict.door({ ids: long(1, 8) }).rows).toBe(1);
  });

  test.each<[string, Record<string, unknown>, object]>([
    ['zero rows', { ids: long(0, 3) }, { field: 'ids', expected: 'at least one row', given: 'zero rows' }],
    ['another rank', { ids: long(3) }, { field: 'ids.shape', expected: '[batch, sequence]', given: '[3]' }],
    ['one axis too many', { ids: long(1, 3, 1) }, { field: 'ids.shape', given: '[1, 3, 1]' }],
    ['a negative size', { ids: { ...long(1, 1), shape: [1, -3] } }, { field: 'ids.shape', given: '[1, -3]' }],
    ['half a size', { ids: { ...long(1, 1), shape: [1, 0.5] } }, { field: 'ids.shape', given: '[1, 0.5]' }],
    ['too few data', { ids: { ...long(1, 2), shape: [1, 3] } }, { field: 'ids.data', given: '2 elements' }],
    ['a bare array', { ids: new BigInt64Array(3) }, { field: 'ids', given: 'a bare array' }],
    ['no input but the mask', { mask: long(1, 3) }, { field: 'ids', given: 'nothing' }],
    ['nothing at all', {}, { field: 'ids', given: 'nothing' }],
    ['null as mask', { ids: long(1, 3), mask: null }, { field: 'mask', given: 'null' }],
    [
      'a mask of another dtype',
      { ids: long(1, 3), mask: { dtype: 'bool', shape: [1, 3], data: new Uint8Array(3) } },
      { field: 'mask.dtype', expected: 'int64', given: 'bool' },
    ],
    ['a mask of another rank', { ids: long(1, 3), mask: long(3) }, { field: 'mask.shape', given: '[3]' }],
    [
      'a mask of another size, even in the same bucket',
      { ids: long(1, 3), mask: long(1, 4) },
      { field: 'mask.shape', expected: '3 for dimension "sequence", as in the inputs before it', given: '4' },
    ],
    ['a mask of other rows', { ids: long(1, 3), mask: long(2, 3) }, { field: 'mask', given: '2 rows' }],
    ['an unknown input', { ids: long(1, 3), masks: long(1, 3) }, { field: 'masks' }],
  ])('%s', (_what, inputs, details) => {
    expect(refusal(inputs)).toMatchObject(details);
  });
});

describe('several dimensions', () => {
  const image: TensorSpec = { name: 'image', dtype: 'int64', shape: ['batch', 2, 'height', 'width'] };

  test('have a bucket each, and those without buckets keep requests apart', () => {
    const { door } = planner({ height: { buckets: [4, 8], pad: { image: 0n } } })(signatureOf(image));
    const key = (height: number, width: number) => door({ image: long(1, 2, height, width) }).shapeKey;
    expect(key(3, 5)).toBe(key(4, 5));
    expect(key(3, 5)).not.toBe(key(3, 6));
    expect(key(5, 5)).not.toBe(key(3, 5));
  });

  test('are padded together', () => {
    const rule = { buckets: [3], pad: { image: 7n } };
    const { door } = planner({ height: rule, width: rule })(signatureOf(image));
    const admitted = door({ image: { dtype: 'int64', shape: [1, 2, 1, 2], data: BigInt64Array.of(1n, 2n, 3n, 4n) } });
    expect(placed(admitted, 18, 1)[0]).toEqual([1, 2, 7, 7, 7, 7, 7, 7, 7, 3, 4, 7, 7, 7, 7, 7, 7, 7].map(BigInt));
  });

  test('may be one and the same on two axes of an input', () => {
    const pairs: TensorSpec = { name: 'pairs', dtype: 'int64', shape: ['batch', 'n', 'n'] };
    const { door } = planner({ n: { buckets: [3], pad: { pairs: 0n } } })(signatureOf(pairs));
    const admitted = door({ pairs: { dtype: 'int64', shape: [1, 2, 2], data: BigInt64Array.of(1n, 2n, 3n, 4n) } });
    expect(placed(admitted, 9, 1)[0]).toEqual([1, 2, 0, 3, 4, 0, 0, 0, 0].map(BigInt));
    const error = thrownBy(() => door({ pairs: long(1, 2, 3) }), 'INVALID_INPUT');
    expect(error.details).toMatchObject({ field: 'pairs.shape', given: '3' });
  });
});

describe('sizes to warm up at', () => {
  const image: TensorSpec = { name: 'image', dtype: 'float32', shape: ['batch', 'height', 'width'] };
  const rule = (...buckets: number[]) => ({ buckets, pad: { image: 0 } });
  const sizes = (option: ShapesOption): [string, number][][] =>
    planner(option)(signatureOf(image)).warmUpSizes.map((size) => [...size]);

  test('are all combinations of buckets, the largest last', () => {
    expect(sizes({ height: rule(1, 2), width: rule(3, 4) })).toEqual([
      [
        ['height', 1],
        ['width', 3],
      ],
      [
        ['height', 1],
        ['width', 4],
      ],
      [
        ['height', 2],
        ['width', 3],
      ],
      [
        ['height', 2],
        ['width', 4],
      ],
    ]);
  });

  test('are each bucket with the largest of the others where there are too many', () => {
    const many = Array.from({ length: 10 }, (_, index) => index + 1);
    const found = sizes({ height: rule(...many), width: rule(...many) });
    expect(found).toHaveLength(19);
    expect(found[0]).toEqual([
      ['height', 1],
      ['width', 10],
    ]);
    expect(found.at(-1)).toEqual([
      ['height', 10],
      ['width', 10],
    ]);
  });
});

describe('a model that takes the place of another', () => {
  const planShapes = planner(shapes);
  planShapes(signatureOf(ids, mask));

  test('may name the dimension otherwise and have its inputs in another order', () => {
    const next = planShapes(signatureOf({ ...mask, shape: ['n', 'tokens'] }, { ...ids, shape: ['n', 'tokens'] }));
    expect(next.warmUpSizes.map((size) => [...size])).toEqual([[['tokens', 4]], [['tokens', 8]]]);
    const admitted = next.door({ ids: long(1, 3) });
    expect(placed(admitted, 4, 2)).toEqual([
      [1n, 1n, 1n, 0n],
      [5n, 5n, 5n, 9n],
    ]);
    expect(dataOf({ mask: admitted.tensors[0] as never }, 'mask', 'int64')).toHaveLength(3);
  });

  test('may leave the dimension without a name', () => {
    const next = planShapes(signatureOf({ ...ids, shape: ['n', ''] }, { ...mask, shape: ['n', ''] }));
    expect([...(next.warmUpSizes[0] ?? [])]).toEqual([
      ['ids.1', 4],
      ['mask.1', 4],
    ]);
    expect(next.door({ ids: long(1, 3), mask: long(1, 3) }).fit?.rowShapes).toEqual([[4], [4]]);
    // It would take inputs that disagree; the runner's signature says that they may not.
    const error = thrownBy(() => next.door({ ids: long(1, 3), mask: long(1, 4) }), 'INVALID_INPUT');
    expect(error.details).toMatchObject({ field: 'mask.shape', given: '4' });
  });
});
