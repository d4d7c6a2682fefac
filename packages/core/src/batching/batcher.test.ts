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
  rowsOf,
  until,
} from '../testing/test-kit.fixture';

/** The first number of every row of every batch, in the order in which batches were computed. */
function batchesOf(backend: MockBackend): number[][] {
  return backend.calls.map(({ inputs }) => numbersOf(inputs, 'x').filter((_, index) => index % 2 === 0));
}

/** Sends one-row requests in one turn. */
function send(bench: Bench, ...values: number[]) {
  return values.map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
}

/** What `left` says where no batch has left. */
const noneLeft = { full: 0, knee: 0, deadline: 0, idle: 0, free: 0, drain: 0 };

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('answers', () => {
  test('are those of running alone, whatever the company', async () => {
    const bench = await openBench({ latencyMs: () => 3 });
    const sizes = [1, 7, 2, 64, 1, 1, 30, 5, 100];
    const requests = sizes.map((size, index) => range(size, index * 1000));
    const outcomes = requests.map((values) => follow(bench.runner.run(inputOf(...values)), bench.clock));
    await bench.clock.advance(100);
    for (const [index, values] of requests.entries()) {
      const { state, value } = outcomes[index] as (typeof outcomes)[number];
      expect(state).toBe('resolved');
      expect(numbersOf(value?.outputs)).toEqual(doubled(...values));
      expect(value?.outputs.y?.shape).toEqual([values.length, 2]);
      expect(value?.model).toEqual({ name: 'mock', version: '1', digest: '1'.padStart(64, '0') });
    }
    await closeBench(bench);
  });

  test('are of the caller alone: writing into one changes no other', async () => {
    for (const width of [2, 4000]) {
      const shape = ['batch', width];
      const signature: ModelSignature = {
        inputs: [{ name: 'x', dtype: 'float32', shape }],
        outputs: [{ name: 'y', dtype: 'float32', shape }],
        batchAxis: 0,
      };
      const bench = await openBench({ signature });
      const input = (value: number) => ({ x: new Float32Array(width).fill(value) });
      const [first, second] = await until(
        Promise.all([bench.runner.run(input(1)), bench.runner.run(input(2))]),
        bench.clock,
      );
      dataOf(first.outputs, 'y', 'float32').fill(-1);
      expect(new Set(numbersOf(second.outputs))).toEqual(new Set([4]));
      await closeBench(bench);
    }
  });

  test('say what the request waited, what its batch took and how large it was', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const [first] = send(bench, 1);
    await bench.clock.advance(4);
    const [second, third] = send(bench, 2, 3);
    await bench.clock.advance(30);
    expect(first?.value).toMatchObject({ timing: { queueMs: 0, computeMs: 10 }, batchSize: 1 });
    expect(second?.value).toMatchObject({ timing: { queueMs: 6, computeMs: 10 }, batchSize: 2 });
    expect(third?.at).toBe(20);
    // Who shared a batch has the very same object, and nobody else has it.
    expect(second?.value?.timing.batches).toEqual([
      { lane: 'inline', reason: 'free', rows: 2, startedAt: 10, computeMs: 10 },
    ]);
    expect(third?.value?.timing.batches?.[0]).toBe(second?.value?.timing.batches?.[0]);
    expect(first?.value?.timing.batches?.[0]).not.toBe(second?.value?.timing.batches?.[0]);
    await closeBench(bench);
  });

  test('NaN stays in its row', async () => {
    const bench = await openBench();
    const rows = [
      [1, 2],
      [Number.NaN, 3],
      [4, 5],
    ] as const;
    const answers = await until(Promise.all(rows.map((row) => bench.runner.run({ x: rowsOf(row) }))), bench.clock);
    expect(bench.backend.calls).toHaveLength(1);
    expect(answers.map(({ outputs }) => numbersOf(outputs))).toEqual([
      [2, 4],
      [Number.NaN, 6],
      [8, 10],
    ]);
    await closeBench(bench);
  });

  test('do not depend on what the caller does to the input afterwards', async () => {
    const bench = await openBench({ latencyMs: () => 5 });
    const data = Float32Array.of(1, -1);
    const shape = [1, 2];
    const bare = bench.runner.run({ x: data });
    const tensor = bench.runner.run({ x: { dtype: 'float32', shape, data } });
    const large = rowsOf(...range(100).map((value) => [value, -value]));
    const split = bench.runner.run({ x: large });
    data.fill(99);
    shape[0] = 7;
    large.data.fill(99);
    expect(numbersOf((await until(bare, bench.clock)).outputs)).toEqual(doubled(1));
    expect((await until(tensor, bench.clock)).outputs.y).toMatchObject({ shape: [1, 2] });
    expect(numbersOf((await until(split, bench.clock)).outputs)).toEqual(doubled(...range(100)));
    await closeBench(bench);
  });
});

