import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { failure, pair, type Step, scriptedRunner } from '../resilience/scripted-runner.fixture';
import type { RunResult } from '../runner/runner';
import type { InputsOf } from '../signature';
import {
  asError,
  closeBench,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  rejection,
  thrownBy,
  until,
} from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import type { RunMany, RunManyResult } from './results';
import { runMany } from './run-many';

/** Takes all results; the error that ended the loop, where one did, is thrown. */
async function collect<T>(many: RunMany<T>, into: T[] = []): Promise<T[]> {
  for await (const result of many) into.push(result);
  return into;
}

/** Numbers from 0, with what was asked of them. */
function counter(length: number, clock?: VirtualClock, delayMs = 0) {
  const watch = { pulled: 0, closed: 0 };
  async function* numbers(): AsyncGenerator<number> {
    try {
      for (let value = 0; value < length; value++) {
        watch.pulled++;
        if (clock !== undefined && delayMs > 0) await new Promise<void>((go) => void clock.setTimer(go, delayMs));
        yield value;
      }
    } finally {
      watch.closed++;
    }
  }
  return { watch, source: numbers() };
}

const toInputs = (value: number) => pair(value, -value);

describe('runMany', () => {
  test('answers each item in order, on a runner that batches them', async () => {
    const bench = await openBench({ latencyMs: (rows) => 1 + rows / 10 });
    const rows = Array.from({ length: 200 }, (_, index) => inputOf(index));
    const results = await until(collect(runMany(bench.runner, rows, { clock: bench.clock })), bench.clock);
    expect(results.map(({ index }) => index)).toEqual(rows.map((_, index) => index));
    for (const { index, outputs, item } of results) {
      expect(numbersOf(outputs)).toEqual(doubled(index));
      expect(item).toBe(rows[index]);
    }
    expect(bench.backend.calls.length).toBeLessThan(20);
    expect(Math.max(...results.map(({ batchSize }) => batchSize))).toBe(64);
    await closeBench(bench);
  });

  test('lets callers who wait for one answer go first', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    const many = runMany(
      bench.runner,
      Array.from({ length: 40 }, (_, index) => inputOf(index)),
      { clock: bench.clock },
    );
    const all = follow(collect(many), bench.clock);
    await bench.clock.advance(15);
    const one = follow(bench.runner.run(inputOf(1000)), bench.clock);
    await bench.clock.advance(20);
    expect(one.state).toBe('resolved');
    expect(one.at).toBeLessThanOrEqual(30);
    expect(all.state).toBe('pending');
    await bench.clock.advance(100);
    expect(all.value).toHaveLength(40);
    await closeBench(bench);
  });

  test('passes on what concerns a request, and low priority where nothing is said', async () => {
    const clock = createVirtualClock();
    const runner = scriptedRunner(clock);
    await until(collect(runMany(runner, [pair()], { clock })), clock);
    const options = { timeoutMs: 5, key: 'me', idempotent: true, privacy: 'local-only', priority: 'high' } as const;
    await until(collect(runMany(runner, [pair()], { clock, ...options })), clock);
    const [plain, told] = runner.calls.map((call) => call.options);
    expect(plain).toEqual({ signal: expect.any(AbortSignal), priority: 'low' });
    expect(told).toEqual({ signal: expect.any(AbortSignal), ...options });
  });

  test('keeps an item that is more than its inputs', async () => {
    const clock = createVirtualClock();
    const records = [
      { id: 'a', numbers: [1, 2] },
      { id: 'b', numbers: [3, 4] },
    ];
    const many = runMany(scriptedRunner(clock), records, {
      clock,
      toInputs: ({ numbers }) => ({ x: Float32Array.from(numbers) }),
    });
    const results = await until(collect(many), clock);
    expect(results.map(({ item, outputs }) => [item.id, numbersOf(outputs)])).toEqual([
      ['a', [1, 2]],
      ['b', [3, 4]],
    ]);
  });

  test('asks for nothing before the first result is asked for, and for no more than may be held', async () => {
    const clock = createVirtualClock();
    const { source, watch } = counter(1000);
    const many = runMany(scriptedRunner(clock), source, { clock, toInputs, maxRows: 8 });
    await clock.advance(100);
    expect(watch.pulled).toBe(0);
    expect((await until(many.next(), clock)).value?.index).toBe(0);
    await clock.advance(1000);
    // The one that was handed over made room for another.
    expect(watch.pulled).toBe(9);
    expect(many.progress).toMatchObject({ taken: 9, answered: 1, held: 8, rowsInFlight: 0 });
    await many.return();
    expect(watch.closed).toBe(1);
  });

  test('bounds bytes as well as rows, and takes a larger item alone', async () => {
    const clock = createVirtualClock();
    const runner = scriptedRunner(clock);
    const rows = (count: number) => ({ x: new Float32Array(2 * count) });
    await until(
      collect(
        runMany(
          runner,
          Array.from({ length: 9 }, () => rows(1)),
          { clock, maxBytes: 24 },
        ),
      ),
      clock,
    );
    expect(runner.mostInFlight).toBe(3);
    const large = scriptedRunner(clock);
    const results = await until(
      collect(runMany(large, [rows(1), rows(100), rows(1), rows(1)], { clock, maxRows: 4 })),
      clock,
    );
    expect(results).toHaveLength(4);
    expect(large.calls.map(({ at }) => at - (large.calls[0]?.at ?? 0))).toEqual([0, 10, 20, 20]);
  });

  test('hands over as they end, when asked', async () => {
    const clock = createVirtualClock();
    const runner = scriptedRunner(clock, (call) => ({ afterMs: 50 - call * 10 }));
    const many = runMany(runner, [0, 1, 2, 3], { clock, toInputs, order: 'completion' });
    expect((await until(collect(many), clock)).map(({ index }) => index)).toEqual([3, 2, 1, 0]);
  });

  describe('an item that fails', () => {
    const script = (call: number): Step => (call === 2 ? { error: failure('RUN_FAILED', { field: 'x' }) } : {});

    test('ends the loop when its turn has come, and says which it was', async () => {
      const clock = createVirtualClock();
      const { source, watch } = counter(1000);
      const seen: RunManyResult<number>[] = [];
      const runner = scriptedRunner(clock, script);
      const many = runMany(runner, source, { clock, toInputs, maxRows: 5 });
      const error = await until(rejection(collect(many, seen), 'RUN_FAILED'), clock);
      expect(seen.map(({ index }) => index)).toEqual([0, 1]);
      expect(error.message).toBe('Item 2: Scripted RUN_FAILED.');
      expect(error.details).toEqual({ field: 'x', index: 2 });
      expect(watch.closed).toBe(1);
      expect(runner.inFlight).toBe(0);
      expect(await many.next()).toEqual({ done: true, value: undefined });
    });

    test('is a result like others, when asked', async () => {
      const clock = createVirtualClock();
      const many = runMany(scriptedRunner(clock, script), counter(5).source, { clock, toInputs, errors: 'yield' });
      const results = await until(collect(many), clock);
      expect(results.map(({ error }) => error?.code)).toEqual([
        undefined,
        undefined,
        'RUN_FAILED',
        undefined,
        undefined,
      ]);
      expect(results[2]).toMatchObject({ index: 2, item: 2 });
      expect(many.progress).toMatchObject({ taken: 5, answered: 4, failed: 1, held: 0 });
    });

    test('may fail by its own toInputs, or by a runner that throws what is no FairleadError', async () => {
      const clock = createVirtualClock();
      const runner = scriptedRunner(clock, (call) => (call === 1 ? { error: new TypeError('odd') } : {}));
      const many = runMany(runner, [0, 1, 2, 3], {
        clock,
        errors: 'yield',
        toInputs: (value) => {
          if (value === 1) throw new RangeError('no row');
          if (value === 3) throw failure('LIMIT_EXCEEDED');
          return pair(value);
        },
      });
      const results = await until(collect(many), clock);
      expect(results.map(({ error }) => error?.code)).toEqual([
        undefined,
        'INVALID_INPUT',
        'RUN_FAILED',
        'LIMIT_EXCEEDED',
      ]);
      expect(results[1]?.error?.message).toBe('toInputs threw: no row');
    });

    test('of a model: only its own rows', async () => {
      const bench = await openBench();
      const items = [inputOf(1), { x: new Float64Array(2) }, inputOf(3), {}] as InputsOf[];
      const many = runMany(bench.runner, items, { clock: bench.clock, errors: 'yield' });
      const results = await until(collect(many), bench.clock);
      expect(results.map(({ error }) => error?.code)).toEqual([undefined, 'INVALID_INPUT', undefined, 'INVALID_INPUT']);
      await closeBench(bench);
    });
  });

  describe('a runner that is closed', () => {
    test.for(['input', 'completion'] as const)(
      'ends the loop after what it still answers, in order of %s',
      async (order) => {
        const clock = createVirtualClock();
        const { source, watch } = counter(1000);
        const runner = scriptedRunner(clock, (call) => (call >= 4 ? { afterMs: 1, error: failure('CLOSED') } : {}));
        const seen: RunManyResult<number>[] = [];
        const many = runMany(runner, source, { clock, toInputs, maxRows: 6, errors: 'yield', order });
        await until(rejection(collect(many, seen), 'CLOSED'), clock);
        expect(seen.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
        expect(watch).toEqual({ pulled: 6, closed: 1 });
      },
    );
  });

  describe('a runner that is overloaded', () => {
    test('gets the item again after the time that it names, and less at once', async () => {
      const clock = createVirtualClock();
      const runner = scriptedRunner(clock, (call) =>
        call >= 2 && call < 6 ? { afterMs: 0, error: failure('OVERLOADED', { retryAfterMs: 500 }) } : {},
      );
      const many = runMany(runner, counter(6).source, { clock, toInputs });
      const results = await until(collect(many), clock);
      expect(results.map(({ outputs }) => numbersOf(outputs)[0])).toEqual([0, 1, 2, 3, 4, 5]);
      expect(runner.calls.slice(6).every(({ at }) => at >= 500)).toBe(true);
      // In the order of the source.
      expect(runner.calls.slice(6).map(({ x }) => x[0])).toEqual([2, 3, 4, 5]);
      expect(many.progress).toMatchObject({ refusals: 4, answered: 6 });
      expect(clock.pendingTimers).toBe(0);
    });

    test('is found to take what it can', async () => {
      const clock = createVirtualClock();
      const most = 10;
      const runner = scriptedRunner(clock, () =>
        runner.inFlight >= most ? { afterMs: 0, error: failure('OVERLOADED', { retryAfterMs: 20 }) } : {},
      );
      const many = runMany(runner, counter(3000).source, { clock, toInputs, maxRows: 400 });
      const results = await until(collect(many), clock, 10);
      expect(results).toHaveLength(3000);
      expect(many.progress.refusals).toBeLessThan(1200);
    });

    test('is given up on when it refuses for too long and answers nothing', async () => {
      const clock = createVirtualClock();
      const script = () => ({ afterMs: 0, error: failure('OVERLOADED', { retryAfterMs: 100 }) });
      const many = runMany(scriptedRunner(clock, script), [1, 2], { clock, toInputs, overloadTimeoutMs: 950 });
      const error = await until(rejection(collect(many), 'OVERLOADED'), clock);
      expect(error.details).toMatchObject({ retryAfterMs: 100, index: 0 });
      expect(clock.now()).toBeLessThanOrEqual(950);
      expect(many.progress.refusals).toBeGreaterThan(8);
      const hasty = runMany(scriptedRunner(clock, script), [1], { clock, toInputs, overloadTimeoutMs: 0 });
      await until(rejection(collect(hasty), 'OVERLOADED'), clock);
    });

    test('of our own, with a queue that is too short for the loop', async () => {
      const bench = await openBench({ latencyMs: () => 5 }, { batching: { maxBatchRows: 4, maxQueueRows: 6 } });
      const rows = Array.from({ length: 300 }, (_, index) => inputOf(index));
      const many = runMany(bench.runner, rows, { clock: bench.clock });
      const results = await until(collect(many), bench.clock);
      expect(results.map(({ outputs }) => numbersOf(outputs))).toEqual(rows.map((_, index) => doubled(index)));
      expect(many.progress.refusals).toBeGreaterThan(0);
      await closeBench(bench);
    });
  });

  describe('ends', () => {
    test('when the loop is left: what is in flight is cancelled and the source closed', async () => {
      const clock = createVirtualClock();
      const { source, watch } = counter(1000);
      const runner = scriptedRunner(clock);
      const loop = async () => {
        for await (const { index } of runMany(runner, source, { clock, toInputs, maxRows: 10 })) if (index === 3) break;
      };
      await until(loop(), clock);
      expect(watch.closed).toBe(1);
      expect(runner.inFlight).toBe(0);
      const calls = runner.calls.length;
      await clock.advance(1000);
      expect(runner.calls.length).toBe(calls);
      expect(clock.pendingTimers).toBe(0);
    });

    test('by its signal, at once, while it waits for a source that says nothing', async () => {
      const clock = createVirtualClock();
      const controller = new AbortController();
      const silent: AsyncIterable<number> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
      const many = runMany(scriptedRunner(clock), silent, { clock, toInputs, signal: controller.signal });
      const first = follow(many.next(), clock);
      const second = follow(many.next(), clock);
      await clock.advance(10);
      controller.abort(new Error('enough'));
      await clock.settle();
      const error = asError(first.error, 'ABORTED');
      expect(error.cause).toBe(controller.signal.reason);
      expect(second.value).toEqual({ done: true, value: undefined });
      expect(await many.next()).toEqual({ done: true, value: undefined });
    });

    test('by its signal while nobody waits: the next one hears of it, and what is in flight ends', async () => {
      const clock = createVirtualClock();
      const controller = new AbortController();
      const { source, watch } = counter(1000);
      const runner = scriptedRunner(clock);
      const many = runMany(runner, source, { clock, toInputs, signal: controller.signal, maxRows: 4 });
      await until(many.next(), clock);
      controller.abort();
      await clock.settle();
      expect([runner.inFlight, watch.closed]).toEqual([0, 1]);
      await rejection(many.next(), 'ABORTED');
      expect(await many.next()).toEqual({ done: true, value: undefined });
    });

    test('before it begins, when its signal is aborted already or it is left unused', async () => {
      const clock = createVirtualClock();
      const { source, watch } = counter(3);
      await rejection(
        runMany(scriptedRunner(clock), source, { clock, toInputs, signal: AbortSignal.abort() }).next(),
        'ABORTED',
      );
      const unused = runMany(scriptedRunner(clock), source, { clock, toInputs });
      await unused[Symbol.asyncDispose]();
      expect(await unused.next()).toEqual({ done: true, value: undefined });
      expect(watch.pulled).toBe(0);
    });

    test('by what the source throws, after the results of what came before', async () => {
      const clock = createVirtualClock();
      const broken = new Error('the file ended early');
      async function* source() {
        yield 0;
        yield 1;
        throw broken;
      }
      const seen: RunManyResult<number>[] = [];
      const many = runMany(scriptedRunner(clock), source(), { clock, toInputs, errors: 'yield' });
      const thrown = await until(
        collect(many, seen).catch((error: unknown) => error),
        clock,
      );
      expect(thrown).toBe(broken);
      expect(seen.map(({ index }) => index)).toEqual([0, 1]);
      const odd: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(undefined) }),
      };
      await expect(runMany(scriptedRunner(clock), odd, { clock, toInputs }).next()).rejects.toBe(undefined);
    });

    test('by what onProgress throws', async () => {
      const clock = createVirtualClock();
      const { source, watch } = counter(10);
      const heard: number[] = [];
      const many = runMany(scriptedRunner(clock), source, {
        clock,
        toInputs,
        onProgress({ answered }) {
          heard.push(answered);
          if (answered === 3) throw new Error('full disk');
        },
      });
      await until(expect(collect(many)).rejects.toThrow('full disk'), clock);
      expect(heard).toEqual([1, 2, 3]);
      expect(watch.closed).toBe(1);
    });

    test('with what closing the source throws, when the loop is left', async () => {
      const clock = createVirtualClock();
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false, value: 1 }),
          return: async () => {
            throw new Error('cannot close');
          },
        }),
      };
      const many = runMany(scriptedRunner(clock), source, { clock, toInputs, maxRows: 1 });
      await until(many.next(), clock);
      await clock.settle();
      await expect(many.return()).rejects.toThrow('cannot close');
    });
  });

  test('refuses what it cannot use', () => {
    const runner = scriptedRunner(createVirtualClock());
    expect(thrownBy(() => runMany(runner, 7 as never), 'INVALID_ARGUMENT').details.field).toBe('source');
    expect(thrownBy(() => runMany(runner, 'rows' as never), 'INVALID_ARGUMENT').details.field).toBe('source');
    expect(thrownBy(() => runMany({} as never, [pair()]), 'INVALID_ARGUMENT').details.field).toBe('runner');
    for (const options of [
      { maxRows: 0 },
      { order: 'random' },
      { errors: 'ignore' },
      { toInputs: 1 },
      { deadline: 5 },
    ]) {
      const error = thrownBy(() => runMany(runner, [pair()], options as never), 'INVALID_OPTION');
      expect(error.details.field).toBe(Object.keys(options)[0]);
    }
  });

  test('has results by the types of what goes in', () => {
    const check = () => {
      const runner = scriptedRunner(createVirtualClock());
      const thrown = runMany(runner, [pair()]);
      expectTypeOf(thrown.next).returns.resolves.toExtend<IteratorResult<RunResult, undefined>>();
      const kept = runMany(runner, [{ id: 1 }], { toInputs: ({ id }) => pair(id), errors: 'yield' });
      expectTypeOf(kept.next).returns.resolves.toEqualTypeOf<
        IteratorResult<RunManyResult<{ id: number }>, undefined>
      >();
      // @ts-expect-error items that are no inputs need toInputs
      runMany(runner, [{ id: 1 }]);
      // @ts-expect-error so they do with errors as results
      runMany(runner, [{ id: 1 }], { errors: 'yield' });
    };
    expect(check).toBeTypeOf('function');
  });

  describe('whatever happens', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 30 }),
      fails: fc.constantFrom(...(['no', 'no', 'no', 'OVERLOADED', 'RUN_FAILED'] as const)),
    });
    const scenarios = fc.record({
      items: fc.integer({ min: 0, max: 60 }),
      rows: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 9 }),
      steps: fc.array(step, { minLength: 1, maxLength: 30 }),
      order: fc.constantFrom('input' as const, 'completion' as const),
      maxRows: fc.integer({ min: 1, max: 20 }),
      sourceMs: fc.constantFrom(0, 0, 3),
      readMs: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 5 }),
      leaveAfter: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
    });

    test('nothing is lost or doubled, order is kept, and no more is held than may be', {
      timeout: 60_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(scenarios, async ({ items, rows, steps, order, maxRows, sourceMs, readMs, leaveAfter }) => {
          const clock = createVirtualClock();
          const runner = scriptedRunner(clock, (call) => {
            const { afterMs, fails } = steps[call % steps.length] as (typeof steps)[number];
            // Not for ever, or nothing would end.
            if (fails === 'OVERLOADED' && call < 200)
              return { afterMs: 0, error: failure('OVERLOADED', { retryAfterMs: 7 }) };
            return fails === 'RUN_FAILED' ? { afterMs, error: failure('RUN_FAILED') } : { afterMs };
          });
          const { source, watch } = counter(items, clock, sourceMs);
          const rowsOfItem = (index: number) => rows[index % rows.length] as number;
          const heldBound = maxRows - 1 + Math.max(...rows);
          const many = runMany(runner, source, {
            clock,
            order,
            maxRows,
            errors: 'yield',
            toInputs: (value) => ({ x: new Float32Array(2 * rowsOfItem(value)).fill(value) }),
          });
          const seen: RunManyResult<number>[] = [];
          const handed = new Set<number>();
          const loop = async () => {
            for await (const result of many) {
              seen.push(result);
              handed.add(result.index);
              let held = 0;
              for (let index = 0; index < watch.pulled - 1; index++) if (!handed.has(index)) held += rowsOfItem(index);
              expect(held).toBeLessThanOrEqual(heldBound);
              expect(many.progress.rowsInFlight).toBeLessThanOrEqual(heldBound);
              if (seen.length === leaveAfter) break;
              const pauseMs = readMs[seen.length % readMs.length] as number;
              if (pauseMs > 0) await new Promise<void>((go) => void clock.setTimer(go, pauseMs));
            }
          };
          await until(loop(), clock, 5);
          const indexes = seen.map(({ index }) => index);
          const expected = leaveAfter === undefined || leaveAfter === 0 ? items : Math.min(items, leaveAfter);
          expect(indexes).toHaveLength(expected);
          expect(new Set(indexes).size).toBe(expected);
          if (order === 'input') expect(indexes).toEqual(Array.from({ length: expected }, (_, index) => index));
          for (const { index, item, error, outputs } of seen) {
            expect(item).toBe(index);
            if (error === undefined) {
              expect(numbersOf(outputs)).toEqual(new Array(2 * rowsOfItem(index)).fill(index));
            } else expect(error.code).toBe('RUN_FAILED');
          }
          // Everything that was begun has ended.
          await clock.advance(100);
          expect([runner.inFlight, clock.pendingTimers]).toEqual([0, 0]);
          if (watch.pulled > 0) expect(watch.closed).toBe(1);
        }),
        { numRuns: 200 },
      );
    });
  });

  test('takes a hundred thousand rows, of which it never holds more than a few hundred', {
    timeout: 60_000,
  }, async () => {
    const answer: RunResult = {
      outputs: {},
      model: { name: 'instant', version: '1', digest: '' },
      timing: { queueMs: 0, computeMs: 0 },
      batchSize: 1,
    };
    const instant = { ...scriptedRunner(createVirtualClock()), run: async () => answer };
    const row = pair();
    function* rows() {
      for (let count = 0; count < 100_000; count++) yield row;
    }
    const many = runMany(instant, rows());
    let answered = 0;
    let mostHeld = 0;
    for await (const { index } of many) {
      if (index !== answered++) break;
      mostHeld = Math.max(mostHeld, many.progress.held);
    }
    expect(answered).toBe(100_000);
    expect(mostHeld).toBeLessThanOrEqual(512);
  });
});
