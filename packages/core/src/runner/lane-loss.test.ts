import { describe, expect, test } from 'vitest';
import type { LaneHost, LaneListener } from '../backend';
import { FairleadError } from '../errors';
import { createMockBackend, type MockBackendOptions } from '../testing/mock-backend';
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
import { createVirtualClock } from '../testing/virtual-clock';
import { createRunner } from './create-runner';

/** A bench with worker lanes that notes what it hears of them. */
async function openLanes(
  lanes: number,
  mock: MockBackendOptions = {},
  maxBatchRows = 2,
): Promise<Bench & { heard: string[] }> {
  const heard: string[] = [];
  const bench = await openBench(
    { workers: true, latencyMs: () => 10, ...mock },
    {
      lanes,
      batching: { maxBatchRows },
      on: {
        'lane-lost': ({ lane, error, model }) => {
          asError(error, 'LANE_LOST');
          heard.push(`lost ${lane} of ${model.version}`);
        },
        'lane-restart': ({ lane }) => heard.push(`restart ${lane}`),
      },
    },
  );
  return { ...bench, heard };
}

const send = ({ runner, clock }: Bench, ...values: number[]) =>
  values.map((value) => follow(runner.run(inputOf(value)), clock));

const fails = (from: number, to = Number.POSITIVE_INFINITY): NonNullable<MockBackendOptions['failLane']> => {
  return (_model, opened) =>
    opened >= from && opened < to ? new FairleadError('BACKEND_UNAVAILABLE', `try ${opened} failed`) : undefined;
};

describe('a worker that dies', () => {
  test('costs only what was in flight there, and is replaced', async () => {
    const bench = await openLanes(2);
    const outcomes = send(bench, 0, 1, 2, 3, 4, 5);
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill(new Error('exit code 1'));
    await bench.clock.advance(100);
    expect(outcomes.map(({ error }) => (error as FairleadError | undefined)?.code)).toEqual([
      'LANE_LOST',
      'LANE_LOST',
      ...[undefined, undefined, undefined, undefined],
    ]);
    expect(outcomes.slice(2).map(({ value }) => numbersOf(value?.outputs))).toEqual(
      [2, 3, 4, 5].map((v) => doubled(v)),
    );
    expect(bench.heard).toEqual(['lost worker-1 of 1', 'restart worker-1']);
    expect(bench.backend.lanes.map(({ alive }) => alive)).toEqual([false, true, true]);
    expect(bench.runner.describe().lanes.slots).toMatchObject([
      { name: 'worker-1', inFlight: 0, alive: true },
      { name: 'worker-2', inFlight: 0, alive: true },
    ]);
    // The new one works: two batches at once.
    send(bench, 6, 7, 8, 9);
    await bench.clock.settle();
    expect(
      bench.backend.calls
        .slice(-2)
        .map(({ session }) => session)
        .sort(),
    ).toEqual([1, 2]);
    await closeBench(bench);
  });

  test('while idle is replaced without anybody noticing', async () => {
    const bench = await openLanes(1);
    bench.backend.lanes[0]?.kill();
    const waiting = send(bench, 1);
    await bench.clock.advance(20);
    expect(numbersOf(waiting[0]?.value?.outputs)).toEqual(doubled(1));
    await closeBench(bench);
  });

  test('keeps its queue until there is another, which begins with it at once', async () => {
    const bench = await openLanes(1, { failLane: fails(1, 3) });
    send(bench, 0);
    await bench.clock.advance(5);
    const [expiring] = [follow(bench.runner.run(inputOf(9), { timeoutMs: 50 }), bench.clock)];
    const waiting = send(bench, 1, 2, 3);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(400);
    expect(waiting.every(({ state }) => state === 'pending')).toBe(true);
    expect(expiring.at).toBe(55);
    // Tries come at once, after 100 ms and after 400 ms more.
    await bench.clock.advance(200);
    expect(waiting.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.backend.calls[1]?.at).toBe(505);
    expect(bench.heard).toEqual(['lost worker-1 of 1', 'restart worker-1']);
    await closeBench(bench);
  });

  test('again and again is replaced again and again', async () => {
    const bench = await openLanes(1);
    for (let round = 0; round < 5; round++) {
      const [outcome] = send(bench, round);
      await bench.clock.advance(5);
      bench.backend.lanes.at(-1)?.kill();
      await bench.clock.advance(20);
      asError(outcome?.error, 'LANE_LOST');
    }
    expect(bench.backend.lanes).toHaveLength(6);
    const [last] = send(bench, 9);
    await bench.clock.advance(10);
    expect(last?.state).toBe('resolved');
    await closeBench(bench);
  });

  test('is not blamed on the rows: its batch is not halved', async () => {
    const bench = await openLanes(1, {}, 8);
    const outcomes = send(bench, 0, 1, 2, 3);
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(100);
    for (const { error } of outcomes) asError(error, 'LANE_LOST');
    expect(bench.backend.calls).toHaveLength(1);
    await closeBench(bench);
  });

  test('in the middle of a search for bad rows ends the search', async () => {
    const bench = await openLanes(1, {}, 8);
    bench.backend.failNext(new Error('bad row'));
    const outcomes = send(bench, 0, 1, 2, 3);
    await bench.clock.advance(5);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(100);
    expect(outcomes.every(({ ends }) => ends === 1)).toBe(true);
    const [after] = send(bench, 7);
    await bench.clock.advance(20);
    expect(numbersOf(after?.value?.outputs)).toEqual(doubled(7));
    expect(bench.backend.mostInFlight).toBe(1);
    await closeBench(bench);
  });
});

