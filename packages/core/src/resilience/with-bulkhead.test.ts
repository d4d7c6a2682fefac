import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Priority } from '../runner/runner';
import { follow, type Outcome, rejection, thrownBy, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { failure, pair, type Step, scriptedRunner } from './scripted-runner.fixture';
import { type BulkheadOptions, withBulkhead } from './with-bulkhead';

function setUp(options: Partial<BulkheadOptions> = {}, script: (call: number) => Step = () => ({})) {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock, script);
  return { clock, inner, runner: withBulkhead(inner, { maxConcurrent: 2, maxQueued: 3, clock, ...options }) };
}

test('no more than maxConcurrent are inside; the others wait for a place, first come, first served', async () => {
  const { clock, inner, runner } = setUp();
  const all = [1, 2, 3, 4, 5].map((value) => follow(runner.run(pair(value)), clock));
  expect(runner.bulkheadStats()).toMatchObject({ running: 2, queued: 3, requests: 5 });
  await clock.advance(100);
  expect(inner.mostInFlight).toBe(2);
  expect(inner.calls.map(({ x, at }) => [x[0], at])).toEqual([
    [1, 0],
    [2, 0],
    [3, 10],
    [4, 10],
    [5, 20],
  ]);
  expect(all.map(({ at }) => at)).toEqual([10, 10, 20, 20, 30]);
  // From the call to the start, and what the runner itself took is not waiting.
  expect(all.map(({ value }) => value?.timing.queueMs)).toEqual([0, 0, 10, 10, 20]);
  expect(runner.bulkheadStats()).toMatchObject({ running: 0, queued: 0, refused: 0, expired: 0 });
});

test('with a place free, the promise is the inner runner’s own', async () => {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock);
  const promises: Promise<unknown>[] = [];
  const recording: typeof inner.run = (inputs, options) => {
    const promise = inner.run(inputs, options);
    promises.push(promise);
    return promise;
  };
  const runner = withBulkhead({ ...inner, run: recording }, { maxConcurrent: 1, clock });
  const promise = runner.run(pair());
  expect(promise).toBe(promises[0]);
  await until(promise, clock);
});

test('when the queue is full, one more is refused with advice from what requests took', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1, maxQueued: 1 }, () => ({ afterMs: 40 }));
  void runner.run(pair());
  void runner.run(pair());
  const blind = await rejection(runner.run(pair()), 'OVERLOADED');
  expect(blind.details).toMatchObject({ field: 'maxQueued', retryAfterMs: 200 });
  await clock.advance(100);
  void runner.run(pair());
  void runner.run(pair());
  const informed = await rejection(runner.run(pair()), 'OVERLOADED');
  expect(informed.details.retryAfterMs).toBe(80);
  expect(runner.bulkheadStats()).toMatchObject({ refused: 2, requests: 6 });
  await clock.advance(100);
  expect(inner.calls).toHaveLength(4);
});

test('without a queue, whoever finds no place is refused', async () => {
  const { clock, runner } = setUp({ maxQueued: 0 });
  const inside = [follow(runner.run(pair()), clock), follow(runner.run(pair()), clock)];
  await rejection(runner.run(pair()), 'OVERLOADED');
  await clock.advance(10);
  expect(inside.map(({ state }) => state)).toEqual(['resolved', 'resolved']);
  await until(runner.run(pair()), clock);
});

test('a failure frees the place as an answer does', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1 }, (call) =>
    call === 0 ? { error: failure('RUN_FAILED') } : {},
  );
  const [first, second] = [follow(runner.run(pair()), clock), follow(runner.run(pair()), clock)];
  await clock.advance(20);
  expect(first.error).toMatchObject({ code: 'RUN_FAILED' });
  expect(second.state).toBe('resolved');
  expect(inner.calls).toHaveLength(2);
  const throwing = withBulkhead(
    {
      ...inner,
      run: () => {
        throw failure('LANE_LOST');
      },
    },
    { maxConcurrent: 1, clock },
  );
  await rejection(throwing.run(pair()), 'LANE_LOST');
  await rejection(throwing.run(pair()), 'LANE_LOST');
});

