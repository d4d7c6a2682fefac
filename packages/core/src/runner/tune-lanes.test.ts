import { describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { consoleLogger } from '../logger';
import type { ModelSignature } from '../signature';
import { createMockBackend, type MockBackendOptions, mockModel } from '../testing/mock-backend';
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
  untilSo,
} from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import { createRunner, type RunnerOptions } from './create-runner';
import type { LaneTuning } from './lane-tuning';
import { tuneLanes } from './tune-lanes';

/** How long a batch takes with so many threads: the one that can be divided among them, and the rest. */
const amdahl =
  (fixedMs: number, msPerRow: number) =>
  (rows: number, threads: number): number =>
    fixedMs + (rows * msPerRow) / threads;

/** Batches of a machine that computes one at a time, however many lanes there are: its memory is what is slow. */
function oneAtATime(clock: VirtualClock, latencyMs: (rows: number, threads: number) => number): MockBackendOptions {
  let busyUntil = 0;
  return {
    latencyMs: (rows, threads) => {
      busyUntil = Math.max(clock.now(), busyUntil) + latencyMs(rows, threads);
      return busyUntil - clock.now();
    },
  };
}

interface TunedBench extends Bench {
  readonly tuning: LaneTuning;
}

async function openTuned(
  mock: MockBackendOptions,
  options: Partial<RunnerOptions> = {},
  clock = createVirtualClock(),
): Promise<TunedBench> {
  const bench = await openBench(
    { workers: true, threading: { cores: 8 }, ...mock },
    { warmUp: true, ...options },
    clock,
  );
  return { ...bench, tuning: bench.runner.describe().lanes.tuning as LaneTuning };
}

/** `lanes × threads` of each trial, with its rows a second where it was measured. */
const trialsOf = ({ trials }: LaneTuning): Record<string, number | string> =>
  Object.fromEntries(
    trials.map(({ lanes, threads, rowsPerSecond, reason }) => [
      `${lanes} × ${threads}`,
      rowsPerSecond === undefined ? `${reason}` : Math.round(rowsPerSecond),
    ]),
  );

const lanesOf = ({ runner }: Bench): string[] =>
  runner.describe().lanes.slots.map(({ name, threads }) => `${name} × ${threads}`);

