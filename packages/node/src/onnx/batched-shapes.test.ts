import {
  createRunner,
  type DType,
  type LoadedModel,
  type LocalRunner,
  type RunnerOptions,
  type Tensor,
  type Tensors,
} from '@fairlead/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { onnx } from './onnx-backend';
import { elementTypeOf, tinyMaskedMean, tinyModel, tinyUnary } from './tiny-onnx';

/* Requests that share a batch on the real runtime: of every dtype, of several inputs and outputs, of several sizes. */

function modelOf(bytes: Uint8Array): LoadedModel {
  return { bytes, digest: '0'.repeat(64), name: 'tiny', version: '1', sidecar: async () => undefined };
}

async function withRunner(
  bytes: Uint8Array,
  options: Partial<RunnerOptions>,
  use: (runner: LocalRunner) => Promise<void>,
): Promise<void> {
  const backend = onnx({ device: 'cpu', threads: 1 });
  const runner = await createRunner({ model: modelOf(bytes), backend, lanes: 'inline', ...options });
  try {
    await use(runner);
  } finally {
    await runner.close();
  }
}

/** Sends all requests in one turn; checks that they travelled in as many batches as there are sizes of batch given. */
async function runTogether(runner: LocalRunner, requests: readonly Tensors[], batches: readonly number[]) {
  const before = runner.describe().batching.batches;
  const results = await Promise.all(requests.map((inputs) => runner.run(inputs)));
  expect(runner.describe().batching.batches - before).toBe(batches.length);
  expect([...new Set(results.map(({ batchSize }) => batchSize))].sort()).toEqual([...new Set(batches)].sort());
  return results.map(({ outputs }) => outputs);
}

