import { FairleadError } from '@fairlead/core';
import { fallback } from '@fairlead/core/resilience';
import { describe, expect, test } from 'vitest';
import {
  asError,
  doubled,
  follow,
  inputOf,
  numbersOf,
  type Outcome,
  rejection,
  until,
} from '../../../core/src/testing/test-kit.fixture';
import { openRecoveryBench, type RecoveryBench } from './fake-workers.fixture';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

const send = ({ runner, clock }: RecoveryBench, ...values: number[]) =>
  values.map((value) => follow(runner.run(inputOf(value)), clock));

type Sent = ReturnType<typeof send>;

/** Checks that requests ended once each, with their own rows. */
function expectRows(outcomes: Sent, ...values: number[]): void {
  expect(outcomes.map(({ value }) => numbersOf(value?.outputs))).toEqual(values.map((value) => doubled(value)));
  expect(outcomes.every(({ ends }) => ends === 1)).toBe(true);
}

async function closeBench(bench: RecoveryBench): Promise<void> {
  await until(bench.runner.close(), bench.clock);
  expect(bench.clock.pendingTimers, 'timers left after close').toBe(0);
  for (const { backend } of bench.workers) {
    expect(backend.openSessions, 'sessions left after close').toBe(0);
    expect(backend.closedInFlight, 'sessions closed at work').toBe(0);
  }
}

const deviceLoss = new FairleadError('LANE_LOST', 'the GPU is gone', { details: { reason: 'device' } });
const last = ({ workers }: RecoveryBench) => workers.at(-1) as RecoveryBench['workers'][number];