describe('a model that belongs into workers', () => {
  test('gets one core a lane where threads bring little', async () => {
    const bench = await openTuned({ latencyMs: (rows) => rows / 8 });
    expect(lanesOf(bench)).toEqual(Array.from({ length: 8 }, (_, index) => `worker-${index + 1} × 1`));
    expect(trialsOf(bench.tuning)).toEqual({
      '1 × 1': 8000,
      '8 × 1': 64000,
      '4 × 2': 32000,
      '2 × 4': 16000,
      '1 × 8': 8000,
    });
    expect(bench.runner.describe().lanes.reason).toBe(
      'a batch of 64 took 8.00 ms on 1 thread, at least 2 ms; 8 lanes × 1 thread: 64000 rows/s; 1 lane × 1 thread: 8000 rows/s; ' +
        '4 lanes × 2 threads: 32000 rows/s; 2 lanes × 4 threads: 16000 rows/s; 1 lane × 8 threads: 8000 rows/s',
    );
    await closeBench(bench);
  });

  test('gets one lane where threads bring all, since each lane is a copy of the model', async () => {
    const bench = await openTuned({ latencyMs: amdahl(0, 1 / 8) });
    expect(lanesOf(bench)).toEqual(['worker-1 × 8']);
    // The others are no faster.
    expect(trialsOf(bench.tuning)).toMatchObject({ '8 × 1': 64000, '1 × 8': 64000 });
    await closeBench(bench);
  });

  test('gets what lies between where that is best', async () => {
    // Two threads halve the time, more bring no more.
    const bench = await openTuned({ latencyMs: (rows, threads) => rows / 8 / Math.min(threads, 2) + threads / 100 });
    expect(lanesOf(bench)).toEqual(['worker-1 × 2', 'worker-2 × 2', 'worker-3 × 2', 'worker-4 × 2']);
    await closeBench(bench);
  });

  test('keeps the fewest lanes of those that are about as good, and no fewer', async () => {
    const small = mockModel();
    const large = { ...small, bytes: new Uint8Array(64 * 2 ** 20) };
    // One lane of two threads does so much less than two lanes do: copies of a small model cost next to nothing.
    for (const [model, loss, lanes] of [
      [small, 1.005, ['worker-1 × 2']],
      [small, 1.03, ['worker-1 × 1', 'worker-2 × 1']],
      [large, 1.04, ['worker-1 × 2']],
      [large, 1.06, ['worker-1 × 1', 'worker-2 × 1']],
    ] as const) {
      const bench = await openTuned(
        {
          threading: { cores: 2 },
          latencyMs: (rows, threads) => (threads === 1 ? rows / 8 : (rows / 16) * loss),
        },
        { model },
      );
      expect(lanesOf(bench)).toEqual(lanes);
      await closeBench(bench);
    }
  });

  test('is measured in several windows, so that a stall of the machine does not decide', async () => {
    let opened = 0;
    let stalls = 0;
    const bench = await openTuned({
      threading: { cores: 2 },
      failLane: () => void opened++,
      // The first batches after the second lane was opened take five times as long.
      latencyMs: (rows) => (opened === 2 && stalls++ < 8 ? 5 : 1) * (rows / 8),
    });
    expect(stalls).toBeGreaterThan(8);
    expect(trialsOf(bench.tuning)).toEqual({ '1 × 1': 8000, '2 × 1': 16000, '1 × 2': 8000 });
    await closeBench(bench);
  });

  test('keeps its one lane of one thread where nothing is better', async () => {
    const bench = await openTuned({ threading: { cores: 1 }, latencyMs: (rows) => rows });
    expect(lanesOf(bench)).toEqual(['worker-1 × 1']);
    expect(bench.runner.describe().lanes.reason).toBe('a batch of 64 took 64.00 ms on 1 thread, at least 2 ms');
    expect(bench.backend.lanes).toHaveLength(1);
    await closeBench(bench);
  });

  test('is closed wherever it was only tried, and every lane is warm', async () => {
    const bench = await openTuned({ threading: { cores: 4 }, latencyMs: amdahl(1, 1 / 8) });
    expect(lanesOf(bench)).toEqual(['worker-1 × 1', 'worker-2 × 1', 'worker-3 × 1', 'worker-4 × 1']);
    expect(bench.backend.openSessions).toBe(4);
    expect(bench.backend.lanes.map(({ threads, alive }) => [threads, alive])).toEqual([
      ...Array.from({ length: 4 }, () => [1, true]),
      [2, false],
      [2, false],
      [4, false],
    ]);
    const sizes = new Map<number, Set<number>>();
    for (const { session, rows } of bench.backend.calls) {
      sizes.set(session, (sizes.get(session) ?? new Set()).add(rows));
    }
    for (const session of [0, 1, 2, 3])
      expect([...(sizes.get(session) ?? [])].sort()).toEqual([1, 16, 2, 32, 4, 64, 8]);
    await closeBench(bench);
  });

  test('tries lanes alone where the user fixed the threads', async () => {
    const bench = await openTuned({ threading: { cores: 8, threads: 3 }, latencyMs: (rows) => rows / 8 });
    expect(lanesOf(bench)).toEqual(['worker-1 × 3', 'worker-2 × 3']);
    expect(trialsOf(bench.tuning)).toEqual({ '1 × 3': 8000, '2 × 3': 16000 });
    await closeBench(bench);
    const wide = await openTuned({ threading: { cores: 2, threads: 4 }, latencyMs: (rows) => rows / 8 });
    expect(lanesOf(wide)).toEqual(['worker-1 × 4']);
    await closeBench(wide);
  });

  test.each([
    [2, ['2 × 1', '1 × 2']],
    [3, ['3 × 1', '1 × 3']],
    [6, ['6 × 1', '2 × 3', '1 × 6']],
    [12, ['8 × 1', '4 × 3', '2 × 6', '1 × 12']],
    [64, ['8 × 8', '4 × 16', '2 × 32', '1 × 64']],
  ])('on %i cores tries %j', async (cores, candidates) => {
    const bench = await openTuned({ threading: { cores }, latencyMs: (rows) => rows / 8 });
    expect(Object.keys(trialsOf(bench.tuning))).toEqual(['1 × 1', ...candidates]);
    await closeBench(bench);
  });

  test('works as it was tuned, and comes back as it was when a worker dies', async () => {
    const bench = await openTuned({ threading: { cores: 2 }, latencyMs: (rows) => rows / 8 }, { lanes: 'auto' });
    const outcomes = [1, 2, 3].map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(10);
    expect(outcomes.map(({ value }) => numbersOf(value?.outputs))).toEqual([1, 2, 3].map((v) => doubled(v)));
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10);
    expect(bench.backend.lanes.filter(({ alive }) => alive).map(({ threads }) => threads)).toEqual([1, 1]);
    expect(lanesOf(bench)).toEqual(['worker-1 × 1', 'worker-2 × 1']);
    await closeBench(bench);
  });
});

