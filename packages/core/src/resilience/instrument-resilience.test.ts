import { expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { createRegistry, type Registry, toOpenMetrics } from '../metrics';
import { readOpenMetrics } from '../metrics/read-exposition.fixture';
import type { ModelRunner } from '../runner/runner';
import { mockModel } from '../testing/mock-backend';
import { closeBench, follow, inputOf, openBench, thrownBy, until } from '../testing/test-kit.fixture';
import { fallback } from './fallback';
import { instrumentResilience } from './instrument-resilience';
import { withBulkhead } from './with-bulkhead';
import { withCircuitBreaker } from './with-circuit-breaker';
import { withRetry } from './with-retry';
import { withTimeout } from './with-timeout';

/** Values by name, version of the model and further labels. */
function valuesOf(registry: Registry): Record<string, number> {
  const samples = readOpenMetrics(toOpenMetrics(registry)).flatMap((family) => family.samples);
  return Object.fromEntries(
    samples
      .filter(({ name }) => name.startsWith('ml_') && !name.endsWith('_created'))
      .map(({ name, labels: { model_name: _, ...labels }, value }) => [
        [name, ...Object.values(labels)].join(' '),
        value,
      ]),
  );
}

const logger = { debug() {}, info() {}, warn() {}, error() {} };

async function setUp() {
  const bench = await openBench({ latencyMs: () => 10 });
  return { bench, clock: bench.clock, runner: bench.runner, registry: createRegistry({ clock: bench.clock }) };
}

/** Lets requests end, however they do. */
const settle = (runner: ModelRunner, clock: Parameters<typeof until>[1], count: number, timeoutMs?: number) => {
  const requests = Array.from({ length: count }, (_, value) =>
    runner.run(inputOf(value), timeoutMs === undefined ? {} : { timeoutMs }),
  );
  return until(Promise.allSettled(requests), clock);
};

test('retries: attempts, recoveries, and what was given up by why', async () => {
  const { bench, clock, runner, registry } = await setUp();
  const stage = withRetry(runner, { clock, maxAttempts: 2, logger });
  instrumentResilience(registry, stage);
  const lost = new FairleadError('LANE_LOST', 'gone');
  bench.backend.failNext(lost);
  await settle(stage, clock, 1);
  bench.backend.failNext(lost, lost);
  await settle(stage, clock, 1);
  expect(valuesOf(registry)).toEqual({
    'ml_retries_total 1': 2,
    'ml_retry_recoveries_total 1': 1,
    'ml_retry_give_ups_total 1 attempts': 1,
    'ml_retry_give_ups_total 1 budget': 0,
    'ml_retry_give_ups_total 1 time': 0,
  });
  await closeBench(bench);
});

test('a circuit breaker: its state, and what it counted; both versions after a swap', async () => {
  const { bench, clock, runner, registry } = await setUp();
  const stage = withCircuitBreaker(runner, { clock, failures: 2, halfOpenAfterMs: 1000, logger });
  const instrument = instrumentResilience(registry, stage);
  const states = (version: number, state: string) =>
    Object.fromEntries(
      ['closed', 'open', 'half_open'].map((each) => [`ml_circuit_state ${version} ${each}`, Number(each === state)]),
    );
  expect(valuesOf(registry)).toMatchObject(states(1, 'closed'));
  for (let time = 0; time < 2; time++) {
    bench.backend.failNext(new Error('broken'));
    await settle(stage, clock, 1);
  }
  await settle(stage, clock, 3);
  expect(valuesOf(registry)).toEqual({
    ...states(1, 'open'),
    'ml_circuit_failures_total 1': 2,
    'ml_circuit_openings_total 1': 1,
    'ml_circuit_refusals_total 1': 3,
  });
  await clock.advance(1000);
  const probe = follow(stage.run(inputOf(1)), clock);
  expect(valuesOf(registry)).toMatchObject(states(1, 'half_open'));
  await clock.advance(20);
  expect(probe.state).toBe('resolved');
  await runner.swap(mockModel('2'));
  const after = valuesOf(registry);
  expect(after).toMatchObject({
    ...states(2, 'closed'),
    'ml_circuit_failures_total 1': 2,
    'ml_circuit_failures_total 2': 0,
  });
  expect(Object.keys(after).filter((key) => key.startsWith('ml_circuit_state 1'))).toEqual([]);
  await instrument.close();
  expect(Object.keys(valuesOf(registry)).filter((key) => key.startsWith('ml_circuit_state'))).toEqual([]);
  await closeBench(bench);
});

test('a bulkhead: who is inside, who waits, and who was turned away or ran out of time', async () => {
  const { bench, clock, runner, registry } = await setUp();
  // A runner that hears of no deadline, so that it refuses nobody by it.
  const deaf: ModelRunner = { ...runner, run: (inputs) => runner.run(inputs) };
  const stage = withBulkhead(deaf, { clock, maxConcurrent: 1, maxQueued: 2 });
  instrumentResilience(registry, stage);
  const outcomes = [1, 2, 3, 4].map((value) => follow(stage.run(inputOf(value), { timeoutMs: 15 }), clock));
  await clock.settle();
  expect(valuesOf(registry)).toEqual({
    'ml_bulkhead_running 1': 1,
    'ml_bulkhead_queued 1': 2,
    'ml_bulkhead_refusals_total 1': 1,
    'ml_bulkhead_expiries_total 1': 0,
  });
  await clock.advance(50);
  expect(outcomes.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'rejected', 'rejected']);
  expect(valuesOf(registry)).toEqual({
    'ml_bulkhead_running 1': 0,
    'ml_bulkhead_queued 1': 0,
    'ml_bulkhead_refusals_total 1': 1,
    'ml_bulkhead_expiries_total 1': 1,
  });
  await closeBench(bench);
});