describe('a device that is lost', () => {
  test('is tried once more in a new worker: what was in flight is computed again, the rest waits', async () => {
    const bench = await openRecoveryBench({ openMs: 50 });
    const outcomes = send(bench, 1, 2, 3, 4, 5);
    await bench.clock.advance(5);
    bench.workers[0]?.kill(deviceLoss);
    await bench.clock.advance(20);
    expect(outcomes.every(({ state }) => state === 'pending')).toBe(true);
    expect(bench.runner.health()).toMatchObject({ status: 'degraded', ready: false, lanes: { alive: 0, total: 1 } });
    expect(bench.runner.describe().lanes.slots).toMatchObject([{ device: 'webgpu', alive: false }]);
    await bench.clock.advance(100);
    expectRows(outcomes, 1, 2, 3, 4, 5);
    expect(bench.workers.map(({ device, alive }) => [device, alive])).toEqual([
      ['webgpu', false],
      ['webgpu', true],
    ]);
    expect(bench.told).toEqual([
      'device-lost webgpu device 1',
      'device-recovered webgpu webgpu 50',
      'batch-replayed webgpu 1',
    ]);
    expect(bench.runner.health()).toMatchObject({
      status: 'ready',
      reasons: [],
      lastError: { code: 'LANE_LOST' },
    });
    expect(bench.runner.describe()).toMatchObject({
      device: 'webgpu',
      fallbacks: [],
      lanes: { slots: [{ device: 'webgpu', alive: true, restarts: 1 }] },
    });
    await closeBench(bench);
  });

  test('twice is left for the next device', async () => {
    const bench = await openRecoveryBench();
    for (const values of [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]) {
      const outcomes = send(bench, ...values);
      await bench.clock.advance(5);
      last(bench).kill(deviceLoss);
      await bench.clock.advance(50);
      expectRows(outcomes, ...values);
    }
    // A CPU that is lost is tried again and again, as there is nothing behind it.
    expect(bench.workers.map(({ device }) => device)).toEqual(['webgpu', 'webgpu', 'wasm', 'wasm']);
    expect(bench.told.filter((line) => line.startsWith('device-fallback'))).toEqual(['device-fallback webgpu wasm']);
    expect(bench.runner.describe()).toMatchObject({
      device: 'wasm',
      fallbacks: [
        { from: 'webgpu', to: 'wasm', reason: expect.stringContaining('it was lost again (The mock worker died)') },
      ],
    });
    await closeBench(bench);
  });

  test('twice with more than the cool-down between is only ever lost once', async () => {
    const bench = await openRecoveryBench({ recovery: { coolDownMs: 1000 } });
    for (let round = 0; round < 3; round++) {
      last(bench).kill(deviceLoss);
      await bench.clock.advance(1001);
    }
    expect(bench.workers.map(({ device }) => device)).toEqual(['webgpu', 'webgpu', 'webgpu', 'webgpu']);
    await closeBench(bench);
  });

  test('while idle is replaced before the next request comes', async () => {
    const bench = await openRecoveryBench();
    bench.workers[0]?.kill(deviceLoss);
    await bench.clock.settle();
    expect(bench.told).toEqual(['device-lost webgpu device 0', 'device-recovered webgpu webgpu 0']);
    const outcomes = send(bench, 1);
    await bench.clock.advance(10);
    expectRows(outcomes, 1);
    await closeBench(bench);
  });

  test('fails what was in flight where nothing is to be computed again', async () => {
    const bench = await openRecoveryBench({ recovery: { replays: 0 } });
    const outcomes = send(bench, 1, 2, 3);
    await bench.clock.advance(5);
    bench.workers[0]?.kill(deviceLoss);
    await bench.clock.advance(50);
    for (const { error } of outcomes.slice(0, 1)) asError(error, 'LANE_LOST');
    const answered = outcomes.filter(({ state }) => state === 'resolved');
    expect(answered.length).toBeGreaterThan(0);
    expect(outcomes.every(({ ends }) => ends === 1)).toBe(true);
    await closeBench(bench);
  });

  test.each([
    [1, 'LANE_LOST'],
    [2, undefined],
  ])('with a batch in flight both times, of %i replays, ends it with %s', async (replays, code) => {
    const bench = await openRecoveryBench({ recovery: { replays } });
    const [outcome] = send(bench, 1);
    for (let round = 0; round < 2; round++) {
      await bench.clock.advance(5);
      last(bench).kill(deviceLoss);
    }
    await bench.clock.advance(50);
    expect((outcome?.error as FairleadError | undefined)?.code).toBe(code);
    expect(outcome?.ends).toBe(1);
    expect(last(bench).device).toBe('wasm');
    await closeBench(bench);
  });

  test('while the model is warmed up is none that anybody notices', async () => {
    const bench = await openRecoveryBench({
      onOpened: (worker, number, clock) => void (number === 0 && clock.setTimer(() => worker.kill(deviceLoss), 15)),
      runner: { warmUp: true, batching: { maxBatchRows: 4 } },
    });
    expect(bench.workers.map(({ alive }) => alive)).toEqual([false, true]);
    expect(bench.runner.describe().warmUp.map(({ rows }) => rows)).toEqual([1, 2, 4]);
    const outcomes = send(bench, 1);
    await bench.clock.advance(20);
    expectRows(outcomes, 1);
    await closeBench(bench);
  });
});