describe('a model that belongs inline', () => {
  test('has one thread where a batch takes less than waking others could save, and no other is tried', async () => {
    for (const [batchMs, told] of [
      [0.064, '0.06'],
      [0.249, '0.25'],
    ] as const) {
      const bench = await openTuned({ latencyMs: (rows) => (rows / 64) * batchMs });
      expect(lanesOf(bench)).toEqual(['inline × 1']);
      expect(bench.tuning).toMatchObject({ source: 'measured', lanes: 'inline', threads: 1, cores: 8, device: 'cpu' });
      expect(bench.runner.describe().lanes.reason).toBe(`a batch of 64 took ${told} ms on 1 thread, less than 0.25 ms`);
      expect(bench.backend.lanes).toHaveLength(1);
      await closeBench(bench);
    }
  });
});

describe('a model in between', () => {
  test('gets workers where several of them get more done', async () => {
    const bench = await openTuned({ threading: { cores: 2 }, latencyMs: amdahl(0.3, 0.005) });
    expect(lanesOf(bench)).toEqual(['worker-1 × 1', 'worker-2 × 1']);
    expect(bench.runner.describe().lanes.reason).toBe(
      'a batch of 64 took 0.62 ms on 1 thread, from 0.25 to 2 ms, and workers do at least 1.25 times as much as inline; ' +
        '2 lanes × 1 thread: 206452 rows/s; 1 lane × 1 thread: 103226 rows/s; 1 lane × 2 threads: 139130 rows/s',
    );
    // The first lane, the one with more threads, which was only tried, and the second lane.
    expect(bench.backend.lanes.map(({ threads, alive }) => [threads, alive])).toEqual([
      [1, true],
      [2, false],
      [1, true],
    ]);
    await closeBench(bench);
  });

  test.each([
    [1.26, 'workers'],
    [1.24, 'inline'],
  ])('gets workers that do %f times as much: %s', async (times, where) => {
    // Two lanes that are in each other's way.
    let lanes = 0;
    const mock: MockBackendOptions = {
      threading: { cores: 2, threads: 1 },
      failLane: () => void lanes++,
      latencyMs: () => (lanes === 2 ? 2 / times : 1),
    };
    const bench = await openTuned(mock);
    expect(lanesOf(bench)).toEqual(where === 'inline' ? ['inline × 1'] : ['worker-1 × 1', 'worker-2 × 1']);
    expect(Object.values(trialsOf(bench.tuning))).toEqual([64_000, expect.closeTo(64_000 * times, -1)]);
    expect(bench.backend.openSessions).toBe(where === 'inline' ? 1 : 2);
    await closeBench(bench);
  });

  test('gets the fewest workers of those that are about as good', async () => {
    // Two threads halve the time of a batch, more bring no more.
    const bench = await openTuned({ latencyMs: (_rows, threads) => 1.6 / Math.min(threads, 2) });
    expect(lanesOf(bench)).toEqual(Array.from({ length: 4 }, (_, index) => `worker-${index + 1} × 2`));
    expect(Object.keys(trialsOf(bench.tuning))).toEqual(['1 × 1', '1 × 2', '1 × 4', '8 × 1', '4 × 2', '2 × 4']);
    expect(bench.tuning.tookMs).toBeLessThanOrEqual(2000);
    await closeBench(bench);
  });

  test.each([
    [
      'twice the threads as long as they save 15 % of its time',
      (_rows: number, threads: number) => 1.6 * threads ** -0.3,
      8,
    ],
    ['no thread more where it saves less', (_rows: number, threads: number) => 1.6 * threads ** -0.1, 1],
    ['as many as help', (_rows: number, threads: number) => (threads > 4 ? 1 : 1.6 / threads), 4],
  ])('inline gets %s', async (_what, latencyMs, threads) => {
    const clock = createVirtualClock();
    const bench = await openTuned(oneAtATime(clock, latencyMs), {}, clock);
    expect(lanesOf(bench)).toEqual([`inline × ${threads}`]);
    expect(bench.backend.lanes.every(({ alive }) => !alive)).toBe(true);
    await closeBench(bench);
  });

  test('goes inline where threads bring as much as lanes do, and says what was tried', async () => {
    const bench = await openTuned({ threading: { cores: 2 }, latencyMs: (_rows, threads) => 1.6 / threads });
    expect(lanesOf(bench)).toEqual(['inline × 2']);
    expect(bench.runner.describe().lanes.reason).toBe(
      'a batch of 64 took 1.60 ms on 1 thread, from 0.25 to 2 ms, and no workers were found that do 1.25 times as much as inline; ' +
        '1 lane × 2 threads: 80000 rows/s; 1 lane × 1 thread: 40000 rows/s; 2 lanes × 1 thread: 80000 rows/s',
    );
    await closeBench(bench);
  });

  test('goes inline where there is one core, or where no worker can be had beside the first', async () => {
    const alone = await openTuned({ threading: { cores: 1 }, latencyMs: () => 1 });
    expect(lanesOf(alone)).toEqual(['inline × 1']);
    expect(alone.backend.lanes).toHaveLength(1);
    await closeBench(alone);
    const bench = await openTuned({
      threading: { cores: 2 },
      latencyMs: () => 1,
      failLane: (_model, opened) => (opened === 2 ? new FairleadError('BACKEND_UNAVAILABLE', 'no memory') : undefined),
    });
    expect(lanesOf(bench)).toEqual(['inline × 1']);
    expect(trialsOf(bench.tuning)).toEqual({ '1 × 1': 64000, '1 × 2': 64000, '2 × 1': 'since it failed: no memory' });
    expect(bench.backend.openSessions).toBe(1);
    await closeBench(bench);
  });

  test('keeps the threads that the user fixed', async () => {
    const clock = createVirtualClock();
    const mock = { threading: { cores: 8, threads: 4 } };
    const inline = await openTuned({ ...mock, ...oneAtATime(clock, () => 1) }, {}, clock);
    expect(lanesOf(inline)).toEqual(['inline × 4']);
    await closeBench(inline);
    const workers = await openTuned({ ...mock, latencyMs: () => 1 });
    expect(lanesOf(workers)).toEqual(['worker-1 × 4', 'worker-2 × 4']);
    await closeBench(workers);
  });

  test('on another device than the CPU, whose cores are not shared out, goes inline', async () => {
    const bench = await openTuned({ device: 'cuda', latencyMs: () => 1 });
    expect(lanesOf(bench)).toEqual(['inline × undefined']);
    expect(bench.backend.lanes).toHaveLength(1);
    await closeBench(bench);
  });
});

