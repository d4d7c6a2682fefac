import { describe, expect, test } from 'vitest';
import type { ModelSignature } from '../signature';
import {
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
import { createVirtualClock } from '../testing/virtual-clock';

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

  test.each([1, 2, 4, 7])('run each request by itself, over %d lanes at once', async (lanes) => {
    let inFlight = 0;
    let most = 0;
    const clock = createVirtualClock();
    const bench = await openBench(
      {
        signature,
        workers: true,
        async compute(inputs) {
          most = Math.max(most, ++inFlight);
          await new Promise<void>((resolve) => void clock.setTimer(resolve, 10));
          inFlight--;
          const x = dataOf(inputs, 'x', 'float32');
          return { y: { dtype: 'float32', shape: [1, 2], data: x.map((value) => value * 2) } };
        },
      },
      { lanes },
      clock,
    );
    const outcomes = range(3 * lanes).map((value) => follow(bench.runner.run(inputOf(value)), clock));
    await clock.advance(30);
    expect(outcomes.map(({ value }) => numbersOf(value?.outputs))).toEqual(
      range(3 * lanes).map((value) => doubled(value)),
    );
    // All lanes begin at once, each with one request, and none waits while another has two.
    expect(most).toBe(lanes);
    const { calls } = bench.backend;
    expect(calls.map(({ at }) => at)).toEqual([0, 10, 20].flatMap((at) => new Array<number>(lanes).fill(at)));
    for (const at of [0, 10, 20]) {
      expect(new Set(calls.filter((call) => call.at === at).map(({ session }) => session)).size).toBe(lanes);
    }
    expect(calls.every(({ inputs }) => inputs.x?.shape.join() === '1,2')).toBe(true);
    await closeBench(bench);
  });

  test('give a slow request a lane of its own while others pass it', async () => {
    let calls = 0;
    const bench = await openBench(
      { signature, workers: true, latencyMs: () => (calls++ === 0 ? 100 : 10) },
      { lanes: 2 },
    );
    const outcomes = range(6).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(100);
    expect(outcomes.map(({ at }) => at)).toEqual([100, 10, 20, 30, 40, 50]);
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