/** What the bare runtime answers to one request alone. */
async function bareAnswers(bytes: Uint8Array, requests: readonly Tensors[]): Promise<Tensors[]> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const answers: Tensors[] = [];
  for (const inputs of requests) {
    const feeds = Object.entries(inputs).map(([name, { dtype, data, shape }]) => [
      name,
      new ort.Tensor(dtype as 'float32', data as Float32Array, shape),
    ]);
    const outputs = await session.run(Object.fromEntries(feeds));
    answers.push(
      Object.fromEntries(
        Object.entries(outputs).map(([name, { type, dims, data }]) => [
          name,
          { dtype: type, shape: dims, data } as unknown as Tensor,
        ]),
      ),
    );
  }
  await session.release();
  return answers;
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('a batch of several callers', () => {
  const rows: Readonly<Record<string, (row: number) => Tensor['data']>> = {
    float16: (row) => Uint16Array.of(0x3c00 + row, 0x8000, 0x7e00),
    float64: (row) => Float64Array.of(row + Math.PI, -0, Number.NaN),
    int64: (row) => BigInt64Array.of(2n ** 53n + 1n + BigInt(row), -(2n ** 63n), 0n),
    uint64: (row) => BigUint64Array.of(2n ** 64n - 1n - BigInt(row), 0n, 1n),
    int8: (row) => Int8Array.of(-128, row, 127),
    bool: (row) => Uint8Array.of(row & 1, 1, (row >> 1) & 1),
    string: (row) => [`row ${row}`, '', 'naïve ü 漢字 🚢'],
  };

  test.each(Object.keys(rows) as DType[])('gives each his own rows of %s, bit for bit', async (dtype) => {
    const bytes = tinyUnary('Identity', { type: dtype, shape: ['batch', 3] });
    const requests = range(9).map(
      (row): Tensors => ({ x: { dtype, shape: [1, 3], data: rows[dtype]?.(row) } as Tensor }),
    );
    await withRunner(bytes, {}, async (runner) => {
      const answers = await runTogether(runner, requests, [9]);
      for (const [index, { y }] of answers.entries()) {
        expect(y).toMatchObject({ dtype, shape: [1, 3] });
        expect(y?.data).toEqual(requests[index]?.x?.data);
        expect(y?.data.constructor).toBe(requests[index]?.x?.data.constructor);
      }
    });
  });

  test('computes with float16 and int64, not only carries them', async () => {
    const bytes = tinyModel(
      [
        { name: 'half', type: 'float16', shape: ['batch'] },
        { name: 'whole', type: 'int64', shape: ['batch'] },
      ],
      [
        { op: 'Cast', inputs: ['half'], outputs: ['single'], attributes: { to: elementTypeOf('float32') } },
        { op: 'Add', inputs: ['whole', 'whole'], outputs: ['double'] },
      ],
      [
        { name: 'single', type: 'float32', shape: ['batch'] },
        { name: 'double', type: 'int64', shape: ['batch'] },
      ],
    );
    const requests = range(5).map(
      (row): Tensors => ({
        half: { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00 + (row << 10)) },
        whole: { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n ** 55n + BigInt(row)) },
      }),
    );
    await withRunner(bytes, {}, async (runner) => {
      const answers = await runTogether(runner, requests, [5]);
      expect(answers.map(({ single }) => single?.data[0])).toEqual([1, 2, 4, 8, 16]);
      expect(answers.map(({ double }) => double?.data[0])).toEqual(range(5).map((row) => 2n ** 56n + BigInt(2 * row)));
    });
  });

  test('of several inputs and outputs of different dtypes and ranks equals bare session.run', async () => {
    const bytes = tinyModel(
      [
        { name: 'a', type: 'float32', shape: ['batch', 2, 3] },
        { name: 'b', type: 'float32', shape: ['batch', 3, 2] },
        { name: 'flags', type: 'bool', shape: ['batch', 4] },
        { name: 'words', type: 'string', shape: ['batch', 1] },
      ],
      [
        { op: 'MatMul', inputs: ['a', 'b'], outputs: ['product'] },
        { op: 'Relu', inputs: ['product'], outputs: ['positive'] },
        { op: 'Not', inputs: ['flags'], outputs: ['inverse'] },
        { op: 'Identity', inputs: ['words'], outputs: ['echo'] },
        { op: 'ReduceMax', inputs: ['product'], outputs: ['most'], attributes: { axes: [1, 2], keepdims: 0 } },
      ],
      [
        { name: 'positive', type: 'float32', shape: ['batch', 2, 2] },
        { name: 'inverse', type: 'bool', shape: ['batch', 4] },
        { name: 'echo', type: 'string', shape: ['batch', 1] },
        { name: 'most', type: 'float32', shape: ['batch'] },
      ],
    );
    const request = (from: number, count: number): Tensors => ({
      words: { dtype: 'string', shape: [count, 1], data: range(count, from).map((row) => `word ${row}`) },
      flags: { dtype: 'bool', shape: [count, 4], data: Uint8Array.from(range(4 * count, from), (bit) => bit & 1) },
      b: { dtype: 'float32', shape: [count, 3, 2], data: Float32Array.from(range(6 * count, from), Math.sin) },
      a: { dtype: 'float32', shape: [count, 2, 3], data: Float32Array.from(range(6 * count, from), Math.cos) },
    });
    const requests = [request(0, 1), request(10, 3), request(20, 2), request(30, 1)];
    const expected = await bareAnswers(bytes, requests);
    await withRunner(bytes, {}, async (runner) => {
      expect(await runTogether(runner, requests, [7])).toEqual(expected);
    });
  });
});

/** Rows of words, all real. */
function sentences(size: number, rows: number, seed: number): Tensors {
  const ids = range(size * rows).map((index) => BigInt(((seed + 1) * (index + 7) * 31) % 101));
  return { input_ids: { dtype: 'int64', shape: [rows, size], data: BigInt64Array.from(ids) } };
}

function withMask(inputs: Tensors): Tensors {
  const { shape } = inputs.input_ids as Tensor;
  const ones = new BigInt64Array((shape[0] as number) * (shape[1] as number)).fill(1n);
  return { ...inputs, attention_mask: { dtype: 'int64', shape, data: ones } };
}

/** The largest difference between two tensors of numbers. */
function furthest(actual: Tensor | undefined, expected: Tensor | undefined): number {
  const [one, other] = [actual, expected].map((tensor) => Array.from((tensor?.data ?? []) as ArrayLike<number>));
  expect(one).toHaveLength(other?.length ?? Number.NaN);
  return Math.max(...(one ?? []).map((value, index) => Math.abs(value - (other?.[index] ?? Number.NaN))));
}

const shapes = {
  sequence: { buckets: [4, 16, 64], pad: { input_ids: 999n, attention_mask: 0n }, mask: 'attention_mask' },
};

