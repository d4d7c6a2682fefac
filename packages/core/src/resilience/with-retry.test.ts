import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { asError, follow, rejection, thrownBy, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { failure, pair, type Step, scriptedRunner } from './scripted-runner.fixture';
import { type RequestRetryEvent, type RetryOptions, withRetry } from './with-retry';

// Where in its range a random delay lies is not what these tests are about, and some count milliseconds.
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0.5));
afterEach(() => void vi.restoreAllMocks());

function setUp(script: (call: number) => Step, options: RetryOptions = {}) {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock, script);
  const retries: RequestRetryEvent[] = [];
  const runner = withRetry(inner, { clock, on: { 'request-retry': (event) => void retries.push(event) }, ...options });
  return { clock, inner, runner, retries };
}

const failTimes =
  (times: number, error: unknown = failure('REMOTE_FAILED')) =>
  (call: number): Step =>
    call < times ? { error } : {};

test('an answer of the first attempt is passed on as it is', async () => {
  const { clock, inner, runner } = setUp(() => ({}));
  const result = await until(runner.run(pair()), clock);
  expect(result.timing).toEqual({ queueMs: 0, computeMs: 10 });
  expect(inner.calls[0]?.options).toEqual({});
  expect(runner.retryStats()).toMatchObject({ requests: 1, retries: 0, recovered: 0 });
});

test.each(['LANE_LOST', 'REMOTE_FAILED', 'OVERLOADED'] as const)('%s is tried again until it works', async (code) => {
  const error = failure(code);
  const { clock, inner, runner, retries } = setUp(failTimes(2, error));
  const result = await until(runner.run(pair(3, 4)), clock);
  expect(Array.from(result.outputs.y?.data as Float32Array)).toEqual([3, 4]);
  expect(inner.calls).toHaveLength(3);
  expect(retries.map(({ attempt }) => attempt)).toEqual([2, 3]);
  expect(retries[0]).toMatchObject({ model: inner.model, error });
  // From the call to the start of the third attempt.
  expect(result.timing.queueMs).toBe(inner.calls[2]?.at);
  expect(runner.retryStats()).toMatchObject({ requests: 1, retries: 2, recovered: 1 });
  expect(clock.pendingTimers).toBe(0);
});

test.each([
  'INVALID_INPUT',
  'INVALID_ARGUMENT',
  'ABORTED',
  'DEADLINE_EXCEEDED',
  'CLOSED',
  'RUN_FAILED',
  'OUTPUT_INVALID',
  'NOT_FOUND',
] as const)('%s is not tried again', async (code) => {
  const error = failure(code, { retryAfterMs: 1 });
  const { clock, inner, runner } = setUp(failTimes(1, error));
  expect(await until(rejection(runner.run(pair()), code), clock)).toBe(error);
  expect(inner.calls).toHaveLength(1);
  expect(runner.retryStats()).toMatchObject({ retries: 0, givenUp: { attempts: 0, budget: 0, time: 0 } });
});

test('what is no FairleadError is not tried again', async () => {
  const { clock, inner, runner } = setUp(failTimes(1, new TypeError('a bug')));
  await expect(until(runner.run(pair()), clock)).rejects.toThrow('a bug');
  expect(inner.calls).toHaveLength(1);
});

test('after maxAttempts the caller gets the last error', async () => {
  const errors = [1, 2, 3, 4].map((number) => failure('LANE_LOST', { number }));
  const { clock, inner, runner } = setUp((call) => ({ error: errors[call] }), { maxAttempts: 4 });
  expect(await until(rejection(runner.run(pair()), 'LANE_LOST'), clock)).toBe(errors[3]);
  expect(inner.calls).toHaveLength(4);
  expect(runner.retryStats().givenUp).toEqual({ attempts: 1, budget: 0, time: 0 });
});

test('delays grow, with a random part, up to maxDelayMs', async () => {
  vi.restoreAllMocks();
  const budget = { share: 1, perSecond: 100 };
  const firstDelays = new Set<number>();
  for (let round = 0; round < 20; round++) {
    const options = { maxAttempts: 8, initialDelayMs: 50, maxDelayMs: 400, budget };
    const { clock, runner, retries } = setUp(() => ({ error: failure('LANE_LOST') }), options);
    await until(rejection(runner.run(pair()), 'LANE_LOST'), clock, 50);
    const delays = retries.map(({ delayMs }) => delayMs);
    expect(delays).toHaveLength(7);
    expect(Math.max(...delays)).toBeLessThanOrEqual(400);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    // The medians are about 50, 100, 200 and then the bound.
    expect(Math.max(...delays.slice(3))).toBeGreaterThan(150);
    firstDelays.add(delays[0] as number);
  }
  expect(firstDelays.size).toBeGreaterThan(10);
});

