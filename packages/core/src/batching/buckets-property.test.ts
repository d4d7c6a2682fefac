import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PadValue, ShapesOption } from '../runner/shape-options';
import type { ModelSignature, TensorSpec } from '../signature';
import { allocateData, type DataOf, type DType, dtypes } from '../tensor/dtype';
import { numberToHalf } from '../tensor/float16';
import type { Tensor, Tensors } from '../tensor/tensor';
import { closeBench, dataOf, openBench, until } from '../testing/test-kit.fixture';
import type { Element } from './padding';
import { padNaively } from './padding.fixture';

type Dimension = 'a' | 'b' | 'c';
type Sizes = Readonly<Record<Dimension, number>>;

/** A model, its buckets, and requests. Its outputs are its inputs, and how many elements the mask calls real. */
interface Scene {
  readonly axes: readonly (readonly (Dimension | number)[])[];
  readonly types: readonly DType[];
  readonly buckets: Readonly<Record<'a' | 'b', readonly number[]>>;
  readonly maxBatchRows: number;
  readonly requests: readonly { readonly rows: number; readonly sizes: Sizes; readonly mask: 'left out' | 'given' }[];
}

const bucketsOf = fc
  .uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 })
  .map((sizes) => sizes.sort((one, other) => one - other));

const scenes: fc.Arbitrary<Scene> = fc.record({
  axes: fc.array(fc.array(fc.constantFrom<Dimension | number>('a', 'b', 'c', 1, 3), { maxLength: 3 }), {
    minLength: 1,
    maxLength: 3,
  }),
  types: fc.array(fc.constantFrom(...dtypes), { minLength: 4, maxLength: 4 }),
  buckets: fc.record({ a: bucketsOf, b: bucketsOf }),
  maxBatchRows: fc.integer({ min: 1, max: 6 }),
  requests: fc.array(
    fc.record({
      rows: fc.integer({ min: 1, max: 8 }),
      sizes: fc.record({
        a: fc.integer({ min: 1, max: 14 }),
        b: fc.integer({ min: 1, max: 14 }),
        c: fc.integer({ min: 0, max: 2 }),
      }),
      mask: fc.constantFrom('left out' as const, 'given' as const),
    }),
    { minLength: 1, maxLength: 6 },
  ),
});

const padValues: Readonly<Record<DType, { readonly value: PadValue; readonly element: Element }>> = {
  float32: { value: -0.5, element: -0.5 },
  float64: { value: Number.NaN, element: Number.NaN },
  float16: { value: -7, element: numberToHalf(-7) },
  int8: { value: -7, element: -7 },
  int16: { value: -7, element: -7 },
  int32: { value: -7, element: -7 },
  int64: { value: -7n, element: -7n },
  uint8: { value: 255, element: 255 },
  uint16: { value: 255, element: 255 },
  uint32: { value: 255, element: 255 },
  uint64: { value: 255n, element: 255n },
  bool: { value: true, element: 1 },
  string: { value: '[PAD]', element: '[PAD]' },
};

const countOf = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);

function randomData(dtype: DType, count: number, seed: number): DataOf {
  if (dtype === 'string') return Array.from({ length: count }, (_, index) => `${seed}:${index}`);
  const data = allocateData(dtype, count);
  for (let index = 0; index < count; index++) {
    const value = dtype === 'bool' ? (seed + index) % 2 : (seed * 31 + index) % 113;
    data[index] = (typeof data[0] === 'bigint' ? BigInt(value) : value) as never;
  }
  return data;
}

