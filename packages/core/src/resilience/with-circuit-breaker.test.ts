import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { collectInto, follow, rejection, thrownBy, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { failure, pair, type Step, scriptedRunner } from './scripted-runner.fixture';
import { type CircuitBreakerOptions, withCircuitBreaker } from './with-circuit-breaker';

/** A runner whose next requests do what `next` says, the last of it for ever. */
function setUp(options: CircuitBreakerOptions = {}) {
  const clock = createVirtualClock();
  const told: string[] = [];
  let step: Step = {};
  const inner = scriptedRunner(clock, () => step);
  const on: CircuitBreakerOptions['on'] = {
    'circuit-open': ({ retryAfterMs }) => void told.push(`open ${retryAfterMs}`),
    'circuit-probe': () => void told.push('probe'),
    'circuit-close': ({ openMs }) => void told.push(`close ${openMs}`),
  };
  const runner = withCircuitBreaker(inner, { failures: 3, halfOpenAfterMs: 1000, clock, on, ...options });
  const send = async (next: Step): Promise<string> => {
    step = next;
    const outcome = follow(runner.run(pair()), clock);
    await clock.advance(10);
    return outcome.state === 'rejected' ? (outcome.error as { code: string }).code : outcome.state;
  };
  const fail = (): Promise<string> => send({ error: failure('REMOTE_FAILED') });
  const trip = async (): Promise<void> => {
    while (runner.circuitStats().state !== 'open') await fail();
  };
  const start = (next: Step, signal?: AbortSignal) => {
    step = next;
    return follow(runner.run(pair(), signal === undefined ? {} : { signal }), clock);
  };
  return { clock, inner, runner, told, send, fail, trip, start };
}

test('closed, it passes the inner runner’s own promise on, with the options as they are', async () => {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock);
  const promises: Promise<unknown>[] = [];
  const recording: typeof inner.run = (inputs, options) => {
    const promise = inner.run(inputs, options);
    promises.push(promise);
    return promise;
  };
  const runner = withCircuitBreaker({ ...inner, run: recording }, { clock });
  const options = { timeoutMs: 5, key: 'ada' };
  const promise = runner.run(pair(), options);
  expect(promise).toBe(promises[0]);
  expect(inner.calls[0]?.options).toBe(options);
  await until(promise, clock);
  expect(runner.circuitStats()).toEqual({
    state: 'closed',
    retryAfterMs: 0,
    requests: 1,
    refused: 0,
    failures: 0,
    opened: 0,
  });
});

test('so many failures in a row open it; an answer in between starts the count anew', async () => {
  const { runner, inner, told, send, fail } = setUp();
  await fail();
  await fail();
  await send({});
  await fail();
  await fail();
  expect(runner.circuitStats().state).toBe('closed');
  await fail();
  expect(runner.circuitStats()).toMatchObject({ state: 'open', failures: 5, opened: 1 });
  expect(told).toEqual(['open 1000']);
  expect(inner.calls).toHaveLength(6);
});

test('open, it refuses at once, without asking the runner, and says when to come back', async () => {
  const { clock, runner, inner, trip } = setUp();
  await trip();
  await clock.advance(400.5);
  const error = await rejection(runner.run(pair()), 'OVERLOADED');
  expect(error.details).toMatchObject({ retryAfterMs: 600, circuit: 'open' });
  expect(error.message).toContain('Retry after 600 ms');
  expect(inner.calls).toHaveLength(3);
  expect(runner.circuitStats()).toMatchObject({ refused: 1, requests: 4, retryAfterMs: 599.5 });
  expect(clock.pendingTimers).toBe(0);
});

test.each(['ABORTED', 'INVALID_INPUT', 'OVERLOADED', 'CLOSED', 'NOT_FOUND'] as const)(
  '%s counts neither as a failure nor as an answer',
  async (code) => {
    const { runner, send, fail } = setUp();
    await fail();
    await fail();
    for (let index = 0; index < 5; index++) await send({ error: failure(code) });
    expect(runner.circuitStats()).toMatchObject({ state: 'closed', failures: 2 });
    await fail();
    expect(runner.circuitStats().state).toBe('open');
  },
);

