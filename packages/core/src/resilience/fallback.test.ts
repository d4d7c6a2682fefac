import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { mockModel } from '../testing/mock-backend';
import {
  closeBench,
  collectInto,
  follow,
  inputOf,
  openBench,
  rejection,
  thrownBy,
  until,
} from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { type FallbackOptions, fallback, type RunnerFallbackEvent } from './fallback';
import { failure, pair, pairSignature, type Step, scriptedRunner } from './scripted-runner.fixture';
import { withTimeout } from './with-timeout';

const answer = (result: { outputs: Readonly<Record<string, { data: unknown }>> }): number[] =>
  Array.from(result.outputs.y?.data as Float32Array);

function setUp(
  first: (call: number) => Step,
  second: (call: number) => Step = () => ({}),
  options: FallbackOptions = {},
) {
  const clock = createVirtualClock();
  const a = scriptedRunner(clock, first, '0');
  const b = scriptedRunner(clock, second, '1');
  const told: RunnerFallbackEvent[] = [];
  const on = { 'runner-fallback': (event: RunnerFallbackEvent) => void told.push(event) };
  return { clock, a, b, told, runner: fallback(a, b, { clock, on, ...options }) };
}

const failing =
  (code: Parameters<typeof failure>[0] = 'REMOTE_FAILED', afterMs = 10) =>
  (): Step => ({ error: failure(code), afterMs });

test('while the first answers, the second is not asked', async () => {
  const { clock, a, b, runner } = setUp(() => ({}));
  const result = await until(runner.run(pair(1, 2), { priority: 'low' }), clock);
  expect(answer(result)).toEqual([1, 2]);
  expect(result.model.version).toBe('0');
  expect(a.calls[0]?.options).toEqual({ priority: 'low' });
  expect(b.calls).toHaveLength(0);
  expect(runner.fallbackStats()).toEqual({ requests: 1, fallbacks: 0, mended: 0, tooLate: 0 });
});

test('when the first fails the second answers within the same request, and the answer says so', async () => {
  const { clock, a, b, told, runner } = setUp(failing());
  await clock.advance(5);
  const result = await until(runner.run(pair(1, 2), { timeoutMs: 100, key: 'ada' }), clock);
  expect(answer(result)).toEqual([10, 20]);
  expect(result.model.version).toBe('1');
  expect(result.timing).toEqual({ queueMs: 10, computeMs: 10 });
  for (const { calls } of [a, b]) expect(calls[0]?.options).toEqual({ timeoutMs: 100, deadline: 105, key: 'ada' });
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ from: { version: '0' }, to: { version: '1' }, error: { code: 'REMOTE_FAILED' } });
  expect(runner.fallbackStats()).toEqual({ requests: 1, fallbacks: 1, mended: 1, tooLate: 0 });
});

test.each(['RUN_FAILED', 'LANE_LOST', 'OVERLOADED', 'DEADLINE_EXCEEDED', 'BACKEND_UNAVAILABLE', 'NOT_FOUND'] as const)(
  'the second mends %s',
  async (code) => {
    const { clock, runner } = setUp(failing(code));
    expect((await until(runner.run(pair()), clock)).model.version).toBe('1');
  },
);

test.each(['INVALID_INPUT', 'INVALID_ARGUMENT', 'ABORTED', 'CLOSED'] as const)(
  'the second cannot mend %s and is not asked',
  async (code) => {
    const { clock, b, told, runner } = setUp(failing(code));
    await until(rejection(runner.run(pair()), code), clock);
    expect(b.calls).toHaveLength(0);
    expect(told).toEqual([]);
  },
);

test('the codes can be chosen; an error of another kind counts as RUN_FAILED', async () => {
  const chosen = setUp(failing('RUN_FAILED'), undefined, { codes: ['OVERLOADED'] });
  await until(rejection(chosen.runner.run(pair()), 'RUN_FAILED'), chosen.clock);
  const foreign = setUp(() => ({ error: new TypeError('a bug') }));
  expect((await until(foreign.runner.run(pair()), foreign.clock)).model.version).toBe('1');
});

