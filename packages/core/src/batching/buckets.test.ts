import { describe, expect, test } from 'vitest';
import type { RunnerOptions } from '../runner/create-runner';
import type { ShapesOption } from '../runner/shape-options';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { mockModel } from '../testing/mock-backend';
import {
  asError,
  type Bench,
  closeBench,
  dataOf,
  follow,
  numbersOf,
  openBench,
  rejection,
  until,
} from '../testing/test-kit.fixture';

/** A model of sentences: each word's number doubled, and the mean over the words that the mask calls real. */
const signature: ModelSignature = {
  inputs: [
    { name: 'ids', dtype: 'int64', shape: ['batch', 'sequence'] },
    { name: 'mask', dtype: 'int64', shape: ['batch', 'sequence'] },
  ],
  outputs: [
    { name: 'words', dtype: 'float32', shape: ['batch', 'sequence', 2] },
    { name: 'mean', dtype: 'float32', shape: ['batch'] },
  ],
  batchAxis: 0,
};

function compute(inputs: Tensors, rows: number): Tensors {
  const [ids, mask] = [longsOf(inputs, 'ids'), longsOf(inputs, 'mask')];
  const width = ids.length / rows;
  const mean = Float32Array.from({ length: rows }, (_, row) => {
    const [start, end] = [row * width, (row + 1) * width];
    const real = mask.slice(start, end).reduce((sum, flag) => sum + flag, 0);
    return ids.slice(start, end).reduce((sum, id, index) => sum + id * (mask[start + index] as number), 0) / real;
  });
  const words = Float32Array.from(ids.flatMap((id) => [id * 2, -id]));
  return {
    words: { dtype: 'float32', shape: [rows, width, 2], data: words },
    mean: { dtype: 'float32', shape: [rows], data: mean },
  };
}

const shapes: ShapesOption = { sequence: { buckets: [4, 8], pad: { ids: 77n }, mask: 'mask' } };

function open(options: Partial<RunnerOptions> = {}, latencyMs = 5): Promise<Bench> {
  return openBench({ signature, compute, latencyMs: () => latencyMs }, { shapes, ...options });
}

const long = (values: readonly (readonly number[])[]): Tensor<'int64'> => ({
  dtype: 'int64',
  shape: [values.length, values[0]?.length ?? 0],
  data: BigInt64Array.from(values.flat(), BigInt),
});
/** One row, or more of one size. */
const sentence = (...rows: number[][]): Tensors => ({ ids: long(rows) });
const longsOf = (tensors: Tensors | undefined, name: string): number[] =>
  Array.from(dataOf(tensors, name, 'int64'), Number);
const range = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);
const meanOf = (row: readonly number[]): number => Math.fround(row.reduce((sum, id) => sum + id, 0) / row.length);

function expectAnswer(outputs: Tensors | undefined, ...rows: number[][]): void {
  expect(outputs?.words).toMatchObject({ dtype: 'float32', shape: [rows.length, rows[0]?.length, 2] });
  expect(numbersOf(outputs, 'words')).toEqual(rows.flat().flatMap((id) => [id * 2, -id]));
  expect(outputs?.mean?.shape).toEqual([rows.length]);
  expect(numbersOf(outputs, 'mean')).toEqual(rows.map(meanOf));
}