test.each(['RUN_FAILED', 'LANE_LOST', 'DEADLINE_EXCEEDED', 'PROTOCOL_ERROR', 'BACKEND_UNAVAILABLE'] as const)(
  '%s counts as a failure',
  async (code) => {
    const { runner, send } = setUp();
    for (let index = 0; index < 3; index++) await send({ error: failure(code) });
    expect(runner.circuitStats().state).toBe('open');
  },
);

test('an error of another kind counts as RUN_FAILED; the codes can be chosen', async () => {
  const foreign = setUp({ failures: 1 });
  await expect(until(foreign.runner.run(pair()), foreign.clock)).resolves.toBeDefined();
  const outcome = foreign.start({ error: new TypeError('a bug') });
  await foreign.clock.advance(10);
  expect(outcome.error).toBeInstanceOf(TypeError);
  expect(foreign.runner.circuitStats().state).toBe('open');

  const chosen = setUp({ failures: 1, codes: ['OVERLOADED'] });
  await chosen.fail();
  expect(chosen.runner.circuitStats()).toMatchObject({ state: 'closed', failures: 0 });
  await chosen.send({ error: failure('OVERLOADED') });
  expect(chosen.runner.circuitStats().state).toBe('open');
});

test('after halfOpenAfterMs a single probe goes through, whoever else comes; its answer closes the circuit', async () => {
  const { clock, inner, runner, told, trip, start } = setUp();
  await trip();
  await clock.advance(999.9);
  await rejection(runner.run(pair()), 'OVERLOADED');
  await clock.advance(0.1);
  const all = Array.from({ length: 50 }, () => start({ afterMs: 20 }));
  await clock.settle();
  expect(inner.inFlight).toBe(1);
  expect(runner.circuitStats()).toMatchObject({ state: 'half-open', refused: 50 });
  expect(all.filter(({ state }) => state === 'pending')).toHaveLength(1);
  expect(all[49]?.error).toMatchObject({ code: 'OVERLOADED', details: { circuit: 'half-open', retryAfterMs: 100 } });
  await clock.advance(20);
  expect(all[0]?.state).toBe('resolved');
  expect(runner.circuitStats()).toMatchObject({ state: 'closed', opened: 1, retryAfterMs: 0 });
  expect(told).toEqual(['open 1000', 'probe', 'close 1020']);
  const after = Array.from({ length: 10 }, () => start({}));
  await clock.advance(10);
  expect(after.every(({ state }) => state === 'resolved')).toBe(true);
});

test('a probe that fails keeps it open as long again', async () => {
  const { clock, runner, told, fail, send, trip } = setUp();
  await trip();
  await clock.advance(1000);
  expect(await fail()).toBe('REMOTE_FAILED');
  expect(runner.circuitStats()).toMatchObject({ state: 'open', opened: 2, retryAfterMs: 1000 });
  await clock.advance(999);
  expect(await send({})).toBe('OVERLOADED');
  // That took ten milliseconds.
  expect(await send({})).toBe('resolved');
  expect(told).toEqual(['open 1000', 'probe', 'open 1000', 'probe', `close ${1000 + 10 + 999 + 10 + 10}`]);
});

test('after it closed, the count begins anew', async () => {
  const { clock, runner, send, fail, trip } = setUp();
  await trip();
  await clock.advance(1000);
  await send({});
  await fail();
  await fail();
  expect(runner.circuitStats().state).toBe('closed');
});