describe('when a batch leaves', () => {
  test('an idle lane takes what comes in one turn, microtasks included, as one batch', async () => {
    const bench = await openBench();
    const outcomes = send(bench, 1, 2);
    await Promise.resolve();
    outcomes.push(...send(bench, 3));
    expect(bench.backend.calls).toHaveLength(0);
    await bench.clock.settle();
    expect(batchesOf(bench.backend)).toEqual([[1, 2, 3]]);
    expect(outcomes.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved']);
    expect(bench.runner.describe().batching.left).toEqual({ ...noneLeft, idle: 1 });
    await closeBench(bench);
  });

  test('a full one leaves at once, within the call', async () => {
    const bench = await openBench({}, { batching: { maxBatchRows: 4 } });
    send(bench, 1, 2, 3);
    expect(bench.backend.calls).toHaveLength(0);
    send(bench, 4);
    expect(bench.backend.calls).toHaveLength(1);
    const last = send(bench, 5);
    await bench.clock.settle();
    expect(batchesOf(bench.backend)).toEqual([[1, 2, 3, 4], [5]]);
    expect(last[0]?.state).toBe('resolved');
    expect(bench.runner.describe().batching.left).toMatchObject({ full: 1 });
    await closeBench(bench);
  });

  test('an idle lane never waits for more', async () => {
    const bench = await openBench();
    for (const value of range(20)) {
      const [outcome] = send(bench, value);
      await bench.clock.settle();
      expect(outcome).toMatchObject({ state: 'resolved', value: { timing: { queueMs: 0 }, batchSize: 1 } });
      await bench.clock.advance(0.1);
    }
    await closeBench(bench);
  });

  test('a busy lane takes nothing but whole batches beyond the one it has', async () => {
    const bench = await openBench({ concurrency: 2, latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    send(bench, 1);
    await bench.clock.advance(1);
    send(bench, 2, 3, 4);
    await bench.clock.advance(1);
    expect(batchesOf(bench.backend)).toEqual([[1]]);
    send(bench, 5, 6);
    expect(batchesOf(bench.backend)).toEqual([[1], [2, 3, 4, 5]]);
    await bench.clock.advance(100);
    expect(batchesOf(bench.backend)).toEqual([[1], [2, 3, 4, 5], [6]]);
    // The lane was idle again only once both had come back.
    expect(bench.backend.calls[2]?.at).toBe(12);
    expect(bench.backend.mostInFlight).toBe(2);
    await closeBench(bench);
  });

  test('what queued up while the lane was busy leaves the moment it is free, as one batch', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    send(bench, 0);
    await bench.clock.advance(1);
    for (const value of range(5, 1)) {
      send(bench, value);
      await bench.clock.advance(1);
    }
    await bench.clock.advance(100);
    expect(batchesOf(bench.backend)).toEqual([[0], [1, 2, 3, 4, 5]]);
    expect(bench.backend.calls[1]?.at).toBe(10);
    expect(bench.runner.describe().batching.left).toEqual({ ...noneLeft, idle: 1, free: 1 });
    await closeBench(bench);
  });

  test('a freed lane takes those who come back with the next request in the same turn', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const caller = async (value: number): Promise<void> => {
      for (let round = 0; round < 3; round++) await bench.runner.run(inputOf(value));
    };
    const callers = follow(Promise.all([caller(1), caller(2), caller(3)]), bench.clock);
    await bench.clock.advance(30);
    expect(callers.state).toBe('resolved');
    expect(batchesOf(bench.backend)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    await closeBench(bench);
  });

  test('rows are counted, not requests, and a request is never torn to fill a batch', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 8 } });
    send(bench, 0);
    await bench.clock.advance(1);
    for (const size of [3, 3, 3, 5, 8, 1]) void bench.runner.run(inputOf(...range(size)));
    await bench.clock.advance(100);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([1, 6, 8, 8, 1]);
    await closeBench(bench);
  });

  test('several lanes: the next free one takes the next batch', async () => {
    const bench = await openBench({ workers: true, latencyMs: () => 10 }, { lanes: 3, batching: { maxBatchRows: 2 } });
    send(bench, ...range(6));
    await bench.clock.advance(10);
    expect(bench.backend.calls.map(({ session, at }) => [session, at])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    await closeBench(bench);
  });

  test('two idle lanes: the rest of a turn does not stay behind a full batch', async () => {
    const bench = await openBench({ workers: true, latencyMs: () => 10 }, { lanes: 2, batching: { maxBatchRows: 2 } });
    send(bench, 1, 2, 3);
    await bench.clock.settle();
    expect(batchesOf(bench.backend)).toEqual([[1, 2], [3]]);
    await closeBench(bench);
  });

  test('without batching each request runs by itself, and every free place of a lane is used at once', async () => {
    const bench = await openBench({ concurrency: 2, latencyMs: () => 10 }, { batching: false });
    send(bench, 1);
    await bench.clock.advance(2);
    const [second] = send(bench, 2);
    send(bench, 3);
    await bench.clock.advance(8);
    await bench.clock.advance(2);
    expect(second?.at).toBe(12);
    await bench.clock.advance(50);
    expect(batchesOf(bench.backend)).toEqual([[1], [2], [3]]);
    expect(bench.backend.calls.map(({ at }) => at)).toEqual([0, 2, 10]);
    await closeBench(bench);
  });

  test('without batching a request larger than a batch goes as a whole', async () => {
    const bench = await openBench({}, { batching: false });
    const { outputs } = await until(bench.runner.run(inputOf(...range(200))), bench.clock);
    expect(numbersOf(outputs)).toEqual(doubled(...range(200)));
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([200]);
    await closeBench(bench);
  });
});