describe('requests of one bucket', () => {
  test('share a batch whatever their sizes, padded as declared, and each gets what is his', async () => {
    const bench = await open();
    const rows = [[1, 2, 3], [4], [5, 6, 7, 8], [9, 10]];
    const answers = await until(Promise.all(rows.map((row) => bench.runner.run(sentence(row)))), bench.clock);
    expect(bench.backend.calls).toHaveLength(1);
    const inputs = bench.backend.calls[0]?.inputs ?? {};
    expect(inputs.ids?.shape).toEqual([4, 4]);
    expect(longsOf(inputs, 'ids')).toEqual([1, 2, 3, 77, 4, 77, 77, 77, 5, 6, 7, 8, 9, 10, 77, 77]);
    expect(inputs.mask?.shape).toEqual([4, 4]);
    expect(longsOf(inputs, 'mask')).toEqual([1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0]);
    for (const [index, { outputs, batchSize }] of answers.entries()) {
      expectAnswer(outputs, rows[index] as number[]);
      expect(batchSize).toBe(4);
    }
    await closeBench(bench);
  });

  test('share none with those of another, nor with a size above the largest', async () => {
    const bench = await open();
    const sizes = [3, 5, 9, 4, 8, 9, 10];
    const answers = await until(Promise.all(sizes.map((size) => bench.runner.run(sentence(range(size))))), bench.clock);
    for (const [index, { outputs }] of answers.entries()) expectAnswer(outputs, range(sizes[index] as number));
    expect(bench.backend.calls.map(({ inputs }) => inputs.ids?.shape).sort()).toEqual([
      [1, 10],
      [2, 4],
      [2, 8],
      [2, 9],
    ]);
    await closeBench(bench);
  });

  test('may bring a mask of their own, which decides', async () => {
    const bench = await open();
    const own = { ...sentence([1, 2, 3]), mask: long([[1, 0, 1]]) };
    const [first, second] = await until(
      Promise.all([bench.runner.run(own), bench.runner.run(sentence([5, 6]))]),
      bench.clock,
    );
    expect(longsOf(bench.backend.calls[0]?.inputs, 'mask')).toEqual([1, 0, 1, 0, 1, 1, 0, 0]);
    expect(numbersOf(first.outputs, 'mean')).toEqual([2]);
    expectAnswer(second.outputs, [5, 6]);
    await closeBench(bench);
  });

  test('may have several rows, and more than a batch holds', async () => {
    const bench = await open({ batching: { maxBatchRows: 4 } });
    const rows = (count: number, size: number) => range(count).map((row) => range(size, row * 10));
    const requests = [rows(2, 3), rows(1, 2), rows(11, 3), rows(6, 5)];
    const outcomes = requests.map((request) => follow(bench.runner.run(sentence(...request)), bench.clock));
    await bench.clock.advance(200);
    for (const [index, request] of requests.entries()) expectAnswer(outcomes[index]?.value?.outputs, ...request);
    expect(bench.backend.calls.every((call) => call.rows <= 4)).toBe(true);
    expect(bench.backend.calls).toHaveLength(6);
    await closeBench(bench);
  });

  test('are unharmed by what their callers do with the arrays afterwards', async () => {
    const bench = await open();
    const [ids, mask] = [long([[1, 2, 3]]), long([[1, 1, 1]])];
    const answer = bench.runner.run({ ids, mask });
    ids.data.fill(1000n);
    mask.data.fill(0n);
    (ids.shape as number[])[1] = 1;
    expectAnswer((await until(answer, bench.clock)).outputs, [1, 2, 3]);
    await closeBench(bench);
  });

  test('find padding where others had their rows before', async () => {
    const bench = await open();
    for (let round = 0; round < 5; round++) {
      const full = range(4, 100);
      const requests = [sentence(full), sentence(full), sentence(full)];
      await until(Promise.all(requests.map((request) => bench.runner.run(request))), bench.clock);
      const short = await until(
        Promise.all([[1], [2, 3], [4]].map((row) => bench.runner.run(sentence(row)))),
        bench.clock,
      );
      expect(longsOf(bench.backend.calls.at(-1)?.inputs, 'ids')).toEqual([1, 77, 77, 77, 2, 3, 77, 77, 4, 77, 77, 77]);
      expect(numbersOf(short[1]?.outputs, 'mean')).toEqual([2.5]);
    }
    await closeBench(bench);
  });

  test('are found out one by one when the runtime fails on one of them', async () => {
    const bench = await openBench(
      {
        signature,
        latencyMs: () => 5,
        compute(inputs, rows) {
          if (dataOf(inputs, 'ids', 'int64').includes(13n)) throw new Error('an unlucky word');
          return compute(inputs, rows);
        },
      },
      { shapes },
    );
    const rows = [[1, 2, 3], [4], [5, 13], [6, 7, 8, 9], [10]];
    const outcomes = rows.map((row) => follow(bench.runner.run(sentence(row)), bench.clock));
    await bench.clock.advance(200);
    for (const [index, row] of rows.entries()) {
      if (row.includes(13)) expect(asError(outcomes[index]?.error, 'RUN_FAILED').message).toContain('unlucky');
      else expectAnswer(outcomes[index]?.value?.outputs, row);
    }
    await closeBench(bench);
  });

  test('go in the order of their urgency', async () => {
    const bench = await open({ batching: { maxBatchRows: 2 } });
    const outcomes = [[1], [2, 3], [4, 5, 6], [7]].map((row, index) =>
      follow(bench.runner.run(sentence(row), index === 3 ? { priority: 'high' } : {}), bench.clock),
    );
    const late = follow(bench.runner.run(sentence([8, 9]), { timeoutMs: 2 }), bench.clock);
    await bench.clock.advance(100);
    expect(outcomes.every(({ state }) => state === 'resolved')).toBe(true);
    asError(late.error, 'DEADLINE_EXCEEDED');
    const batches = bench.backend.calls.map(({ inputs }) => longsOf(inputs, 'ids'));
    expect(batches[1]?.[0]).toBe(7);
    await closeBench(bench);
  });

  test('keep what is not a number to themselves', async () => {
    const floats: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'n'] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'n'] }],
      batchAxis: 0,
    };
    const bench = await openBench({ signature: floats }, { shapes: { n: { buckets: [3], pad: { x: 0 } } } });
    const of = (...values: number[]): Tensors => ({
      x: { dtype: 'float32', shape: [1, values.length], data: Float32Array.from(values) },
    });
    const [bad, good] = await until(
      Promise.all([bench.runner.run(of(Number.NaN, Number.POSITIVE_INFINITY)), bench.runner.run(of(1, 2))]),
      bench.clock,
    );
    expect(numbersOf(bad.outputs)).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
    expect(numbersOf(good.outputs)).toEqual([2, 4]);
    await closeBench(bench);
  });
});

