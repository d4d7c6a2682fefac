import { describe, expect, test } from 'vitest';
import type { MockBackendOptions } from '../testing/mock-backend';
import { mockModel } from '../testing/mock-backend';
import { type Bench, closeBench, follow, inputOf, openBench } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import type { RunnerOptions } from './create-runner';
import type { LaneState } from './lane';
import { createLaneMeter } from './lane-meter';

const modelBytes = mockModel().bytes.byteLength;

const open = (mock: MockBackendOptions = {}, options: Partial<RunnerOptions> = {}): Promise<Bench> =>
  openBench({ workers: true, latencyMs: () => 10, ...mock }, { lanes: 2, batching: { maxBatchRows: 2 }, ...options });

const lanesOf = ({ runner }: Bench): readonly LaneState[] => runner.describe().lanes.slots;

async function send(bench: Bench, ...values: number[]): Promise<void> {
  const outcomes = values.map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
  await bench.clock.advance(20);
  expect(outcomes.every(({ ends }) => ends === 1)).toBe(true);
}

describe('the load of a lane', () => {
  test('is what it computed and how long that kept it busy', async () => {
    const bench = await open();
    expect(lanesOf(bench)).toMatchObject([
      { batches: 0, rows: 0, busyMs: 0, busyShare: 0, restarts: 0 },
      { batches: 0, rows: 0, busyMs: 0, busyShare: 0, restarts: 0 },
    ]);
    // Three rows: a whole batch for one lane, one row for the other.
    await send(bench, 1, 2, 3);
    expect(lanesOf(bench)).toMatchObject([
      { name: 'worker-1', batches: 1, rows: 2, busyMs: 10, busyShare: 0.5 },
      { name: 'worker-2', batches: 1, rows: 1, busyMs: 10, busyShare: 0.5 },
    ]);
    await bench.clock.advance(80);
    expect(lanesOf(bench).map(({ busyShare }) => busyShare)).toEqual([0.1, 0.1]);
    await closeBench(bench);
  });

  test('counts a batch under way as busy time, and two at once not twice', async () => {
    const bench = await open({ concurrency: 2 }, { lanes: 1 });
    for (const value of [1, 2, 3, 4]) void bench.runner.run(inputOf(value));
    await bench.clock.advance(5);
    expect(lanesOf(bench)).toMatchObject([{ inFlight: 2, batches: 0, busyMs: 5, busyShare: 1 }]);
    await bench.clock.advance(15);
    expect(lanesOf(bench)).toMatchObject([{ inFlight: 0, batches: 2, rows: 4, busyMs: 10, busyShare: 0.5 }]);
    await closeBench(bench);
  });

  test('leaves out what was run before the first request', async () => {
    for (const lanes of ['auto', 2, 'inline'] as const) {
      const bench = await open({ threading: { cores: 2 } }, { lanes, warmUp: true });
      expect(bench.backend.calls.length).toBeGreaterThan(0);
      for (const lane of lanesOf(bench)) expect(lane).toMatchObject({ batches: 0, rows: 0, busyMs: 0, busyShare: 0 });
      await closeBench(bench);
    }
  });

  test('leaves out batches that failed, but not their time', async () => {
    const bench = await open({}, { lanes: 1 });
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10);
    const dying = follow(bench.runner.run(inputOf(1)), bench.clock);
    await bench.clock.advance(4);
    bench.backend.lanes[1]?.kill();
    await bench.clock.advance(6);
    expect(dying.state).toBe('rejected');
    expect(lanesOf(bench)).toMatchObject([
      { batches: 0, rows: 0, busyMs: 4, busyShare: 0.2, restarts: 2, alive: true },
    ]);
    await closeBench(bench);
  });

  test('counts the time of a batch that failed, and no rows of it', async () => {
    const clock = createVirtualClock();
    const meter = createLaneMeter(1, true, clock);
    meter.begin(clock.now());
    await clock.advance(4);
    meter.end(clock.now(), 0);
    await clock.advance(6);
    expect(meter.read()).toMatchObject({ batches: 0, rows: 0, busyMs: 4, busyShare: 0.4 });
  });
});

describe('the memory of a lane', () => {
  test('is what its worker says and the bytes of the model; asking refreshes it, at most every 2 s', async () => {
    let asked = 0;
    const bench = await open({ laneMemoryBytes: () => 1000 * ++asked }, { lanes: 1 });
    const memory = (): number | undefined => lanesOf(bench)[0]?.memoryBytes;
    expect(memory()).toBe(1000 + modelBytes);
    await bench.clock.advance(1999);
    expect([memory(), asked]).toEqual([1000 + modelBytes, 1]);
    await bench.clock.advance(1);
    // What is at hand comes at once, and the new figure with the next question.
    expect(memory()).toBe(1000 + modelBytes);
    await bench.clock.settle();
    expect([memory(), asked]).toEqual([2000 + modelBytes, 2]);
    // Nobody asks, nothing is measured.
    await bench.clock.advance(60_000);
    expect(asked).toBe(2);
    await closeBench(bench);
  });

  test('is that of the new worker when the old one died', async () => {
    let next = 0;
    const bench = await open({ laneMemoryBytes: () => 1000 * ++next }, { lanes: 1 });
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10);
    expect(lanesOf(bench)).toMatchObject([{ memoryBytes: 2000 + modelBytes, restarts: 1 }]);
    await closeBench(bench);
  });

  test('is unknown while there is no worker that could tell', async () => {
    const bench = await open({ laneMemoryBytes: () => 1000 }, { lanes: 1 });
    await bench.clock.advance(5000);
    bench.backend.lanes[0]?.kill();
    lanesOf(bench);
    await bench.clock.settle();
    await bench.clock.advance(10);
    expect(lanesOf(bench)).toMatchObject([{ memoryBytes: 1000 + modelBytes, alive: true }]);
    await closeBench(bench);
    const silent = await open({}, { lanes: 1 });
    expect(lanesOf(silent)).toMatchObject([{ memoryBytes: undefined }]);
    await closeBench(silent);
  });

  test('is that of the model alone where the heap is everybody’s', async () => {
    const bench = await open({}, { lanes: 'inline' });
    expect(lanesOf(bench)).toMatchObject([{ memoryBytes: modelBytes }]);
    await closeBench(bench);
  });
});
