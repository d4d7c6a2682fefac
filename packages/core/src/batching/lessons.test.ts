import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { RunOptions } from '../runner/runner';
import { defineModel, type StandardSchema, withPredict } from '../runner/typed-model';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import {
  asError,
  type Bench,
  closeBench,
  dataOf,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  rejection,
  rowsOf,
  until,
} from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';

/* What users of other batchers have had to complain about. Each complaint is a promise here, held through the public API. */

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

/** Sends one request of the default signature. */
const send = ({ runner, clock }: Bench, value: number, options?: RunOptions) =>
  follow(runner.run(inputOf(value), options), clock);

// triton #7512: timeouts that fire only once the running batch has ended
describe('a timeout fires when its time is up, whatever the model is doing', () => {
  test.each([
    ['inline', 'inline' as const],
    ['in a worker', 1],
  ])('in the queue and in flight, %s', async (_where, lanes) => {
    const bench = await openBench({ workers: true, latencyMs: () => 10_000 }, { lanes });
    const inFlight = send(bench, 1, { timeoutMs: 30 });
    await bench.clock.advance(10);
    const queued = send(bench, 2, { timeoutMs: 40 });
    const patient = send(bench, 3);
    await bench.clock.advance(100);
    expect([inFlight.at, queued.at]).toEqual([30, 50]);
    for (const { error } of [inFlight, queued]) asError(error, 'DEADLINE_EXCEEDED');
    expect(patient.state).toBe('pending');
    // The one that ran out in the queue is not computed for nobody.
    await closeBench(bench);
    expect(bench.backend.calls.flatMap(({ inputs }) => numbersOf(inputs, 'x'))).toEqual([1, -1, 3, -3]);
  });
});

// MLServer #1936, #2065: waits that were computed from the wrong moment, or begun anew by every newcomer
describe('time is counted from the arrival of each request', () => {
  test('each ends at its own deadline, in whatever order they come', async () => {
    const requests = fc.array(fc.tuple(fc.nat({ max: 200 }), fc.integer({ min: 1, max: 500 })), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(requests, async (planned) => {
        const bench = await openBench({ latencyMs: () => 2000 });
        send(bench, -1);
        const outcomes = [];
        for (const [at, timeoutMs] of planned.sort(([a], [b]) => a - b)) {
          await bench.clock.advance(at - bench.clock.now());
          outcomes.push(send(bench, 0, { timeoutMs }));
        }
        await bench.clock.advance(1000);
        expect(outcomes.map(({ at }) => at)).toEqual(planned.map(([at, timeoutMs]) => at + timeoutMs));
        await closeBench(bench);
      }),
      { numRuns: 100 },
    );
  });

  test('newcomers do not put off those who wait', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const outcomes = [];
    // One every millisecond: whoever comes while the lane works leaves with the next batch, at the latest 10 ms later.
    for (const value of range(100)) {
      outcomes.push(send(bench, value));
      await bench.clock.advance(1);
    }
    await bench.clock.advance(30);
    for (const [value, { at, value: result }] of outcomes.entries()) {
      expect((at as number) - value).toBeLessThanOrEqual(20);
      expect(result?.timing.queueMs).toBeLessThanOrEqual(10);
    }
    await closeBench(bench);
  });
});

