import {
  createRunner,
  defineModel,
  FairleadError,
  type LoadedModel,
  type LocalRunner,
  type RunnerOptions,
  type StandardSchema,
  systemClock,
} from '@fairlead/core';
import {
  createMockBackend,
  createVirtualClock,
  type MockBackend,
  type MockBackendOptions,
  mockModel,
  type VirtualClock,
} from '@fairlead/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { cachedModel, createModelCache } from '../model-cache';
import { createModelStore } from './create-model-store';
import type { ModelStore } from './model-store';
import type { ModelStoreOptions, StoreBehaviour } from './options';
import type { ModelSnapshot } from './snapshot';

const x = (...values: number[]) => ({ x: Float32Array.from(values) });
const numbers = ({ result }: ModelSnapshot<{ outputs: Readonly<Record<string, { data: ArrayLike<unknown> }>> }>) =>
  Array.from(result?.outputs.y?.data ?? []);

interface Bench {
  readonly clock: VirtualClock;
  readonly backend: MockBackend;
  readonly store: ModelStore;
  /** What the logger was given. */
  readonly log: string[];
  /** Options of a store with the same clock and backend. */
  optionsOf(model: RunnerOptions['model'], behaviour?: StoreBehaviour): ModelStoreOptions;
  /** Lets turns of the event loop pass at one virtual time, until something is so. */
  until(condition: () => boolean): Promise<void>;
}

function openBench(
  mock: MockBackendOptions = {},
  behaviour: StoreBehaviour = {},
  model: RunnerOptions['model'] = '1',
): Bench {
  // Timers wait for the test, and what is due in this turn does not.
  const clock: VirtualClock = Object.create(createVirtualClock(), { defer: { value: systemClock.defer } });
  const backend = createMockBackend({ clock, ...mock });
  const log: string[] = [];
  const line = (level: string) => (_details: object, message: string) => void log.push(`${level}: ${message}`);
  const logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const optionsOf = (wanted: RunnerOptions['model'], more: StoreBehaviour = {}) => ({
    model: wanted,
    backend,
    clock,
    logger,
    warmUp: false,
    ...more,
  });
  return {
    clock,
    backend,
    log,
    store: createModelStore(optionsOf(model, behaviour)),
    optionsOf,
    async until(condition) {
      for (let turn = 0; !condition() && turn < 10_000; turn++) await clock.settle();
      if (!condition()) throw new Error('It was not so after 10,000 turns.');
    },
  };
}

/** Collects the statuses that a subscriber sees. */
function watch(store: ModelStore): { readonly seen: string[]; readonly leave: () => void } {
  const seen: string[] = [];
  const leave = store.subscribe(() => {
    const { status } = store.getSnapshot();
    if (seen.at(-1) !== status) seen.push(status);
  });
  return { seen, leave };
}

async function rejectionOf(promise: Promise<unknown>): Promise<FairleadError> {
  const error = await promise.then(
    () => expect.fail('expected a rejection'),
    (thrown: unknown) => thrown,
  );
  expect(FairleadError.isInstance(error)).toBe(true);
  return error as FairleadError;
}

/** A model that is there when the test says so. */
function heldModel(): {
  model: RunnerOptions['model'];
  release(): void;
  fail(error: unknown): void;
  asked: () => number;
} {
  let asked = 0;
  let settle: { resolve(model: LoadedModel): void; reject(error: unknown): void } | undefined;
  return {
    model: {
      resolve: ({ signal }) =>
        new Promise<LoadedModel>((resolve, reject) => {
          asked++;
          settle = { resolve, reject };
          signal?.addEventListener('abort', () => reject(new FairleadError('ABORTED', 'left')));
        }),
    },
    release: () => settle?.resolve(mockModel('held')),
    fail: (error) => settle?.reject(error),
    asked: () => asked,
  };
}

