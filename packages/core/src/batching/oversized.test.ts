import { describe, expect, test, vi } from 'vitest';
import type { FairleadError } from '../errors';
import type { ModelSignature } from '../signature';
import {
  asError,
  closeBench,
  dataOf,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  rejection,
  until,
} from '../testing/test-kit.fixture';

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('a request larger than a batch', () => {
  test('is split and joined again in order, whatever order the parts come back in', async () => {
    // Later parts are faster, and three lanes compute at once.
    let call = 0;
    const bench = await openBench(
      { workers: true, latencyMs: () => 40 - 10 * call++ },
      { lanes: 3, batching: { maxBatchRows: 4 } },
    );
    const values = range(11);
    const { outputs, batchSize, timing, model } = await until(bench.runner.run(inputOf(...values)), bench.clock);
    expect(numbersOf(outputs)).toEqual(doubled(...values));
    expect(outputs.y).toMatchObject({ dtype: 'float32', shape: [11, 2] });
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([4, 4, 3]);
    expect(batchSize).toBe(4);
    expect(timing).toMatchObject({ queueMs: 0, computeMs: 40 });
    // The batches that it was split into, in the order of its rows.
    expect(timing.batches?.map(({ rows }) => rows)).toEqual([4, 4, 3]);
    expect(model.version).toBe('1');
    await closeBench(bench);
  });

  test('shares its last batch with others', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    const large = follow(bench.runner.run(inputOf(...range(6))), bench.clock);
    const small = [10, 11].map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(50);
    expect(numbersOf(large.value?.outputs)).toEqual(doubled(...range(6)));
    expect(small.map(({ value }) => numbersOf(value?.outputs))).toEqual([doubled(10), doubled(11)]);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([4, 4]);
    await closeBench(bench);
  });

  test('fails as one when a part fails, with that error, and the parts that wait are not computed', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    bench.backend.failNext(new Error('part broken'));
    const events: [string, number][] = [];
    bench.runner.events.on('request-fail', ({ code, rows }) => events.push([code, rows]));
    const large = follow(bench.runner.run(inputOf(...range(40))), bench.clock);
    const small = follow(bench.runner.run(inputOf(77)), bench.clock);
    await bench.clock.advance(100);
    expect(asError(large.error, 'RUN_FAILED').message).toContain('part broken');
    expect(large.ends).toBe(1);
    expect(numbersOf(small.value?.outputs)).toEqual(doubled(77));
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([4, 4, 1]);
    // One request, one failure: not one for each part.
    expect(events).toEqual([['RUN_FAILED', 40]]);
    await closeBench(bench);
  });

  test('counts as one request', async () => {
    const bench = await openBench({}, { batching: { maxBatchRows: 4 } });
    await until(bench.runner.run(inputOf(...range(10))), bench.clock);
    expect(bench.runner.describe().batching).toMatchObject({ requests: 1, rows: 10, batches: 3 });
    await closeBench(bench);
  });

  test('is taken back as a whole by its signal, queued and in flight', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    const controller = new AbortController();
    const reason = new Error('enough');
    const events: string[] = [];
    bench.runner.events.on('request-fail', ({ code }) => events.push(code));
    const large = follow(bench.runner.run(inputOf(...range(40)), { signal: controller.signal }), bench.clock);
    const small = follow(bench.runner.run(inputOf(5)), bench.clock);
    await bench.clock.advance(15);
    controller.abort(reason);
    await bench.clock.settle();
    expect(asError(large.error, 'ABORTED').cause).toBe(reason);
    expect(bench.runner.describe().batching.queuedRows).toBe(1);
    await bench.clock.advance(100);
    expect(small.state).toBe('resolved');
    expect(bench.backend.calls).toHaveLength(3);
    expect(events).toEqual(['ABORTED']);
    await closeBench(bench);
  });

  test('hangs no long row of listeners on one signal, which a platform would warn of as a leak', async () => {
    const bench = await openBench({ latencyMs: () => 1 }, { batching: { maxBatchRows: 4 } });
    const listening = vi.spyOn(EventTarget.prototype, 'addEventListener');
    const { signal } = new AbortController();
    const large = follow(bench.runner.run(inputOf(...range(200)), { signal }), bench.clock);
    const bySignal = new Map<unknown, number>();
    for (const target of listening.mock.contexts) bySignal.set(target, (bySignal.get(target) ?? 0) + 1);
    listening.mockRestore();
    expect(bySignal.get(signal)).toBe(1);
    expect(Math.max(...bySignal.values())).toBe(1);
    await bench.clock.advance(100);
    expect(large.state).toBe('resolved');
    await closeBench(bench);
  });

  test('is held to its deadline as a whole', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    const events: string[] = [];
    bench.runner.events.on('request-fail', ({ code }) => events.push(code));
    const large = follow(bench.runner.run(inputOf(...range(40)), { timeoutMs: 35 }), bench.clock);
    await bench.clock.advance(200);
    // After three parts it is plain that the fourth of ten comes too late, so those that wait are given up.
    asError(large.error, 'OVERLOADED');
    expect(large.at).toBe(30);
    expect(bench.backend.calls.length).toBeLessThanOrEqual(4);
    expect(events).toEqual(['OVERLOADED']);
    await closeBench(bench);
  });

  test('is refused as a whole when the queue has no room for all of it, leaving nothing behind', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4, maxQueueRows: 12 } });
    void bench.runner.run(inputOf(...range(4)));
    void bench.runner.run(inputOf(...range(3)));
    await bench.clock.advance(1);
    const error = await rejection(bench.runner.run(inputOf(...range(10))), 'OVERLOADED');
    expect(error.details.retryAfterMs).toBeGreaterThanOrEqual(1);
    expect(bench.runner.describe().batching.queuedRows).toBe(3);
    await rejection(bench.runner.run(inputOf(...range(13))), 'LIMIT_EXCEEDED');
    await bench.clock.advance(100);
    const whole = await until(bench.runner.run(inputOf(...range(12))), bench.clock);
    expect(numbersOf(whole.outputs)).toEqual(doubled(...range(12)));
    await closeBench(bench);
  });

  test('of several inputs and dtypes is cut by rows', async () => {
    const signature: ModelSignature = {
      inputs: [
        { name: 'ids', dtype: 'int64', shape: ['batch', 'tokens'] },
        { name: 'words', dtype: 'string', shape: ['batch'] },
      ],
      outputs: [
        { name: 'ids', dtype: 'int64', shape: ['batch', 'tokens'] },
        { name: 'words', dtype: 'string', shape: ['batch'] },
      ],
      batchAxis: 0,
    };
    const bench = await openBench(
      {
        signature,
        compute: (inputs) => ({
          ids: { ...inputs.ids, data: dataOf(inputs, 'ids', 'int64').map((id) => id + 1n) } as never,
          words: { ...inputs.words, data: dataOf(inputs, 'words', 'string').map((word) => `${word}.`) } as never,
        }),
      },
      { batching: { maxBatchRows: 4 } },
    );
    const ids = BigInt64Array.from(range(27), (id) => BigInt(id));
    const words = range(9).map(String);
    const { outputs } = await until(
      bench.runner.run({ ids: { dtype: 'int64', shape: [9, 3], data: ids }, words }),
      bench.clock,
    );
    expect(outputs.ids?.shape).toEqual([9, 3]);
    expect(Array.from(dataOf(outputs, 'ids', 'int64'))).toEqual(range(27, 1).map(BigInt));
    expect(outputs.words?.data).toEqual(words.map((word) => `${word}.`));
    await closeBench(bench);
  });

  test('whose parts come back in other shapes cannot be joined, and says so', async () => {
    const bench = await openBench(
      {
        compute: (_inputs, rows) => ({
          y: { dtype: 'float32', shape: [rows, rows], data: new Float32Array(rows * rows) },
        }),
      },
      { batching: { maxBatchRows: 4 } },
    );
    const error = await rejection(until(bench.runner.run(inputOf(...range(7))), bench.clock), 'OUTPUT_INVALID');
    expect(error.details).toMatchObject({ field: 'y' });
    expect(error.message).toContain('maxBatchRows');
    await closeBench(bench);
  });

  test('is isolated from a poisoned neighbour in its last batch', async () => {
    const bench = await openBench(
      {
        compute(inputs, rows) {
          const values = numbersOf(inputs, 'x');
          if (values.includes(666)) throw new Error('poison');
          return { y: { dtype: 'float32', shape: [rows, 2], data: Float32Array.from(values, (value) => value * 2) } };
        },
      },
      { batching: { maxBatchRows: 4 } },
    );
    const large = follow(bench.runner.run(inputOf(...range(6))), bench.clock);
    const poison = follow(bench.runner.run(inputOf(666)), bench.clock);
    await bench.clock.settle();
    expect(numbersOf(large.value?.outputs)).toEqual(doubled(...range(6)));
    expect((poison.error as FairleadError).code).toBe('RUN_FAILED');
    await closeBench(bench);
  });
});