test('when both fail, the caller gets the second error and listeners have the first', async () => {
  const { clock, told, runner } = setUp(failing('LANE_LOST'), failing('OVERLOADED'));
  await until(rejection(runner.run(pair()), 'OVERLOADED'), clock);
  expect(told[0]?.error).toMatchObject({ code: 'LANE_LOST' });
  expect(runner.fallbackStats()).toMatchObject({ fallbacks: 1, mended: 0 });
});

test('after the deadline the second is not asked: the first error stands', async () => {
  const { clock, b, told, runner } = setUp(failing('REMOTE_FAILED', 50));
  const outcome = follow(runner.run(pair(), { timeoutMs: 50 }), clock);
  await clock.advance(100);
  expect(outcome).toMatchObject({ error: { code: 'REMOTE_FAILED' }, at: 50 });
  expect(b.calls).toHaveLength(0);
  expect(told).toEqual([]);
  expect(runner.fallbackStats()).toMatchObject({ fallbacks: 0, tooLate: 1 });
});

test.each([
  [90, 'asked'],
  [91, 'not asked'],
])('with minSlackMs %d and 90 ms left, the second is %s', async (minSlackMs, what) => {
  const { clock, b, runner } = setUp(failing(), undefined, { minSlackMs });
  const outcome = follow(runner.run(pair(), { timeoutMs: 100 }), clock);
  await clock.advance(100);
  expect(b.calls).toHaveLength(what === 'asked' ? 1 : 0);
  expect(outcome.state).toBe(what === 'asked' ? 'resolved' : 'rejected');
  // Without a deadline there is all the time in the world.
  expect((await until(runner.run(pair()), clock)).model.version).toBe('1');
});

test('the slack that the second needs is learned from its answers, and doubted when it was not asked for long', async () => {
  let secondMs = 40;
  const { clock, b, runner } = setUp(failing(), () => ({ afterMs: secondMs }));
  for (let index = 0; index < 30; index++) await until(runner.run(pair()), clock);
  const asked = async (timeoutMs: number): Promise<boolean> => {
    const before = b.calls.length;
    await until(
      runner.run(pair(), { timeoutMs }).catch(() => undefined),
      clock,
    );
    return b.calls.length > before;
  };
  // Of 70 ms the first takes 10; of 30, 20 are left for what takes 40.
  expect(await asked(70)).toBe(true);
  expect(await asked(30)).toBe(false);
  expect(runner.fallbackStats().tooLate).toBe(1);
  secondMs = 5;
  let tries = 1;
  while (!(await asked(30))) tries++;
  expect(tries).toBeGreaterThan(2);
  expect(tries).toBeLessThan(20);
  expect(await asked(30)).toBe(true);
});

test('a first runner with a timeout of its own leaves time for the second', async () => {
  const clock = createVirtualClock();
  const stuck = scriptedRunner(clock, () => ({ hangs: true }), '0');
  const device = scriptedRunner(clock, () => ({}), '1');
  const runner = fallback(withTimeout(stuck, { timeoutMs: 60, clock }), device, { clock, logger: collectInto([]) });
  const outcome = follow(runner.run(pair(), { timeoutMs: 100 }), clock);
  await clock.advance(100);
  expect(outcome).toMatchObject({ state: 'resolved', at: 70, value: { model: { version: '1' } } });
});

test('the second computes what the first was given, though the caller reuses the array', async () => {
  const { clock, b, runner } = setUp(failing());
  const inputs = pair(1, 2);
  const result = runner.run(inputs);
  inputs.x.fill(9);
  await until(result, clock);
  expect(b.calls[0]?.x).toEqual([1, 2]);
});

test.each([
  ['while the first runs', 5, 0],
  ['while the second runs', 15, 1],
])('an abort %s ends the request at once', async (_phase, abortAt, secondCalls) => {
  const { clock, b, runner } = setUp(failing());
  const controller = new AbortController();
  const outcome = follow(runner.run(pair(), { signal: controller.signal }), clock);
  await clock.advance(abortAt);
  controller.abort(new Error('enough'));
  await clock.settle();
  expect(outcome).toMatchObject({ error: { code: 'ABORTED', cause: { message: 'enough' } }, at: abortAt });
  expect(b.calls).toHaveLength(secondCalls);
  expect(clock.pendingTimers).toBe(0);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});

