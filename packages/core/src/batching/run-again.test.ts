import { describe, expect, test } from 'vitest';
import { asError, closeBench, doubled, follow, inputOf, numbersOf, openBench } from '../testing/test-kit.fixture';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const open = (lanes = 1) =>
  openBench({ latencyMs: () => 10, workers: true, openMs: 1 }, { lanes, batching: { maxBatchRows: 8 } });

describe('a request whose worker dies', () => {
  test('is run again where it is idempotent, and fails where it is not', async () => {
    const bench = await open();
    const again = range(3).map((value) => follow(bench.runner.run(inputOf(value), { idempotent: true }), bench.clock));
    const once = follow(bench.runner.run(inputOf(9)), bench.clock);
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill();
    await bench.clock.settle();
    asError(once.error, 'LANE_LOST');
    await bench.clock.advance(50);
    expect(again.map(({ value }) => numbersOf(value?.outputs))).toEqual(range(3).map((value) => doubled(value)));
    await closeBench(bench);
  });

  test('goes to another lane at once', async () => {
    const bench = await open(2);
    const first = follow(bench.runner.run(inputOf(1), { idempotent: true }), bench.clock);
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(11);
    expect(first.state).toBe('resolved');
    await closeBench(bench);
  });

  test('is run again once only, so that one which kills its worker kills no more than two', async () => {
    const bench = await open();
    const request = follow(bench.runner.run(inputOf(1), { idempotent: true }), bench.clock);
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(5);
    bench.backend.lanes[1]?.kill();
    await bench.clock.advance(20);
    asError(request.error, 'LANE_LOST');
    await closeBench(bench);
  });

  test('keeps its deadline and its signal while it waits for the new worker', async () => {
    const bench = await openBench(
      { latencyMs: () => 10, workers: true, openMs: 1000 },
      { lanes: 1, batching: { maxBatchRows: 8 } },
    );
    const controller = new AbortController();
    const late = follow(bench.runner.run(inputOf(1), { idempotent: true, timeoutMs: 50 }), bench.clock);
    const { signal } = controller;
    const aborted = follow(bench.runner.run(inputOf(2), { idempotent: true, signal }), bench.clock);
    const startedAt = bench.clock.now();
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(60);
    asError(late.error, 'DEADLINE_EXCEEDED');
    expect((late.at as number) - startedAt).toBe(50);
    controller.abort();
    await bench.clock.settle();
    asError(aborted.error, 'ABORTED');
    await bench.clock.advance(2000);
    await closeBench(bench);
  });

  test('fails in the end when no worker comes back', async () => {
    let opened = 0;
    const bench = await openBench(
      { latencyMs: () => 10, workers: true, failLane: () => (opened++ === 0 ? undefined : new Error('no more')) },
      { lanes: 1 },
    );
    const request = follow(bench.runner.run(inputOf(1), { idempotent: true }), bench.clock);
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10_000);
    asError(request.error, 'LANE_LOST');
    await closeBench(bench);
  });
});
