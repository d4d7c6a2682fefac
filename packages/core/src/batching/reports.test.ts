import { describe, expect, test } from 'vitest';
import type { BatchEndEvent } from '../runner/runner';
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
} from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';

/** The first number of every row of every batch, in the order in which batches were computed. */
function _batchesOf(backend: MockBackend): number[][] {
  return backend.calls.map(({ inputs }) => numbersOf(inputs, 'x').filter((_, index) => index % 2 === 0));
}

/** Sends one-row requests in one turn. */
function send(bench: Bench, ...values: number[]) {
  return values.map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
}

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('what the batcher tells', () => {
  test('every batch, with its inputs and outputs, after the answers', async () => {
    const clock = createVirtualClock();
    const log: string[] = [];
    const seen: Omit<BatchEndEvent, 'inputs' | 'outputs'>[] = [];
    const bench = await openBench(
      { latencyMs: () => 4 },
      {
        on: {
          'batch-end': ({ inputs, outputs, ...rest }) => {
            log.push('event');
            seen.push(rest);
            expect(numbersOf(outputs)).toEqual(numbersOf(inputs, 'x').map((value) => value * 2));
          },
        },
      },
      clock,
    );
    void bench.runner.run(inputOf(1, 2)).then(() => log.push('answer'));
    void bench.runner.run(inputOf(3)).then(() => log.push('answer'));
    await clock.advance(1);
    void bench.runner.run(inputOf(4)).then(() => log.push('answer'));
    await clock.advance(10);
    const { model } = bench.runner;
    expect(seen).toEqual([
      { model, lane: 'inline', reason: 'idle', rows: 3, requests: 2, answered: 2, queueMs: [0, 0], computeMs: 4 },
      { model, lane: 'inline', reason: 'free', rows: 1, requests: 1, answered: 1, queueMs: [3], computeMs: 4 },
    ]);
    expect(log).toEqual(['answer', 'answer', 'event', 'answer', 'event']);
    await closeBench(bench);
  });

  test('a batch only once the next one was sent: no lane waits for what listens', async () => {
    const clock = createVirtualClock();
    const sent: number[] = [];
    const bench = await openBench(
      { latencyMs: () => 4 },
      { on: { 'batch-end': () => sent.push(bench.backend.calls.length) } },
      clock,
    );
    // Callers who send their next request when they are answered, as those of a loaded server do.
    const callers = range(3).map(async (value) => {
      for (let own = 0; own < 3; own++) await bench.runner.run(inputOf(value));
    });
    await clock.advance(20);
    await Promise.all(callers);
    expect(bench.backend.calls.map(({ rows, at }) => [rows, at])).toEqual([
      [3, 0],
      [3, 4],
      [3, 8],
    ]);
    expect(sent).toEqual([2, 3, 3]);
    await closeBench(bench);
  });

  test('every batch, the last before close as well', async () => {
    const bench = await openBench();
    let rows = 0;
    bench.runner.events.on('batch-end', (event) => {
      rows += event.rows;
    });
    const outcomes = send(bench, ...range(100));
    await closeBench(bench);
    expect(outcomes.every(({ state }) => state === 'resolved')).toBe(true);
    expect(rows).toBe(100);
  });

  test('why each request ended without an answer, once', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 2, maxQueueRows: 4 } });
    const codes: [string, number][] = [];
    bench.runner.events.on('request-fail', ({ code, rows }) => codes.push([code, rows]));
    send(bench, 0);
    await bench.clock.settle();
    const controller = new AbortController();
    const failing = [
      bench.runner.run(inputOf(1), { timeoutMs: 2 }),
      bench.runner.run(inputOf(2), { signal: controller.signal }),
      bench.runner.run({ x: [1] as never }),
      bench.runner.run(inputOf(1, 2, 3)),
      bench.runner.run(inputOf(1, 2, 3, 4, 5)),
      bench.runner.run(inputOf(1), { timeoutMs: 0 }),
      bench.runner.run(inputOf(1), { timeoutMs: -1 }),
    ].map((promise) => follow(promise, bench.clock));
    controller.abort();
    await bench.clock.advance(50);
    expect(failing.every(({ state }) => state === 'rejected')).toBe(true);
    expect(codes.sort()).toEqual(
      [
        ['DEADLINE_EXCEEDED', 1],
        ['ABORTED', 1],
        ['INVALID_INPUT', 0],
        ['OVERLOADED', 3],
        ['LIMIT_EXCEEDED', 5],
        ['DEADLINE_EXCEEDED', 1],
        ['INVALID_ARGUMENT', 0],
      ].sort(),
    );
    await closeBench(bench);
  });

  test('listeners that throw hurt nobody and are logged', async () => {
    const bench = await openBench(
      { fallbacks: [{ from: 'cuda', to: 'cpu', reason: 'none' }] },
      {
        on: {
          'model-ready': () => {
            throw new Error('ready');
          },
          'batch-end': () => {
            throw new Error('end');
          },
          'request-fail': () => {
            throw new Error('fail');
          },
          'device-fallback': () => {
            throw new Error('fallback');
          },
        },
      },
    );
    const outcomes = send(bench, 1, 2);
    await rejection(bench.runner.run({}), 'INVALID_INPUT');
    await bench.clock.settle();
    expect(outcomes.every(({ state }) => state === 'resolved')).toBe(true);
    const expected = ['fallback', 'ready', 'fail', 'end'];
    expect(bench.log.map((line) => line.split(' ').at(-1))).toEqual(expected);
    await closeBench(bench);
  });

  test('a listener that sends a request itself, even while a batch is put together', async () => {
    const clock = createVirtualClock();
    // Time passes between the deadline and the moment at which its timer runs.
    let skew = 0;
    const skewed = { ...clock, now: () => clock.now() + skew };
    const bench = await openBench({ latencyMs: () => 10 }, { clock: skewed, batching: { maxBatchRows: 2 } }, clock);
    const retried: ReturnType<typeof send> = [];
    bench.runner.events.on('request-fail', () => retried.push(...send(bench, 7, 8)));
    send(bench, 0);
    await clock.settle();
    const late = follow(bench.runner.run(inputOf(1), { timeoutMs: 10.5 }), clock);
    send(bench, 2);
    skew = 0.7;
    await clock.advance(60);
    asError(late.error, 'DEADLINE_EXCEEDED');
    expect(retried).toHaveLength(2);
    expect(retried.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.backend.mostInFlight).toBe(1);
    await closeBench(bench);
  });
});