// MLServer #1306: answers split at the wrong places
test('requests of uneven sizes get their own rows of every output, of whatever width and dtype', async () => {
  const signature: ModelSignature = {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
    outputs: [
      { name: 'scores', dtype: 'float32', shape: ['batch', 3] },
      { name: 'id', dtype: 'int64', shape: ['batch'] },
      { name: 'label', dtype: 'string', shape: ['batch', 1] },
      { name: 'map', dtype: 'uint8', shape: ['batch', 2, 2] },
    ],
    batchAxis: 0,
  };
  const answer = (ids: readonly number[]): Tensors => ({
    scores: { dtype: 'float32', shape: [ids.length, 3], data: Float32Array.from(ids.flatMap((id) => [id, id, -id])) },
    id: { dtype: 'int64', shape: [ids.length], data: BigInt64Array.from(ids, BigInt) },
    label: { dtype: 'string', shape: [ids.length, 1], data: ids.map((id) => `row ${id}`) },
    map: { dtype: 'uint8', shape: [ids.length, 2, 2], data: Uint8Array.from(ids.flatMap((id) => [id, 1, 2, id])) },
  });
  const bench = await openBench({
    signature,
    compute: (inputs) => answer([...dataOf(inputs, 'x', 'float32')].filter((_, index) => index % 2 === 0)),
  });
  const sizes = [1, 5, 2, 17, 1, 3, 30, 70, 4];
  const requests = sizes.map((size, index) =>
    range(
      size,
      sizes.slice(0, index).reduce((sum, count) => sum + count, 0),
    ),
  );
  const results = await until(
    Promise.all(requests.map((ids) => bench.runner.run({ x: rowsOf(...ids.map((id) => [id, 0])) }))),
    bench.clock,
  );
  for (const [index, ids] of requests.entries()) expect(results[index]?.outputs).toEqual(answer(ids));
  expect(bench.backend.calls.length).toBeLessThan(sizes.length);
  await closeBench(bench);
});

// BentoML #3710: limits that look at what waits and forget what comes
test('the limit of a batch counts the rows of each request that joins it', async () => {
  const bench = await openBench({ latencyMs: () => 5 }, { batching: { maxBatchRows: 10 } });
  const sizes = [9, 5, 6, 1, 10, 4, 4, 4, 23];
  const outcomes = sizes.map((size) => follow(bench.runner.run(inputOf(...range(size))), bench.clock));
  await bench.clock.advance(200);
  for (const [index, { value }] of outcomes.entries()) {
    expect(numbersOf(value?.outputs)).toEqual(doubled(...range(sizes[index] as number)));
  }
  expect(Math.max(...bench.backend.calls.map(({ rows }) => rows))).toBeLessThanOrEqual(10);
  await closeBench(bench);
});

/** A virtual clock that counts what it is asked to do later. */
function busyClock(): { clock: VirtualClock; watched: VirtualClock; asked: () => number } {
  const clock = createVirtualClock();
  let count = 0;
  const counted =
    <Arguments extends unknown[], Result>(method: (...args: Arguments) => Result) =>
    (...args: Arguments): Result => {
      count++;
      return method(...args);
    };
  const watched: VirtualClock = Object.create(clock, {
    defer: { value: counted(clock.defer) },
    setTimer: { value: counted(clock.setTimer) },
  });
  return { clock, watched, asked: () => count };
}

// BentoML #3646: a loop that cancels the oldest again and again and computes nothing
describe('requests that give up cost the others nothing', () => {
  test('those behind them are computed together, as soon as the lane is free', async () => {
    const { clock, watched, asked } = busyClock();
    const bench = await openBench({ latencyMs: () => 10 }, { clock: watched }, clock);
    send(bench, -1);
    await clock.advance(1);
    const controllers = range(50).map(() => new AbortController());
    const oldest = controllers.flatMap(({ signal }, value) => [
      send(bench, value, { timeoutMs: 5 }),
      send(bench, value, { signal }),
    ]);
    const behind = range(50, 1000).map((value) => send(bench, value));
    await clock.advance(5);
    const before = asked();
    for (const controller of controllers) controller.abort();
    await clock.advance(20);
    for (const [index, { error }] of oldest.entries()) {
      asError(error, index % 2 === 0 ? 'DEADLINE_EXCEEDED' : 'ABORTED');
    }
    for (const { at } of behind) expect(at).toBe(20);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([1, 50]);
    // Some turns for the batch, and none for each of the hundred.
    expect(asked() - before).toBeLessThan(20);
    await closeBench(bench);
  });

  test('an idle runner, and one whose lane is busy, do nothing at all', async () => {
    const { clock, watched, asked } = busyClock();
    const bench = await openBench({ latencyMs: () => 5000 }, { clock: watched }, clock);
    await clock.advance(1000);
    expect(asked()).toBe(0);
    send(bench, 1);
    send(bench, 2, { timeoutMs: 60_000 });
    await clock.advance(10);
    send(bench, 3);
    const before = asked();
    await clock.advance(4000);
    expect(asked()).toBe(before);
    await closeBench(bench);
  });
});

