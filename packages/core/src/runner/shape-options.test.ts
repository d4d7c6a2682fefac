import { describe, expect, test } from 'vitest';
import type { ModelSignature, TensorSpec } from '../signature';
import { type DType, dtypes } from '../tensor/dtype';
import { createMockBackend } from '../testing/mock-backend';
import { rejection, thrownBy } from '../testing/test-kit.fixture';
import { createRunner } from './create-runner';
import { checkShapes, resolveShapes, type ShapesOption } from './shape-options';

const ids: TensorSpec = { name: 'ids', dtype: 'int64', shape: ['batch', 'sequence'] };
const mask: TensorSpec = { name: 'mask', dtype: 'int64', shape: ['batch', 'sequence'] };
const image: TensorSpec = { name: 'image', dtype: 'float32', shape: ['batch', 3, 'height', 'width'] };
const score: TensorSpec = { name: 'score', dtype: 'float32', shape: ['batch', 1] };
const states: TensorSpec = { name: 'states', dtype: 'float32', shape: ['batch', 'sequence', 8] };

function signatureOf(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[] = [score]): ModelSignature {
  return { inputs, outputs, batchAxis: 0 };
}

const text = signatureOf([ids, mask], [score, states]);
const sequence = { buckets: [16, 32], pad: { ids: 0n }, mask: 'mask' };

describe('what is wrong whatever the model', () => {
  test.each<[string, unknown, string]>([
    ['a dimension without options', { sequence: undefined }, 'shapes.sequence'],
    ['a list in place of the options', { sequence: [16, 32] }, 'shapes.sequence'],
    ['no buckets', { sequence: { pad: {} } }, 'shapes.sequence.buckets'],
    ['a number as buckets', { sequence: { ...sequence, buckets: 16 } }, 'shapes.sequence.buckets'],
    ['an empty list of buckets', { sequence: { ...sequence, buckets: [] } }, 'shapes.sequence.buckets'],
    ['buckets out of order', { sequence: { ...sequence, buckets: [32, 16] } }, 'shapes.sequence.buckets'],
    ['a bucket twice', { sequence: { ...sequence, buckets: [16, 16] } }, 'shapes.sequence.buckets'],
    ['a bucket of 0', { sequence: { ...sequence, buckets: [0, 16] } }, 'shapes.sequence.buckets'],
    ['a negative bucket', { sequence: { ...sequence, buckets: [-1, 16] } }, 'shapes.sequence.buckets'],
    ['half a bucket', { sequence: { ...sequence, buckets: [0.5] } }, 'shapes.sequence.buckets'],
    ['a bucket that is no number', { sequence: { ...sequence, buckets: [Number.NaN] } }, 'shapes.sequence.buckets'],
    ['a bucket as text', { sequence: { ...sequence, buckets: ['16'] } }, 'shapes.sequence.buckets'],
    ['a bucket past all sizes', { sequence: { ...sequence, buckets: [2 ** 53] } }, 'shapes.sequence.buckets'],
    [
      'too many buckets',
      { sequence: { ...sequence, buckets: Array.from({ length: 257 }, (_, index) => index + 1) } },
      'shapes.sequence.buckets',
    ],
    ['no padding values', { sequence: { buckets: [16] } }, 'shapes.sequence.pad'],
    ['one padding value for all', { sequence: { ...sequence, pad: 0 } }, 'shapes.sequence.pad'],
    ['null as padding values', { sequence: { ...sequence, pad: null } }, 'shapes.sequence.pad'],
    ['a mask that is no name', { sequence: { ...sequence, mask: true } }, 'shapes.sequence.mask'],
    ['another word for beyond', { sequence: { ...sequence, beyond: 'truncate' } }, 'shapes.sequence.beyond'],
    ['an axis in place of outputs', { sequence: { ...sequence, outputs: 1 } }, 'shapes.sequence.outputs'],
    ['an option that does not exist', { sequence: { ...sequence, bucket: 16 } }, 'shapes.sequence.bucket'],
  ])('%s', (_what, shapes, field) => {
    const error = thrownBy(() => checkShapes(shapes as ShapesOption), 'INVALID_OPTION');
    expect(error.details).toMatchObject({ field, expected: expect.any(String), given: expect.any(String) });
    expect(error.message).toContain(`createRunner: option "${field}"`);
  });
});