// What createRunner and a cache fetch when they are first called takes real time, in which the turns of a test run out.
beforeAll(async () => {
  const runner = await createRunner({ model: '1', backend: createMockBackend({ workers: true }), warmUp: false });
  await runner.close();
  const cache = createModelCache({ storage: 'memory', fetch: async () => new Response(new Uint8Array(64).fill(8)) });
  await cachedModel('https://models.test/first.onnx', { cache, sidecars: [] }).resolve({});
});

describe('loading and closing', () => {
  test('nothing is loaded before somebody subscribes; then the model is, and its facts are there', async () => {
    const fallback = { from: 'webgpu', to: 'wasm', reason: 'no adapter' };
    const { store, backend, until, log } = openBench({ device: 'wasm', fallbacks: [fallback] });
    expect(store.getSnapshot()).toMatchObject({ status: 'idle', running: false, result: undefined });
    const { seen } = watch(store);
    await until(() => store.getSnapshot().status === 'ready');
    expect(seen).toEqual(['loading', 'ready']);
    expect(store.getSnapshot()).toMatchObject({
      model: { name: 'mock', version: '1' },
      device: 'wasm',
      fallbacks: [fallback],
      health: 'ready',
      error: undefined,
    });
    // The store shows it, and the console tells it all the same.
    expect(log).toEqual([expect.stringMatching(/^warn: mock 1 .*runs on wasm instead of webgpu: no adapter$/)]);
    expect(backend.openSessions).toBe(1);
    await store.close();
    expect(backend.openSessions).toBe(0);
  });

  test('a snapshot is frozen, and the same object until something changes', async () => {
    const { store, until } = openBench();
    const first = store.getSnapshot();
    expect(store.getSnapshot()).toBe(first);
    watch(store);
    await until(() => store.getSnapshot().status === 'ready');
    const ready = store.getSnapshot();
    expect(store.getSnapshot()).toBe(ready);
    expect(Object.isFrozen(ready)).toBe(true);
    store.retry();
    expect(store.getSnapshot()).toBe(ready);
    await store.close();
  });

  test('who leaves and comes back in one turn finds the same model; who stays away has it closed', async () => {
    const { store, backend, clock, until } = openBench();
    watch(store).leave();
    const { leave } = watch(store);
    await until(() => store.getSnapshot().status === 'ready');
    await clock.advance(1000);
    expect(store.getSnapshot().status).toBe('ready');
    leave();
    leave();
    await clock.advance(0);
    expect(store.getSnapshot()).toMatchObject({ status: 'idle', model: undefined });
    await until(() => backend.openSessions === 0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('the last of several subscribers closes it, after the delay that was asked for', async () => {
    const { store, clock, until } = openBench({}, { closeDelayMs: 5000 });
    const [one, two] = [watch(store), watch(store)];
    await until(() => store.getSnapshot().status === 'ready');
    one.leave();
    await clock.advance(10_000);
    expect(store.getSnapshot().status).toBe('ready');
    two.leave();
    await clock.advance(4999);
    expect(store.getSnapshot().status).toBe('ready');
    await clock.advance(1);
    expect(store.getSnapshot().status).toBe('idle');
    const held = openBench({}, { closeDelayMs: false });
    const three = watch(held.store);
    await held.until(() => held.store.getSnapshot().status === 'ready');
    three.leave();
    await held.clock.advance(1e9);
    expect(held.store.getSnapshot().status).toBe('ready');
    await held.store.close();
  });

  test('twenty who come and leave load twenty models and leave none behind', async () => {
    const { store, backend, clock, until } = openBench();
    for (let visit = 0; visit < 20; visit++) {
      const { leave } = watch(store);
      await until(() => store.getSnapshot().status === 'ready');
      expect(backend.openSessions).toBe(1);
      leave();
      await clock.advance(0);
      await until(() => backend.openSessions === 0);
    }
    expect(clock.pendingTimers).toBe(0);
  });

  test('leaving while it is loaded aborts the download and the runs that wait for it', async () => {
    const held = heldModel();
    const { store, backend, clock, until } = openBench({}, {}, held.model);
    const { leave } = watch(store);
    const waiting = rejectionOf(store.run(x(1, 2)));
    await until(() => held.asked() === 1);
    leave();
    await clock.advance(0);
    expect((await waiting).code).toBe('ABORTED');
    expect(store.getSnapshot()).toMatchObject({ status: 'idle', running: false, runError: undefined });
    // Another visit begins anew.
    watch(store);
    await until(() => held.asked() === 2);
    held.release();
    await until(() => store.getSnapshot().status === 'ready');
    expect(backend.openSessions).toBe(1);
    await store.close();
  });

  test('closing answers what runs, then nothing works any more', async () => {
    const { store, backend, until, clock } = openBench({ latencyMs: () => 10 });
    const { seen } = watch(store);
    await until(() => store.getSnapshot().status === 'ready');
    const answer = store.run(x(1, 2));
    await until(() => backend.calls.length === 1);
    const closing = store.close();
    await clock.advance(10);
    expect((await answer).outputs.y?.data).toEqual(Float32Array.of(2, 4));
    await closing;
    expect(seen.at(-1)).toBe('closed');
    expect(backend).toMatchObject({ openSessions: 0, closedInFlight: 0 });
    expect((await rejectionOf(store.run(x(1, 2)))).code).toBe('CLOSED');
    expect((await rejectionOf(store.load())).code).toBe('CLOSED');
    store.subscribe(() => undefined);
    store.retry();
    expect(store.getSnapshot().status).toBe('closed');
  });
});

describe('what goes wrong', () => {
  test('a model that cannot be loaded is a state, and retry() loads it again and asks again what was asked', async () => {
    let failures = 2;
    const { store, backend, until } = openBench({
      failCreate: () => (failures-- > 0 ? new FairleadError('MODEL_NOT_FOUND', 'Nothing is there.') : undefined),
    });
    const { seen } = watch(store);
    const run = rejectionOf(store.run(x(1, 2)));
    await until(() => store.getSnapshot().status === 'failed');
    expect((await run).code).toBe('MODEL_NOT_FOUND');
    expect(store.getSnapshot()).toMatchObject({
      error: { code: 'MODEL_NOT_FOUND' },
      runError: undefined,
      running: false,
    });
    // Another run does not fetch it again by itself.
    expect((await rejectionOf(store.run(x(3, 4)))).code).toBe('MODEL_NOT_FOUND');
    expect(failures).toBe(1);
    store.retry();
    await until(() => store.getSnapshot().status === 'failed');
    store.retry();
    await until(() => store.getSnapshot().result !== undefined);
    expect(numbers(store.getSnapshot())).toEqual([6, 8]);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', error: undefined, runError: undefined });
    expect(seen).toEqual(['loading', 'failed', 'loading', 'failed', 'loading', 'ready']);
    expect(backend.openSessions).toBe(1);
    await store.close();
  });

  test('what is no FairleadError becomes one, and options of createRunner fail as a state', async () => {
    const odd = openBench({ failCreate: () => new TypeError('odd') });
    expect(await rejectionOf(odd.store.load())).toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      cause: { message: 'odd' },
    });
    const { optionsOf } = openBench();
    const store = createModelStore({ ...optionsOf('1'), lanes: -1 });
    expect((await rejectionOf(store.load())).message).toContain('"lanes"');
    expect(store.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 'INVALID_OPTION' } });
  });

  test('a run that fails leaves the last answer where it was; the next answer, or retry(), clears it', async () => {
    const { store, backend, until } = openBench();
    watch(store);
    await store.run(x(1, 2));
    backend.failNext(new Error('boom'));
    // Nobody has to catch it.
    void store.run(x(3, 4));
    await until(() => store.getSnapshot().runError !== undefined);
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', runError: { code: 'RUN_FAILED' }, running: false });
    expect(numbers(store.getSnapshot())).toEqual([2, 4]);
    store.retry();
    await until(() => !store.getSnapshot().running);
    expect(store.getSnapshot().runError).toBeUndefined();
    expect(numbers(store.getSnapshot())).toEqual([6, 8]);
    expect((await rejectionOf(store.run({ x: Float32Array.of(1) }))).code).toBe('INVALID_INPUT');
    expect(store.getSnapshot().runError?.code).toBe('INVALID_INPUT');
    await store.close();
  });

  test("the caller's own abort is no failure", async () => {
    const { store, until, clock } = openBench({ latencyMs: () => 10 });
    await store.load();
    const abort = new AbortController();
    const run = rejectionOf(store.run(x(1, 2), { signal: abort.signal }));
    await clock.settle();
    abort.abort();
    expect((await run).code).toBe('ABORTED');
    expect(store.getSnapshot()).toMatchObject({ running: false, runError: undefined });
    expect((await rejectionOf(store.run(x(1, 2), { signal: abort.signal }))).code).toBe('ABORTED');
    await clock.advance(10);
    await until(() => !store.getSnapshot().running);
    await store.close();
  });

  test('a worker that dies is told of, and so is the one that takes its place', async () => {
    const { backend, clock, optionsOf, until } = openBench({ workers: true });
    const store = createModelStore({ ...optionsOf('1'), lanes: 1 });
    watch(store);
    await until(() => store.getSnapshot().status === 'ready');
    backend.lanes.find(({ alive }) => alive)?.kill();
    expect(store.getSnapshot()).toMatchObject({ health: 'degraded' });
    await clock.advance(10_000);
    await until(() => store.getSnapshot().notes.length === 2);
    expect(store.getSnapshot()).toMatchObject({
      health: 'ready',
      notes: [
        { name: 'lane-lost', text: expect.stringMatching(/ died: The mock worker died\.$/) },
        { name: 'lane-restart', text: expect.stringMatching(/ works again\.$/) },
      ],
    });
    await store.close();
  });

  test('options that cannot be right are refused at once', () => {
    const { backend, optionsOf } = openBench();
    const open = async () => expect.fail('not called');
    for (const [options, field] of [
      [{ backend }, 'model'],
      [{ model: '1' }, 'backend'],
      [{ open: 'x' }, 'open'],
      [{ open, model: '1' }, 'model'],
      [{ ...optionsOf('1'), overlap: 'first' }, 'overlap'],
      [{ ...optionsOf('1'), closeDelayMs: -1 }, 'closeDelayMs'],
      [{ ...optionsOf('1'), definition: {} }, 'definition'],
      [null, 'options'],
      ['/digits.onnx', 'options'],
    ] as const) {
      expect(() => createModelStore(options as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
      );
    }
  });
});

