import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { closeBench, follow, inputOf, openBench, rejection, thrownBy, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { failure, pair, type Step, scriptedRunner } from './scripted-runner.fixture';
import { withTimeout } from './with-timeout';

function setUp(step: Step = {}, timeoutMs = 50) {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock, () => step);
  return { clock, inner, runner: withTimeout(inner, { timeoutMs, clock }) };
}

test('an answer in time passes, and the deadline is fixed once for the stages inside', async () => {
  const { clock, inner, runner } = setUp();
  await clock.advance(7);
  const result = await until(runner.run(pair(1, 2)), clock);
  expect(Array.from(result.outputs.y?.data as Float32Array)).toEqual([1, 2]);
  expect(inner.calls[0]?.options).toEqual({ deadline: 57 });
  expect(runner.timeoutStats()).toEqual({ requests: 1, timeouts: 0 });
  expect(clock.pendingTimers).toBe(0);
});

test('a runner that keeps no deadline is left behind at the deadline, to the millisecond', async () => {
  const { clock, inner, runner } = setUp({ afterMs: 51 });
  const outcome = follow(runner.run(pair()), clock);
  await clock.advance(49.999);
  expect(outcome.state).toBe('pending');
  await clock.advance(60);
  expect(outcome).toMatchObject({ state: 'rejected', error: { code: 'DEADLINE_EXCEEDED' }, at: 50, ends: 1 });
  expect(inner.inFlight).toBe(0);
  expect(clock.pendingTimers).toBe(0);
  expect(runner.timeoutStats()).toEqual({ requests: 1, timeouts: 1 });
});

test('a late failure of a runner that was left behind is nobody’s unhandled rejection', async () => {
  const { clock, runner } = setUp({ afterMs: 80, error: failure('RUN_FAILED') });
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  try {
    await until(rejection(runner.run(pair()), 'DEADLINE_EXCEEDED'), clock);
    await clock.advance(100);
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
});

test.each([
  ['a shorter timeout of the caller counts', { timeoutMs: 20 }, 20],
  ['a longer timeout of the caller does not', { timeoutMs: 500 }, 50],
  ['an earlier deadline counts', { deadline: 30 }, 30],
  ['a later deadline does not', { deadline: 1e9 }, 50],
  ['an outer deadline counts before timeoutMs', { deadline: 40, timeoutMs: 10 }, 40],
])('%s', async (_what, options, endsAt) => {
  const { clock, inner, runner } = setUp({ afterMs: 1000 });
  const outcome = follow(runner.run(pair(), options), clock);
  await clock.advance(2000);
  expect(outcome).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' }, at: endsAt });
  expect(inner.calls[0]?.options.deadline).toBe(endsAt);
});

test('a request without time is not sent, and a bad timeout is refused', async () => {
  const { clock, inner, runner } = setUp();
  await clock.advance(5);
  await rejection(runner.run(pair(), { timeoutMs: 0 }), 'DEADLINE_EXCEEDED');
  await rejection(runner.run(pair(), { deadline: 5 }), 'DEADLINE_EXCEEDED');
  await rejection(runner.run(pair(), { timeoutMs: -1 }), 'INVALID_ARGUMENT');
  await rejection(runner.run(pair(), { deadline: Number.NaN }), 'INVALID_ARGUMENT');
  expect(inner.calls).toHaveLength(0);
  expect(clock.pendingTimers).toBe(0);
});

test('an abort ends the request and the timer; priority and key reach the runner', async () => {
  const { clock, inner, runner } = setUp({ hangs: true });
  const controller = new AbortController();
  const outcome = follow(runner.run(pair(), { signal: controller.signal, priority: 'high', key: 'ada' }), clock);
  await clock.advance(5);
  controller.abort(new Error('enough'));
  await clock.settle();
  expect(outcome).toMatchObject({ error: { code: 'ABORTED', cause: { message: 'enough' } }, at: 5 });
  expect(inner.calls[0]?.options).toMatchObject({ priority: 'high', key: 'ada' });
  expect(clock.pendingTimers).toBe(0);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

test('an answer that comes after the deadline because the timer is late is not given', async () => {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock);
  // The event loop was blocked: no timer fires before the answer.
  const sluggish = { ...clock, now: clock.now, setTimer: () => ({ clear: () => undefined }) };
  const runner = withTimeout(
    { ...inner, run: (inputs, options) => inner.run(inputs, options) },
    { timeoutMs: 5, clock: sluggish },
  );
  await until(rejection(runner.run(pair()), 'DEADLINE_EXCEEDED'), clock);
  expect(runner.timeoutStats().timeouts).toBe(1);
});

test('it is a runner: signature, model, events and what was loaded are the inner one’s', async () => {
  const bench = await openBench();
  const runner = withTimeout(bench.runner, { timeoutMs: 50, clock: bench.clock });
  expect(runner.signature).toBe(bench.runner.signature);
  expect(runner.events).toBe(bench.runner.events);
  expect(runner.loaded).toBe(bench.runner.loaded);
  expect(runner.model).toEqual(bench.runner.model);
  const rows: number[] = [];
  runner.events.on('batch-end', (event) => void rows.push(event.rows));
  await until(runner.run(inputOf(1, 2, 3)), bench.clock);
  await bench.clock.settle();
  expect(rows).toEqual([3]);
  await runner.close();
  await closeBench(bench);
});

test('closing refuses new work at once, drains and closes the runner inside, once', async () => {
  const { clock, inner, runner } = setUp();
  const inFlight = follow(runner.run(pair()), clock);
  const closing = follow(runner.close(), clock);
  await rejection(runner.run(pair()), 'CLOSED');
  expect(inner.closed).toBe(false);
  await clock.advance(20);
  expect(inFlight.state).toBe('resolved');
  expect(closing).toMatchObject({ state: 'resolved', at: 10 });
  expect(inner.closed).toBe(true);
  await runner.close();
  await runner[Symbol.asyncDispose]();
  expect(clock.pendingTimers).toBe(0);
});

test.each([
  [{}, 'timeoutMs'],
  [{ timeoutMs: 0 }, 'timeoutMs'],
  [{ timeoutMs: -1 }, 'timeoutMs'],
  [{ timeoutMs: Number.NaN }, 'timeoutMs'],
  [{ timeoutMs: 2 ** 31 }, 'timeoutMs'],
  [{ timeoutMs: '50' }, 'timeoutMs'],
  [{ timeoutMs: 50, clock: 1 }, 'clock'],
  [{ timeoutMs: 50, timeout: 50 }, 'timeout'],
])('refuses the options %j', (options, field) => {
  const { inner } = setUp();
  const error = thrownBy(() => withTimeout(inner, options as never), 'INVALID_OPTION');
  expect(error.details.field).toBe(field);
  expect(error.message).toContain('withTimeout');
});