describe('limits', () => {
  test('count the bytes that padding takes', async () => {
    const bench = await open({ batching: { maxQueueBytes: 2 * 4 * 8 * 3 } });
    const bytes = 2 * 4 * 8;
    const running = follow(bench.runner.run(sentence([1])), bench.clock);
    await bench.clock.advance(1);
    const waiting = [[2], [3, 4], [5, 6, 7]].map((row) => follow(bench.runner.run(sentence(row)), bench.clock));
    expect(bench.runner.describe().batching.queuedBytes).toBe(3 * bytes);
    const refused = await rejection(bench.runner.run(sentence([6])), 'OVERLOADED');
    expect(refused.details.field).toBe('maxQueueBytes');
    await bench.clock.advance(50);
    expect([running, ...waiting].every(({ state }) => state === 'resolved')).toBe(true);
    await closeBench(bench);
  });

  test('hold before a mask is made that would not fit into memory', async () => {
    const square: ModelSignature = {
      inputs: [
        { name: 'ids', dtype: 'bool', shape: ['batch', 'sequence'] },
        { name: 'mask', dtype: 'int64', shape: ['batch', 'sequence', 'sequence', 'sequence'] },
      ],
      outputs: [],
      batchAxis: 0,
    };
    const bench = await openBench(
      { signature: square, compute: () => ({}) },
      { shapes: { sequence: { buckets: [4], pad: { ids: false }, mask: 'mask' } } },
    );
    const ids: Tensor = { dtype: 'bool', shape: [1, 1_000_000], data: new Uint8Array(1_000_000) };
    const error = await rejection(bench.runner.run({ ids }), 'LIMIT_EXCEEDED');
    expect(error.details.field).toBe('maxQueueBytes');
    await closeBench(bench);
  });
});