test('retryAfterMs is waited for', async () => {
  const { clock, inner, runner } = setUp(failTimes(1, failure('OVERLOADED', { retryAfterMs: 700 })));
  await until(runner.run(pair()), clock);
  expect(inner.calls.map(({ at }) => at)).toEqual([0, 710]);
});

test('a retryAfterMs beyond maxDelayMs ends the retries at once', async () => {
  const { clock, inner, runner } = setUp(failTimes(1, failure('OVERLOADED', { retryAfterMs: 2001 })));
  const error = await until(rejection(runner.run(pair()), 'OVERLOADED'), clock);
  expect(error.details.retryAfterMs).toBe(2001);
  expect(inner.calls).toHaveLength(1);
  expect(clock.now()).toBe(10);
  expect(runner.retryStats().givenUp.time).toBe(1);
});

test('no attempt begins at or after the deadline, and nobody waits for one that could not', async () => {
  const { clock, inner, runner } = setUp(() => ({ error: failure('OVERLOADED', { retryAfterMs: 90 }) }));
  // The first fails at 10, the second would begin at 100.
  const tight = follow(runner.run(pair(), { timeoutMs: 100 }), clock);
  const enough = follow(runner.run(pair(), { timeoutMs: 101 }), clock);
  await clock.advance(1000);
  expect(tight).toMatchObject({ error: { code: 'OVERLOADED' }, at: 10 });
  expect(enough).toMatchObject({ error: { code: 'OVERLOADED' }, at: 110 });
  expect(inner.calls.map(({ at }) => at)).toEqual([0, 0, 100]);
});

test('every attempt has the deadline of the request, not a new one', async () => {
  const { clock, inner, runner } = setUp(failTimes(2));
  await clock.advance(5);
  await until(runner.run(pair(), { timeoutMs: 1000, key: 'ada' }), clock);
  expect(inner.calls).toHaveLength(3);
  for (const { options } of inner.calls) expect(options).toMatchObject({ deadline: 1005, key: 'ada' });
});

test('a later attempt computes what the first was given, though the caller reuses the array', async () => {
  const { clock, inner, runner } = setUp(failTimes(1));
  const [bare, tensor] = [pair(1, 2), { x: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(5, 6) } as const }];
  const first = runner.run(bare);
  bare.x.fill(9);
  await until(first, clock);
  const second = until(runner.run(tensor), clock);
  tensor.x.data.fill(9);
  await second;
  expect(inner.calls.map(({ x }) => x)).toEqual([
    [1, 2],
    [1, 2],
    [5, 6],
  ]);
});