test('who waits leaves at the deadline, and the place goes to the next', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1 }, () => ({ afterMs: 50 }));
  const first = follow(runner.run(pair(1)), clock);
  const hasty = follow(runner.run(pair(2), { timeoutMs: 20 }), clock);
  const patient = follow(runner.run(pair(3), { timeoutMs: 200 }), clock);
  await clock.advance(49);
  expect(hasty).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' }, at: 20 });
  expect(runner.bulkheadStats()).toMatchObject({ queued: 1, expired: 1 });
  await clock.advance(60);
  expect([first.at, patient.at]).toEqual([50, 100]);
  expect(inner.calls.map(({ x, options }) => [x[0], options.deadline])).toEqual([
    [1, undefined],
    [3, 200],
  ]);
  expect(clock.pendingTimers).toBe(0);
});

test('nobody starts at or after the deadline, even where timers are late', async () => {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock, () => ({ afterMs: 50 }));
  const sluggish = { ...clock, setTimer: () => ({ clear: () => undefined }) };
  const runner = withBulkhead(inner, { maxConcurrent: 1, maxQueued: 9, clock: sluggish });
  void runner.run(pair(1));
  const late = [50, 49, 20].map((timeoutMs) => follow(runner.run(pair(2), { timeoutMs }), clock));
  const patient = follow(runner.run(pair(3), { timeoutMs: 51 }), clock);
  await clock.advance(120);
  for (const outcome of late) expect(outcome).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' }, at: 50 });
  expect(patient.at).toBe(100);
  expect(inner.calls.map(({ x }) => x[0])).toEqual([1, 3]);
  expect(runner.bulkheadStats()).toMatchObject({ running: 0, queued: 0, expired: 3 });
});

test('an abort takes a request out of the queue at once and leaves its place to others', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1, maxQueued: 1 });
  const controller = new AbortController();
  void runner.run(pair(1));
  const aborted = follow(runner.run(pair(2), { signal: controller.signal, timeoutMs: 1000 }), clock);
  await clock.advance(3);
  controller.abort(new Error('enough'));
  await clock.settle();
  expect(aborted).toMatchObject({ error: { code: 'ABORTED', cause: { message: 'enough' } }, at: 3 });
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  expect(clock.pendingTimers).toBe(1);
  await until(runner.run(pair(3)), clock);
  expect(inner.calls.map(({ x }) => x[0])).toEqual([1, 3]);
  expect(clock.pendingTimers).toBe(0);
});

test('an abort inside reaches the runner; one before the call is refused without a place', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1 }, () => ({ hangs: true }));
  const controller = new AbortController();
  const inside = follow(runner.run(pair(), { signal: controller.signal }), clock);
  await rejection(runner.run(pair(), { signal: AbortSignal.abort() }), 'ABORTED');
  await rejection(runner.run(pair(), { timeoutMs: 0 }), 'DEADLINE_EXCEEDED');
  expect(runner.bulkheadStats().queued).toBe(0);
  controller.abort();
  await clock.settle();
  expect(inside.error).toMatchObject({ code: 'ABORTED' });
  expect(runner.bulkheadStats().running).toBe(0);
  expect(inner.calls).toHaveLength(1);
});

test('a higher priority leaves first, and a lower one that waited a second longer before it', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1, maxQueued: 9 }, () => ({ afterMs: 3000 }));
  const send = (value: number, priority: Priority): void => void runner.run(pair(value), { priority });
  send(0, 'normal');
  send(1, 'low');
  send(2, 'normal');
  await clock.advance(900);
  send(3, 'high');
  await clock.advance(600);
  // Twelve hundred milliseconds after 2: a high one, and too late.
  send(4, 'high');
  send(5, 'normal');
  await clock.advance(600);
  send(6, 'high');
  await clock.advance(30_000);
  expect(inner.calls.map(({ x }) => x[0])).toEqual([0, 3, 2, 4, 1, 6, 5]);
});

