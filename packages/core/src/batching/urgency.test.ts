import { describe, expect, test } from 'vitest';
import type { MockBackend } from '../testing/mock-backend';
import { type Bench, closeBench, follow, inputOf, numbersOf, openBench } from '../testing/test-kit.fixture';

/** The first number of every row of every batch, in the order in which batches were computed. */
function batchesOf(backend: MockBackend): number[][] {
  return backend.calls.map(({ inputs }) => numbersOf(inputs, 'x').filter((_, index) => index % 2 === 0));
}

/** Sends one-row requests in one turn. */
function send(bench: Bench, ...values: number[]) {
  return values.map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('who goes first', () => {
  /** Occupies the lane, queues requests in the order given and tells in which order they were computed. */
  async function orderOf(
    requests: readonly { value: number; at?: number; options?: Parameters<Bench['runner']['run']>[1] }[],
    latencyMs = 10,
  ): Promise<number[]> {
    const bench = await openBench({ latencyMs: () => latencyMs }, { batching: { maxBatchRows: 1 } });
    send(bench, -1);
    await bench.clock.advance(1);
    for (const { value, at, options } of requests) {
      await bench.clock.advance(Math.max(0, (at ?? 0) - bench.clock.now()));
      void bench.runner.run(inputOf(value), options);
    }
    await bench.clock.advance(latencyMs * (requests.length + 2));
    await closeBench(bench);
    return batchesOf(bench.backend)
      .flat()
      .filter((value) => value !== -1);
  }

  test('the order of arrival decides among equals', async () => {
    expect(await orderOf(range(50).map((value) => ({ value })))).toEqual(range(50));
  });

  test('a higher priority leaves first', async () => {
    const requests = [
      { value: 1, options: { priority: 'low' as const } },
      { value: 2 },
      { value: 3, options: { priority: 'high' as const } },
      { value: 4, options: { priority: 'low' as const } },
      { value: 5, options: { priority: 'normal' as const } },
      { value: 6, options: { priority: 'high' as const } },
    ];
    expect(await orderOf(requests)).toEqual([3, 6, 2, 5, 1, 4]);
  });

  test('the earliest deadline leaves first within a priority', async () => {
    const requests = [
      { value: 1 },
      { value: 2, options: { timeoutMs: 500 } },
      { value: 3, options: { timeoutMs: 300 } },
      { value: 4, options: { timeoutMs: 400, priority: 'low' as const } },
      { value: 5, options: { timeoutMs: 300 } },
      { value: 6, options: { timeoutMs: 900, priority: 'high' as const } },
    ];
    expect(await orderOf(requests)).toEqual([6, 3, 5, 2, 1, 4]);
  });

  test('the order of arrival decides among deadlines in the same quarter of a millisecond', async () => {
    const requests = [300.2, 300.1, 299.9, 300.15, 300.3].map((timeoutMs, value) => ({
      value,
      options: { timeoutMs },
    }));
    expect(await orderOf(requests)).toEqual([2, 0, 1, 3, 4]);
  });

  test('a request without a deadline is not passed for ever by those that have one', async () => {
    const requests = [
      { value: 0 },
      ...range(300, 1).map((value) => ({ value, at: value * 10, options: { timeoutMs: 900 } })),
    ];
    const order = await orderOf(requests);
    expect(order).toHaveLength(301);
    // It waits about as long as an ageing time, 1000 ms, is about 100 of them.
    expect(order.indexOf(0)).toBeLessThan(115);
  });

  test('low priority moves, however much of high priority keeps coming', async () => {
    const requests = [
      { value: 0, options: { priority: 'low' as const } },
      // Just as many as the lane can do, so that there is always one of high priority waiting.
      ...range(2).map((value) => ({ value: value + 1, options: { priority: 'high' as const } })),
      ...range(600).map((value) => ({ value: value + 10, at: 1 + value * 10, options: { priority: 'high' as const } })),
    ];
    const order = await orderOf(requests);
    expect(order).toHaveLength(603);
    const place = order.indexOf(0);
    expect(place).toBeGreaterThan(150);
    expect(place).toBeLessThan(320);
  });

  test('a long queue keeps its order while requests come, go and are aborted', async () => {
    const bench = await openBench({ latencyMs: () => 1 }, { batching: { maxBatchRows: 4, maxQueueRows: 10_000 } });
    send(bench, -1);
    await bench.clock.settle();
    const controllers = range(4000).map(() => new AbortController());
    const outcomes = controllers.map(({ signal }, value) =>
      follow(bench.runner.run(inputOf(value), { signal }), bench.clock),
    );
    const kept = range(4000).filter((value) => value % 3 === 0);
    for (const [value, controller] of controllers.entries()) if (value % 3 !== 0) controller.abort();
    await bench.clock.advance(1000);
    expect(batchesOf(bench.backend).flat().slice(1)).toEqual(kept);
    expect(outcomes.filter(({ state }) => state === 'resolved')).toHaveLength(kept.length);
    expect(outcomes.every(({ ends }) => ends === 1)).toBe(true);
    await closeBench(bench);
  });
});
