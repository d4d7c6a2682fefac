import { describe, expect, test } from 'vitest';
import type { ModelSignature } from '../signature';
import type { MockBackend } from '../testing/mock-backend';
import {
  asError,
  type Bench,
  closeBench,
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
function send(bench: Bench, ...values: number[]) {
  return values.map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('a full queue', () => {
  test('refuses by rows at once, with the time after which to try again', async () => {
    const bench = await openBench(
      { latencyMs: (rows) => rows * 2 },
      { batching: { maxBatchRows: 4, maxQueueRows: 10 } },
    );
    send(bench, 1, 2, 3, 4);
    await bench.clock.advance(8);
    send(bench, 1, 2, 3, 4);
    await bench.clock.settle();
    const waiting = send(bench, ...range(10));
    const error = await rejection(bench.runner.run(inputOf(99)), 'OVERLOADED');
    expect(error.details).toMatchObject({ field: 'maxQueueRows', expected: 'at most 10', given: '10 waiting' });
    // Ten rows wait, and a row takes 2 ms.
    expect(error.details.retryAfterMs).toBe(20);
    expect(error.message).toContain('Retry after 20 ms');
    await bench.clock.advance(100);
    expect(waiting.every(({ state }) => state === 'resolved')).toBe(true);
    const [after] = send(bench, 7);
    await bench.clock.advance(10);
    expect(after?.state).toBe('resolved');
    await closeBench(bench);
  });

  test('counts the rows of the newcomer itself', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4, maxQueueRows: 5 } });
    send(bench, 0);
    await bench.clock.settle();
    send(bench, 1, 2, 3);
    await rejection(bench.runner.run(inputOf(1, 2, 3)), 'OVERLOADED');
    const fits = follow(bench.runner.run(inputOf(1, 2)), bench.clock);
    await bench.clock.advance(50);
    expect(fits.state).toBe('resolved');
    await closeBench(bench);
  });

  test('refuses by bytes, small rows still welcome', async () => {
    const signature: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'width'] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'width'] }],
      batchAxis: 0,
    };
    const bench = await openBench({ signature, latencyMs: () => 10 }, { batching: { maxQueueBytes: 100 } });
    const row = (width: number) => ({ x: rowsOf(new Array<number>(width).fill(1)) });
    send(bench, 0);
    await bench.clock.settle();
    void bench.runner.run(row(20));
    const error = await rejection(bench.runner.run(row(6)), 'OVERLOADED');
    expect(error.details).toMatchObject({ field: 'maxQueueBytes', given: '80 waiting' });
    expect(error.details.retryAfterMs).toBeGreaterThanOrEqual(1);
    const small = follow(bench.runner.run(row(5)), bench.clock);
    await bench.clock.advance(50);
    expect(small.state).toBe('resolved');
    await closeBench(bench);
  });

  test('a request that the whole queue could not hold is refused for good', async () => {
    const bench = await openBench({}, { batching: { maxBatchRows: 4, maxQueueRows: 10, maxQueueBytes: 72 } });
    const rows = await rejection(bench.runner.run(inputOf(...range(11))), 'LIMIT_EXCEEDED');
    expect(rows.details).toMatchObject({ field: 'maxQueueRows', expected: 'at most 10 rows', given: '11 rows' });
    expect(rows.details.retryAfterMs).toBeUndefined();
    const bytes = await rejection(bench.runner.run(inputOf(...range(10))), 'LIMIT_EXCEEDED');
    expect(bytes.details).toMatchObject({ field: 'maxQueueBytes', given: '80 bytes' });
    expect((await until(bench.runner.run(inputOf(...range(9))), bench.clock)).outputs.y?.shape).toEqual([9, 2]);
    await closeBench(bench);
  });

  test('has room again once those who waited have given up', async () => {
    const bench = await openBench({ latencyMs: () => 100 }, { batching: { maxQueueRows: 2 } });
    send(bench, 0);
    await bench.clock.settle();
    const controller = new AbortController();
    const gone = follow(bench.runner.run(inputOf(1), { signal: controller.signal }), bench.clock);
    const late = follow(bench.runner.run(inputOf(2), { timeoutMs: 5 }), bench.clock);
    await rejection(bench.runner.run(inputOf(3)), 'OVERLOADED');
    controller.abort();
    await bench.clock.advance(6);
    asError(gone.error, 'ABORTED');
    asError(late.error, 'DEADLINE_EXCEEDED');
    expect(bench.runner.describe().batching).toMatchObject({ queuedRequests: 0, queuedRows: 0, queuedBytes: 0 });
    const welcome = send(bench, 4, 5);
    await bench.clock.advance(300);
    expect(welcome.map(({ state }) => state)).toEqual(['resolved', 'resolved']);
    await closeBench(bench);
  });
});
