import { describe, expect, test } from 'vitest';
import type { RunOptions } from '../runner/runner';
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
} from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';

function send({ runner, clock }: Bench, value: number, options?: RunOptions) {
  return follow(runner.run(inputOf(value), options), clock);
}

/** A clock whose time runs on within a turn of the event loop, as a real one's does. */
function skewable(): { clock: VirtualClock; skewed: VirtualClock; skew: (ms: number) => void } {
  const clock = createVirtualClock();
  let skewMs = 0;
  const skewed = Object.create(clock, { now: { value: () => clock.now() + skewMs } }) as VirtualClock;
  const skew = (ms: number): void => {
    skewMs = ms;
  };
  return { clock, skewed, skew };
}

describe('an abort', () => {
  test('before the call refuses it, and nothing is computed', async () => {
    const bench = await openBench();
    const reason = new Error('changed my mind');
    const error = await rejection(bench.runner.run(inputOf(1), { signal: AbortSignal.abort(reason) }), 'ABORTED');
    expect(error.name).toBe('AbortError');
    expect(error.cause).toBe(reason);
    await bench.clock.settle();
    expect(bench.backend.calls).toHaveLength(0);
    await closeBench(bench);
  });

  test('in the queue takes the request out at once and leaves the others', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const controller = new AbortController();
    const first = send(bench, 0);
    await bench.clock.advance(1);
    const others = [send(bench, 1), send(bench, 3)];
    const gone = send(bench, 2, { signal: controller.signal });
    const reason = { why: 'the user left' };
    controller.abort(reason);
    await bench.clock.settle();
    expect(asError(gone.error, 'ABORTED').cause).toBe(reason);
    expect(bench.runner.describe().batching).toMatchObject({ queuedRequests: 2, queuedRows: 2, queuedBytes: 16 });
    await bench.clock.advance(30);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([1, 2]);
    expect(numbersOf(bench.backend.calls[1]?.inputs, 'x')).toEqual([1, -1, 3, -3]);
    for (const outcome of [first, ...others]) expect(outcome.state).toBe('resolved');
    expect(numbersOf(others[1]?.value?.outputs)).toEqual(doubled(3));
    await closeBench(bench);
  });

  test('in flight detaches the request at once and leaves the others their rows', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const controller = new AbortController();
    const before = send(bench, 1);
    const gone = send(bench, 2, { signal: controller.signal });
    const after = send(bench, 3);
    await bench.clock.advance(5);
    controller.abort();
    await bench.clock.settle();
    asError(gone.error, 'ABORTED');
    expect(gone.at).toBe(5);
    await bench.clock.advance(10);
    expect(numbersOf(before.value?.outputs)).toEqual(doubled(1));
    expect(numbersOf(after.value?.outputs)).toEqual(doubled(3));
    expect([before.ends, gone.ends, after.ends]).toEqual([1, 1, 1]);
    await closeBench(bench);
  });

  test('of all in the queue leaves an idle runner that goes on', async () => {
    const bench = await openBench();
    const controller = new AbortController();
    const gone = [1, 2, 3].map((value) => send(bench, value, { signal: controller.signal }));
    controller.abort();
    await bench.clock.settle();
    for (const outcome of gone) asError(outcome.error, 'ABORTED');
    expect(bench.backend.calls).toHaveLength(0);
    const next = send(bench, 4);
    await bench.clock.settle();
    expect(next.state).toBe('resolved');
    await closeBench(bench);
  });

  test('after the answer changes nothing, and no listener is left on the signal', async () => {
    const bench = await openBench({ latencyMs: () => 1 });
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const outcomes = [
      send(bench, 1, { signal }),
      send(bench, 2, { signal, timeoutMs: 0.5 }),
      follow(bench.runner.run(inputOf(...Array.from({ length: 200 }, (_, value) => value)), { signal }), bench.clock),
    ];
    bench.backend.failNext(new Error('broken'));
    expect(listeners).toBeGreaterThan(0);
    await bench.clock.advance(50);
    expect(outcomes.every(({ state }) => state !== 'pending')).toBe(true);
    expect(listeners).toBe(0);
    await closeBench(bench);
  });

  test('by a listener of the failure of another request with the same deadline', async () => {
    const bench = await openBench({ latencyMs: () => 100 });
    const siblings = new AbortController();
    bench.runner.events.once('request-fail', () => siblings.abort());
    send(bench, 0);
    await bench.clock.settle();
    const options = { timeoutMs: 10 };
    const outcomes = [
      send(bench, 1, options),
      send(bench, 2, options),
      send(bench, 3, { ...options, signal: siblings.signal }),
      send(bench, 4, { ...options, signal: siblings.signal }),
      send(bench, 5, options),
    ];
    await bench.clock.advance(11);
    expect(outcomes.map(({ state, at }) => [state, at])).toEqual(outcomes.map(() => ['rejected', 10]));
    await closeBench(bench);
  });
});