describe('a worker that cannot be replaced', () => {
  test('leaves the others to do the work', async () => {
    const bench = await openLanes(2, { failLane: fails(2) });
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10_000);
    const outcomes = send(bench, 0, 1, 2, 3, 4);
    await bench.clock.advance(100);
    expect(outcomes.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.runner.describe().lanes.slots.map(({ alive }) => alive)).toEqual([false, true]);
    expect(bench.log.filter((line) => line.startsWith('error'))).toHaveLength(1);
    await closeBench(bench);
  });

  test('and is the last fails all that waits and all that comes with LANE_LOST, saying what to do', async () => {
    const bench = await openLanes(1, { failLane: fails(1) });
    send(bench, 0);
    await bench.clock.advance(5);
    const waiting = send(bench, 1, 2, 3);
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10_000);
    for (const { error } of waiting) {
      const lost = asError(error, 'LANE_LOST');
      expect(lost.message).toContain('make a new one');
      expect(lost.message).toContain('try 4 failed');
    }
    await rejection(bench.runner.run(inputOf(1)), 'LANE_LOST');
    await rejection(bench.runner.run(inputOf(...new Array<number>(9).fill(1))), 'LANE_LOST');
    expect(bench.runner.describe().batching.queuedRows).toBe(0);
    await closeBench(bench);
    await rejection(bench.runner.run(inputOf(1)), 'CLOSED');
  });

  test('does not condemn the runner while another is being replaced', async () => {
    // worker-2 is lost just before the last try of worker-1 to come back.
    let opened = 0;
    const bench = await openLanes(2, {
      openMs: 0,
      failLane: (_model, tried) => {
        opened = tried;
        return (tried >= 2 && tried <= 4) || tried === 6
          ? new FairleadError('BACKEND_UNAVAILABLE', `try ${tried}`)
          : undefined;
      },
    });
    bench.backend.lanes[0]?.kill();
    // Tries at 0, 100, 500 and 2100 ms.
    await bench.clock.advance(2099);
    expect(opened).toBe(4);
    bench.backend.lanes[1]?.kill();
    await bench.clock.advance(50);
    const outcomes = send(bench, 1, 2, 3);
    await bench.clock.advance(3000);
    expect(outcomes.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved']);
    await closeBench(bench);
  });

  test('does not keep the runner from swapping to a model that can be run', async () => {
    const bench = await openLanes(1, {
      failLane: (model, opened) =>
        model.version === '1' && opened > 0 ? new FairleadError('BACKEND_UNAVAILABLE', 'no') : undefined,
    });
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10_000);
    await rejection(bench.runner.run(inputOf(1)), 'LANE_LOST');
    await until(bench.runner.swap({ ...(bench.runner.loaded as never as object), version: '2' } as never), bench.clock);
    const [outcome] = send(bench, 1);
    await bench.clock.advance(20);
    expect(outcome?.value?.model.version).toBe('2');
    await closeBench(bench);
  });
});