test.each([
  ['while an attempt runs', 5, 5],
  ['while it waits for the next', 12, 12],
  ['while a later attempt runs', 505, 505],
])('an abort %s ends the request at once', async (_phase, abortAt, endsAt) => {
  const { clock, inner, runner } = setUp(failTimes(9, failure('OVERLOADED', { retryAfterMs: 490 })));
  const controller = new AbortController();
  const outcome = follow(runner.run(pair(), { signal: controller.signal }), clock);
  await clock.advance(abortAt);
  controller.abort(new Error('enough'));
  await clock.settle();
  expect(outcome).toMatchObject({ error: { code: 'ABORTED', cause: { message: 'enough' } }, at: endsAt });
  expect(clock.pendingTimers).toBe(0);
  await clock.advance(5000);
  expect(inner.calls.length).toBe(abortAt < 500 ? 1 : 2);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

test('a signal that lives longer than the request keeps no listener of it', async () => {
  const { clock, runner } = setUp(failTimes(2));
  const { signal } = new AbortController();
  for (let index = 0; index < 3; index++) await until(runner.run(pair(), { signal }), clock);
  expect(runner.retryStats().retries).toBe(2);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('a signal that was aborted while the attempt failed allows no other', async () => {
  const controller = new AbortController();
  const { clock, inner, runner } = setUp(() => ({ error: failure('LANE_LOST') }));
  inner.events.on('lane-lost', () => controller.abort());
  const stubborn = withRetry(
    { ...inner, run: async (inputs) => inner.run(inputs), model: inner.model },
    { clock, maxAttempts: 5 },
  );
  const outcome = follow(stubborn.run(pair(), { signal: controller.signal }), clock);
  await clock.advance(9);
  controller.abort();
  await clock.advance(1000);
  expect(outcome).toMatchObject({ error: { code: 'ABORTED' }, at: 10 });
  expect(inner.calls).toHaveLength(1);
  expect(runner.retryStats().requests).toBe(0);
});

test('in a storm retries stay within the budget, and the load is not multiplied', async () => {
  const { clock, inner, runner } = setUp(() => ({ error: failure('REMOTE_FAILED') }), { maxAttempts: 5 });
  const ends: Promise<unknown>[] = [];
  for (let second = 0; second < 20; second++) {
    for (let index = 0; index < 100; index++) ends.push(rejection(runner.run(pair()), 'REMOTE_FAILED'));
    await clock.advance(1000);
  }
  await clock.advance(10_000);
  await Promise.all(ends);
  const { requests, retries, givenUp } = runner.retryStats();
  expect(requests).toBe(2000);
  // A tenth of the requests, and one a second of any ten seconds' window.
  expect(retries).toBeGreaterThan(150);
  expect(retries).toBeLessThanOrEqual(2000 * 0.1 + 3 * 10);
  expect(inner.calls).toHaveLength(requests + retries);
  expect(givenUp.budget + givenUp.attempts).toBe(2000);
  expect(clock.pendingTimers).toBe(0);
});

test('without a share, the floor alone allows retries', async () => {
  const budget = { share: 0, perSecond: 0.2 };
  const { clock, runner } = setUp(() => ({ error: failure('LANE_LOST') }), { maxAttempts: 2, budget });
  const ends = Array.from({ length: 10 }, () => rejection(runner.run(pair()), 'LANE_LOST'));
  await clock.advance(1000);
  await Promise.all(ends);
  expect(runner.retryStats()).toMatchObject({ retries: 2, givenUp: { attempts: 2, budget: 8 } });
});

test('closing waits for requests that are being tried, and refuses new ones at once', async () => {
  const { clock, inner, runner } = setUp(failTimes(2));
  const outcome = follow(runner.run(pair()), clock);
  await clock.advance(11);
  const closing = follow(runner.close(), clock);
  await rejection(runner.run(pair()), 'CLOSED');
  await clock.advance(1);
  expect(closing.state).toBe('pending');
  await clock.advance(5000);
  expect(outcome.state).toBe('resolved');
  expect(closing.at).toBe(outcome.at);
  expect(inner.closed).toBe(true);
  await runner.close();
});

test('an error in a listener is logged and hurts nobody', async () => {
  const logged: string[] = [];
  const line = (_details: object, message: string): void => void logged.push(message);
  const logger = { debug: line, info: line, warn: line, error: line };
  const on = {
    'request-retry': () => {
      throw new Error('bad listener');
    },
  };
  const { clock, runner } = setUp(failTimes(1), { on, logger });
  await until(runner.run(pair()), clock);
  expect(logged).toEqual(['A listener of "request-retry" threw: bad listener']);
});

test('bad arguments are refused, and a runner that throws is one that fails', async () => {
  const { clock, inner, runner } = setUp(() => ({}));
  await rejection(runner.run(pair(), { timeoutMs: -1 }), 'INVALID_ARGUMENT');
  expect(inner.calls).toHaveLength(0);
  let calls = 0;
  const throwing = withRetry(
    {
      ...inner,
      run: () => {
        calls++;
        throw failure('LANE_LOST');
      },
    },
    { clock },
  );
  await until(rejection(throwing.run(pair()), 'LANE_LOST'), clock);
  expect(calls).toBe(3);
});

test.each([
  [{ maxAttempts: 1 }, 'maxAttempts'],
  [{ maxAttempts: 2.5 }, 'maxAttempts'],
  [{ maxAttempts: 101 }, 'maxAttempts'],
  [{ budget: 0.1 }, 'budget'],
  [{ budget: { share: 1.1 } }, 'budget.share'],
  [{ budget: { share: -0.1 } }, 'budget.share'],
  [{ budget: { perSecond: -1 } }, 'budget.perSecond'],
  [{ budget: { floor: 1 } }, 'budget.floor'],
  [{ initialDelayMs: 0 }, 'initialDelayMs'],
  [{ maxDelayMs: Number.POSITIVE_INFINITY }, 'maxDelayMs'],
  [{ initialDelayMs: 100, maxDelayMs: 50 }, 'maxDelayMs'],
  [{ initialDelayMs: 3000 }, 'maxDelayMs'],
  [{ on: 1 }, 'on'],
  [{ logger: null }, 'logger'],
  [{ retries: 3 }, 'retries'],
])('refuses the options %j', (options, field) => {
  const inner = scriptedRunner(createVirtualClock());
  const error = thrownBy(() => withRetry(inner, options as never), 'INVALID_OPTION');
  expect(asError(error, 'INVALID_OPTION').details.field).toBe(field);
});

test.each([
  [undefined, 2],
  [502, 2],
  [503, 2],
  [504, 2],
  [401, 1],
  [500, 1],
])('a server that answered %s is asked %d times', async (status, times) => {
  const clock = createVirtualClock();
  const details = status === undefined ? {} : { status };
  const inner = scriptedRunner(clock, () => ({ error: failure('REMOTE_FAILED', details) }));
  const runner = withRetry(inner, { clock, maxAttempts: 2 });
  await until(rejection(runner.run(pair()), 'REMOTE_FAILED'), clock);
  expect(inner.calls).toHaveLength(times);
});
