import { describe, expect, test } from 'vitest';
import type { RequestFailEvent } from '../runner/runner';
import type { ModelSignature } from '../signature';
import {
  asError,
  type Bench,
  closeBench,
  follow,
  inputOf,
  openBench,
  rejection,
  until,
} from '../testing/test-kit.fixture';

/** A runner of which is known that a batch takes 20 ms, with one of them under way. */
async function busyBench(batching: object = {}): Promise<{ bench: Bench; failed: RequestFailEvent[] }> {
  const bench = await openBench({ latencyMs: () => 20 }, { batching: { maxBatchRows: 4, ...batching } });
  for (let batch = 0; batch < 4; batch++) await until(bench.runner.run(inputOf(1, 2, 3, 4)), bench.clock);
  const failed: RequestFailEvent[] = [];
  bench.runner.events.on('request-fail', (event) => void failed.push(event));
  void bench.runner.run(inputOf(1, 2, 3, 4));
  await bench.clock.settle();
  return { bench, failed };
}

const foresee = ({ runner }: Bench, ...options: Parameters<NonNullable<typeof runner.foresee>>) =>
  runner.foresee?.(...options);

describe('a request that is asked for ahead', () => {
  test('is refused as run would refuse it, and counted', async () => {
    const { bench, failed } = await busyBench();
    const error = asError(foresee(bench, { timeoutMs: 10 })?.(), 'OVERLOADED');
    expect(failed).toMatchObject([{ code: 'OVERLOADED', rows: 1 }]);
    const run = await rejection(bench.runner.run(inputOf(1), { timeoutMs: 10 }), 'OVERLOADED');
    expect([error.message, error.details]).toEqual([run.message, run.details]);
    expect(error.details.retryAfterMs).toBeGreaterThanOrEqual(1);
    expect(failed).toHaveLength(2);
    await bench.clock.advance(100);
    await closeBench(bench);
  });

  test('leaves no trace where nobody refuses it', async () => {
    const { bench, failed } = await busyBench();
    for (let asked = 0; asked < 50; asked++) expect(foresee(bench, { timeoutMs: 10 })).toBeDefined();
    expect(failed).toEqual([]);
    expect(bench.runner.describe().batching.queuedRequests).toBe(0);
    await bench.clock.advance(100);
    await closeBench(bench);
  });

  test('is let in where it has more time or a higher priority than one that is refused', async () => {
    const { bench } = await busyBench();
    for (let batch = 0; batch < 5; batch++) void bench.runner.run(inputOf(1, 2, 3, 4), { timeoutMs: 5000 });
    await bench.clock.settle();
    // It has less time than they, and goes before them.
    expect(foresee(bench, { timeoutMs: 100 })).toBeUndefined();
    for (let batch = 0; batch < 5; batch++) void bench.runner.run(inputOf(1, 2, 3, 4), { priority: 'high' });
    await bench.clock.settle();
    expect(foresee(bench, { timeoutMs: 100 })).toBeDefined();
    expect(foresee(bench, { timeoutMs: 1000 })).toBeUndefined();
    expect(foresee(bench, {})).toBeUndefined();
    expect(foresee(bench)).toBeUndefined();
    await bench.clock.advance(1000);
    await closeBench(bench);
  });

  test('is let in where most batches are in time, though some are not', async () => {
    let batches = 0;
    const bench = await openBench(
      { latencyMs: () => (++batches % 4 === 0 ? 50 : 20) },
      { batching: { maxBatchRows: 4 } },
    );
    for (let batch = 0; batch < 64; batch++) await until(bench.runner.run(inputOf(1)), bench.clock);
    const size = bench.runner.describe().batching.costs[0]?.sizes[0];
    expect(size?.p95Ms).toBeGreaterThan(42);
    expect(size?.meanMs).toBeLessThan(35);
    expect(foresee(bench, { timeoutMs: 45 })).toBeUndefined();
    await closeBench(bench);
  });

  test('is refused by a full queue, unless that makes room for it', async () => {
    const { bench, failed } = await busyBench({ maxQueueRows: 4 });
    const low = follow(bench.runner.run(inputOf(1, 2, 3, 4), { priority: 'low' }), bench.clock);
    await bench.clock.settle();
    expect(foresee(bench)).toBeUndefined();
    const error = asError(foresee(bench, { priority: 'low' })?.(), 'OVERLOADED');
    expect(error.details.field).toBe('maxQueueRows');
    expect(failed).toHaveLength(1);
    expect(low.state).toBe('pending');
    await bench.clock.advance(100);
    expect(low.state).toBe('resolved');
    await closeBench(bench);
  });

  test('whose time is over is refused as that', async () => {
    const { bench } = await busyBench();
    asError(foresee(bench, { timeoutMs: 0 })?.(), 'DEADLINE_EXCEEDED');
    await bench.clock.advance(100);
    await closeBench(bench);
  });

  test('refusals ahead count towards the request that shows what a batch takes now', async () => {
    const bench = await openBench({ latencyMs: () => 20 });
    await until(bench.runner.run(inputOf(1)), bench.clock);
    for (let refused = 0; refused < 16; refused++) foresee(bench, { timeoutMs: 10 })?.();
    // To ask takes nobody's turn.
    for (let asked = 0; asked < 3; asked++) expect(foresee(bench, { timeoutMs: 10 })).toBeUndefined();
    const probe = follow(bench.runner.run(inputOf(1), { timeoutMs: 10 }), bench.clock);
    await rejection(bench.runner.run(inputOf(1), { timeoutMs: 10 }), 'OVERLOADED');
    await bench.clock.advance(30);
    asError(probe.error, 'DEADLINE_EXCEEDED');
    await closeBench(bench);
  });

  test('cannot be told of where rows have any size, nor once the runner is closed', async () => {
    const signature: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'width'] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'width'] }],
      batchAxis: 0,
    };
    const open = await openBench({ signature });
    expect(foresee(open, { timeoutMs: 0 })).toBeUndefined();
    await closeBench(open);
    expect(foresee(open, { timeoutMs: 0 })).toBeUndefined();
  });

  test('a model without a batch axis refuses ahead too', async () => {
    const signature: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: [2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
      batchAxis: null,
    };
    const bench = await openBench({ signature }, { batching: { maxQueueRows: 1 } });
    asError(foresee(bench, { timeoutMs: 0 })?.(), 'DEADLINE_EXCEEDED');
    await closeBench(bench);
  });
});