function refusal(shapes: ShapesOption, signature: ModelSignature) {
  checkShapes(shapes);
  const error = thrownBy(() => resolveShapes(shapes, signature), 'INVALID_OPTION');
  const { field, expected, given } = error.details;
  expect(error.message).toBe(`createRunner: option "${field}" is wrong: expected ${expected}, given ${given}.`);
  return { field, expected, given };
}

describe('what does not fit the model', () => {
  test('a dimension that it does not have, told with those it has', () => {
    expect(refusal({ seq: sequence }, text)).toEqual({
      field: 'shapes.seq',
      expected: 'a symbolic dimension of the model: "sequence"',
      given: '"seq"',
    });
    const both = refusal({ sequence }, signatureOf([image]));
    expect(both.expected).toBe('a symbolic dimension of the model: "height", "width"');
  });

  test('the rows, which are the batcher’s business', () => {
    expect(refusal({ batch: { buckets: [8], pad: { ids: 0n } } }, text)).toMatchObject({ field: 'shapes.batch' });
  });

  test('any dimension where all sizes are fixed', () => {
    const fixed = signatureOf([{ ...ids, shape: ['batch', 8] }]);
    expect(refusal({ sequence }, fixed)).toMatchObject({
      expected: 'none, since every size of this model but the rows is fixed',
    });
  });

  test('a padding value that is missing for an input with the dimension', () => {
    const missing = refusal({ sequence: { buckets: [16], pad: { mask: 0n } } }, text);
    expect(missing).toEqual({
      field: 'shapes.sequence.pad.ids',
      expected: 'a bigint that int64 holds, such as 0n',
      given: 'nothing',
    });
    const inherited = refusal({ sequence: { buckets: [16], pad: Object.create({ ids: 0n, mask: 0n }) } }, text);
    expect(inherited.field).toBe('shapes.sequence.pad.ids');
  });

  test('a padding value for an input without the dimension, or for none', () => {
    for (const name of ['image', 'nothing', 'states']) {
      const shapes = { sequence: { buckets: [16], pad: { ids: 0n, mask: 0n, [name]: 0 } } };
      expect(refusal(shapes, signatureOf([ids, mask, image], [states]))).toEqual({
        field: 'shapes.sequence.pad',
        expected: 'inputs with the dimension "sequence": "ids", "mask"',
        given: `"${name}"`,
      });
    }
  });

  test('two padding values for one input', () => {
    const shapes = { height: { buckets: [224], pad: { image: 0 } }, width: { buckets: [224], pad: { image: 1 } } };
    expect(refusal(shapes, signatureOf([image]))).toMatchObject({ field: 'shapes.width.pad.image', given: '1' });
  });

  test('a mask that is no input, or has not the dimension', () => {
    const pad = { ids: 0n, mask: 0n };
    for (const name of ['attention', 'image', 'score']) {
      const shapes = { sequence: { buckets: [16], pad, mask: name } };
      expect(refusal(shapes, signatureOf([ids, mask, image]))).toEqual({
        field: 'shapes.sequence.mask',
        expected: 'an input with the dimension "sequence"',
        given: `"${name}"`,
      });
    }
  });

  test('a mask of strings', () => {
    const words: TensorSpec = { ...mask, dtype: 'string' };
    const shapes = { sequence: { buckets: [16], pad: { ids: 0n, mask: '' }, mask: 'mask' } };
    expect(refusal(shapes, signatureOf([ids, words]))).toMatchObject({ field: 'shapes.sequence.mask' });
  });

  test('a mask whose padding is neither 0 nor 1', () => {
    const shapes = { sequence: { buckets: [16], pad: { ids: 0n, mask: 2n }, mask: 'mask' } };
    expect(refusal(shapes, text)).toEqual({
      field: 'shapes.sequence.pad.mask',
      expected: '0 or 1, since it is the mask',
      given: '2n',
    });
  });

  test('a mask whose sizes no other input tells', () => {
    const wide: TensorSpec = { ...mask, shape: ['batch', 'sequence', 'heads'] };
    expect(refusal({ sequence }, signatureOf([ids, wide]))).toMatchObject({
      field: 'shapes.sequence.mask',
      expected: 'an input without the dimension "heads", which no other input has',
    });
    expect(refusal({ sequence: { ...sequence, pad: {} } }, signatureOf([mask, score]))).toMatchObject({
      field: 'shapes.sequence.mask',
    });
  });

  test.each<[string, Record<string, number | number[]>, string]>([
    ['an output that does not exist', { logits: 1 }, 'an output of the model: "score", "states"'],
    [
      'an axis beyond the rank',
      { score: 2 },
      'axes of this output, which has 2, counted from 0, other than the batch axis 0',
    ],
    ['a negative axis', { score: -1 }, 'axes of this output, which has 2, counted from 0, other than the batch axis 0'],
    ['half an axis', { score: 0.5 }, 'axes of this output, which has 2, counted from 0, other than the batch axis 0'],
    [
      'the batch axis',
      { score: [1, 0] },
      'axes of this output, which has 2, counted from 0, other than the batch axis 0',
    ],
  ])('outputs with %s', (_what, outputs, expected) => {
    expect(refusal({ sequence: { ...sequence, outputs } }, text)).toMatchObject({ expected });
  });

  test('an axis of an output that belongs to another dimension', () => {
    const map: TensorSpec = { name: 'map', dtype: 'float32', shape: ['batch', 'height', 'width'] };
    const [height, width] = [
      { buckets: [8], pad: { image: 0 } },
      { buckets: [8], pad: { image: 0 } },
    ];
    const shapes = { height: { ...height, outputs: { map: 2 } }, width };
    expect(refusal(shapes, signatureOf([image], [map]))).toMatchObject({
      field: 'shapes.height.outputs.map',
      expected: 'axes that do not belong to the dimension "width"',
    });
  });
});

