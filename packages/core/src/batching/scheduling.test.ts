import { describe, expect, test } from 'vitest';
import type { BatchReason, RunOptions } from '../runner/runner';
import {
  asError,
  type Bench,
  closeBench,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  rejection,
  until,
} from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

/** Sends one-row requests in one turn. */
function send(bench: Bench, values: readonly number[], options?: RunOptions) {
  return values.map((value) => follow(bench.runner.run(inputOf(value), options), bench.clock));
}

/** The first number of every row of every batch, in the order in which batches were computed. */
function batchesOf({ backend }: Bench): number[][] {
  return backend.calls.map(({ inputs }) => numbersOf(inputs, 'x').filter((_, index) => index % 2 === 0));
}

/** Teaches the runner what batches cost, by batches of every size. */
async function teach(bench: Bench, maxRows: number): Promise<void> {
  for (let round = 0; round < 4; round++) {
    for (let rows = 1; rows <= maxRows; rows *= 2) {
      await until(bench.runner.run(inputOf(...range(rows))), bench.clock);
    }
  }
}

/** Sends two requests in each of so many turns of the event loop, the values counted from 1; `onTurn` is called in each. */
function trickle(bench: Bench, turns: number, onTurn: () => void = () => {}): void {
  const next = (turn: number): void => {
    onTurn();
    send(bench, [2 * turn - 1, 2 * turn]);
    if (turn < turns) bench.clock.defer(() => next(turn + 1));
  };
  next(1);
}

/** Has two lanes, of which one is idle and the other computes for some milliseconds more. */
async function halfBusy(bench: Bench): Promise<void> {
  send(bench, [-1]);
  await bench.clock.advance(5);
  send(bench, [-2, -3]);
  await bench.clock.advance(6);
  expect(batchesOf(bench)).toEqual([[-1], [-2, -3]]);
}

describe('while a lane computes, an idle one', () => {
  test('is left alone as long as each turn brings more, and then takes all of it', async () => {
    const bench = await openBench({ workers: true, latencyMs: () => 10 }, { lanes: 2 });
    await halfBusy(bench);
    trickle(bench, 4);
    await bench.clock.settle();
    expect(batchesOf(bench).slice(2)).toEqual([range(8, 1)]);
    await bench.clock.advance(20);
    await closeBench(bench);
  });

  test('takes what there is when a millisecond has passed', async () => {
    const clock = createVirtualClock();
    let skewMs = 0;
    const skewed = Object.create(clock, { now: { value: () => clock.now() + skewMs } });
    const bench = await openBench({ workers: true, latencyMs: () => 10 }, { lanes: 2, clock: skewed }, clock);
    await halfBusy(bench);
    trickle(bench, 8, () => {
      skewMs += 0.4;
    });
    await clock.settle();
    expect(batchesOf(bench).slice(2)).toEqual([range(10, 1)]);
    await clock.advance(20);
    expect(batchesOf(bench).slice(2).flat()).toEqual(range(16, 1));
    await closeBench(bench);
  });
});

describe('while a lane computes, one that becomes idle', () => {
  test('is left alone as long as each turn brings more, and then takes all of it', async () => {
    const bench = await openBench({ workers: true, latencyMs: (rows) => 10 * rows }, { lanes: 2 });
    await halfBusy(bench);
    // The lane of -2 and -3 goes on when that of -4 is free; -5 has waited by then, and who has his answer asks again.
    void bench.runner.run(inputOf(-4)).then(() => trickle(bench, 3));
    await bench.clock.advance(1);
    send(bench, [-5]);
    await bench.clock.advance(9);
    expect(batchesOf(bench).slice(2)).toEqual([[-4], [-5, ...range(6, 1)]]);
    await bench.clock.advance(100);
    await closeBench(bench);
  });
});