// LitServe #340: one bad item that fails all that travel with it
test('one bad item fails alone', async () => {
  const bench = await openBench({
    compute(inputs, rows) {
      const data = dataOf(inputs, 'x', 'float32');
      if (data.includes(13)) throw new Error('thirteen');
      return { y: { dtype: 'float32', shape: [rows, 2], data: data.map((value) => value * 2) } };
    },
  });
  const outcomes = range(40).map((value) => send(bench, value));
  await bench.clock.settle();
  for (const [value, { value: result, error }] of outcomes.entries()) {
    if (value === 13) expect(asError(error, 'RUN_FAILED').message).toContain('thirteen');
    else expect(numbersOf(result?.outputs)).toEqual(doubled(value));
  }
  await closeBench(bench);
});

// ray #66141: a callback of the user that throws, after which nobody gets an answer
describe('whatever of the user throws, others get their answers and close ends', () => {
  const boom = (): never => {
    throw new Error('thrown by the user');
  };

  test('a listener, and a logger that hears of it', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {});
    const log = { debug: boom, info: boom, warn: boom, error: boom };
    const on = { 'batch-end': boom, 'batch-fail': boom, 'request-fail': boom, 'model-ready': boom };
    const bench = await openBench({ latencyMs: () => 1 }, { on, logger: log });
    bench.backend.failNext(new Error('once'));
    const outcomes = [send(bench, 1), send(bench, 2), send(bench, 3, { timeoutMs: 0.5 })];
    await rejection(bench.runner.run({}), 'INVALID_INPUT');
    await bench.clock.advance(20);
    expect(outcomes.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'rejected']);
    await closeBench(bench);
    // What could not be logged is not lost.
    const lines = said.mock.calls.map(([line]) => String(line));
    said.mockRestore();
    for (const event of Object.keys(on)) expect(lines.join()).toContain(`A listener of "${event}" threw`);
  });

  test('a backend, in the call itself or later', async () => {
    for (const compute of [boom, async () => boom()]) {
      let broken = true;
      const bench = await openBench({
        compute: (inputs) => (broken ? compute() : { y: inputs.x as NonNullable<Tensors[string]> }),
      });
      const failing = [send(bench, 1), send(bench, 2)];
      await bench.clock.settle();
      for (const { error } of failing) asError(error, 'RUN_FAILED');
      broken = false;
      expect(numbersOf((await until(bench.runner.run(inputOf(3)), bench.clock)).outputs)).toEqual([3, -3]);
      await closeBench(bench);
    }
  });

  test('a getter among the inputs', async () => {
    const bench = await openBench();
    const others = [send(bench, 1), send(bench, 2)];
    const hostile = Object.defineProperty({}, 'x', { get: boom, enumerable: true });
    await expect(bench.runner.run(hostile)).rejects.toThrow('thrown by the user');
    await bench.clock.settle();
    expect(others.map(({ state }) => state)).toEqual(['resolved', 'resolved']);
    await closeBench(bench);
  });

  test('a schema, an encoder or a decoder of a typed model', async () => {
    const anything: StandardSchema<number> = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as number }) },
    };
    const picky = (refused: number) => (value: number) => (value === refused ? boom() : value);
    const [checked, encoded, decoded] = [picky(1), picky(2), picky(3)];
    const definition = defineModel({
      input: { '~standard': { ...anything['~standard'], validate: (value) => ({ value: checked(value as number) }) } },
      output: anything,
      encode: (value: number) => inputOf(encoded(value)),
      decode: (outputs) => decoded((numbersOf(outputs)[0] as number) / 2),
    });
    const bench = await openBench();
    const typed = withPredict(bench.runner, definition);
    const outcomes = range(5).map((value) => follow(typed.predict(value), bench.clock));
    await bench.clock.settle();
    expect(outcomes.map(({ value }) => value)).toEqual([0, undefined, undefined, undefined, 4]);
    for (const { error } of outcomes.slice(1, 4)) expect((error as Error).message).toBe('thrown by the user');
    await closeBench(bench);
  });
});