test('whatever the model, the buckets and the sizes: inputs arrive padded as declared, and answers are as without', () =>
  fc.assert(
    fc.asyncProperty(scenes, async (scene) => {
      const { axes, types, requests, maxBatchRows } = scene;
      const used = new Set(axes.flat());
      fc.pre(used.has('a'));
      const values: TensorSpec[] = axes.map((shape, index) => ({
        name: `x${index}`,
        dtype: types[index] as DType,
        shape: ['batch', ...shape],
      }));
      const id: TensorSpec = { name: 'id', dtype: 'int32', shape: ['batch'] };
      const mask: TensorSpec = { name: 'mask', dtype: 'bool', shape: ['batch', 'a'] };
      const inputs = [mask, id, ...values];
      const signature: ModelSignature = {
        inputs,
        outputs: [
          ...values.map((spec) => ({ ...spec, name: `${spec.name} again` })),
          { name: 'real', dtype: 'int32', shape: ['batch'] },
        ],
        batchAxis: 0,
      };
      const bucketed = (['a', 'b'] as const).filter((dimension) => used.has(dimension));
      const shapes: ShapesOption = Object.fromEntries(
        bucketed.map((dimension) => [
          dimension,
          {
            buckets: scene.buckets[dimension],
            pad: Object.fromEntries(
              values
                .filter(({ shape }) => shape.includes(dimension))
                .map(({ name, dtype }) => [name, padValues[dtype].value]),
            ),
            ...(dimension === 'a' ? { mask: 'mask' } : {}),
          },
        ]),
      );
      const bench = await openBench(
        {
          signature,
          compute(given, rows) {
            const flags = dataOf(given, 'mask', 'bool');
            const width = flags.length / rows;
            const real = Int32Array.from({ length: rows }, (_, row) =>
              flags.subarray(row * width, (row + 1) * width).reduce((sum, flag) => sum + flag, 0),
            );
            return {
              ...Object.fromEntries(values.map(({ name }) => [`${name} again`, given[name] as Tensor])),
              real: { dtype: 'int32', shape: [rows], data: real },
            };
          },
        },
        { shapes, batching: { maxBatchRows } },
      );

      const rowShape = ({ shape }: TensorSpec, sizes: Sizes): number[] =>
        shape.slice(1).map((size) => (typeof size === 'number' ? size : sizes[size as Dimension]));
      const given = requests.map(({ rows, sizes, mask: masked }, number): Tensors => {
        const tensorOf = (spec: TensorSpec): Tensor => {
          const shape = [rows, ...rowShape(spec, sizes)];
          return { dtype: spec.dtype, shape, data: randomData(spec.dtype, countOf(shape), number) } as Tensor;
        };
        return {
          id: {
            dtype: 'int32',
            shape: [rows],
            data: Int32Array.from({ length: rows }, (_, row) => number * 100 + row),
          },
          ...Object.fromEntries(values.map((spec) => [spec.name, tensorOf(spec)])),
          ...(masked === 'given' ? { mask: tensorOf(mask) } : {}),
        };
      });
      const answers = await until(Promise.all(given.map((request) => bench.runner.run(request))), bench.clock);

      for (const [number, { outputs }] of answers.entries()) {
        const { rows, sizes } = requests[number] as Scene['requests'][number];
        for (const { name } of values) expect(outputs[`${name} again`]).toEqual(given[number]?.[name]);
        const flags = given[number]?.mask?.data as Uint8Array | undefined;
        const real = Array.from({ length: rows }, (_, row) =>
          flags === undefined
            ? sizes.a
            : flags.subarray(row * sizes.a, (row + 1) * sizes.a).reduce((sum, flag) => sum + flag, 0),
        );
        expect(Array.from(dataOf(outputs, 'real', 'int32'))).toEqual(real);
      }

      let rowsSeen = 0;
      for (const call of bench.backend.calls) {
        for (const [at, id] of dataOf(call.inputs, 'id', 'int32').entries()) {
          const [number, row] = [Math.floor(id / 100), id % 100];
          const { sizes, rows } = requests[number] as Scene['requests'][number];
          const bucketFor = (dimension: 'a' | 'b'): number =>
            scene.buckets[dimension].find((bucket) => bucket >= sizes[dimension]) ?? sizes[dimension];
          const padded: Sizes = { a: bucketFor('a'), b: bucketFor('b'), c: sizes.c };
          for (const spec of [mask, ...values]) {
            const [realShape, paddedShape] = [rowShape(spec, sizes), rowShape(spec, padded)];
            const whole = given[number]?.[spec.name]?.data ?? new Uint8Array(rows * sizes.a).fill(1);
            const own = whole.slice(row * countOf(realShape), (row + 1) * countOf(realShape)) as DataOf;
            const pad = spec === mask ? 0 : padValues[spec.dtype].element;
            const tensor = call.inputs[spec.name] as Tensor;
            expect(tensor.shape).toEqual([call.rows, ...paddedShape]);
            const size = countOf(paddedShape);
            expect(Array.from(tensor.data.slice(at * size, (at + 1) * size) as ArrayLike<unknown>)).toEqual(
              padNaively(own, realShape, paddedShape, pad),
            );
          }
          rowsSeen++;
        }
      }
      expect(rowsSeen).toBe(requests.reduce((sum, { rows }) => sum + rows, 0));
      await closeBench(bench);
    }),
    { numRuns: 150 },
  ));