describe('what batches cost', () => {
  test('is learned from them, and shown', async () => {
    const bench = await openBench({ latencyMs: (rows) => 4 + rows }, { batching: { maxBatchRows: 16 } });
    await teach(bench, 16);
    const [cost] = bench.runner.describe().batching.costs;
    expect(cost).toMatchObject({ shape: '', lane: 'inline' });
    expect(cost?.fixedMs).toBeCloseTo(4, 0);
    expect(cost?.msPerRow).toBeCloseTo(1, 0);
    expect(cost?.sizes.map(({ rows }) => Math.round(rows))).toEqual([1, 2, 4, 8, 16]);
    await closeBench(bench);
  });

  test('is known from the warm-up on', async () => {
    const bench = await openBench(
      { latencyMs: (rows) => 4 + rows },
      { batching: { maxBatchRows: 8 }, warmUp: true, lanes: 'inline' },
    );
    expect(bench.runner.describe().batching.costs[0]?.fixedMs).toBeCloseTo(4, 0);
    await closeBench(bench);
  });

  test('is told apart by shape', async () => {
    const signature = {
      inputs: [{ name: 'x', dtype: 'float32' as const, shape: ['batch', 'width'] }],
      outputs: [{ name: 'y', dtype: 'float32' as const, shape: ['batch', 'width'] }],
      batchAxis: 0,
    };
    const bench = await openBench({ signature });
    for (const width of [2, 3]) {
      const x = { dtype: 'float32' as const, shape: [1, width], data: new Float32Array(width) };
      await until(bench.runner.run({ x }), bench.clock);
    }
    expect(bench.runner.describe().batching.costs.map(({ shape }) => shape)).toEqual(['width=2;', 'width=3;']);
    await closeBench(bench);
  });

  test('makes batches no larger than they gain by', async () => {
    const bench = await openBench({ latencyMs: (rows) => 10 * rows }, { batching: { maxBatchRows: 16 } });
    await teach(bench, 16);
    const before = bench.backend.calls.length;
    const requests = send(bench, range(32));
    await bench.clock.advance(1000);
    expect(requests.every(({ state }) => state === 'resolved')).toBe(true);
    const sizes = bench.backend.calls.slice(before).map(({ rows }) => rows);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2);
    expect(bench.runner.describe().batching.left.knee).toBeGreaterThan(10);
    await closeBench(bench);
  });

  test('goes for the best rate where that is what counts', async () => {
    const latencyMs = (rows: number) => 10 + 8 * rows;
    const sizesWith = async (objective: 'latency' | 'throughput'): Promise<number> => {
      const bench = await openBench({ latencyMs }, { batching: { maxBatchRows: 64, objective } });
      await teach(bench, 64);
      const before = bench.backend.calls.length;
      send(bench, range(256));
      await bench.clock.advance(10_000);
      const largest = Math.max(...bench.backend.calls.slice(before).map(({ rows }) => rows));
      await closeBench(bench);
      return largest;
    };
    expect(await sizesWith('throughput')).toBe(64);
    expect(await sizesWith('latency')).toBeLessThan(64);
  });
});