// TorchServe #2333: a full queue that lets callers wait in place of turning them away
test('a full queue refuses at once and says when to try again', async () => {
  const bench = await openBench({ latencyMs: () => 1000 }, { batching: { maxBatchRows: 4, maxQueueRows: 8 } });
  const taken = range(4).map((value) => send(bench, value));
  await bench.clock.advance(1000);
  taken.push(...range(12).map((value) => send(bench, value)));
  await bench.clock.settle();
  const before = bench.clock.now();
  let retryAfterMs = Number.NaN;
  const refused = range(20).map((value) => send(bench, value));
  // Not a timer has to run for it.
  await Promise.resolve();
  for (const { at, error } of refused) {
    expect(at).toBe(before);
    const { details, message } = asError(error, 'OVERLOADED');
    expect(details.retryAfterMs).toBeGreaterThan(0);
    expect(message).toContain(`${details.retryAfterMs} ms`);
    retryAfterMs = details.retryAfterMs as number;
  }
  // Advice that holds: one who follows it finds room.
  await bench.clock.advance(retryAfterMs);
  const again = send(bench, 7);
  await bench.clock.advance(10_000);
  for (const { state } of [...taken, again]) expect(state).toBe('resolved');
  await closeBench(bench);
});

// triton #7776, BentoML #4753: nobody can tell why batches are as large as they are
describe('what was tuned, and why, can be seen', () => {
  test('every batch says why it left, and describe() counts the reasons', async () => {
    const bench = await openBench({ latencyMs: (rows) => 5 + rows }, { batching: { maxBatchRows: 8 } });
    const reasons = new Map<string, number>();
    bench.runner.events.on('batch-end', ({ reason }) => reasons.set(reason, (reasons.get(reason) ?? 0) + 1));
    // A lone one, a crowd, and some that still wait when the runner is closed.
    send(bench, 0);
    await bench.clock.advance(50);
    expect(reasons).toEqual(new Map([['idle', 1]]));
    for (const value of range(40)) send(bench, value, value % 3 === 0 ? { timeoutMs: 500 } : {});
    await bench.clock.advance(300);
    for (const value of range(5)) send(bench, value);
    await bench.clock.settle();
    for (const value of range(3)) send(bench, value);
    await closeBench(bench);
    const { left, batches } = bench.runner.describe().batching;
    expect(Object.entries(left).filter(([, count]) => count > 0)).toEqual(
      expect.arrayContaining([...reasons.entries()]),
    );
    expect(Object.values(left).reduce((sum, count) => sum + count, 0)).toBe(batches);
    expect(reasons.size).toBeGreaterThan(1);
  });

  test('the limits in force, the lanes and why they are so, and what a batch of each size took', async () => {
    const bench = await openBench(
      { workers: true, latencyMs: (rows) => rows },
      { lanes: 'auto', warmUp: true, batching: { maxBatchRows: 8 } },
    );
    const { batching, lanes, warmUp, device } = bench.runner.describe();
    expect(batching).toMatchObject({ maxBatchRows: 8, maxQueueRows: 8192, maxQueueBytes: 256 * 2 ** 20 });
    expect(lanes.slots.length).toBeGreaterThan(0);
    expect(lanes.reason).toMatch(/\d+(\.\d+)? ms/);
    expect(warmUp).toEqual([1, 2, 4, 8].map((rows) => ({ rows, computeMs: rows })));
    expect(device).toBe('cpu');
    await closeBench(bench);
  });
});
