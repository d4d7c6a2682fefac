import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import type { Tensors } from '../tensor/tensor';
import type { MockBackendOptions } from '../testing/mock-backend';
import {
  asError,
  closeBench,
  dataOf,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  until,
} from '../testing/test-kit.fixture';
import { isolate, isolationBudget } from './isolate';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Doubles its rows; throws when one of them is poison. */
function poisonedBy(isPoison: (value: number) => boolean): NonNullable<MockBackendOptions['compute']> {
  return (inputs: Tensors) => {
    const values = numbersOf(inputs, 'x');
    const bad = values.find((value, index) => index % 2 === 0 && isPoison(value));
    if (bad !== undefined) throw new Error(`row ${bad} is poison`);
    return { y: { dtype: 'float32', shape: [values.length / 2, 2], data: Float32Array.from(values, (v) => v * 2) } };
  };
}

async function outcomesOf(count: number, isPoison: (value: number) => boolean) {
  const bench = await openBench({ compute: poisonedBy(isPoison), latencyMs: () => 1 });
  const outcomes = range(count).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
  await bench.clock.advance(200);
  return { bench, outcomes };
}

describe('a batch that fails', () => {
  test('costs one poisoned request among 64 alone its answer, wherever it lies', async () => {
    for (const bad of range(64)) {
      const { bench, outcomes } = await outcomesOf(64, (value) => value === bad);
      for (const [value, { state, value: result, error }] of outcomes.entries()) {
        expect(state, `request ${value} with ${bad} poisoned`).toBe(value === bad ? 'rejected' : 'resolved');
        if (value === bad) expect(asError(error, 'RUN_FAILED').message).toContain(`row ${bad} is poison`);
        else expect(numbersOf(result?.outputs)).toEqual(doubled(value));
      }
      expect(bench.backend.calls.length - 1).toBeLessThanOrEqual(2 * Math.log2(64));
      await closeBench(bench);
    }
  });

  test.each([2, 3, 5, 7, 33, 63])('of %i finds its one poisoned request within the budget', async (count) => {
    for (const bad of [0, count >> 1, count - 1]) {
      const { bench, outcomes } = await outcomesOf(count, (value) => value === bad);
      expect(outcomes.filter(({ state }) => state === 'rejected')).toHaveLength(1);
      expect(outcomes[bad]?.state).toBe('rejected');
      expect(bench.backend.calls.length - 1).toBeLessThanOrEqual(isolationBudget(count));
      await closeBench(bench);
    }
  });

  test('with many poisoned stays within the budget, and every request ends', async () => {
    for (const step of [1, 2, 3, 8, 16, 32]) {
      const { bench, outcomes } = await outcomesOf(64, (value) => value % step === 0);
      expect(bench.backend.calls.length - 1).toBeLessThanOrEqual(2 * Math.log2(64));
      for (const [value, { state, value: result, error }] of outcomes.entries()) {
        if (value % step === 0) expect(state).toBe('rejected');
        if (state === 'resolved') expect(numbersOf(result?.outputs)).toEqual(doubled(value));
        else asError(error, 'RUN_FAILED');
      }
      await closeBench(bench);
    }
  });

  test('of requests of any sizes with any of them poisoned: the bad fail, the budget holds, each ends once', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 64, size: 'max' });
    const batch = sizes.chain((rows) => fc.record({ rows: fc.constant(rows), bad: fc.subarray([...rows.keys()]) }));
    await fc.assert(
      fc.asyncProperty(batch, async ({ rows, bad }) => {
        const total = rows.reduce((sum, count) => sum + count, 0);
        const firstRows = rows.map((_, index) => rows.slice(0, index).reduce((sum, count) => sum + count, 0));
        const poison = new Set(bad.map((index) => (firstRows[index] as number) + (rows[index] as number) - 1));
        const bench = await openBench(
          { compute: poisonedBy((value) => poison.has(value)), latencyMs: () => 1 },
          { batching: { maxBatchRows: total } },
        );
        const values = rows.map((count, index) => range(count).map((row) => (firstRows[index] as number) + row));
        const outcomes = values.map((own) => follow(bench.runner.run(inputOf(...own)), bench.clock));
        await bench.clock.advance(200);
        expect(bench.backend.calls[0]?.rows).toBe(total);
        expect(bench.backend.calls.length - 1).toBeLessThanOrEqual(isolationBudget(rows.length));
        for (const [index, { state, ends, value, error }] of outcomes.entries()) {
          expect(ends).toBe(1);
          if (bad.includes(index)) expect(state).toBe('rejected');
          // With more bad ones than the budget finds, good ones may fall with them, but never where there is one or none.
          else if (bad.length < 2) expect(state).toBe('resolved');
          if (state === 'rejected') asError(error, 'RUN_FAILED');
          else expect(numbersOf(value?.outputs)).toEqual(doubled(...(values[index] as number[])));
        }
        await closeBench(bench);
      }),
      { numRuns: 150 },
    );
  });

  test('in one batch of many costs those of the other batches nothing', async () => {
    const bench = await openBench(
      { workers: true, compute: poisonedBy((value) => value === 200), latencyMs: () => 5 },
      { lanes: 2 },
    );
    const outcomes = range(512).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(500);
    expect(outcomes.filter(({ state }) => state === 'resolved')).toHaveLength(511);
    asError(outcomes[200]?.error, 'RUN_FAILED');
    expect(bench.backend.calls.length - 512 / 64).toBeLessThanOrEqual(2 * Math.log2(64));
    await closeBench(bench);
  });

  test('by chance costs nobody an answer', async () => {
    const bench = await openBench({ latencyMs: () => 1 });
    bench.backend.failNext(new Error('a hiccup'));
    const outcomes = range(8).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(20);
    expect(outcomes.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([8, 4, 4]);
    await closeBench(bench);
  });

  test('of one request fails with the error of the runtime and is not run again', async () => {
    const bench = await openBench();
    const cause = new RangeError('out of luck');
    bench.backend.failNext(cause);
    const outcome = follow(bench.runner.run(inputOf(1, 2, 3)), bench.clock);
    await bench.clock.settle();
    const error = asError(outcome.error, 'RUN_FAILED');
    expect(error.cause).toBe(cause);
    expect(error.message).toContain('out of luck');
    expect(bench.backend.calls).toHaveLength(1);
    await closeBench(bench);
  });

  test.each([undefined, null, 'a string', 0])('with %s thrown still fails with RUN_FAILED', async (thrown) => {
    const bench = await openBench();
    bench.backend.failNext(thrown);
    const outcome = follow(bench.runner.run(inputOf(1)), bench.clock);
    await bench.clock.settle();
    asError(outcome.error, 'RUN_FAILED');
    await closeBench(bench);
  });

  test('with an error that no row is to blame for is not halved', async () => {
    for (const code of ['LANE_LOST', 'BACKEND_UNAVAILABLE', 'CLOSED'] as const) {
      const bench = await openBench();
      bench.backend.failNext(new FairleadError(code, 'not the rows'));
      const outcomes = range(4).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
      await bench.clock.settle();
      for (const { error } of outcomes) asError(error, code);
      expect(bench.backend.calls).toHaveLength(1);
      await closeBench(bench);
    }
  });

  test('stops being halved when a part fails with such an error', async () => {
    const bench = await openBench();
    bench.backend.failNext(new Error('rows'), new FairleadError('LANE_LOST', 'not the rows'));
    const outcomes = range(16).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.settle();
    for (const { error } of outcomes.slice(0, 8)) asError(error, 'LANE_LOST');
    expect(outcomes.slice(8).every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([16, 8, 8]);
    await closeBench(bench);
  });

  test('does not run again who was aborted or expired in the meantime', async () => {
    const bench = await openBench({ compute: poisonedBy((value) => value === 7), latencyMs: () => 10 });
    const controller = new AbortController();
    const outcomes = range(8).map((value) =>
      follow(
        bench.runner.run(
          inputOf(value),
          // Of low priority, so that the one with a deadline lies in the second half.
          value === 4
            ? { signal: controller.signal, priority: 'low' }
            : value === 5
              ? { timeoutMs: 15, priority: 'low' }
              : value > 3
                ? { priority: 'low' }
                : {},
        ),
        bench.clock,
      ),
    );
    await bench.clock.advance(12);
    controller.abort();
    await bench.clock.advance(200);
    expect(outcomes.map(({ error }) => (error as FairleadError | undefined)?.code)).toEqual([
      ...[undefined, undefined, undefined, undefined],
      ...['ABORTED', 'DEADLINE_EXCEEDED', undefined, 'RUN_FAILED'],
    ]);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([8, 4, 2, 1, 1]);
    await closeBench(bench);
  });

  test('does not run again a request whose deadline has passed while the parts before it ran', async () => {
    const bench = await openBench({ compute: poisonedBy((value) => value === 1), latencyMs: () => 10 });
    const starts: number[] = [];
    const outcomes = range(4).map((value) =>
      follow(bench.runner.run(inputOf(value), value === 3 ? { timeoutMs: 25, priority: 'low' } : {}), bench.clock),
    );
    await bench.clock.advance(200);
    for (const { at, inputs } of bench.backend.calls) if (numbersOf(inputs, 'x').includes(3)) starts.push(at);
    asError(outcomes[3]?.error, 'DEADLINE_EXCEEDED');
    expect(outcomes[3]?.at).toBe(25);
    expect(Math.max(...starts)).toBeLessThan(25);
    expect(outcomes[2]?.state).toBe('resolved');
    await closeBench(bench);
  });

  test('keeps its lane until the search is over, and the queue goes on afterwards', async () => {
    const bench = await openBench(
      { compute: poisonedBy((value) => value === 2), latencyMs: () => 10 },
      { batching: { maxBatchRows: 4 } },
    );
    const outcomes = range(9).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(300);
    expect(outcomes.filter(({ state }) => state === 'rejected')).toHaveLength(1);
    expect(outcomes[2]?.state).toBe('rejected');
    expect(bench.backend.mostInFlight).toBe(1);
    await closeBench(bench);
  });

  test('is told as such, and its parts that were answered are told like any batch', async () => {
    const bench = await openBench({ compute: poisonedBy((value) => value === 5), latencyMs: () => 1 });
    const failed: number[] = [];
    const ended: number[] = [];
    bench.runner.events.on('batch-fail', ({ rows, lane, error }) => {
      failed.push(rows);
      expect(lane).toBe('inline');
      asError(error, 'RUN_FAILED');
    });
    bench.runner.events.on('batch-end', ({ inputs, outputs, requests, queueMs }) => {
      const values = numbersOf(inputs, 'x');
      expect(numbersOf(outputs)).toEqual(values.map((value) => value * 2));
      expect(queueMs).toHaveLength(requests);
      ended.push(...values.filter((_, index) => index % 2 === 0));
    });
    const outcomes = range(8).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(100);
    expect(outcomes.filter(({ state }) => state === 'resolved')).toHaveLength(7);
    expect(failed).toEqual([8, 4, 2, 1]);
    expect(ended.sort()).toEqual([0, 1, 2, 3, 4, 6, 7]);
    const { rows, requests, batches, left } = bench.runner.describe().batching;
    expect({ rows, requests, batches }).toEqual({ rows: 7, requests: 7, batches: 3 });
    expect(Object.values(left).reduce((sum, count) => sum + count, 0)).toBe(7);
    await closeBench(bench);
  });

  test('does not keep close waiting for ever', async () => {
    const bench = await openBench({ compute: poisonedBy(() => true), latencyMs: () => 10 });
    const outcomes = range(20).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await closeBench(bench);
    expect(outcomes.every(({ state }) => state === 'rejected')).toBe(true);
  });
});