describe('an idle lane', () => {
  const latencyMs = (rows: number) => 20 + 0.1 * rows;

  test('does not wait', async () => {
    const bench = await openBench({ latencyMs }, { batching: { maxBatchRows: 16 } });
    await teach(bench, 16);
    const started = bench.clock.now();
    const [first] = send(bench, [1]);
    await bench.clock.advance(100);
    expect((first?.at as number) - started).toBeLessThan(21);
    await closeBench(bench);
  });

  test('waits for more rows where throughput counts and they come, and no longer than that helps', async () => {
    const bench = await openBench({ latencyMs }, { batching: { maxBatchRows: 16, objective: 'throughput' } });
    await teach(bench, 16);
    const before = bench.backend.calls.length;
    const answers = [];
    for (let tick = 0; tick < 400; tick++) {
      answers.push(...send(bench, [tick]));
      await bench.clock.advance(1);
    }
    await bench.clock.advance(200);
    expect(answers.every(({ state }) => state === 'resolved')).toBe(true);
    const sizes = bench.backend.calls.slice(before).map(({ rows }) => rows);
    // 1 row a millisecond would make batches of about 20 by itself; none is a crumb but the first and the last.
    expect(sizes.filter((rows) => rows < 8).length).toBeLessThanOrEqual(3);
    // One that comes alone waits in vain, but not for ever.
    const [alone] = send(bench, [7]);
    await bench.clock.advance(300);
    expect(alone?.state).toBe('resolved');
    await closeBench(bench);
  });

  test('that waits starts in time for a deadline, and at once when the runner closes', async () => {
    const bench = await openBench({ latencyMs }, { batching: { maxBatchRows: 16, objective: 'throughput' } });
    await teach(bench, 16);
    for (let tick = 0; tick < 50; tick++) {
      void send(bench, [tick]);
      await bench.clock.advance(1);
    }
    await bench.clock.advance(100);
    for (let tick = 0; tick < 10; tick++) {
      const [urgent] = send(bench, [tick], { timeoutMs: 26 });
      await bench.clock.advance(60);
      expect(urgent?.state).toBe('resolved');
    }
    const [last] = send(bench, [1]);
    await closeBench(bench);
    expect(last?.state).toBe('resolved');
  });
});

describe('a deadline', () => {
  test('that cannot be met is refused at once, with the time after which it could', async () => {
    const bench = await openBench({ latencyMs: () => 20 }, { batching: { maxBatchRows: 4 } });
    await teach(bench, 4);
    send(bench, range(20), { priority: 'high' });
    await bench.clock.settle();
    const startedAt = bench.clock.now();
    const error = await rejection(bench.runner.run(inputOf(1), { timeoutMs: 50 }), 'OVERLOADED');
    expect(bench.clock.now()).toBe(startedAt);
    expect(error.details.retryAfterMs).toBeGreaterThanOrEqual(1);
    expect(error.message).toContain('Retry after');
    // Five batches are ahead of it and its own takes 20 ms.
    const inTime = follow(bench.runner.run(inputOf(1), { timeoutMs: 160 }), bench.clock);
    await bench.clock.advance(160);
    expect(inTime.state).toBe('resolved');
    await closeBench(bench);
  });

  test('shorter than a batch takes is refused although nothing waits, unless nothing is known', async () => {
    const bench = await openBench({ latencyMs: () => 20 });
    const unknown = follow(bench.runner.run(inputOf(1), { timeoutMs: 10 }), bench.clock);
    await bench.clock.advance(30);
    asError(unknown.error, 'DEADLINE_EXCEEDED');
    await rejection(bench.runner.run(inputOf(1), { timeoutMs: 10 }), 'OVERLOADED');
    await closeBench(bench);
  });

  test('counts what is ahead, and only that: an urgent request passes those that have time', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 2 } });
    await teach(bench, 2);
    send(bench, range(40), { timeoutMs: 100_000 });
    await bench.clock.settle();
    const urgent = follow(bench.runner.run(inputOf(1), { timeoutMs: 35 }), bench.clock);
    const high = follow(bench.runner.run(inputOf(1), { timeoutMs: 45, priority: 'high' }), bench.clock);
    await bench.clock.advance(50);
    expect([urgent.state, high.state]).toEqual(['resolved', 'resolved']);
    await bench.clock.advance(500);
    await closeBench(bench);
  });

  test('is met again after the machine was slow for a while', async () => {
    let ms = 100;
    const bench = await openBench({ latencyMs: () => ms });
    await teach(bench, 8);
    ms = 1;
    let answered = 0;
    for (let attempt = 0; attempt < 200; attempt++) {
      const outcome = follow(bench.runner.run(inputOf(1), { timeoutMs: 20 }), bench.clock);
      await bench.clock.advance(5);
      if (outcome.state === 'resolved') answered++;
    }
    // One in seventeen is let through to see, and each shows that it got better.
    expect(answered).toBeGreaterThan(1);
    await closeBench(bench);
  });

  test('cuts a batch so that the first of it is in time', async () => {
    const bench = await openBench({ latencyMs: (rows) => 5 + rows }, { batching: { maxBatchRows: 32 } });
    await teach(bench, 32);
    const before = bench.backend.calls.length;
    send(bench, [0]);
    await bench.clock.settle();
    const tight = send(bench, range(8), { timeoutMs: 28 });
    const loose = send(bench, range(24), { timeoutMs: 500 });
    await bench.clock.advance(500);
    for (const { state } of [...tight, ...loose]) expect(state).toBe('resolved');
    expect(bench.backend.calls.slice(before).length).toBeGreaterThan(2);
    expect(bench.runner.describe().batching.left.deadline).toBeGreaterThan(0);
    await closeBench(bench);
  });
});