describe('outputs', () => {
  /** Echoes `x` in many shapes. */
  async function echo(outputs: ModelSignature['outputs'], option: Partial<ShapesOption[string]>, answer: Tensors) {
    const bench = await openBench(
      {
        signature: { inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'n'] }], outputs, batchAxis: 0 },
        compute: () => answer,
      },
      { shapes: { n: { buckets: [4], pad: { x: 0 }, ...option } } },
    );
    const x = { dtype: 'float32' as const, shape: [1, 2], data: Float32Array.of(1, 2) };
    const result = await until(bench.runner.run({ x }), bench.clock);
    await closeBench(bench);
    return result.outputs;
  }
  const tensor = (...shape: number[]): Tensor<'float32'> => ({
    dtype: 'float32',
    shape,
    data: Float32Array.from({ length: shape.reduce((count, size) => count * size, 1) }, (_, index) => index),
  });

  const bufferOf = (given: Tensor | undefined) => (ArrayBuffer.isView(given?.data) ? given.data.buffer : undefined);

  test('are cut on every axis of the name, and on no other of that size', async () => {
    const spec = { name: 'y', dtype: 'float32', shape: ['batch', 4, 'n', 'n'] } as const;
    const { y } = await echo([spec], {}, { y: tensor(1, 4, 4, 4) });
    expect(y?.shape).toEqual([1, 4, 2, 2]);
    expect(Array.from(y?.data as Float32Array)).toEqual([0, 1, 4, 5, 16, 17, 20, 21, 32, 33, 36, 37, 48, 49, 52, 53]);
  });

  test('without the name stay as they are', async () => {
    const spec = { name: 'y', dtype: 'float32', shape: ['batch', 'y_dim1'] } as const;
    const { y } = await echo([spec], {}, { y: tensor(1, 4) });
    expect(y?.shape).toEqual([1, 4]);
  });

  test('without the name are cut where the options say so', async () => {
    const spec = { name: 'y', dtype: 'float32', shape: ['batch', '', 3] } as const;
    const { y } = await echo([spec], { outputs: { y: 1 } }, { y: tensor(1, 4, 3) });
    expect(y).toEqual({ dtype: 'float32', shape: [1, 2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    const wrong = { name: 'y', dtype: 'float32', shape: ['batch', 2, 4] } as const;
    const both = await echo([wrong], { outputs: { y: [2] } }, { y: tensor(1, 2, 4) });
    expect(both.y).toEqual({ dtype: 'float32', shape: [1, 2, 2], data: Float32Array.of(0, 1, 4, 5) });
  });

  test('that turn out to have another size than the padded one are left alone', async () => {
    const spec = { name: 'y', dtype: 'float32', shape: ['batch', 'n'] } as const;
    for (const size of [3, 5, 2]) {
      const { y } = await echo([spec], {}, { y: tensor(1, size) });
      expect(y?.shape).toEqual([1, size]);
    }
    const { y } = await echo([spec], { outputs: { y: 1 } }, { y: tensor(1) });
    expect(y?.shape).toEqual([1]);
  });

  test('are copied where they are small, and views where they are large and lie in one piece', async () => {
    const spec = { name: 'y', dtype: 'float32', shape: ['batch', 'n', 'k'] } as const;
    const small = tensor(1, 4, 8);
    const { y: copy } = await echo([spec], {}, { y: small });
    expect(copy?.data).toEqual(small.data.slice(0, 16));
    expect(bufferOf(copy)).not.toBe(small.data.buffer);
    const large = tensor(1, 4, 8000);
    const { y: view } = await echo([spec], {}, { y: large });
    expect(view?.data).toEqual(large.data.subarray(0, 16_000));
    expect(bufferOf(view)).toBe(large.data.buffer);
  });
});

describe('without joining', () => {
  test('a request is padded all the same', async () => {
    const bench = await open({ batching: false });
    const rows = [[1, 2, 3], [4]];
    const answers = await until(Promise.all(rows.map((row) => bench.runner.run(sentence(row)))), bench.clock);
    expect(bench.backend.calls.map(({ inputs }) => inputs.ids?.shape)).toEqual([
      [1, 4],
      [1, 4],
    ]);
    for (const [index, { outputs }] of answers.entries()) expectAnswer(outputs, rows[index] as number[]);
    await closeBench(bench);
  });

  test('a model of one fixed row is padded too', async () => {
    const single: ModelSignature = {
      inputs: [
        { name: 'x', dtype: 'float32', shape: [1, 'n'] },
        { name: 'm', dtype: 'bool', shape: ['n'] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: [1, 'n'] }],
      batchAxis: null,
    };
    const bench = await openBench(
      { signature: single },
      { shapes: { n: { buckets: [4], pad: { x: -1 }, mask: 'm' } } },
    );
    const x: Tensor = { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 2, 3) };
    const { outputs } = await until(bench.runner.run({ x }), bench.clock);
    expect(bench.backend.calls[0]?.inputs).toEqual({
      x: { dtype: 'float32', shape: [1, 4], data: Float32Array.of(1, 2, 3, -1) },
      m: { dtype: 'bool', shape: [4], data: Uint8Array.of(1, 1, 1, 0) },
    });
    expect(outputs.y).toEqual({ dtype: 'float32', shape: [1, 3], data: Float32Array.of(2, 4, 6) });
    await closeBench(bench);
  });
});

describe('what a runner with buckets tells', () => {
  test('is which were used, and how much of the work was padding', async () => {
    const bench = await open();
    expect(bench.runner.describe().shapes).toEqual({ buckets: { sequence: [4, 8] }, used: [] });
    const requests = [sentence([1, 2, 3]), sentence([1], [2]), sentence(range(8)), sentence(range(20))];
    await until(Promise.all(requests.map((request) => bench.runner.run(request))), bench.clock);
    const late = follow(bench.runner.run(sentence(range(5)), { timeoutMs: 1 }), bench.clock);
    await bench.clock.advance(20);
    asError(late.error, 'OVERLOADED');
    const { used } = bench.runner.describe().shapes ?? {};
    expect(used).toEqual([
      { sizes: { sequence: 4 }, rows: 3, paddedShare: 1 - 5 / 12 },
      { sizes: { sequence: 8 }, rows: 1, paddedShare: 0 },
      { sizes: { sequence: 'exact' }, rows: 1, paddedShare: 0 },
    ]);
    await closeBench(bench);
  });

  test('holds the batch as it was computed, with its padding', async () => {
    const bench = await open();
    const seen: [unknown, unknown][] = [];
    bench.runner.events.on('batch-end', ({ inputs, outputs }) => seen.push([inputs.ids?.shape, outputs.words?.shape]));
    await until(bench.runner.run(sentence([1, 2, 3])), bench.clock);
    await bench.clock.advance(1);
    expect(seen).toEqual([
      [
        [1, 4],
        [1, 4, 2],
      ],
    ]);
    await closeBench(bench);
  });
});

