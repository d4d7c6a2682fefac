import { describe, expect, test } from 'vitest';
import { withCache } from '../cache';
import { FairleadError } from '../errors';
import type { LoadedModel } from '../model-source';
import { fallback, withTimeout } from '../resilience';
import { mockModel } from '../testing/mock-backend';
import { closeBench, follow, inputOf, openBench, rejection, until } from '../testing/test-kit.fixture';
import type { HealthStatus, ModelRunner } from './runner';
import { defineModel, withPredict } from './typed-model';

const startEpochMs = 1_700_000_000_000;

/** Lane tries of the mock from `first` to `last` fail. */
const failTries =
  (first: number, last: number) =>
  (_model: LoadedModel, tried: number): unknown =>
    tried >= first && tried <= last ? new FairleadError('BACKEND_UNAVAILABLE', `try ${tried} failed`) : undefined;

const stateOf = (runner: ModelRunner): [HealthStatus | undefined, boolean | undefined] => {
  const health = runner.health?.();
  return [health?.status, health?.ready];
};

describe('health', () => {
  test('of a runner that is well is a plain object with nothing to complain of', async () => {
    const bench = await openBench({ openMs: 20, latencyMs: () => 10 }, { batching: { maxBatchRows: 1 } });
    const sinceEpochMs = startEpochMs + bench.clock.now();
    expect(bench.runner.health()).toEqual({
      status: 'ready',
      ready: true,
      reasons: [],
      model: bench.runner.model,
      lanes: { alive: 1, total: 1 },
      queue: { requests: 0, rows: 0, bytes: 0, batchesInFlight: 0 },
      sinceEpochMs,
    });
    const answers = [1, 2, 3].map((value) => bench.runner.run(inputOf(value)));
    await bench.clock.advance(5);
    const health = bench.runner.health();
    expect(health.queue).toEqual({ requests: 2, rows: 2, bytes: 16, batchesInFlight: 1 });
    expect(JSON.parse(JSON.stringify(health))).toEqual(health);
    await until(Promise.all(answers), bench.clock);
    await closeBench(bench);
  });

  test('is degraded while a worker is being restarted, and says since when', async () => {
    const bench = await openBench({ workers: true, failLane: failTries(2, 2) }, { lanes: 2 });
    await bench.clock.advance(1000);
    const lostAt = startEpochMs + bench.clock.now();
    bench.backend.lanes[1]?.kill(new Error('out of memory'));
    await bench.clock.advance(50);
    expect(bench.runner.health()).toMatchObject({
      status: 'degraded',
      ready: true,
      reasons: ['worker-2 is down and being restarted'],
      lanes: { alive: 1, total: 2 },
      lastError: { code: 'LANE_LOST', message: 'The mock worker died.', atEpochMs: lostAt },
      sinceEpochMs: lostAt,
    });
    await bench.clock.advance(100);
    expect(bench.runner.health()).toMatchObject({
      status: 'ready',
      reasons: [],
      lanes: { alive: 2, total: 2 },
      lastError: { code: 'LANE_LOST' },
      sinceEpochMs: lostAt + 100,
    });
    await closeBench(bench);
  });

  test('is not ready while the only worker is down, and failed once it is given up', async () => {
    const bench = await openBench({ workers: true, failLane: failTries(1, 9) }, { lanes: 1 });
    bench.backend.lanes[0]?.kill();
    await bench.clock.settle();
    expect(stateOf(bench.runner)).toEqual(['degraded', false]);
    await bench.clock.advance(10_000);
    const failure = await rejection(bench.runner.run(inputOf(1)), 'LANE_LOST');
    expect(bench.runner.health()).toMatchObject({
      status: 'failed',
      ready: false,
      reasons: [failure.message],
      lanes: { alive: 0, total: 1 },
      lastError: { code: 'LANE_LOST', message: failure.message },
      // Tries at once, after 100, 400 and 1600 ms.
      sinceEpochMs: startEpochMs + 2100,
    });
    await closeBench(bench);
  });

  test('stays degraded when one of several workers could not be restarted', async () => {
    const bench = await openBench({ workers: true, failLane: failTries(2, 9) }, { lanes: 2 });
    bench.backend.lanes[0]?.kill();
    await bench.clock.advance(10_000);
    expect(bench.runner.health()).toMatchObject({
      status: 'degraded',
      ready: true,
      reasons: ['worker-1 is down and could not be restarted'],
      lastError: { code: 'BACKEND_UNAVAILABLE', message: 'try 5 failed' },
    });
    await closeBench(bench);
  });

  test('is ready while another model is loaded beside the one in use', async () => {
    const bench = await openBench({ openMs: 50 });
    const swap = bench.runner.swap(mockModel('2'));
    await bench.clock.advance(10);
    expect(bench.runner.health()).toMatchObject({
      status: 'swapping',
      ready: true,
      reasons: ['mock 2 (00000000) is being loaded beside mock 1 (00000000).'],
      model: { version: '1' },
    });
    await until(swap, bench.clock);
    expect(bench.runner.health()).toMatchObject({ status: 'ready', reasons: [], model: { version: '2' } });
    await closeBench(bench);
  });

  test('is not ready while requests wait for another model in its place', async () => {
    const bench = await openBench({ openMs: 50, latencyMs: () => 10 }, { swapMode: 'resource-preserving' });
    const swap = bench.runner.swap(mockModel('2'));
    await bench.clock.advance(10);
    const waiting = [bench.runner.run(inputOf(1)), bench.runner.run(inputOf(2, 3))];
    expect(bench.runner.health()).toMatchObject({
      status: 'swapping',
      ready: false,
      reasons: ['mock 1 (00000000) makes room for mock 2 (00000000); 2 requests wait.'],
      lanes: { alive: 0, total: 1 },
      queue: { requests: 2, rows: 3, bytes: 24 },
    });
    await until(swap, bench.clock);
    expect(stateOf(bench.runner)).toEqual(['ready', true]);
    await until(Promise.all(waiting), bench.clock);
    await closeBench(bench);
  });

  test('is failed when neither the new model nor the one before can be had, and ready once another one can', async () => {
    let broken = false;
    const failCreate = ({ version }: LoadedModel): unknown =>
      broken && version !== '3' ? new FairleadError('MODEL_INVALID', 'no disk') : undefined;
    const bench = await openBench({ failCreate }, { swapMode: 'resource-preserving' });
    broken = true;
    await rejection(until(bench.runner.swap(mockModel('2')), bench.clock), 'MODEL_INVALID');
    const failure = await rejection(bench.runner.run(inputOf(1)), 'BACKEND_UNAVAILABLE');
    expect(bench.runner.health()).toMatchObject({
      status: 'failed',
      ready: false,
      reasons: [failure.message],
      lastError: { code: 'MODEL_INVALID' },
    });
    await until(bench.runner.swap(mockModel('3')), bench.clock);
    expect(stateOf(bench.runner)).toEqual(['ready', true]);
    await closeBench(bench);
  });

  test('remembers the last batch that failed, and stays ready', async () => {
    const bench = await openBench();
    bench.backend.failNext(new Error('no such operator'));
    await rejection(until(bench.runner.run(inputOf(1)), bench.clock), 'RUN_FAILED');
    expect(bench.runner.health()).toMatchObject({
      status: 'ready',
      lastError: { code: 'RUN_FAILED', message: 'The runtime failed: no such operator' },
    });
    await closeBench(bench);
  });

  test('is closed from the call of close on, while it drains', async () => {
    const bench = await openBench({ latencyMs: () => 30 });
    const answer = follow(bench.runner.run(inputOf(1)), bench.clock);
    await bench.clock.settle();
    const closing = bench.runner.close();
    expect(bench.runner.health()).toMatchObject({
      status: 'closed',
      ready: false,
      reasons: ['The runner was closed.'],
      sinceEpochMs: startEpochMs + bench.clock.now(),
    });
    await until(closing, bench.clock);
    expect(answer.state).toBe('resolved');
    expect(stateOf(bench.runner)).toEqual(['closed', false]);
    await closeBench(bench);
  });
});