describe('an answer that is none', () => {
  type Answer = (rows: number) => unknown;
  const floats = (length: number) => new Float32Array(length);
  const cases: [string, Answer, string][] = [
    ['nothing', () => undefined, 'y'],
    ['null', () => null, 'y'],
    ['no such output', () => ({}), 'y'],
    ['no tensor', () => ({ y: 3 }), 'y'],
    ['a null output', () => ({ y: null }), 'y'],
    ['another dtype', (rows) => ({ y: { dtype: 'float64', shape: [rows, 2], data: new Float64Array(rows * 2) } }), 'y'],
    ['too few rows', (rows) => ({ y: { dtype: 'float32', shape: [rows - 1, 2], data: floats(rows * 2 - 2) } }), 'y'],
    ['too many rows', (rows) => ({ y: { dtype: 'float32', shape: [rows + 1, 2], data: floats(rows * 2 + 2) } }), 'y'],
    ['a scalar', () => ({ y: { dtype: 'float32', shape: [], data: floats(1) } }), 'y'],
    ['no shape', (rows) => ({ y: { dtype: 'float32', data: floats(rows * 2) } }), 'y'],
    ['fewer data than its shape says', (rows) => ({ y: { dtype: 'float32', shape: [rows, 2], data: floats(3) } }), 'y'],
    ['more data than its shape says', (rows) => ({ y: { dtype: 'float32', shape: [rows, 2], data: floats(99) } }), 'y'],
    ['another array', (rows) => ({ y: { dtype: 'float32', shape: [rows, 2], data: new Float64Array(rows * 2) } }), 'y'],
    [
      'plain numbers',
      (rows) => ({ y: { dtype: 'float32', shape: [rows, 2], data: new Array(rows * 2).fill(0) } }),
      'y',
    ],
  ];

  test.each(cases)(
    '(%s) fails its callers with OUTPUT_INVALID, and later ones are served',
    async (_what, answer, field) => {
      let broken = true;
      const bench = await openBench({
        compute: (inputs, rows) =>
          broken
            ? (answer(rows) as Tensors)
            : { y: { dtype: 'float32', shape: [rows, 2], data: dataOf(inputs, 'x', 'float32').slice() } },
      });
      const outcomes = [1, 2, 3].map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
      await bench.clock.settle();
      for (const { error } of outcomes) {
        const { details, message } = asError(error, 'OUTPUT_INVALID');
        expect(details.field).toBe(field);
        expect(details.expected).toBeTypeOf('string');
        expect(message).toContain(String(details.given));
      }
      expect(bench.backend.calls).toHaveLength(1);
      broken = false;
      expect(numbersOf((await until(bench.runner.run(inputOf(4)), bench.clock)).outputs)).toEqual([4, -4]);
      await closeBench(bench);
    },
  );

  test('with another number of rows is what a model without rows may give when batching is off', async () => {
    const bench = await openBench(
      {
        compute: (inputs) => ({
          y: { dtype: 'float32', shape: [1], data: Float32Array.of(numbersOf(inputs, 'x').reduce((a, b) => a + b, 0)) },
        }),
      },
      { batching: false },
    );
    const { outputs } = await until(bench.runner.run({ x: Float32Array.of(1, 2, 3, 4) }), bench.clock);
    expect(outputs.y).toMatchObject({ shape: [1] });
    expect(numbersOf(outputs)).toEqual([10]);
    await closeBench(bench);
  });
});

describe('isolate', () => {
  test('runs every item that is good exactly once to success when one is bad', async () => {
    for (const count of [2, 3, 4, 9, 31, 64, 100]) {
      for (const bad of [0, 1, count - 1]) {
        const answered: number[] = [];
        const blamed: number[] = [];
        let runs = 0;
        await isolate(range(count), 'first', {
          async run(group) {
            runs++;
            if (group.includes(bad)) return { ok: false, error: `group of ${group.length}`, divisible: true };
            answered.push(...group);
            return { ok: true };
          },
          isOpen: () => true,
          onBad(item, error) {
            blamed.push(item);
            expect(error).toBe('group of 1');
          },
        });
        expect(blamed).toEqual([bad]);
        expect(answered.sort((a, b) => a - b)).toEqual(range(count).filter((item) => item !== bad));
        expect(runs).toBeLessThanOrEqual(isolationBudget(count));
      }
    }
  });

  test('has a budget of two runs for each halving', () => {
    expect([2, 3, 4, 5, 8, 64, 65].map(isolationBudget)).toEqual([2, 4, 4, 6, 6, 12, 14]);
  });
});