describe('the reason for which each batch left', () => {
  test('is told by event and by describe()', async () => {
    const reasons: BatchReason[] = [];
    const bench = await openBench(
      { latencyMs: () => 10 },
      { batching: { maxBatchRows: 4 }, on: { 'batch-end': ({ reason }) => void reasons.push(reason) } },
    );
    send(bench, range(1));
    await bench.clock.settle();
    send(bench, range(6));
    await bench.clock.advance(30);
    send(bench, range(2));
    await closeBench(bench);
    expect(reasons).toEqual(['idle', 'full', 'free', 'drain']);
    expect(bench.runner.describe().batching.left).toMatchObject({ idle: 1, full: 1, free: 1, drain: 1 });
  });
});

describe('two idle lanes', () => {
  test('share what came in one turn', async () => {
    const bench = await openBench(
      { latencyMs: (rows) => 5 + rows, workers: true },
      { batching: { maxBatchRows: 32 }, lanes: 2 },
    );
    await teach(bench, 32);
    const before = bench.backend.calls.length;
    const requests = send(bench, range(16));
    await bench.clock.advance(100);
    expect(requests.map(({ value }) => numbersOf(value?.outputs))).toEqual(range(16).map((value) => doubled(value)));
    const calls = bench.backend.calls.slice(before);
    expect(calls.map(({ rows }) => rows)).toEqual([8, 8]);
    expect(new Set(calls.map(({ session }) => session)).size).toBe(2);
    await closeBench(bench);
  });
});

describe('keys', () => {
  test('share the runner, so that one that floods it delays the others by little', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    send(bench, range(200), { key: 'flood' });
    await bench.clock.advance(25);
    const light = send(bench, [1000, 1001], { key: 'light' });
    await bench.clock.advance(40);
    expect(light.map(({ state }) => state)).toEqual(['resolved', 'resolved']);
    await closeBench(bench);
  });

  test('share by the weight that the user gives them', async () => {
    const bench = await openBench(
      { latencyMs: () => 10 },
      { batching: { maxBatchRows: 4, weightOf: (key) => (key === 'gold' ? 3 : 1) } },
    );
    const ofBoth = range(60).flatMap((value) => [
      ...send(bench, [value], { key: 'gold' }),
      ...send(bench, [-value - 1], { key: 'tin' }),
    ]);
    await bench.clock.advance(10 * 20 + 5);
    const done = ofBoth.map(({ state }) => state === 'resolved');
    const gold = done.filter((isDone, index) => isDone && index % 2 === 0).length;
    const tin = done.filter((isDone, index) => isDone && index % 2 === 1).length;
    expect(gold + tin).toBe(80);
    expect(gold / tin).toBeGreaterThan(2.5);
    expect(gold / tin).toBeLessThan(3.5);
    await closeBench(bench);
  });

  test('whose weight is no number above 0 fail alone and say so', async () => {
    const weights: Record<string, unknown> = { zero: 0, nan: Number.NaN, text: 'much' };
    const weightOf = (key: string) => {
      if (key === 'throws') throw new Error('no such tenant');
      return (weights[key] ?? 1) as number;
    };
    const bench = await openBench({}, { batching: { weightOf } });
    for (const key of ['zero', 'nan', 'text']) {
      const error = await rejection(bench.runner.run(inputOf(1), { key }), 'INVALID_OPTION');
      expect(error.details).toMatchObject({ field: 'batching.weightOf', expected: 'a number above 0' });
    }
    await expect(bench.runner.run(inputOf(1), { key: 'throws' })).rejects.toThrow('no such tenant');
    expect(numbersOf((await until(bench.runner.run(inputOf(1), { key: 'fine' }), bench.clock)).outputs)).toEqual(
      doubled(1),
    );
    await closeBench(bench);
  });

  test('and idempotent must be what they are', async () => {
    const bench = await openBench();
    const wrong = (options: object) => bench.runner.run(inputOf(1), options as RunOptions);
    expect((await rejection(wrong({ key: 7 }), 'INVALID_ARGUMENT')).details.field).toBe('key');
    expect((await rejection(wrong({ idempotent: 'yes' }), 'INVALID_ARGUMENT')).details.field).toBe('idempotent');
    await closeBench(bench);
  });
});

