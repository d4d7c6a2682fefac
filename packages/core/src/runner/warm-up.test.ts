import { describe, expect, test } from 'vitest';
import type { Session } from '../backend';
import { createMockBackend, type MockBackend, type MockBackendOptions, mockModel } from '../testing/mock-backend';
import { follow, rejection, until } from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import { type WarmUpTime, warmUp } from './warm-up';

interface WarmBench {
  readonly clock: VirtualClock;
  readonly backend: MockBackend;
  readonly session: Session;
}

async function open(options: MockBackendOptions): Promise<WarmBench> {
  const clock = createVirtualClock();
  const backend = createMockBackend({ clock, ...options });
  return { clock, backend, session: await backend.doCreateSession(mockModel(), {}) };
}

const warm = ({ session, clock }: WarmBench, maxBatchRows: number): Promise<WarmUpTime[]> =>
  until(warmUp(session, maxBatchRows, clock, {}), clock);

/** How often each size was run, in the order of the sizes. */
function runsBySize({ backend }: WarmBench): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { rows } of backend.calls) counts[rows] = (counts[rows] ?? 0) + 1;
  return counts;
}

describe('how often a size is run', () => {
  test('a cheap one until 10 ms are spent on it, a dearer one thrice, and once before that', async () => {
    const bench = await open({ latencyMs: (rows) => rows });
    await warm(bench, 8);
    expect(runsBySize(bench)).toEqual({ 1: 11, 2: 6, 4: 4, 8: 4 });
  });

  test('at most 50 times and once before, however cheap it is', async () => {
    const bench = await open({ latencyMs: () => 0 });
    await warm(bench, 2);
    expect(runsBySize(bench)).toEqual({ 1: 51, 2: 51 });
  });

  test('once when it takes more than 200 ms, and then no larger one', async () => {
    const bench = await open({ latencyMs: (rows) => rows * 60 });
    expect((await warm(bench, 64)).at(-1)).toEqual({ rows: 4, computeMs: 240 });
    expect(runsBySize(bench)).toEqual({ 1: 4, 2: 4, 4: 1 });
  });

  test('once each when the sizes have taken 1.5 s', async () => {
    const bench = await open({ latencyMs: () => 190 });
    await warm(bench, 64);
    expect(runsBySize(bench)).toEqual({ 1: 4, 2: 4, 4: 1, 8: 1, 16: 1, 32: 1, 64: 1 });
    expect(bench.clock.now()).toBe(2 * 4 * 190 + 5 * 190);
  });
});

describe('the time of a size', () => {
  test('is the lower quartile: stalls and a slow beginning are left out', async () => {
    const delays = [40, 3, 2, 1, 1, 2, 1, 0.5];
    let run = 0;
    const bench = await open({ latencyMs: () => delays[run++] ?? 90 });
    // Of .5, 1, 1, 1, 2, 2 and 3 ms, and a stall of 90 ms with which the 10 ms are over.
    expect(await warm(bench, 1)).toEqual([{ rows: 1, computeMs: 1 }]);
  });

  test('does not count a first run in which the device woke up', async () => {
    let run = 0;
    const bench = await open({ latencyMs: (rows) => (run++ === 0 ? 900 : rows) });
    expect(await warm(bench, 4)).toEqual([
      { rows: 1, computeMs: 1 },
      { rows: 2, computeMs: 2 },
      { rows: 4, computeMs: 4 },
    ]);
  });

  test('is told of a model whose smallest batch is slow', async () => {
    const bench = await open({ latencyMs: () => 700 });
    expect(await warm(bench, 64)).toEqual([{ rows: 1, computeMs: 700 }]);
    expect(runsBySize(bench)).toEqual({ 1: 2 });
  });
});

test('a signal ends it before the next run', async () => {
  const bench = await open({ latencyMs: () => 20 });
  const controller = new AbortController();
  const warming = warmUp(bench.session, 64, bench.clock, { signal: controller.signal });
  const outcome = follow(warming, bench.clock);
  await bench.clock.advance(50);
  controller.abort();
  await bench.clock.advance(100);
  expect(outcome.at).toBe(60);
  await rejection(warming, 'ABORTED');
  expect(bench.backend.calls).toHaveLength(3);
});
