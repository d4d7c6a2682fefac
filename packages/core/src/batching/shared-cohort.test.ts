import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { RunOptions } from '../runner/runner';
import type { Tensors } from '../tensor/tensor';
import {
  asError,
  type Bench,
  closeBench,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
} from '../testing/test-kit.fixture';
import { Cohort } from './cohort';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Sends requests of one row, each with a signal of its own. */
function send(bench: Bench, count: number, options?: RunOptions) {
  return range(count).map((value) => {
    const controller = new AbortController();
    const run = bench.runner.run(inputOf(value), { ...options, signal: controller.signal });
    return Object.assign(follow(run, bench.clock), {
      value0: value,
      abort: (reason?: unknown) => controller.abort(reason),
    });
  });
}

function expectAnswered(requests: ReturnType<typeof send>): void {
  for (const { value0, value, error } of requests) {
    expect(error, `request ${value0}`).toBeUndefined();
    expect(numbersOf(value?.outputs), `request ${value0}`).toEqual(doubled(value0));
  }
}

afterEach(() => void vi.restoreAllMocks());

describe('requests with abort signals of their own', () => {
  test('share a cohort as others do, whatever turn they come in, within a quarter of a millisecond', async () => {
    const join = vi.spyOn(Cohort.prototype, 'join');
    const bench = await openBench({ latencyMs: () => 10 });
    send(bench, 1);
    await bench.clock.advance(1);
    join.mockClear();
    const together = send(bench, 3, { timeoutMs: 100 });
    await bench.clock.settle();
    together.push(...send(bench, 3, { timeoutMs: 100.2 }));
    expect(new Set(join.mock.contexts).size).toBe(1);
    send(bench, 3, { timeoutMs: 99.9 });
    expect(new Set(join.mock.contexts).size).toBe(2);
    await bench.clock.advance(0.25);
    send(bench, 1, { timeoutMs: 99.9 });
    expect(new Set(join.mock.contexts).size).toBe(3);
    await bench.clock.advance(30);
    expectAnswered(together);
    await closeBench(bench);
  });

  test('with an abort in the queue leave the others their places, their deadlines and their memory', async () => {
    let latencyMs = 10;
    const bench = await openBench({ latencyMs: () => latencyMs });
    latencyMs = 100;
    const before = send(bench, 1);
    await bench.clock.advance(1);
    const requests = send(bench, 5, { timeoutMs: 50 });
    const patient = send(bench, 3, { timeoutMs: 500 });
    const gone = [...requests.splice(2, 1), ...patient.splice(1, 1)];
    for (const { abort } of gone) abort('enough');
    await bench.clock.settle();
    for (const { error } of gone) expect(asError(error, 'ABORTED').cause).toBe('enough');
    expect(bench.runner.describe().batching).toMatchObject({ queuedRequests: 6, queuedRows: 6, queuedBytes: 48 });
    await bench.clock.advance(60);
    for (const { error, at } of requests) {
      asError(error, 'DEADLINE_EXCEEDED');
      expect(at).toBe(51);
    }
    latencyMs = 10;
    await bench.clock.advance(60);
    expectAnswered([...before, ...patient]);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([1, 2]);
    expect(bench.runner.describe().batching).toMatchObject({ queuedRequests: 0, queuedRows: 0, queuedBytes: 0 });
    await closeBench(bench);
  });

  test('with an abort in flight give the others their rows', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const requests = send(bench, 5, { timeoutMs: 50 });
    await bench.clock.advance(5);
    const gone = requests.splice(3, 1);
    gone[0]?.abort();
    await bench.clock.settle();
    asError(gone[0]?.error, 'ABORTED');
    expect(gone[0]?.at).toBe(5);
    await bench.clock.advance(10);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([5]);
    expectAnswered(requests);
    await closeBench(bench);
  });

  test('with an abort in flight keep the deadlines of the others', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const requests = send(bench, 3, { timeoutMs: 8 });
    await bench.clock.advance(5);
    requests[0]?.abort();
    await bench.clock.advance(4);
    expect(requests.map(({ at }) => at)).toEqual([5, 8, 8]);
    asError(requests[1]?.error, 'DEADLINE_EXCEEDED');
    await bench.clock.advance(20);
    expect(requests.map(({ ends }) => ends)).toEqual([1, 1, 1]);
    await closeBench(bench);
  });

  test('are told of their aborts after a batch took but some of them', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 2 } });
    const first = send(bench, 1);
    await bench.clock.advance(1);
    const requests = send(bench, 5);
    await bench.clock.advance(12);
    for (const index of [1, 4]) requests[index]?.abort();
    await bench.clock.settle();
    for (const index of [4, 1]) asError(requests.splice(index, 1)[0]?.error, 'ABORTED');
    await bench.clock.advance(60);
    expectAnswered([...first, ...requests]);
    await closeBench(bench);
  });

  test('one of which is gone lose no other when their batch fails', async () => {
    const compute = (inputs: Tensors) => {
      const values = numbersOf(inputs, 'x');
      if (values.includes(4)) throw new Error('row 4 is poison');
      return {
        y: { dtype: 'float32' as const, shape: [values.length / 2, 2], data: Float32Array.from(values, (v) => v * 2) },
      };
    };
    const bench = await openBench({ compute, latencyMs: () => 10 });
    const requests = send(bench, 8, { timeoutMs: 500 });
    await bench.clock.advance(5);
    requests[2]?.abort();
    await bench.clock.advance(300);
    asError(requests[4]?.error, 'RUN_FAILED');
    asError(requests[2]?.error, 'ABORTED');
    expectAnswered(requests.filter(({ value0 }) => value0 !== 2 && value0 !== 4));
    await closeBench(bench);
  });

  test.each([0, 15])('may be aborted by who hears of another that failed, after %i ms', async (ms) => {
    const bench = await openBench({ latencyMs: () => 10 });
    const before = send(bench, 1);
    await bench.clock.advance(1);
    const requests = send(bench, 6);
    let heard = 0;
    bench.runner.events.on('request-fail', () => {
      heard++;
      if (heard < 3) requests[heard * 2]?.abort();
    });
    await bench.clock.advance(ms);
    requests[0]?.abort();
    await bench.clock.advance(60);
    expect(requests.map(({ state }) => state === 'rejected')).toEqual([true, false, true, false, true, false]);
    expect(requests.map(({ ends }) => ends)).toEqual(range(6).map(() => 1));
    expect(heard).toBe(3);
    expectAnswered([...before, ...requests.filter(({ state }) => state === 'resolved')]);
    await closeBench(bench);
  });

  test('all end once, whoever is aborted when', async () => {
    const plan = fc.array(
      fc.record({
        atMs: fc.integer({ min: 0, max: 12 }),
        count: fc.integer({ min: 1, max: 6 }),
        timeoutMs: fc.option(fc.integer({ min: 5, max: 60 }), { nil: undefined }),
        aborts: fc.array(fc.record({ index: fc.nat(5), afterMs: fc.integer({ min: 0, max: 40 }) }), { maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(plan, fc.constantFrom(1, 3, 64), async (groups, maxBatchRows) => {
        const bench = await openBench({ latencyMs: () => 7 }, { batching: { maxBatchRows } });
        const requests: ReturnType<typeof send> = [];
        const aborted = new Set<object>();
        for (const { atMs, count, timeoutMs, aborts } of groups) {
          bench.clock.setTimer(() => {
            const group = send(bench, count, timeoutMs === undefined ? {} : { timeoutMs });
            requests.push(...group);
            for (const { index, afterMs } of aborts) {
              const chosen = group[index];
              if (chosen === undefined) continue;
              bench.clock.setTimer(() => {
                if (chosen.state === 'pending') aborted.add(chosen);
                chosen.abort();
              }, afterMs);
            }
          }, atMs);
        }
        await bench.clock.advance(600);
        for (const request of requests) {
          expect(request.ends).toBe(1);
          if (aborted.has(request)) asError(request.error, 'ABORTED');
          else if (request.state === 'resolved') expectAnswered([request]);
        }
        expect(bench.runner.describe().batching).toMatchObject({ queuedRequests: 0, queuedRows: 0, queuedBytes: 0 });
        await closeBench(bench);
      }),
      { numRuns: 200 },
    );
  });
});