describe('a model that respects its mask', () => {
  test('answers padded requests as the bare runtime does unpadded ones, whatever shares their batch', async () => {
    const bytes = tinyMaskedMean();
    const sizes = [1, 13, 3, 16, 4, 2, 15, 64, 17, 70, 9];
    const requests = sizes.map((size, index) => sentences(size, 1 + (index % 3), index));
    const expected = await bareAnswers(bytes, requests.map(withMask));
    // Without a warm-up nothing is known of costs, so each stays in its own bucket.
    await withRunner(bytes, { shapes, warmUp: false }, async (runner) => {
      // Rows in buckets 4, 16, 64, and of size 70.
      const batches = [[1, 3, 4, 2], [13, 16, 15, 9], [64, 17], [70]].map((bucket) =>
        bucket.reduce((sum, size) => sum + 1 + (sizes.indexOf(size) % 3), 0),
      );
      // Whole numbers, so that sums are exact in whatever order the runtime takes them.
      expect(await runTogether(runner, requests, batches)).toEqual(expected);
      expect(await runTogether(runner, requests.map(withMask), batches)).toEqual(expected);
      const { used } = runner.describe().shapes ?? {};
      expect(used?.map((use) => use.sizes.sequence)).toEqual([4, 16, 64, 'exact']);
    });
  });

  test('and agrees to the last bits but few where sums are not exact', async () => {
    const bytes = tinyModel(
      [
        { name: 'x', type: 'float32', shape: ['batch', 'time', 3] },
        { name: 'm', type: 'float32', shape: ['batch', 'time'] },
      ],
      [
        { op: 'Einsum', inputs: ['x', 'm'], outputs: ['sum'], attributes: { equation: 'btf,bt->bf' } },
        { op: 'Tanh', inputs: ['x'], outputs: ['states'] },
      ],
      [
        { name: 'sum', type: 'float32', shape: ['batch', 3] },
        { name: 'states', type: 'float32', shape: ['batch', 'time', 3] },
      ],
    );
    const x = (size: number, seed: number): Tensor<'float32'> => ({
      dtype: 'float32',
      shape: [1, size, 3],
      data: Float32Array.from(range(3 * size, seed), (index) => Math.sin(index * 1.7)),
    });
    const sizes = [5, 8, 1, 30];
    const requests = sizes.map((size, seed): Tensors => ({ x: x(size, seed) }));
    const masked = sizes.map(
      (size, seed): Tensors => ({
        x: x(size, seed),
        m: { dtype: 'float32', shape: [1, size], data: new Float32Array(size).fill(1) },
      }),
    );
    const expected = await bareAnswers(bytes, masked);
    const option = { time: { buckets: [8, 32], pad: { x: 1e6 }, mask: 'm' } };
    await withRunner(bytes, { shapes: option, warmUp: false }, async (runner) => {
      const answers = await runTogether(runner, requests, [3, 1]);
      for (const [index, { sum, states }] of answers.entries()) {
        expect(states?.shape).toEqual(expected[index]?.states?.shape);
        // Beside padding the runtime vectorises a row otherwise, and no more than that.
        expect(furthest(sum, expected[index]?.sum)).toBeLessThan(4e-6);
        expect(furthest(states, expected[index]?.states)).toBeLessThan(4e-6);
      }
    });
  });

  test('names no dimension, and is padded all the same', async () => {
    const bytes = tinyMaskedMean('');
    const requests = [3, 1, 4].map((size, index) => sentences(size, 1, index));
    const expected = await bareAnswers(bytes, requests.map(withMask));
    const session = await onnx().doCreateSession(modelOf(bytes), {});
    expect(session.inputs.map(({ shape }) => shape[1])).toEqual(['input_ids_dim1', 'attention_mask_dim1']);
    expect(session.batchAxis).toBe(0);
    await session.close();
    const unnamed = {
      input_ids_dim1: { buckets: [4], pad: { input_ids: 5n }, outputs: { shares: 1, pairs: [1, 2] } },
      attention_mask_dim1: { buckets: [4], pad: { attention_mask: 0n } },
    };
    await withRunner(bytes, { shapes: unnamed }, async (runner) => {
      expect(await runTogether(runner, requests.map(withMask), [3])).toEqual(expected);
    });
  });
});