test('who waits is computed with what was given at the call', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1 });
  void runner.run(pair());
  const inputs = pair(5, 6);
  const waiting = follow(runner.run(inputs), clock);
  inputs.x.fill(9);
  await clock.advance(30);
  expect(inner.calls[1]?.x).toEqual([5, 6]);
  expect(waiting.state).toBe('resolved');
});

test('closing refuses new work at once, and those who wait still run', async () => {
  const { clock, inner, runner } = setUp({ maxConcurrent: 1 });
  const all = [1, 2, 3].map((value) => follow(runner.run(pair(value)), clock));
  const closing = follow(runner.close(), clock);
  await rejection(runner.run(pair()), 'CLOSED');
  await clock.advance(29);
  expect(inner.closed).toBe(false);
  await clock.advance(1);
  expect(all.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved']);
  expect(closing).toMatchObject({ state: 'resolved', at: 30 });
  expect(inner.closed).toBe(true);
  await runner.close();
  expect(clock.pendingTimers).toBe(0);
});

test('whatever comes, every request ends exactly once, in bounds, in time, with its own answer', async () => {
  const request = fc.record({
    waitMs: fc.nat(20),
    timeoutMs: fc.option(fc.nat(60), { nil: undefined }),
    abortMs: fc.option(fc.nat(60), { nil: undefined }),
    afterMs: fc.integer({ min: 1, max: 40 }),
    fails: fc.boolean(),
    priority: fc.constantFrom<Priority>('high', 'normal', 'low'),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(6),
      async (requests, maxConcurrent, maxQueued) => {
        const clock = createVirtualClock();
        const inner = scriptedRunner(clock, (call) => {
          const { afterMs, fails } = requests[call % requests.length] as (typeof requests)[number];
          return fails ? { afterMs, error: failure('RUN_FAILED') } : { afterMs };
        });
        const runner = withBulkhead(inner, { maxConcurrent, maxQueued, clock });
        const outcomes: Outcome<unknown>[] = [];
        const controllers: AbortController[] = [];
        for (const [value, { waitMs, timeoutMs, abortMs, priority }] of requests.entries()) {
          await clock.advance(waitMs);
          const controller = new AbortController();
          controllers.push(controller);
          const options = { signal: controller.signal, priority, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
          const run = runner.run(pair(value, -value), options).then((result) => {
            expect(Array.from(result.outputs.y?.data as Float32Array)).toEqual([value, -value]);
          });
          outcomes.push(follow(run, clock));
          if (abortMs !== undefined) clock.setTimer(() => controller.abort(), abortMs);
          expect(runner.bulkheadStats().queued).toBeLessThanOrEqual(maxQueued);
        }
        const closing = follow(runner.close(), clock);
        await clock.advance(5000);
        expect(closing.state).toBe('resolved');
        expect(inner.mostInFlight).toBeLessThanOrEqual(maxConcurrent);
        for (const outcome of outcomes) expect(outcome.ends).toBe(1);
        for (const { at, options } of inner.calls) expect(at).toBeLessThan(options.deadline ?? Infinity);
        for (const { signal } of controllers) expect(getEventListeners(signal, 'abort')).toHaveLength(0);
        expect(runner.bulkheadStats()).toMatchObject({ running: 0, queued: 0, requests: requests.length });
        expect(clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

test.each([
  [{}, 'maxConcurrent'],
  [{ maxConcurrent: 0 }, 'maxConcurrent'],
  [{ maxConcurrent: 1.5 }, 'maxConcurrent'],
  [{ maxConcurrent: 1, maxQueued: -1 }, 'maxQueued'],
  [{ maxConcurrent: 1, maxQueued: Number.POSITIVE_INFINITY }, 'maxQueued'],
  [{ maxConcurrent: 1, queue: 1 }, 'queue'],
])('refuses the options %j', (options, field) => {
  const inner = scriptedRunner(createVirtualClock());
  const error = thrownBy(() => withBulkhead(inner, options as never), 'INVALID_OPTION');
  expect(error.details.field).toBe(field);
});