test('a first that takes no notice of an abort is not followed by the second', async () => {
  const { clock, a, b } = setUp(failing());
  const deaf = { ...a, run: (inputs: Parameters<typeof a.run>[0]) => a.run(inputs) };
  const runner = fallback(deaf, b, { clock });
  const controller = new AbortController();
  const outcome = follow(runner.run(pair(), { signal: controller.signal }), clock);
  await clock.advance(5);
  controller.abort();
  await clock.advance(20);
  expect(outcome).toMatchObject({ error: { code: 'ABORTED' }, at: 10 });
  expect(b.calls).toHaveLength(0);
});

test('with nobody listening, a fallback is one warning until the first runner has answered again', async () => {
  const log: string[] = [];
  let well = false;
  const step = (): Step => (well ? {} : { error: failure('LANE_LOST') });
  const { clock, runner } = setUp(step, undefined, { on: {}, logger: collectInto(log) });
  for (const next of [false, false, true, false]) {
    well = next;
    await until(runner.run(pair()), clock);
  }
  const warning = 'warn: scripted 1 (00000000) answers in the place of scripted 0 (00000000): Scripted LANE_LOST.';
  expect(log).toEqual([warning, warning]);
});

test('events are those of both runners, and listening costs neither anything before', async () => {
  const { a, b, runner } = setUp(() => ({}));
  const heard: string[] = [];
  const lost = (version: string) => ({ model: { name: 'scripted', version, digest: '' }, lane: 'worker-1', error: 0 });
  expect(a.events.listenerCount('lane-lost') + b.events.listenerCount('lane-lost')).toBe(0);
  const remove = runner.events.on('lane-lost', ({ model }) => void heard.push(`on ${model.version}`));
  runner.events.once('lane-lost', ({ model }) => void heard.push(`once ${model.version}`));
  expect(runner.events.listenerCount('lane-lost')).toBe(2);
  b.events.emit('lane-lost', lost('1'));
  a.events.emit('lane-lost', lost('0'));
  expect(heard).toEqual(['on 1', 'once 1', 'on 0']);
  expect(runner.events.listenerCount('lane-lost')).toBe(1);
  remove();
  remove();
  expect(runner.events.listenerCount('lane-lost')).toBe(0);
  expect(a.events.listenerCount('lane-lost') + b.events.listenerCount('lane-lost')).toBe(0);
});

test('local runners: signatures, models and what was loaded are the first one’s', async () => {
  const clock = createVirtualClock();
  const gpu = await openBench({}, {}, clock);
  const cpu = await openBench({}, { model: '2' }, clock);
  const runner = fallback(gpu.runner, cpu.runner, { clock, logger: collectInto([]) });
  expect(runner.signature).toBe(gpu.runner.signature);
  expect(runner.loaded).toBe(gpu.runner.loaded);
  expect(runner.model.version).toBe('1');
  gpu.backend.failNext(new Error('no memory on the device'));
  const result = await until(runner.run(inputOf(3)), clock);
  expect(result.model.version).toBe('2');
  expect(answer(result)).toEqual([6, -6]);
  await rejection(runner.run({ z: new Float32Array(2) }), 'INVALID_INPUT');
  await until(runner.close(), clock);
  await closeBench(gpu);
  await closeBench(cpu);
});

test('local runners: both keep the deadline of the one request, and the second is asked only within it', async () => {
  const clock = createVirtualClock();
  const gpu = await openBench({ latencyMs: () => 30 }, {}, clock);
  const cpu = await openBench({ latencyMs: () => 50 }, { model: '2' }, clock);
  const runner = fallback(gpu.runner, cpu.runner, { clock, minSlackMs: 20, logger: collectInto([]) });
  const startedAt = clock.now();
  const outcomes = [];
  for (const timeoutMs of [20, 45, 60, 100]) {
    gpu.backend.failNext(new Error('no memory on the device'));
    const outcome = follow(runner.run(inputOf(3), { timeoutMs }), clock);
    await clock.advance(200);
    outcomes.push([outcome.value?.model.version ?? (outcome.error as { code: string }).code, outcome.at]);
  }
  // The first fails at once, so the second has all of the time: twice less than the 50 ms that it takes, which it does not
  // know the first time and refuses the second, and twice more.
  expect(outcomes).toEqual([
    ['DEADLINE_EXCEEDED', startedAt + 20],
    ['OVERLOADED', startedAt + 200],
    ['2', startedAt + 400 + 50],
    ['2', startedAt + 600 + 50],
  ]);
  expect(runner.fallbackStats()).toEqual({ requests: 4, fallbacks: 4, mended: 2, tooLate: 0 });
  await until(runner.close(), clock);
  await closeBench(gpu);
  await closeBench(cpu);
});