test('a timeout: what it ended because the runner had not', async () => {
  const { bench, clock, runner, registry } = await setUp();
  const deaf: ModelRunner = { ...runner, run: (inputs) => runner.run(inputs) };
  const stage = withTimeout(deaf, { clock, timeoutMs: 5 });
  instrumentResilience(registry, stage);
  await settle(stage, clock, 2);
  expect(valuesOf(registry)).toEqual({ 'ml_timeouts_total 1': 2 });
  await clock.advance(50);
  await closeBench(bench);
});

test('a fallback: who was asked, who answered, and where it was too late', async () => {
  const { bench, clock, runner, registry } = await setUp();
  const broken: ModelRunner = { ...runner, run: () => Promise.reject(new FairleadError('LANE_LOST', 'gone')) };
  const stage = fallback(broken, runner, { clock, minSlackMs: 20, logger });
  instrumentResilience(registry, stage);
  await settle(stage, clock, 2);
  await settle(stage, clock, 1, 19);
  bench.backend.failNext(new Error('broken too'));
  await settle(stage, clock, 1);
  expect(valuesOf(registry)).toEqual({
    'ml_fallbacks_total 1': 3,
    'ml_fallback_answers_total 1': 2,
    'ml_fallback_too_late_total 1': 1,
  });
  await closeBench(bench);
});

test('stages around stages are instrumented one by one, in one registry', async () => {
  const { bench, clock, runner, registry } = await setUp();
  const inner = withBulkhead(runner, { clock, maxConcurrent: 4 });
  const outer = withRetry(inner, { clock, logger });
  const instruments = [instrumentResilience(registry, inner), instrumentResilience(registry, outer)];
  await settle(outer, clock, 2);
  expect(Object.keys(valuesOf(registry))).toHaveLength(9);
  for (const instrument of instruments) await instrument.close();
  expect(runner.events.listenerCount('model-swap')).toBe(0);
  await closeBench(bench);
});

test('refuses a runner that counts nothing of the kind', async () => {
  const { bench, runner, registry } = await setUp();
  const error = thrownBy(() => instrumentResilience(registry, runner), 'INVALID_ARGUMENT');
  expect(error.details.field).toBe('stage');
  await closeBench(bench);
});