describe('the time for it', () => {
  test('is at most 2 s beside the warm-up: what does not fit is not tried, and told', async () => {
    // 50 ms a batch at the size that lanes are compared at, half a second to open.
    const bench = await openTuned({ openMs: 500, latencyMs: (rows) => rows * 12.5 });
    expect(bench.tuning.tookMs).toBeLessThanOrEqual(2000);
    expect(trialsOf(bench.tuning)).toEqual({
      '1 × 1': 80,
      '8 × 1': 640,
      '4 × 2': 320,
      '2 × 4': 'since the 2 s for it were spent',
      '1 × 8': 'since the 2 s for it were spent',
    });
    expect(lanesOf(bench)).toHaveLength(8);
    await closeBench(bench);
  });

  test('is not spent on a model that is too slow to be compared: it gets all cores', async () => {
    const bench = await openTuned({ openMs: 100, latencyMs: (rows, threads) => (rows * 1000) / threads });
    expect(lanesOf(bench)).toEqual(['worker-1 × 8']);
    expect(bench.runner.describe().lanes.reason).toBe(
      'a batch of 1 took 1000.00 ms on 1 thread, at least 2 ms; ' +
        '1 lane × 8 threads: not measured, since trying it would take too long; 1 lane × 1 thread: 1 rows/s',
    );
    expect(bench.backend.openSessions).toBe(1);
    await closeBench(bench);
  });
});