describe('padding of other dtypes', () => {
  test('strings are padded with the string that was declared', async () => {
    const bytes = tinyUnary(
      'Identity',
      { type: 'string', shape: ['batch', 'words'] },
      { type: 'string', shape: ['batch', 'out'] },
    );
    const words = (...data: string[]): Tensors => ({ x: { dtype: 'string', shape: [1, data.length], data } });
    const option = { words: { buckets: [3], pad: { x: '[PAD]' } } };
    await withRunner(bytes, { shapes: option }, async (runner) => {
      const answers = await runTogether(runner, [words('a', 'b'), words('c', 'd', 'e'), words('f')], [3]);
      // The output's axis has another name, so it is left as it is, and shows what the model saw.
      expect(answers.map(({ y }) => y?.data)).toEqual([
        ['a', 'b', '[PAD]'],
        ['c', 'd', 'e'],
        ['f', '[PAD]', '[PAD]'],
      ]);
    });
  });

  test('float16 is padded with a number, bool with true or false', async () => {
    const bytes = tinyModel(
      [
        { name: 'half', type: 'float16', shape: ['batch', 'n'] },
        { name: 'flag', type: 'bool', shape: ['batch', 'n'] },
      ],
      [
        { op: 'Cast', inputs: ['half'], outputs: ['single'], attributes: { to: elementTypeOf('float32') } },
        { op: 'Not', inputs: ['flag'], outputs: ['inverse'] },
      ],
      [
        { name: 'single', type: 'float32', shape: ['batch', 'out'] },
        { name: 'inverse', type: 'bool', shape: ['batch', 'out'] },
      ],
    );
    const request = (size: number): Tensors => ({
      half: { dtype: 'float16', shape: [1, size], data: new Uint16Array(size).fill(0x3c00) },
      flag: { dtype: 'bool', shape: [1, size], data: new Uint8Array(size) },
    });
    const option = { n: { buckets: [3], pad: { half: -2.5, flag: true } } };
    await withRunner(bytes, { shapes: option }, async (runner) => {
      const answers = await runTogether(runner, [request(2), request(1)], [2]);
      expect(answers.map(({ single }) => Array.from(single?.data as Float32Array))).toEqual([
        [1, 1, -2.5],
        [1, -2.5, -2.5],
      ]);
      expect(answers.map(({ inverse }) => Array.from(inverse?.data as Uint8Array))).toEqual([
        [1, 1, 0],
        [1, 0, 0],
      ]);
    });
  });

  test('pictures are padded on both axes, and maps cut back on both', async () => {
    const bytes = tinyModel(
      [{ name: 'image', type: 'float32', shape: ['batch', 2, 'height', 'width'] }],
      [
        { op: 'GlobalMaxPool', inputs: ['image'], outputs: ['most'] },
        { op: 'Relu', inputs: ['image'], outputs: ['map'] },
      ],
      [
        { name: 'most', type: 'float32', shape: ['batch', 2, 1, 1] },
        { name: 'map', type: 'float32', shape: ['batch', 2, 'height', 'width'] },
      ],
    );
    const picture = (height: number, width: number): Tensors => {
      const data = Float32Array.from(range(2 * height * width), (index) => Math.sin(index + height) - 2);
      return { image: { dtype: 'float32', shape: [1, 2, height, width], data } };
    };
    const requests = [picture(3, 40), picture(8, 64), picture(5, 33), picture(9, 40), picture(1, 1)];
    const expected = await bareAnswers(bytes, requests);
    // All values are negative: only padding that no maximum takes gives the right answer.
    const pad = { image: Number.NEGATIVE_INFINITY };
    const option = { height: { buckets: [8, 16], pad }, width: { buckets: [32, 64], pad } };
    // Without a warm-up nothing is known of costs, so each stays in its own bucket.
    await withRunner(bytes, { shapes: option, warmUp: false }, async (runner) => {
      expect(await runTogether(runner, requests, [3, 1, 1])).toEqual(expected);
    });
    await withRunner(bytes, { shapes: option }, async (runner) => {
      expect(runner.describe().warmUp).toHaveLength(4 * 7);
      expect((await Promise.all(requests.map((inputs) => runner.run(inputs)))).map(({ outputs }) => outputs)).toEqual(
        expected,
      );
    });
  });
});