test.each([
  ['was aborted', failure('ABORTED')],
  ['was bad input', failure('INVALID_INPUT')],
])('a probe that %s found out nothing: the next request is the probe', async (_what, error) => {
  const { clock, inner, runner, told, send, trip } = setUp();
  await trip();
  await clock.advance(1000);
  await send({ error });
  expect(runner.circuitStats()).toMatchObject({ state: 'half-open', retryAfterMs: 0 });
  expect(await send({})).toBe('resolved');
  expect(runner.circuitStats().state).toBe('closed');
  expect(told.filter((event) => event === 'probe')).toHaveLength(1);
  expect(inner.calls).toHaveLength(5);
});

test('an abort of the probe’s caller ends it at once and leaves no listener', async () => {
  const { clock, runner, trip, start } = setUp();
  await trip();
  await clock.advance(1000);
  const controller = new AbortController();
  const probe = start({ hangs: true }, controller.signal);
  await clock.advance(3);
  controller.abort();
  await clock.settle();
  expect(probe).toMatchObject({ error: { code: 'ABORTED' } });
  expect(runner.circuitStats()).toMatchObject({ state: 'half-open', retryAfterMs: 0 });
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  expect(clock.pendingTimers).toBe(0);
});

test('a probe that never ends is taken for lost after halfOpenAfterMs; what it says later does not count', async () => {
  const { clock, inner, runner, trip, start, send } = setUp();
  await trip();
  await clock.advance(1000);
  const lost = start({ afterMs: 1500, error: failure('DEADLINE_EXCEEDED') });
  await clock.advance(600);
  expect(runner.circuitStats().retryAfterMs).toBe(400);
  await rejection(runner.run(pair()), 'OVERLOADED');
  await clock.advance(400);
  expect(await send({})).toBe('resolved');
  expect(runner.circuitStats().state).toBe('closed');
  await clock.advance(1000);
  expect(lost.state).toBe('rejected');
  expect(runner.circuitStats()).toMatchObject({ state: 'closed', opened: 1 });
  expect(inner.calls).toHaveLength(5);
});

test('a lost probe that fails while the next is under way does not speak for it', async () => {
  const { clock, runner, trip, start } = setUp();
  await trip();
  await clock.advance(1000);
  start({ afterMs: 1010, error: failure('DEADLINE_EXCEEDED') });
  await clock.advance(1000);
  const next = start({ afterMs: 50 });
  await clock.advance(20);
  expect(runner.circuitStats()).toMatchObject({ state: 'half-open', opened: 1 });
  await clock.advance(30);
  expect(next.state).toBe('resolved');
  expect(runner.circuitStats().state).toBe('closed');
});

test('requests that began before it opened neither close nor open it afterwards', async () => {
  const { clock, runner, trip, start, send } = setUp();
  const slowAnswer = start({ afterMs: 1015 });
  const slowFailures = Array.from({ length: 5 }, () => start({ afterMs: 1500, error: failure('DEADLINE_EXCEEDED') }));
  await trip();
  await clock.advance(970);
  const probe = start({ afterMs: 50 });
  expect(probe.state).toBe('pending');
  await clock.advance(15);
  expect(slowAnswer.state).toBe('resolved');
  expect(runner.circuitStats().state).toBe('open');
  await clock.advance(20);
  expect(await send({})).toBe('resolved');
  expect(runner.circuitStats().state).toBe('closed');
  await clock.advance(1000);
  expect(slowFailures.every(({ state }) => state === 'rejected')).toBe(true);
  expect(runner.circuitStats()).toMatchObject({ state: 'closed', failures: 8, opened: 1 });
});

test('a share of a window of requests opens it, once there are enough of them', async () => {
  const { runner, send, fail } = setUp({ failures: { share: 0.5, windowRequests: 8, minimumRequests: 4 } });
  await fail();
  await fail();
  await fail();
  expect(runner.circuitStats().state).toBe('closed');
  await send({});
  await send({});
  await send({});
  // Three of six.
  expect(runner.circuitStats().state).toBe('closed');
  await fail();
  expect(runner.circuitStats()).toMatchObject({ state: 'open', failures: 4 });
});