describe('a run', () => {
  test('that hangs costs its worker, and is computed in the next', async () => {
    const bench = await openRecoveryBench({ recovery: { runTimeoutMs: 500 } });
    bench.workers[0]?.hang();
    const outcomes = send(bench, 1, 2, 3);
    await bench.clock.advance(499);
    expect(bench.told).toEqual([]);
    await bench.clock.advance(50);
    expectRows(outcomes, 1, 2, 3);
    expect(bench.told[0]).toBe('device-lost webgpu timeout 1');
    expect(bench.workers[0]?.alive).toBe(false);
    await closeBench(bench);
  });

  test('may take as long as it likes on the CPU, and a minute on a GPU', async () => {
    const slow = await openRecoveryBench({ devices: ['wasm'], runMs: 200_000 });
    const [answer] = send(slow, 1);
    await slow.clock.advance(200_000);
    expect(answer?.state).toBe('resolved');
    await closeBench(slow);
    const hung = await openRecoveryBench();
    hung.workers[0]?.hang();
    send(hung, 1);
    await hung.clock.advance(60_000);
    expect(hung.told[0]).toBe('device-lost webgpu timeout 1');
    await closeBench(hung);
  });

  test('of a queue that moves never hangs, however long the queue', async () => {
    const bench = await openRecoveryBench({ recovery: { runTimeoutMs: 100 }, runMs: 90 });
    const outcomes = send(bench, ...Array.from({ length: 20 }, (_, index) => index));
    await bench.clock.advance(2000);
    expect(outcomes.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.told).toEqual([]);
    await closeBench(bench);
  });

  test('that fails on its rows is no loss, and spoils nothing for the others', async () => {
    const bench = await openRecoveryBench({ badNumber: 13 });
    const before = send(bench, 1, 2);
    await bench.clock.advance(50);
    const outcomes = send(bench, 13, 4, 5, 6);
    await bench.clock.advance(200);
    asError(outcomes[0]?.error, 'RUN_FAILED');
    expectRows([...before, ...outcomes.slice(1)], 1, 2, 4, 5, 6);
    expect(bench.told).toEqual([]);
    expect(bench.workers).toHaveLength(1);
    await closeBench(bench);
  });

  test('that fails on a GPU which now fails on everything costs its worker', async () => {
    const bench = await openRecoveryBench();
    const before = send(bench, 1);
    await bench.clock.advance(20);
    bench.workers[0]?.breakDown('mapAsync failed');
    const outcomes = send(bench, 2, 3);
    await bench.clock.advance(100);
    expectRows([...before, ...outcomes], 1, 2, 3);
    expect(bench.told[0]).toMatch(/^device-lost webgpu run/);
    await closeBench(bench);
  });

  test('that fails on the CPU fails', async () => {
    const bench = await openRecoveryBench({ devices: ['wasm'] });
    bench.workers[0]?.breakDown('no');
    const outcomes = send(bench, 1);
    await bench.clock.advance(100);
    asError(outcomes[0]?.error, 'RUN_FAILED');
    expect(bench.workers).toHaveLength(1);
    await closeBench(bench);
  });
});