describe('a deadline', () => {
  test('that has passed, or no time at all, refuses the call', async () => {
    const bench = await openBench();
    await bench.clock.advance(100);
    await rejection(bench.runner.run(inputOf(1), { timeoutMs: 0 }), 'DEADLINE_EXCEEDED');
    await rejection(bench.runner.run(inputOf(1), { deadline: 100 }), 'DEADLINE_EXCEEDED');
    await rejection(bench.runner.run(inputOf(1), { deadline: 99 }), 'DEADLINE_EXCEEDED');
    await rejection(bench.runner.run(inputOf(1), { deadline: Number.NEGATIVE_INFINITY }), 'DEADLINE_EXCEEDED');
    expect(bench.backend.calls).toHaveLength(0);
    await closeBench(bench);
  });

  test.each([
    ['timeoutMs', -1],
    ['timeoutMs', Number.NaN],
    ['timeoutMs', '10'],
    ['timeoutMs', null],
    ['timeoutMs', 10n],
    ['deadline', Number.NaN],
    ['deadline', '10'],
    ['deadline', new Date(0)],
  ])('of %s %s is refused as an argument', async (field, value) => {
    const bench = await openBench();
    const error = await rejection(bench.runner.run(inputOf(1), { [field]: value }), 'INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ field, given: String(value) });
    await closeBench(bench);
  });

  test('in the queue ends the request then, whatever the lane does', async () => {
    const bench = await openBench({ latencyMs: () => 1000 });
    send(bench, 0);
    await bench.clock.settle();
    const late = [10, 20, 30.25, 500].map((timeoutMs) => send(bench, 1, { timeoutMs }));
    await bench.clock.advance(600);
    expect(late.map(({ at }) => at)).toEqual([10, 20, 31, 500]);
    for (const { error } of late) expect(asError(error, 'DEADLINE_EXCEEDED').message).toContain('in the queue');
    expect(bench.runner.describe().batching.queuedRows).toBe(0);
    await bench.clock.advance(1000);
    expect(bench.backend.calls).toHaveLength(1);
    await closeBench(bench);
  });

  test('in flight ends the request then and leaves the others their rows', async () => {
    const bench = await openBench({ latencyMs: () => 50 });
    const before = send(bench, 1);
    const late = send(bench, 2, { timeoutMs: 20 });
    const after = send(bench, 3, { timeoutMs: 51 });
    await bench.clock.advance(60);
    expect(late.at).toBe(20);
    expect(asError(late.error, 'DEADLINE_EXCEEDED').message).toContain('while its batch was computed');
    expect(numbersOf(before.value?.outputs)).toEqual(doubled(1));
    expect(numbersOf(after.value?.outputs)).toEqual(doubled(3));
    expect(late.ends).toBe(1);
    await closeBench(bench);
  });

  test('is looked at once more when the caller takes the answer: a thread may be held up in between', async () => {
    const { clock, skewed, skew } = skewable();
    const bench = await openBench({ latencyMs: () => 20 }, { clock: skewed }, clock);
    const failures: string[] = [];
    bench.runner.events.on('request-fail', ({ code, rows }) => void failures.push(`${code} ${rows}`));
    // What is done last before the promise is settled is that the signal is no longer listened to.
    const { signal } = new AbortController();
    signal.removeEventListener = () => skew(15);
    const late = send(bench, 1, { timeoutMs: 30, signal });
    await clock.advance(20);
    expect(asError(late.error, 'DEADLINE_EXCEEDED').message).toContain('while its answer was on its way');
    expect(failures).toEqual(['DEADLINE_EXCEEDED 1']);
    expect(bench.runner.describe().batching).toMatchObject({ requests: 0, rows: 0, batches: 1 });
    await closeBench(bench);
  });

  test.each([
    [9.6, 'fails: from there to its caller it may be held up once more', 'rejected'],
    [9.4, 'is given', 'resolved'],
  ])('an answer on its way for %d of the 10 ms that are left of 50 %s', async (heldUpMs, _, state) => {
    const { clock, skewed, skew } = skewable();
    const bench = await openBench({ latencyMs: () => 40 }, { clock: skewed }, clock);
    const { signal } = new AbortController();
    signal.removeEventListener = () => skew(heldUpMs);
    const request = send(bench, 1, { timeoutMs: 50, signal });
    await clock.advance(40);
    expect(request.state).toBe(state);
    await closeBench(bench);
  });

  test('is looked at again when the answer is there, even if its timer has not run', async () => {
    const { clock, skewed, skew } = skewable();
    const bench = await openBench({ latencyMs: () => 20 }, { clock: skewed }, clock);
    const late = send(bench, 1, { timeoutMs: 20.5 });
    const intime = send(bench, 2, { timeoutMs: 21.2 });
    skew(0.8);
    await clock.advance(20);
    asError(late.error, 'DEADLINE_EXCEEDED');
    expect(intime.state).toBe('resolved');
    await closeBench(bench);
  });

  test('is looked at again when the batch starts, even if its timer has not run', async () => {
    const { clock, skewed, skew } = skewable();
    const bench = await openBench({ latencyMs: () => 20 }, { clock: skewed }, clock);
    send(bench, 0);
    await clock.settle();
    const late = send(bench, 1, { timeoutMs: 20.5 });
    const other = send(bench, 2);
    skew(0.8);
    await clock.advance(50);
    asError(late.error, 'DEADLINE_EXCEEDED');
    expect(other.state).toBe('resolved');
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([1, 1]);
    await closeBench(bench);
  });

  test('that passed unnoticed before close does not keep close waiting', async () => {
    const { clock, skewed, skew } = skewable();
    const bench = await openBench({}, { clock: skewed }, clock);
    const late = send(bench, 1, { timeoutMs: 0.5 });
    skew(0.8);
    const closed = follow(bench.runner.close(), clock);
    await clock.advance(5);
    asError(late.error, 'DEADLINE_EXCEEDED');
    expect(closed.state).toBe('resolved');
    await closeBench(bench);
  });

  test('that is kept clears its timer', async () => {
    const bench = await openBench({ latencyMs: () => 5 });
    const intime = [1, 2, 3].map((value) => send(bench, value, { timeoutMs: 1000 * value }));
    expect(bench.clock.pendingTimers).toBeGreaterThan(0);
    await bench.clock.advance(6);
    expect(intime.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.clock.pendingTimers).toBe(0);
    await closeBench(bench);
  });

  test('in the far future sets no timer that the platform cannot', async () => {
    const delays: number[] = [];
    const clock = createVirtualClock();
    const watched = Object.create(clock, {
      setTimer: {
        value: (callback: () => void, delayMs: number) => {
          delays.push(delayMs);
          return clock.setTimer(callback, delayMs);
        },
      },
    }) as VirtualClock;
    const bench = await openBench({}, { clock: watched }, clock);
    const day = 24 * 3600 * 1000;
    for (const timeoutMs of [30 * day, 1e12, Number.MAX_SAFE_INTEGER, 1e300, Number.POSITIVE_INFINITY]) {
      const outcome = send(bench, 1, { timeoutMs });
      await clock.settle();
      expect(outcome.state).toBe('resolved');
    }
    expect(Math.max(...delays)).toBeLessThan(2 ** 31);
    await closeBench(bench);
  });

  test('of more than 24 days still holds', async () => {
    const bench = await openBench({ latencyMs: () => 4e9 });
    const timeoutMs = 3e9;
    const late = send(bench, 1, { timeoutMs });
    await bench.clock.advance(3e9 - 1);
    expect(late.state).toBe('pending');
    await bench.clock.advance(1);
    asError(late.error, 'DEADLINE_EXCEEDED');
    await bench.clock.advance(2e9);
    await closeBench(bench);
  });

  test('given both ways counts as the absolute one', async () => {
    const bench = await openBench({ latencyMs: () => 50 });
    const late = send(bench, 1, { deadline: 20, timeoutMs: 1000 });
    const intime = send(bench, 2, { deadline: 1000, timeoutMs: 20 });
    await bench.clock.advance(60);
    expect([late.state, intime.state]).toEqual(['rejected', 'resolved']);
    await closeBench(bench);
  });
});

describe('options of a call that are no options', () => {
  test.each([
    ['priority', 'urgent'],
    ['priority', 'toString'],
    ['priority', 1],
    ['priority', null],
    ['signal', {}],
    ['signal', null],
    ['signal', 'stop'],
  ])('%s: %s is refused before anything is queued', async (field, value) => {
    const bench = await openBench();
    const error = await rejection(bench.runner.run(inputOf(1), { [field]: value }), 'INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ field });
    expect(error.details.expected).toBeTypeOf('string');
    await bench.clock.settle();
    expect(bench.runner.describe().batching).toMatchObject({ queuedRequests: 0, queuedRows: 0 });
    expect(bench.backend.calls).toHaveLength(0);
    await closeBench(bench);
  });

  test.each([[null], [5], ['fast']])('%s in their place is refused', async (options) => {
    const bench = await openBench();
    const error = await rejection(bench.runner.run(inputOf(1), options as never), 'INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ field: 'options' });
    await closeBench(bench);
  });

  test('a key is welcome', async () => {
    const bench = await openBench();
    expect((await until(bench.runner.run(inputOf(1), { key: 'user 7' }), bench.clock)).batchSize).toBe(1);
    await closeBench(bench);
  });

  test('by one signal for many adds one listener to it, which is gone when they are', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 4 } });
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const { addEventListener, removeEventListener } = AbortSignal.prototype;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const first = Array.from({ length: 8 }, (_, value) =>
      follow(bench.runner.run(inputOf(value), { signal }), bench.clock),
    );
    expect(listeners).toBe(1);
    await bench.clock.advance(50);
    expect(first.every(({ state }) => state === 'resolved')).toBe(true);
    expect(listeners).toBe(0);
    const second = Array.from({ length: 8 }, (_, value) =>
      follow(bench.runner.run(inputOf(value), { signal }), bench.clock),
    );
    await bench.clock.settle();
    controller.abort();
    await bench.clock.settle();
    for (const { error } of second) asError(error, 'ABORTED');
    await closeBench(bench);
  });
});