test('a first runner whose model is lost leaves its requests to the second', async () => {
  const clock = createVirtualClock();
  let broken = false;
  const failCreate = () => (broken ? new Error('no such file') : undefined);
  const first = await openBench({ failCreate, openMs: 100 }, { swapMode: 'resource-preserving' }, clock);
  const second = await openBench({}, { model: '2' }, clock);
  const runner = fallback(first.runner, second.runner, { clock, logger: collectInto([]) });
  broken = true;
  const swap = follow(first.runner.swap(mockModel('3')), clock);
  await clock.advance(50);
  const waiting = follow(runner.run(inputOf(3)), clock);
  const hasty = follow(runner.run(inputOf(4), { timeoutMs: 40 }), clock);
  await clock.advance(400);
  expect(swap.state).toBe('rejected');
  expect(waiting.value?.model.version).toBe('2');
  expect(hasty.error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect((await until(runner.run(inputOf(5)), clock)).model.version).toBe('2');
  expect(runner.health?.()).toMatchObject({ status: 'degraded', ready: true });
  await until(runner.close(), clock);
  await closeBench(first);
  await closeBench(second);
});

test('runners that are not interchangeable are refused when it is made', () => {
  const clock = createVirtualClock();
  const make = (signature: typeof pairSignature) => () =>
    fallback(scriptedRunner(clock), scriptedRunner(clock, undefined, '1', signature), { clock });
  const [input] = pairSignature.inputs;
  const wide = { ...pairSignature, inputs: [{ ...input, shape: ['batch', 3] }] } as typeof pairSignature;
  const named = { ...pairSignature, outputs: [{ ...pairSignature.outputs[0], name: 'z' }] } as typeof pairSignature;
  const fixed = { ...pairSignature, batchAxis: null };
  const renamed = { ...pairSignature, inputs: [{ ...input, shape: ['rows', 2] }] } as typeof pairSignature;
  for (const signature of [wide, named, fixed]) thrownBy(make(signature), 'SIGNATURE_MISMATCH');
  expect(make(renamed)).not.toThrow();
});

test('closing refuses new work at once, waits for requests under way on either, and closes both', async () => {
  const { clock, a, b, runner } = setUp(failing());
  const outcome = follow(runner.run(pair()), clock);
  const closing = follow(runner.close(), clock);
  await rejection(runner.run(pair()), 'CLOSED');
  await clock.advance(15);
  expect([a.closed, b.closed]).toEqual([false, false]);
  await clock.advance(5);
  expect(outcome.value?.model.version).toBe('1');
  expect(closing.state).toBe('resolved');
  expect([a.closed, b.closed]).toEqual([true, true]);
  await runner.close();
});

test('a first runner that fails to close leaves the second closed, and its error is told', async () => {
  const { clock, a, b } = setUp(() => ({}));
  const broken = { ...a, close: () => Promise.reject(failure('LANE_LOST')) };
  const runner = fallback(broken, b, { clock });
  await rejection(runner.close(), 'LANE_LOST');
  expect(b.closed).toBe(true);
});

test.each([
  [{ minSlackMs: -1 }, 'minSlackMs'],
  [{ minSlackMs: '10' }, 'minSlackMs'],
  [{ codes: [] }, 'codes'],
  [{ codes: ['NOPE'] }, 'codes.0'],
  [{ when: 'never' }, 'when'],
])('refuses the options %j', (options, field) => {
  const clock = createVirtualClock();
  const make = () => fallback(scriptedRunner(clock), scriptedRunner(clock), options as never);
  expect(thrownBy(make, 'INVALID_OPTION').details.field).toBe(field);
});