test('the window forgets: failures that have passed out of it do not count', async () => {
  const { clock, runner, send, fail, trip } = setUp({ failures: { share: 0.5, windowRequests: 4 } });
  for (let round = 0; round < 10; round++) {
    await fail();
    await send({});
  }
  expect(runner.circuitStats()).toMatchObject({ state: 'closed', failures: 10 });
  await trip();
  await clock.advance(1000);
  await send({});
  await fail();
  await fail();
  expect(runner.circuitStats().state).toBe('closed');
});

test('with nobody listening, opening is a warning', async () => {
  const log: string[] = [];
  const { runner, trip } = setUp({ on: {}, logger: collectInto(log) });
  await trip();
  expect(log).toEqual([
    'warn: The circuit of scripted 0 (00000000) opened: Scripted REMOTE_FAILED. The next try is in 1000 ms.',
  ]);
  expect(runner.circuitEvents.listenerCount('circuit-open')).toBe(0);
});

test('a listener may send a request while the circuit changes', async () => {
  const { clock, inner, runner, trip } = setUp();
  const reentrant: Promise<unknown>[] = [];
  runner.circuitEvents.on('circuit-open', () => void reentrant.push(rejection(runner.run(pair()), 'OVERLOADED')));
  runner.circuitEvents.on('circuit-probe', () => void reentrant.push(rejection(runner.run(pair()), 'OVERLOADED')));
  await trip();
  await clock.advance(1000);
  const probe = follow(runner.run(pair()), clock);
  await Promise.all(reentrant);
  expect(reentrant).toHaveLength(2);
  expect(inner.inFlight).toBe(1);
  await clock.advance(10);
  expect(probe.state).not.toBe('pending');
});

test('a runner that throws instead of rejecting counts as one that fails', async () => {
  const clock = createVirtualClock();
  const throwing = {
    ...scriptedRunner(clock),
    run: () => {
      throw failure('LANE_LOST');
    },
  };
  const runner = withCircuitBreaker(throwing, { failures: 1, clock, logger: collectInto([]) });
  await rejection(runner.run(pair()), 'LANE_LOST');
  expect(runner.circuitStats().state).toBe('open');
});

test('closing drains, closes the runner inside and ends the events', async () => {
  const { clock, inner, runner, start } = setUp();
  const inFlight = start({});
  const closing = runner.close();
  await rejection(runner.run(pair()), 'CLOSED');
  await until(closing, clock);
  expect(inFlight.state).toBe('resolved');
  expect(inner.closed).toBe(true);
  expect(runner.circuitEvents.listenerCount('circuit-open')).toBe(0);
});

test.each([
  [{ failures: 0 }, 'failures'],
  [{ failures: 1.5 }, 'failures'],
  [{ failures: { share: 1, windowRequests: 10 } }, 'failures.share'],
  [{ failures: { share: 0, windowRequests: 10 } }, 'failures.share'],
  [{ failures: { share: 0.5 } }, 'failures'],
  [{ failures: { share: 0.5, windowRequests: 10, minimumRequests: 11 } }, 'failures'],
  [{ failures: { share: 0.5, windowRequests: 1e9 } }, 'failures.windowRequests'],
  [{ failures: { share: 0.5, windowRequests: 10, duration: 1 } }, 'failures.duration'],
  [{ halfOpenAfterMs: 0 }, 'halfOpenAfterMs'],
  [{ codes: [] }, 'codes'],
  [{ codes: ['OVERLODED'] }, 'codes.0'],
  [{ codes: 'OVERLOADED' }, 'codes'],
  [{ on: 'x' }, 'on'],
  [{ clock: undefined, threshold: 5 }, 'threshold'],
])('refuses the options %j', (options, field) => {
  const inner = scriptedRunner(createVirtualClock());
  const error = thrownBy(() => withCircuitBreaker(inner, options as never), 'INVALID_OPTION');
  expect(error.details.field).toBe(field);
});