describe('runs', () => {
  test('the last call wins: the one before is aborted and shows nothing', async () => {
    const { store, clock, until } = openBench({ latencyMs: () => 10 });
    await store.load();
    const first = rejectionOf(store.run(x(1, 2)));
    const second = store.run(x(3, 4));
    expect(store.getSnapshot().running).toBe(true);
    expect(await first).toMatchObject({ code: 'ABORTED', cause: { message: 'A newer run took its place.' } });
    expect(store.getSnapshot()).toMatchObject({ running: true, runError: undefined });
    await clock.advance(30);
    await second;
    await until(() => !store.getSnapshot().running);
    expect(numbers(store.getSnapshot())).toEqual([6, 8]);
    await store.close();
  });

  test('with overlap: "all" everybody is answered, and an older answer never takes the place of a newer one', async () => {
    const clock: VirtualClock = Object.create(createVirtualClock(), { defer: { value: systemClock.defer } });
    const latencies = [20, 10];
    const backend = createMockBackend({ clock, concurrency: 2, latencyMs: () => latencies.shift() ?? 0 });
    const store = createModelStore({ model: '1', backend, clock, warmUp: false, batching: false, overlap: 'all' });
    await store.load();
    const [slow, quick] = [store.run(x(1, 2)), store.run(x(3, 4))];
    await clock.advance(10);
    expect((await quick).outputs.y?.data).toEqual(Float32Array.of(6, 8));
    expect(store.getSnapshot().running).toBe(true);
    await clock.advance(10);
    expect((await slow).outputs.y?.data).toEqual(Float32Array.of(2, 4));
    expect(store.getSnapshot().running).toBe(false);
    expect(numbers(store.getSnapshot())).toEqual([6, 8]);
    await store.close();
  });

  test('a run may come before the model, which it loads; its tensors are copied meanwhile', async () => {
    const held = heldModel();
    const { store, until } = openBench({}, {}, held.model);
    const input = x(1, 2);
    const answer = store.run(input);
    input.x.fill(9);
    await until(() => held.asked() === 1);
    expect(store.getSnapshot()).toMatchObject({ status: 'loading', running: true });
    held.release();
    expect((await answer).outputs.y?.data).toEqual(Float32Array.of(2, 4));
    await store.close();
  });

  test('no more than 1024 runs wait for a model', async () => {
    const held = heldModel();
    const { store, until } = openBench({}, { overlap: 'all' }, held.model);
    const waiting = Array.from({ length: 1024 }, () => store.run(x(1, 2)));
    expect((await rejectionOf(store.run(x(1, 2)))).code).toBe('OVERLOADED');
    await until(() => held.asked() === 1);
    held.release();
    expect(await Promise.all(waiting)).toHaveLength(1024);
    await store.close();
  });

  test('a definition gives run the types of the application', async () => {
    const schema = <T>(): StandardSchema<T> => ({
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as T }) },
    });
    const definition = defineModel({
      input: schema<{ left: number; right: number }>(),
      output: schema<number>(),
      encode: ({ left, right }) => x(left, right),
      decode: ({ y }) => Number(y?.data[0]) + Number(y?.data[1]),
    });
    const { backend, clock } = openBench();
    const store = createModelStore({ model: '1', backend, clock, warmUp: false, definition });
    const sum: number = await store.run({ left: 1, right: 2 });
    expect(sum).toBe(6);
    expect(store.getSnapshot().result).toBe(6);
    await store.close();
  });

  test('open() makes any runner, is told when it is no longer wanted, and closes what came too late', async () => {
    const { backend, clock, until } = openBench();
    const signals: AbortSignal[] = [];
    const made: LocalRunner[] = [];
    let release = (): void => undefined;
    const store = createModelStore({
      clock,
      open: async ({ signal, onProgress }) => {
        signals.push(signal);
        onProgress({ url: '/m', bytes: 1, total: 2, bytesPerSecond: 3, by: 'this-tab' });
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        const runner = await createRunner({ model: '1', backend, clock, warmUp: false });
        made.push(runner);
        return runner;
      },
    });
    const leave = store.subscribe(() => undefined);
    await until(() => store.getSnapshot().progress !== undefined);
    expect(store.getSnapshot().progress).toMatchObject({ bytes: 1, total: 2 });
    leave();
    await clock.advance(0);
    expect(signals[0]?.aborted).toBe(true);
    release();
    await until(() => made.length === 1);
    await until(() => backend.openSessions === 0);
    expect(made[0]?.health().status).toBe('closed');
    store.subscribe(() => undefined);
    await until(() => signals.length === 2);
    release();
    await until(() => store.getSnapshot().status === 'ready');
    await store.close();
    expect(backend.openSessions).toBe(0);
  });
});