describe('close', () => {
  test('while the only worker is being replaced fails what waits and leaves no timer and no worker', async () => {
    for (const wait of [0, 50, 300, 1000]) {
      const bench = await openLanes(1, { failLane: fails(1, 3) });
      bench.backend.lanes[0]?.kill();
      await bench.clock.advance(wait);
      const [waiting] = send(bench, 1);
      await closeBench(bench);
      if (wait < 500) asError(waiting?.error, 'CLOSED');
      else expect(waiting?.state).toBe('resolved');
      await bench.clock.advance(10_000);
      expect(bench.backend.openSessions).toBe(0);
    }
  });

  test('while a new worker is opening waits for it to be gone', async () => {
    const bench = await openLanes(1, { openMs: 20 });
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(5);
    await closeBench(bench);
    await bench.clock.advance(100);
    expect(bench.backend.openSessions).toBe(0);
    expect(bench.backend.lanes.every(({ alive }) => !alive)).toBe(true);
    expect(bench.heard).toEqual(['lost worker-1 of 1']);
  });

  test('goes on when a worker dies during the drain', async () => {
    const bench = await openLanes(2);
    const outcomes = send(bench, 0, 1, 2, 3, 4, 5, 6);
    await bench.clock.advance(5);
    const closed = follow(bench.runner.close(), bench.clock);
    await bench.clock.settle();
    bench.backend.lanes[0]?.kill();
    bench.backend.lanes[1]?.kill();
    await bench.clock.advance(100);
    expect(closed.state).toBe('resolved');
    expect(outcomes.every(({ ends }) => ends === 1)).toBe(true);
    await closeBench(bench);
  });

  test('of a closed worker is no loss', async () => {
    const bench = await openLanes(2);
    await closeBench(bench);
    for (const lane of bench.backend.lanes) lane.kill();
    await bench.clock.advance(1000);
    expect(bench.heard).toEqual([]);
    expect(bench.backend.lanes).toHaveLength(2);
  });
});

describe('a worker that dies while the model is warmed up', () => {
  test('fails createRunner and leaves nothing behind', async () => {
    // What createRunner fetches takes real time, more than the virtual clock waits on a busy machine.
    await Promise.all([import('./local-runner'), import('./tune-lanes')]);
    for (const lanes of [1, 3, 'auto'] as const) {
      const clock = createVirtualClock();
      const backend = createMockBackend({ clock, workers: true, latencyMs: () => 10 });
      const outcome = follow(createRunner({ model: '1', backend, clock, lanes }), clock);
      await untilSo(() => backend.lanes.length > 0, clock);
      await clock.advance(25);
      backend.lanes[0]?.kill(new Error('segmentation fault'));
      await clock.advance(30_000);
      asError(outcome.error, 'LANE_LOST');
      expect(backend.openSessions).toBe(0);
      expect(clock.pendingTimers).toBe(0);
      expect(backend.lanes).toHaveLength(lanes === 3 ? 3 : 1);
    }
  });

  test('keeps the runner on the model that it has', async () => {
    const bench = await openBench(
      { workers: true, latencyMs: () => 10 },
      { lanes: 1, warmUp: true, batching: { maxBatchRows: 2 } },
    );
    const swap = follow(
      bench.runner.swap({ ...(bench.runner.loaded as never as object), version: '2' } as never),
      bench.clock,
    );
    await bench.clock.advance(25);
    bench.backend.lanes[1]?.kill();
    await bench.clock.advance(10_000);
    asError(swap.error, 'LANE_LOST');
    expect(bench.backend.lanes).toHaveLength(2);
    const [outcome] = send(bench, 1);
    await bench.clock.advance(20);
    expect(outcome?.value?.model.version).toBe('1');
    await closeBench(bench);
  });
});