describe('padding values', () => {
  const dtypeOf = (dtype: DType): ModelSignature => signatureOf([{ name: 'x', dtype, shape: ['batch', 'n'] }]);
  const padOf = (dtype: DType, value: unknown) =>
    resolveShapes({ n: { buckets: [4], pad: { x: value as number } } }, dtypeOf(dtype)).pads.get('x');

  test.each<[DType, unknown, unknown]>([
    ['float32', -1.5, -1.5],
    ['float32', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ['float32', Number.NaN, Number.NaN],
    ['float64', 1e300, 1e300],
    ['float16', 1, 0x3c00],
    ['float16', -2.5, 0xc100],
    ['float16', Number.NEGATIVE_INFINITY, 0xfc00],
    ['int8', -128, -128],
    ['int16', 32_767, 32_767],
    ['int32', -(2 ** 31), -(2 ** 31)],
    ['int64', -(2n ** 63n), -(2n ** 63n)],
    ['uint8', 255, 255],
    ['uint16', 65_535, 65_535],
    ['uint32', 2 ** 32 - 1, 2 ** 32 - 1],
    ['uint64', 2n ** 64n - 1n, 2n ** 64n - 1n],
    ['bool', true, 1],
    ['bool', false, 0],
    ['bool', 1, 1],
    ['bool', 0, 0],
    ['string', '', ''],
    ['string', '[PAD]', '[PAD]'],
  ])('%s takes %s', (dtype, value, element) => {
    expect(padOf(dtype, value)).toBe(element);
  });

  test.each<[DType, unknown]>([
    ['float32', 0n],
    ['float32', '0'],
    ['float32', 1e39],
    ['float32', null],
    ['float64', true],
    ['float16', 65_520],
    ['float16', 0n],
    ['int8', 128],
    ['int8', 0.5],
    ['int8', Number.NaN],
    ['int16', -32_769],
    ['int32', 2 ** 31],
    ['int32', 0n],
    ['int64', 0],
    ['int64', 2n ** 63n],
    ['uint8', -1],
    ['uint16', 65_536],
    ['uint32', 2 ** 32],
    ['uint64', -1n],
    ['uint64', 0],
    ['bool', 2],
    ['bool', 'true'],
    ['bool', 0n],
    ['string', 0],
    ['string', undefined],
  ])('%s does not take %s', (dtype, value) => {
    const shapes = { n: { buckets: [4], pad: { x: value as number } } };
    const { field, expected } = refusal(shapes, dtypeOf(dtype));
    expect(field).toBe('shapes.n.pad.x');
    expect(String(expected)).toMatch(/^(a |true)/);
  });

  test('may be zero for every dtype, and a mask of every dtype but string is 1 where it is real', () => {
    for (const dtype of dtypes.filter((name) => name !== 'string')) {
      const specs: TensorSpec[] = [
        { name: 'x', dtype: 'float32', shape: ['batch', 'n'] },
        { name: 'm', dtype, shape: ['batch', 'n'] },
      ];
      const plain = resolveShapes({ n: { buckets: [4], pad: { x: 0 }, mask: 'm' } }, signatureOf(specs));
      expect([plain.pads.get('m'), plain.masks.get('m')].map(Number), dtype).toEqual([
        0,
        dtype === 'float16' ? 0x3c00 : 1,
      ]);
      const one = dtype === 'int64' || dtype === 'uint64' ? 1n : 1;
      const inverse = resolveShapes({ n: { buckets: [4], pad: { x: 0, m: one }, mask: 'm' } }, signatureOf(specs));
      expect([inverse.pads.get('m'), inverse.masks.get('m')], dtype).toEqual([
        plain.masks.get('m'),
        plain.pads.get('m'),
      ]);
    }
  });
});

describe('names', () => {
  test('of dimensions without one are those of input and axis', () => {
    const unnamed = signatureOf([{ ...ids, shape: ['batch', ''] }]);
    const rules = resolveShapes({ 'ids.1': { buckets: [16], pad: { ids: 0n } } }, unnamed);
    expect(rules.inputDimensions.get('ids')).toEqual([undefined, 'ids.1']);
  });

  test('that every object has are names like others', () => {
    const odd = signatureOf([{ ...ids, name: 'constructor', shape: ['batch', 'toString'] }]);
    const shapes = { toString: { buckets: [16], pad: { constructor: 7n } } } as unknown as ShapesOption;
    expect(resolveShapes(shapes, odd).pads.get('constructor')).toBe(7n);
    expect(refusal({ toString: { buckets: [16], pad: {} } } as unknown as ShapesOption, odd).field).toBe(
      'shapes.toString.pad.constructor',
    );
  });

  test('are read once: what becomes of the object later changes nothing', () => {
    const buckets = [16, 32];
    const rules = resolveShapes({ sequence: { ...sequence, buckets } }, text);
    buckets.length = 0;
    expect(rules.shapes.get('sequence')?.buckets).toEqual([16, 32]);
  });
});

describe('createRunner', () => {
  test('refuses wrong buckets before it loads anything, and those that fit another model after, leaving nothing open', async () => {
    const backend = createMockBackend({ signature: text });
    const early = createRunner({ model: '1', backend, shapes: { sequence: { ...sequence, buckets: [2, 1] } } });
    expect((await rejection(early, 'INVALID_OPTION')).details.field).toBe('shapes.sequence.buckets');
    expect(backend.calls).toHaveLength(0);
    for (const workers of [true, false]) {
      for (const warmUp of [true, false]) {
        const other = createMockBackend({ signature: text, workers });
        const late = createRunner({ model: '1', backend: other, warmUp, shapes: { seq: sequence } });
        expect((await rejection(late, 'INVALID_OPTION')).details.field).toBe('shapes.seq');
        expect(other.openSessions).toBe(0);
        expect(other.calls).toHaveLength(0);
      }
    }
  });

  test.each([
    ['a list', []],
    ['null', null],
    ['a number', 16],
  ])('refuses %s as shapes', async (_what, shapes) => {
    const runner = createRunner({ model: '1', backend: createMockBackend(), shapes: shapes as never });
    expect((await rejection(runner, 'INVALID_OPTION')).details.field).toBe('shapes');
  });

  test('takes no buckets at all for none', async () => {
    const runner = await createRunner({ model: '1', backend: createMockBackend(), shapes: {} });
    expect(runner.describe().shapes).toBeUndefined();
    await runner.close();
  });
});