describe('a full queue', () => {
  test('makes room for a higher priority, at the cost of what would leave last', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 1, maxQueueRows: 4 } });
    send(bench, [0]);
    await bench.clock.settle();
    const low = send(bench, range(4, 1), { priority: 'low' });
    const high = send(bench, [9], { priority: 'high' });
    await bench.clock.settle();
    expect(low.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending', 'rejected']);
    const error = asError(low[3]?.error, 'OVERLOADED');
    expect(error.details.retryAfterMs).toBeGreaterThanOrEqual(1);
    // Nobody of the same priority gives way.
    await rejection(bench.runner.run(inputOf(1), { priority: 'low' }), 'OVERLOADED');
    await bench.clock.advance(100);
    expect(high[0]?.state).toBe('resolved');
    expect(batchesOf(bench).flat()).toEqual([0, 9, 1, 2, 3]);
    await closeBench(bench);
  });

  test('makes room for a key that has had less than its share', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 2, maxQueueRows: 8 } });
    const flood = send(bench, range(10), { key: 'flood' });
    await bench.clock.settle();
    await rejection(bench.runner.run(inputOf(1), { key: 'flood' }), 'OVERLOADED');
    const light = send(bench, [100], { key: 'light' });
    await bench.clock.advance(200);
    expect(light[0]?.state).toBe('resolved');
    expect(flood.filter(({ state }) => state === 'rejected').length).toBeGreaterThan(0);
    expect(flood.filter(({ state }) => state === 'resolved').length).toBeGreaterThan(4);
    await closeBench(bench);
  });
});

describe('what arrives in one turn', () => {
  test('waits for the next one, unless it fills a batch', async () => {
    const clock = createVirtualClock();
    let turns = 0;
    const counting = {
      ...clock,
      defer(callback: () => void) {
        turns++;
        clock.defer(callback);
      },
    };
    const bench = await openBench({ latencyMs: () => 4 }, { clock: counting, batching: { maxBatchRows: 4 } }, clock);
    turns = 0;
    send(bench, range(4));
    await clock.advance(5);
    expect([bench.backend.calls.length, turns]).toEqual([1, 0]);
    send(bench, range(3));
    await clock.advance(5);
    expect([bench.backend.calls.length, turns]).toEqual([2, 1]);
    await closeBench(bench);
  });

  test('gets each its own rows, however many each has and however they are parted into batches', async () => {
    const bench = await openBench({ latencyMs: () => 4 }, { batching: { maxBatchRows: 4 } });
    const sent = [[1], [2, 3], [4], [5, 6, 7], [8]].map((values) => ({
      values,
      promise: until(bench.runner.run(inputOf(...values)), bench.clock),
    }));
    for (const { values, promise } of sent) {
      const { outputs } = await promise;
      expect(numbersOf(outputs)).toEqual(doubled(...values));
    }
    await closeBench(bench);
  });
});