describe('a runner around a runner', () => {
  test('passes on what the one inside says, and is closed when itself is', async () => {
    const bench = await openBench({ workers: true, latencyMs: () => 30 }, { lanes: 1 });
    const { clock, runner } = bench;
    const outer = withTimeout(withCache(runner, { clock }), { timeoutMs: 1000, clock });
    expect(stateOf(outer)).toEqual(['ready', true]);
    bench.backend.lanes[0]?.kill();
    expect(stateOf(outer)).toEqual(['degraded', false]);
    await clock.advance(10);
    const answer = outer.run(inputOf(1));
    await clock.settle();
    const closing = outer.close();
    expect(stateOf(outer)).toEqual(['closed', false]);
    await until(Promise.all([answer, closing]), clock);
    await closeBench(bench);
  });

  test('that cannot tell leaves its own silent', async () => {
    const bench = await openBench();
    const { health: _, ...dumb } = bench.runner;
    const inner = dumb as ModelRunner;
    expect(withCache(inner).health).toBeUndefined();
    expect(withTimeout(inner, { timeoutMs: 1 }).health).toBeUndefined();
    expect(fallback(inner, bench.runner).health).toBeUndefined();
    await closeBench(bench);
  });

  test('with types of its own is the runner that it is around', async () => {
    const bench = await openBench();
    const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const;
    const definition = defineModel({ input: schema, output: schema, encode: () => inputOf(1), decode: () => 0 });
    expect(withPredict(bench.runner, definition).health().status).toBe('ready');
    await closeBench(bench);
  });

  test('of two is ready as long as one of them is', async () => {
    const [first, second] = [await openBench({ workers: true, openMs: 10 }, { lanes: 1 }), await openBench()];
    const both = fallback(first.runner, second.runner, { clock: first.clock });
    expect(both.health?.()).toEqual(first.runner.health());
    first.backend.lanes[0]?.kill();
    expect(both.health?.()).toMatchObject({
      status: 'degraded',
      ready: true,
      reasons: ['worker-1 is down and being restarted', 'mock 1 (00000000) answers in its place.'],
    });
    await closeBench(second);
    expect(stateOf(both)).toEqual(['degraded', false]);
    await until(both.close(), first.clock);
    expect(stateOf(both)).toEqual(['closed', false]);
    await closeBench(first);
  });
});