describe('opening', () => {
  test('goes on with the next device where the worker of a GPU dies or hangs, and says why', async () => {
    const died = new FairleadError('LANE_LOST', 'The worker of the lane ended before its session was ready.');
    for (const failure of [died, 'hang'] as const) {
      const bench = await openRecoveryBench({
        recovery: { loadTimeoutMs: 500 },
        failOpen: ([first]) => (first === 'webgpu' ? failure : undefined),
      });
      expect(bench.told).toEqual(['device-fallback webgpu wasm']);
      expect(bench.runner.describe()).toMatchObject({
        device: 'wasm',
        fallbacks: [{ from: 'webgpu', reason: expect.stringMatching(/before its session|within 500 ms/) }],
      });
      await closeBench(bench);
    }
  });

  test('passes on what no other device can help', async () => {
    const failOpen = () => new FairleadError('MODEL_INVALID', 'no model');
    await expect(openRecoveryBench({ failOpen })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });
});

describe('when the last device is gone', () => {
  test('the runner fails at once with a code, and a fallback takes over', async () => {
    const bench = await openRecoveryBench({ devices: ['webgpu'] });
    const spare = await openRecoveryBench({ devices: ['wasm'], clock: bench.clock });
    const both = fallback(bench.runner, spare.runner, { logger: silent });
    for (let round = 0; round < 2; round++) {
      last(bench).kill(deviceLoss);
      await bench.clock.settle();
    }
    const waiting = send(bench, 1);
    await bench.clock.advance(3000);
    const lost = asError(waiting[0]?.error, 'LANE_LOST');
    expect(lost.message).toContain('webgpu: it was lost again');
    await rejection(bench.runner.run(inputOf(1)), 'LANE_LOST');
    expect(bench.runner.health()).toMatchObject({ status: 'failed', ready: false });
    const { outputs } = await until(both.run(inputOf(2)), bench.clock);
    expect(numbersOf(outputs)).toEqual(doubled(2));
    await until(both.close(), bench.clock);
    await closeBench(bench);
    await closeBench(spare);
  });
});

describe('the circuit breaker', () => {
  test('keeps new lanes off a GPU that was lost twice, until its time is over; then one loss is enough', async () => {
    const first = await openRecoveryBench();
    const { clock, breaker } = first;
    for (let round = 0; round < 2; round++) {
      last(first).kill(deviceLoss);
      await clock.settle();
    }
    const second = await openRecoveryBench({ clock, breaker });
    expect(second.runner.describe()).toMatchObject({
      device: 'wasm',
      fallbacks: [{ from: 'webgpu', to: 'wasm', reason: expect.stringContaining('tried again in 300 s') }],
    });
    expect(second.workers[0]?.tried).toEqual(['wasm']);
    await closeBench(second);

    await clock.advance(300_000);
    const third = await openRecoveryBench({ clock, breaker });
    expect(third.runner.describe().device).toBe('webgpu');
    last(third).kill(deviceLoss);
    await clock.settle();
    expect(third.runner.describe().device).toBe('wasm');
    await closeBench(third);
    await closeBench(first);
  });
});

describe('close', () => {
  test('while a lane recovers leaves no worker and no timer', async () => {
    for (const waitMs of [0, 5, 49, 60]) {
      const bench = await openRecoveryBench({ openMs: 50 });
      const outcomes = send(bench, 1, 2, 3);
      await bench.clock.advance(5);
      bench.workers[0]?.kill(deviceLoss);
      await bench.clock.advance(waitMs);
      await closeBench(bench);
      const ended = (outcome: Outcome<unknown>): boolean =>
        outcome.state === 'resolved' || FairleadError.isInstance(outcome.error, 'CLOSED');
      expect(outcomes.every(ended)).toBe(true);
    }
  });

  test('while an idle lane recovers leaves no worker either', async () => {
    const bench = await openRecoveryBench({ openMs: 50 });
    bench.workers[0]?.kill(deviceLoss);
    await bench.clock.advance(5);
    await closeBench(bench);
    await bench.clock.advance(100);
    expect(bench.workers.every(({ alive }) => !alive)).toBe(true);
  });
});

describe('a worker that grows past its limit', () => {
  const mebibyte = 2 ** 20;

  test('is replaced by a warm one, without a loss; one that is large from the start is not', async () => {
    const bench = await openRecoveryBench({ laneMemoryMb: 16, openMs: 50 });
    send(bench, 0);
    await bench.clock.advance(2000);
    const [before] = bench.workers;
    if (before === undefined) throw new Error('no worker');
    before.memoryBytes = 17 * mebibyte;
    const outcomes: Sent = [];
    for (let value = 1; value <= 20; value++) {
      outcomes.push(...send(bench, value));
      await bench.clock.advance(9);
    }
    await bench.clock.advance(100);
    expectRows(outcomes, ...outcomes.map((_, index) => index + 1));
    expect(bench.told).toEqual([`worker-recycled webgpu ${17 * mebibyte}`]);
    expect(bench.workers.map(({ alive }) => alive)).toEqual([false, true]);
    // It was warmed with rows that are known to work.
    expect(Array.from(bench.workers[1]?.backend.calls[0]?.inputs.x?.data as Float32Array)).toEqual([0, -0]);

    const [, after] = bench.workers;
    if (after === undefined) throw new Error('no second worker');
    after.memoryBytes = 20 * mebibyte;
    for (let round = 0; round < 5; round++) {
      send(bench, 1);
      await bench.clock.advance(2000);
    }
    expect(bench.workers).toHaveLength(3);
    for (let round = 0; round < 5; round++) {
      last(bench).memoryBytes = 20 * mebibyte;
      send(bench, 1);
      await bench.clock.advance(2000);
    }
    expect(bench.workers.length).toBeLessThanOrEqual(4);
    await closeBench(bench);
  });

  test('stays where no other can be had, and where the other has no GPU', async () => {
    for (const script of [
      {
        failOpen: (_tried: readonly string[], opened: number) =>
          opened > 0 ? new FairleadError('BACKEND_UNAVAILABLE', 'no') : undefined,
      },
      { refuse: (device: string, opened: number) => (opened > 0 && device === 'webgpu' ? 'no adapter' : undefined) },
    ]) {
      const bench = await openRecoveryBench({ laneMemoryMb: 16, ...script });
      send(bench, 1);
      await bench.clock.advance(2000);
      last(bench).memoryBytes = 17 * mebibyte;
      for (let round = 0; round < 4; round++) {
        const outcomes = send(bench, round);
        await bench.clock.advance(2000);
        expectRows(outcomes, round);
      }
      expect(bench.workers[0]?.alive).toBe(true);
      expect(bench.told).toEqual([]);
      expect(bench.runner.describe().device).toBe('webgpu');
      await closeBench(bench);
    }
  });
});