describe('a lane that brings itself back', () => {
  /** One lane that says of itself what the test has it say. */
  async function openTalkative() {
    const clock = createVirtualClock();
    const inner = createMockBackend({ clock, workers: true, latencyMs: () => 10 });
    let tell: LaneListener = () => undefined;
    let device = 'webgpu';
    const laneHost: LaneHost = {
      async openLane(module, model, options) {
        tell = options.onEvent ?? tell;
        const session = await (inner.laneHost as LaneHost).openLane(module, model, options);
        return Object.defineProperty(session, 'device', { get: () => device });
      },
    };
    const heard: string[] = [];
    const bench = await openBench(
      { laneHost },
      {
        lanes: 1,
        batching: { maxBatchRows: 2 },
        on: {
          'lane-lost': ({ lane }) => heard.push(`lost ${lane}`),
          'lane-restart': ({ lane }) => heard.push(`restart ${lane}`),
          'device-lost': ({ lane, device, reason }) => heard.push(`device-lost ${lane} ${device} ${reason}`),
          'device-recovered': ({ lane, device }) => heard.push(`device-recovered ${lane} ${device}`),
          'device-fallback': ({ lane, from, to, model }) => heard.push(`${lane} ${from} ${to} ${model.version}`),
        },
      },
      clock,
    );
    const error = new FairleadError('LANE_LOST', 'gone');
    return {
      ...bench,
      backend: inner,
      heard,
      down: () => tell('device-lost', { device, reason: 'device', error, batches: 0 }),
      up: (next: string) => {
        if (next !== device) tell('device-fallback', { from: device, to: next, reason: 'gone' });
        device = next;
        tell('device-recovered', { device, from: 'webgpu', downMs: 5 });
      },
    };
  }

  test('is sent nothing meanwhile, and begins with the queue when it is back; all is told and shown', async () => {
    const bench = await openTalkative();
    bench.down();
    const outcomes = send(bench, 1, 2, 3);
    await bench.clock.advance(1000);
    expect(bench.backend.calls).toHaveLength(0);
    expect(bench.runner.health()).toMatchObject({
      status: 'degraded',
      ready: false,
      lanes: { alive: 0, total: 1 },
      lastError: { code: 'LANE_LOST', message: 'gone' },
    });
    bench.up('wasm');
    await bench.clock.advance(20);
    expect(outcomes.map(({ value }) => numbersOf(value?.outputs))).toEqual([1, 2, 3].map((value) => doubled(value)));
    expect(bench.heard).toEqual([
      'lost worker-1',
      'device-lost worker-1 webgpu device',
      'worker-1 webgpu wasm 1',
      'device-recovered worker-1 wasm',
      'restart worker-1',
    ]);
    expect(bench.runner.describe()).toMatchObject({
      device: 'wasm',
      lanes: { slots: [{ device: 'wasm', alive: true, restarts: 1 }] },
    });
    await closeBench(bench);
  });

  test('is closed with its runner, though it is down', async () => {
    const bench = await openTalkative();
    bench.down();
    await closeBench(bench);
  });

  test('is replaced when it gives up', async () => {
    const bench = await openTalkative();
    bench.down();
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(100);
    const [outcome] = send(bench, 1);
    await bench.clock.advance(20);
    expect(outcome?.state).toBe('resolved');
    expect(bench.backend.lanes).toHaveLength(2);
    await closeBench(bench);
  });
});
