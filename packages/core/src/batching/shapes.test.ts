import { describe, expect, test } from 'vitest';
import type { ModelSignature } from '../signature';
import type { MockBackend } from '../testing/mock-backend';
import {
  type Bench,
  closeBench,
  dataOf,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  rejection,
  rowsOf,
  until,
} from '../testing/test-kit.fixture';

/** The first number of every row of every batch, in the order in which batches were computed. */
function _batchesOf(backend: MockBackend): number[][] {
  return backend.calls.map(({ inputs }) => numbersOf(inputs, 'x').filter((_, index) => index % 2 === 0));
}

/** Sends one-row requests in one turn. */
function _send(bench: Bench, ...values: number[]) {
  return values.map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('shapes', () => {
  const signature: ModelSignature = {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'width'] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'width'] }],
    batchAxis: 0,
  };
  const row = (value: number, width: number) => ({ x: rowsOf(new Array<number>(width).fill(value)) });

  test('of one size share a batch, others do not', async () => {
    const bench = await openBench({ signature });
    const widths = [2, 3, 2, 3, 4];
    const answers = await until(
      Promise.all(widths.map((width, index) => bench.runner.run(row(index, width)))),
      bench.clock,
    );
    expect(bench.backend.calls.map(({ inputs }) => inputs.x?.shape).sort()).toEqual([
      [1, 4],
      [2, 2],
      [2, 3],
    ]);
    for (const [index, { outputs }] of answers.entries()) {
      expect(numbersOf(outputs)).toEqual(new Array(widths[index]).fill(index * 2));
    }
    await closeBench(bench);
  });

  test('a whole batch of one shape does not take the label of another that was more urgent', async () => {
    const bench = await openBench({ signature, latencyMs: () => 10 }, { batching: { maxBatchRows: 2 } });
    const reasons: [number, string][] = [];
    bench.runner.events.on('batch-end', ({ rows, reason }) => reasons.push([rows, reason]));
    void bench.runner.run(row(0, 5));
    await bench.clock.advance(1);
    void bench.runner.run(row(1, 3), { priority: 'high' });
    void bench.runner.run(row(2, 2));
    void bench.runner.run(row(3, 2));
    await bench.clock.advance(100);
    expect(bench.backend.calls.map(({ inputs }) => inputs.x?.shape)).toEqual([
      [1, 5],
      [1, 3],
      [2, 2],
    ]);
    expect(reasons).toEqual([
      [1, 'idle'],
      [1, 'free'],
      [2, 'full'],
    ]);
    await closeBench(bench);
  });

  test('of any number are served, beyond those that are remembered', async () => {
    const bench = await openBench({ signature });
    for (let round = 0; round < 2; round++) {
      for (let width = 1; width <= 300; width++) {
        const outcome = follow(bench.runner.run(row(width, width)), bench.clock);
        if (width % 50 === 0) await bench.clock.settle();
        if (width % 50 === 0) expect(numbersOf(outcome.value?.outputs)).toHaveLength(width);
      }
    }
    await closeBench(bench);
  });
});

describe('models without a batch axis', () => {
  const signature: ModelSignature = {
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [1, 2] }],
    batchAxis: null,
  };

  test('run each request by itself, over all lanes at once', async () => {
    const bench = await openBench({ signature, workers: true, latencyMs: () => 10 }, { lanes: 2 });
    const outcomes = range(4).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(20);
    expect(outcomes.map(({ value }) => numbersOf(value?.outputs))).toEqual(range(4).map((value) => doubled(value)));
    expect(bench.backend.calls.map(({ at }) => at)).toEqual([0, 0, 10, 10]);
    expect(bench.backend.calls.every(({ inputs }) => inputs.x?.shape.join() === '1,2')).toBe(true);
    await closeBench(bench);
  });

  test('refuse two rows at the door', async () => {
    const bench = await openBench({ signature });
    const error = await rejection(bench.runner.run(inputOf(1, 2)), 'INVALID_INPUT');
    expect(error.details).toMatchObject({ field: 'x.shape', expected: '[1, 2]', given: '[2, 2]' });
    await closeBench(bench);
  });
});

describe('several inputs of every kind', () => {
  const signature: ModelSignature = {
    inputs: [
      { name: 'ids', dtype: 'int64', shape: ['batch', 2] },
      { name: 'words', dtype: 'string', shape: ['batch'] },
      { name: 'flags', dtype: 'bool', shape: ['batch', 3] },
      { name: 'half', dtype: 'float16', shape: ['batch', 1] },
    ],
    outputs: [
      { name: 'sum', dtype: 'int64', shape: ['batch'] },
      { name: 'words', dtype: 'string', shape: ['batch', 2] },
      { name: 'flags', dtype: 'bool', shape: ['batch', 3] },
      { name: 'half', dtype: 'float16', shape: ['batch', 1] },
    ],
    batchAxis: 0,
  };

  test('are joined and split without mixing rows', async () => {
    const bench = await openBench(
      {
        signature,
        latencyMs: () => 5,
        compute(inputs, rows) {
          const ids = dataOf(inputs, 'ids', 'int64');
          const words = inputs.words?.data as string[];
          return {
            sum: {
              dtype: 'int64',
              shape: [rows],
              data: BigInt64Array.from({ length: rows }, (_, row) => (ids[row * 2] ?? 0n) + (ids[row * 2 + 1] ?? 0n)),
            },
            words: { dtype: 'string', shape: [rows, 2], data: words.flatMap((word) => [word, `${word}!`]) },
            flags: {
              dtype: 'bool',
              shape: [rows, 3],
              data: dataOf(inputs, 'flags', 'bool').map((flag) => 1 - flag),
            },
            half: { dtype: 'float16', shape: [rows, 1], data: dataOf(inputs, 'half', 'float16').slice() },
          };
        },
      },
      { batching: { maxBatchRows: 4 } },
    );
    const big = 2n ** 60n;
    const request = (from: number, rows: number) => ({
      words: range(rows, from).map((row) => `word ${row}`),
      ids: BigInt64Array.from(range(rows, from).flatMap((row) => [big, BigInt(row)])),
      flags: Uint8Array.from(range(rows, from).flatMap((row) => [row & 1, (row >> 1) & 1, (row >> 2) & 1])),
      half: Uint16Array.from(range(rows, from)),
    });
    const sizes = [1, 2, 1, 3, 9, 4];
    const outcomes = sizes.map((rows, index) => follow(bench.runner.run(request(index * 10, rows)), bench.clock));
    await bench.clock.advance(100);
    for (const [index, rows] of sizes.entries()) {
      const outputs = outcomes[index]?.value?.outputs;
      const own = range(rows, index * 10);
      expect(outputs?.sum).toMatchObject({ dtype: 'int64', shape: [rows] });
      expect(Array.from(dataOf(outputs, 'sum', 'int64'))).toEqual(own.map((row) => big + BigInt(row)));
      expect(outputs?.words?.data).toEqual(own.flatMap((row) => [`word ${row}`, `word ${row}!`]));
      expect(outputs?.words?.shape).toEqual([rows, 2]);
      expect(numbersOf(outputs, 'flags')).toEqual(own.flatMap((row) => [1, 2, 4].map((bit) => (row & bit ? 0 : 1))));
      expect(numbersOf(outputs, 'half')).toEqual(own);
    }
    await closeBench(bench);
  });
});