describe('another model', () => {
  test('the one before answers until the other is ready, then the newest run is asked again', async () => {
    const held = heldModel();
    const { store, backend, optionsOf, until } = openBench({
      compute: ({ x: input }, _rows, { version }) => ({
        y: { dtype: 'float32', shape: input?.shape ?? [], data: Float32Array.of(version === 'held' ? 2 : 1, 0) },
      }),
    });
    watch(store);
    await store.run(x(1, 2));
    expect(numbers(store.getSnapshot())).toEqual([1, 0]);
    store.change(optionsOf(held.model));
    await until(() => held.asked() === 1);
    expect(store.getSnapshot()).toMatchObject({ status: 'loading', model: { version: '1' } });
    await store.run(x(3, 4));
    expect(numbers(store.getSnapshot())).toEqual([1, 0]);
    held.release();
    await until(() => store.getSnapshot().status === 'ready');
    expect(store.getSnapshot().model?.version).toBe('held');
    await until(() => numbers(store.getSnapshot())[0] === 2);
    await until(() => backend.openSessions === 1);
    expect(backend.calls.at(-1)?.inputs.x?.data).toEqual(Float32Array.of(3, 4));
    await store.close();
  });

  test('a run that the model before answers while the other gets ready is asked again too', async () => {
    const held = heldModel();
    const { store, backend, optionsOf, clock, until } = openBench({ latencyMs: () => 10 });
    await store.load();
    store.change(optionsOf(held.model));
    await until(() => held.asked() === 1);
    const answer = store.run(x(3, 4));
    await until(() => backend.calls.length === 1);
    held.release();
    await until(() => store.getSnapshot().status === 'ready');
    await clock.advance(10);
    expect((await answer).model.version).toBe('1');
    await until(() => backend.calls.length === 2);
    await clock.advance(10);
    await until(() => store.getSnapshot().result?.model.version === 'held');
    expect(backend.closedInFlight).toBe(0);
    await store.close();
  });

  test('one that cannot be loaded is an error beside the answers of the one before', async () => {
    const held = heldModel();
    const { store, optionsOf, until } = openBench();
    watch(store);
    await store.run(x(1, 2));
    store.change(optionsOf(held.model));
    await until(() => held.asked() === 1);
    held.fail(new FairleadError('MODEL_NOT_FOUND', 'Nothing is there.'));
    await until(() => store.getSnapshot().status === 'failed');
    expect(store.getSnapshot()).toMatchObject({ error: { code: 'MODEL_NOT_FOUND' }, model: { version: '1' } });
    await store.run(x(3, 4));
    expect(numbers(store.getSnapshot())).toEqual([6, 8]);
    store.retry();
    await until(() => held.asked() === 2);
    held.release();
    await until(() => store.getSnapshot().model?.version === 'held');
    await store.close();
  });

  test('changing twice loads the last one alone; runs that wait go to it', async () => {
    const [first, second] = [heldModel(), heldModel()];
    const { store, backend, optionsOf, until } = openBench({}, {}, first.model);
    watch(store);
    const answer = store.run(x(1, 2));
    await until(() => first.asked() === 1);
    store.change(optionsOf(second.model));
    await until(() => second.asked() === 1);
    first.release();
    second.release();
    expect((await answer).outputs.y?.data).toEqual(Float32Array.of(2, 4));
    await until(() => backend.openSessions === 1);
    await store.close();
  });

  test('while nobody uses it nothing is loaded, and wrong options change nothing', async () => {
    const { store, backend, optionsOf, until } = openBench();
    store.change(optionsOf('2'));
    expect(store.getSnapshot().status).toBe('idle');
    expect(() => store.change({} as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    watch(store);
    await until(() => store.getSnapshot().status === 'ready');
    expect(store.getSnapshot().model?.version).toBe('2');
    await store.close();
    expect(backend.openSessions).toBe(0);
  });
});

test('the download of a cached model is shown', async () => {
  const bytes = new Uint8Array(64).fill(8);
  const fetch: typeof globalThis.fetch = async (url) =>
    String(url).endsWith('.onnx')
      ? new Response(bytes, { headers: { 'content-length': '64' } })
      : new Response('', { status: 404 });
  const cache = createModelCache({ storage: 'memory', fetch });
  const model = cachedModel('https://models.test/a.onnx', { cache, sidecars: [] });
  const { store, until } = openBench({}, {}, model);
  const seen: (number | undefined)[] = [];
  store.subscribe(() => seen.push(store.getSnapshot().progress?.bytes));
  await until(() => store.getSnapshot().status !== 'loading');
  expect(store.getSnapshot().error).toBeUndefined();
  expect(seen).toContain(64);
  expect(store.getSnapshot().progress).toBeUndefined();
  expect(model.events.listenerCount('progress')).toBe(0);
  await store.close();
});