describe('a candidate that cannot be had', () => {
  test('is noted with the reason, and the best of the others is kept', async () => {
    const bench = await openTuned({
      threading: { cores: 4 },
      latencyMs: (rows) => rows / 8,
      // The third lane of 4 × 1 fails to open.
      failLane: (_model, opened) => (opened === 2 ? new FairleadError('BACKEND_UNAVAILABLE', 'no memory') : undefined),
    });
    expect(trialsOf(bench.tuning)).toMatchObject({ '4 × 1': 'since it failed: no memory', '2 × 2': 16000 });
    expect(lanesOf(bench)).toEqual(['worker-1 × 2', 'worker-2 × 2']);
    await closeBench(bench);
  });

  test('because its worker dies while it is tried costs nothing, and the worker is not missed', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({
      clock,
      workers: true,
      threading: { cores: 2 },
      latencyMs: (rows) => rows / 8,
    });
    const creating = createRunner({ model: '1', backend, clock, on: { 'lane-lost': () => expect.unreachable() } });
    const outcome = follow(creating, clock);
    await untilSo(() => backend.lanes.length > 0, clock);
    while (backend.lanes.length < 2) await clock.advance(1);
    await clock.advance(10);
    backend.lanes[1]?.kill(new Error('out of memory'));
    await clock.advance(1000);
    const runner = outcome.value;
    expect(trialsOf(runner?.describe().lanes.tuning as LaneTuning)).toMatchObject({
      '2 × 1': expect.stringMatching(/^since it failed: The mock worker died/),
      '1 × 2': 8000,
    });
    expect(backend.openSessions).toBe(1);
    await until((await creating).close(), clock);
    expect(backend.openSessions + clock.pendingTimers).toBe(0);
  });

  test('because copies of the model would take too much memory is not tried', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock, workers: true, threading: { cores: 2 }, latencyMs: (rows) => rows / 8 });
    const model = mockModel();
    const parts = {
      backend,
      model,
      maxBatchRows: 64,
      warmUp: true,
      warmUpSizes: () => undefined,
      clock,
      logger: consoleLogger,
      tuning: undefined,
      onLost: () => {},
      onEvent: () => {},
      maxCopiesBytes: model.bytes.length,
    };
    const { lanes, tuning } = await until(tuneLanes(parts, {}), clock);
    expect(trialsOf(tuning as LaneTuning)).toEqual({
      '1 × 1': 8000,
      '2 × 1': 'since 2 copies of its 1 MiB are too many to try',
      '1 × 2': 8000,
    });
    expect(lanes.map(({ name }) => name)).toEqual(['worker-1']);
    expect(backend.openSessions).toBe(1);
    await Promise.all(lanes.map(({ session }) => session.close()));
  });
});

describe('tuning ends early', () => {
  test('when the caller aborts, and leaves nothing open', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock, workers: true, threading: { cores: 4 }, latencyMs: (rows) => rows / 8 });
    const controller = new AbortController();
    const creating = createRunner({ model: '1', backend, clock, signal: controller.signal });
    const outcome = follow(creating, clock);
    await untilSo(() => backend.lanes.length > 0, clock);
    while (backend.lanes.length < 5) await clock.advance(1);
    controller.abort();
    await clock.advance(200);
    asError(outcome.error, 'ABORTED');
    expect(backend.openSessions + clock.pendingTimers + backend.closedInFlight).toBe(0);
  });

  test('when the first worker dies while others are tried', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock, workers: true, threading: { cores: 2 }, latencyMs: (rows) => rows / 8 });
    const creating = createRunner({ model: '1', backend, clock });
    const outcome = follow(creating, clock);
    await untilSo(() => backend.lanes.length > 0, clock);
    while (backend.lanes.length < 2) await clock.advance(1);
    await clock.advance(10);
    backend.lanes[0]?.kill();
    await clock.advance(200);
    asError(outcome.error, 'LANE_LOST');
    expect(backend.openSessions + clock.pendingTimers + backend.closedInFlight).toBe(0);
  });

  test('with what the runtime failed with on a batch of the first lane', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock, workers: true, threading: { cores: 2 }, latencyMs: (rows) => rows / 8 });
    backend.failNext(new FairleadError('RUN_FAILED', 'no such kernel'));
    await rejection(until(createRunner({ model: '1', backend, clock }), clock), 'RUN_FAILED');
    expect(backend.openSessions).toBe(0);
  });
});

describe('what cannot be measured', () => {
  const ragged: ModelSignature = {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'tokens'] }],
    outputs: [],
    batchAxis: 0,
  };

  test('a model of unknown shapes computes in one worker with all cores', async () => {
    const bench = await openTuned({ signature: ragged });
    expect(lanesOf(bench)).toEqual(['worker-1 × 8']);
    expect(bench.runner.describe().lanes).toMatchObject({
      reason: 'its shapes are not known ahead, so its cost was not measured',
      tuning: undefined,
    });
    expect(bench.backend.openSessions).toBe(1);
    await closeBench(bench);
  });

  test('nor are lanes for another device than the CPU, whose cores are not shared out', async () => {
    const bench = await openTuned({ device: 'cuda', latencyMs: (rows) => rows / 8 });
    expect(lanesOf(bench)).toEqual(['worker-1 × undefined']);
    expect(bench.runner.describe().lanes.reason).toBe('a batch of 64 took 8.00 ms, at least 2 ms');
    expect(bench.backend.lanes).toHaveLength(1);
    await closeBench(bench);
  });
});