describe('a warm-up', () => {
  test('runs every bucket at every batch size', async () => {
    const bench = await open({ warmUp: true, batching: { maxBatchRows: 4 } }, 1);
    const times = bench.runner.describe().warmUp;
    expect(times).toEqual(
      [4, 8].flatMap((sequence) => [1, 2, 4].map((rows) => ({ rows, sizes: { sequence }, computeMs: 1 }))),
    );
    const warmed = new Set(bench.backend.calls.map(({ inputs }) => inputs.ids?.shape.join()));
    expect([...warmed]).toEqual(['1,4', '2,4', '4,4', '1,8', '2,8', '4,8']);
    await closeBench(bench);
  });

  test('tries each bucket once though a smaller one is slow already', async () => {
    const bench = await open({ warmUp: true }, 300);
    expect(bench.runner.describe().warmUp).toEqual([
      { rows: 1, sizes: { sequence: 4 }, computeMs: 300 },
      { rows: 1, sizes: { sequence: 8 }, computeMs: 300 },
    ]);
    expect(bench.backend.calls).toHaveLength(3);
    await closeBench(bench);
  });

  test('knows no size where another dimension is open', async () => {
    const wide: ModelSignature = {
      ...signature,
      inputs: [...signature.inputs, { name: 'extra', dtype: 'float32', shape: ['batch', 'other'] }],
    };
    const bench = await openBench({ signature: wide, compute }, { shapes, warmUp: true });
    expect(bench.runner.describe().warmUp).toEqual([]);
    await closeBench(bench);
  });

  test('of the largest bucket decides where lanes: "auto" computes', async () => {
    for (const [perElementMs, alone] of [
      [0.001, 'inline'],
      [0.1, 'worker-1'],
    ] as const) {
      let elements = 0;
      const bench = await openBench(
        {
          signature,
          workers: true,
          compute(inputs, rows) {
            elements = inputs.ids?.data.length ?? 0;
            return compute(inputs, rows);
          },
          latencyMs: (rows) => rows * perElementMs,
        },
        { shapes, warmUp: true },
      );
      const { lanes } = bench.runner.describe();
      expect(lanes.slots.map(({ name }) => name)).toEqual([alone]);
      expect(elements).toBe(64 * 8);
      await closeBench(bench);
    }
  });
});

describe('a swap', () => {
  test('keeps the buckets, though the new model names its dimensions otherwise', async () => {
    const other: ModelSignature = {
      ...signature,
      inputs: [
        { name: 'mask', dtype: 'int64', shape: ['n', 'tokens'] },
        { name: 'ids', dtype: 'int64', shape: ['n', 'tokens'] },
      ],
      outputs: [
        { name: 'words', dtype: 'float32', shape: ['n', 'tokens', 2] },
        { name: 'mean', dtype: 'float32', shape: ['n'] },
      ],
    };
    const names = { ...signature };
    const bench = await openBench({ signature: names, compute, latencyMs: () => 5 }, { shapes, warmUp: true });
    // The mock reads its signature when a session is opened.
    Object.assign(names, other);
    await until(bench.runner.swap(mockModel('2')), bench.clock);
    const rows = [[1, 2, 3], [4]];
    const answers = await until(Promise.all(rows.map((row) => bench.runner.run(sentence(row)))), bench.clock);
    for (const [index, { outputs, model, batchSize }] of answers.entries()) {
      expectAnswer(outputs, rows[index] as number[]);
      expect([model.version, batchSize]).toEqual(['2', 2]);
    }
    expect(bench.runner.describe().warmUp[0]?.sizes).toEqual({ tokens: 4 });
    await closeBench(bench);
  });

  test('to a model that is not interchangeable says so, and leaves nothing open', async () => {
    const names = { ...signature };
    const bench = await openBench({ signature: names, compute }, { shapes });
    Object.assign(names, {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 4] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch'] }],
    });
    await until(rejection(bench.runner.swap(mockModel('2')), 'SIGNATURE_MISMATCH'), bench.clock);
    expect(bench.backend.openSessions).toBe(1);
    Object.assign(names, signature);
    expectAnswer((await until(bench.runner.run(sentence([1, 2])), bench.clock)).outputs, [1, 2]);
    await closeBench(bench);
  });
});
