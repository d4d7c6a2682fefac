import { describe, expect, test, vi } from 'vitest';
import { FairleadError } from '../errors';
import type { LoadedModel } from '../model-source';
import type { ModelSignature } from '../signature';
import { createMockBackend, mockModel } from '../testing/mock-backend';
import {
  asError,
  closeBench,
  collectInto,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  rejection,
  until,
} from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { createRunner, type RunnerOptions } from './create-runner';

const backend = createMockBackend();
const good: RunnerOptions = { model: '1', backend };

describe('options that are wrong', () => {
  const cases: [string, unknown, string][] = [
    ['nothing', undefined, 'options'],
    ['null', null, 'options'],
    ['a path in place of the options', './model.onnx', 'options'],
    ['no model', { backend }, 'model'],
    ['an empty model', { ...good, model: '' }, 'model'],
    ['a number as model', { ...good, model: 3 }, 'model'],
    ['null as model', { ...good, model: null }, 'model'],
    ['an object that is no model', { ...good, model: {} }, 'model'],
    ['bytes as model', { ...good, model: new Uint8Array(3) }, 'model'],
    ['a source whose resolve is no function', { ...good, model: { resolve: true } }, 'model'],
    ['a model without a digest', { ...good, model: { ...mockModel(), digest: undefined } }, 'model'],
    ['a model without sidecars', { ...good, model: { ...mockModel(), sidecar: undefined } }, 'model'],
    ['a model whose bytes are text', { ...good, model: { ...mockModel(), bytes: 'abc' } }, 'model'],
    ['no backend', { model: '1' }, 'backend'],
    ['null as backend', { ...good, backend: null }, 'backend'],
    ['a backend of another version', { ...good, backend: { ...backend, specVersion: 'v2' } }, 'backend'],
    ['a backend that makes no sessions', { ...good, backend: { specVersion: 'v1', name: 'x' } }, 'backend'],
    ['a backend that was not called', { ...good, backend: createMockBackend }, 'backend'],
    ['zero lanes', { ...good, lanes: 0 }, 'lanes'],
    ['half a lane', { ...good, lanes: 0.5 }, 'lanes'],
    ['too many lanes', { ...good, lanes: 257 }, 'lanes'],
    ['lanes as text', { ...good, lanes: '2' }, 'lanes'],
    ['NaN lanes', { ...good, lanes: Number.NaN }, 'lanes'],
    ['batching: true', { ...good, batching: true }, 'batching'],
    ['batching: null', { ...good, batching: null }, 'batching'],
    ['batching as a number', { ...good, batching: 64 }, 'batching'],
    ['batching as an array', { ...good, batching: [] }, 'batching'],
    ['an unknown key of batching', { ...good, batching: { maxBatchRow: 8 } }, 'batching.maxBatchRow'],
    ['zero rows', { ...good, batching: { maxBatchRows: 0 } }, 'batching.maxBatchRows'],
    ['rows past the limit', { ...good, batching: { maxBatchRows: 65_537 } }, 'batching.maxBatchRows'],
    ['half a row', { ...good, batching: { maxBatchRows: 1.5 } }, 'batching.maxBatchRows'],
    ['rows as text', { ...good, batching: { maxBatchRows: '8' } }, 'batching.maxBatchRows'],
    [
      'infinite rows in the queue',
      { ...good, batching: { maxQueueRows: Number.POSITIVE_INFINITY } },
      'batching.maxQueueRows',
    ],
    ['no room in the queue', { ...good, batching: { maxQueueRows: 0 } }, 'batching.maxQueueRows'],
    ['negative bytes', { ...good, batching: { maxQueueBytes: -1 } }, 'batching.maxQueueBytes'],
    ['null bytes', { ...good, batching: { maxQueueBytes: null } }, 'batching.maxQueueBytes'],
    ['checkGolden as text', { ...good, checkGolden: 'no' }, 'checkGolden'],
    ['a swap mode that is none', { ...good, swapMode: 'in-place' }, 'swapMode'],
    ['warmUp as text', { ...good, warmUp: 'yes' }, 'warmUp'],
    ['a tuning that cannot be read', { ...good, tuning: { write() {} } }, 'tuning'],
    ['tuning by name', { ...good, tuning: './tuning.json' }, 'tuning'],
    ['a listener that is none', { ...good, on: { 'batch-end': 5 } }, 'on.batch-end'],
    ['a listener of no event', { ...good, on: { 'batch-ended': () => {} } }, 'on.batch-ended'],
    ['listeners as a function', { ...good, on: () => {} }, 'on'],
    ['a logger without methods', { ...good, logger: {} }, 'logger'],
    ['a clock without methods', { ...good, clock: { now: () => 0 } }, 'clock'],
    ['a signal that is none', { ...good, signal: {} }, 'signal'],
    ['a controller as signal', { ...good, signal: new AbortController() }, 'signal'],
    ['an unknown key', { ...good, maxBatchRows: 8 }, 'maxBatchRows'],
    ['a definition that is none', { ...good, definition: 5 }, 'definition'],
    ['an empty definition', { ...good, definition: {} }, 'definition'],
    ['a definition without schemas', { ...good, definition: { encode() {}, decode() {} } }, 'definition'],
  ];

  test.each(cases)('%s: INVALID_OPTION that names the field', async (_what, options, field) => {
    const error = await rejection(createRunner(options as RunnerOptions), 'INVALID_OPTION');
    expect(error.details.field).toBe(field);
    expect(error.details.expected).toBeTypeOf('string');
    expect(error.details.given).toBeTypeOf('string');
    expect(error.message).toContain('createRunner');
    expect(error.message).toContain(field);
  });

  test('open nothing', () => {
    expect(backend.openSessions).toBe(0);
  });

  test('whose value is undefined count as not given', async () => {
    const runner = await createRunner({ ...good, lanes: undefined, batching: undefined } as unknown as RunnerOptions);
    expect(runner.describe().batching).toMatchObject({ maxBatchRows: 64, maxQueueRows: 8192, maxQueueBytes: 2 ** 28 });
    await runner.close();
  });
});

describe('loading', () => {
  test('by reference asks the backend, once', async () => {
    const bench = await openBench({}, { model: '7' });
    expect(bench.runner.model).toEqual({ name: 'mock', version: '7', digest: '7'.padStart(64, '0') });
    expect(bench.runner.loaded?.version).toBe('7');
    await closeBench(bench);
  });

  test('by reference is UNSUPPORTED where the backend cannot', async () => {
    const { doResolve: _, ...rest } = createMockBackend();
    await rejection(createRunner({ model: 'x', backend: rest }), 'UNSUPPORTED');
  });

  test('of a loaded model, or of a source, takes it as it is', async () => {
    for (const model of [mockModel('3'), { resolve: async () => mockModel('3') }]) {
      const bench = await openBench({}, { model });
      expect(bench.runner.model.version).toBe('3');
      await closeBench(bench);
    }
  });

  test.each(['MODEL_NOT_FOUND', 'MODEL_INVALID', 'BACKEND_UNAVAILABLE', 'DIGEST_MISMATCH', 'NOT_FOUND'] as const)(
    'that fails with %s rejects with it, and nothing is left open',
    async (code) => {
      const failing = createMockBackend({ failCreate: () => new FairleadError(code, 'no') });
      await rejection(createRunner({ model: '1', backend: failing }), code);
      const resolve = async (): Promise<LoadedModel> => {
        throw new FairleadError(code, 'no');
      };
      await rejection(createRunner({ model: { resolve }, backend }), code);
      expect(failing.openSessions + backend.openSessions).toBe(0);
    },
  );

  test('that fails while warming up closes what was opened', async () => {
    for (const options of [{ lanes: 'inline' }, { lanes: 3 }, { lanes: 'auto' }] as const) {
      const clock = createVirtualClock();
      const failing = createMockBackend({ clock, workers: true, latencyMs: () => 1 });
      failing.failNext(new FairleadError('RUN_FAILED', 'out of memory'));
      await rejection(until(createRunner({ model: '1', backend: failing, clock, ...options }), clock), 'RUN_FAILED');
      await clock.advance(1000);
      expect(failing.openSessions).toBe(0);
      expect(failing.closedInFlight).toBe(0);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  test('with a signal that is aborted already does nothing', async () => {
    const reason = new Error('never mind');
    const resolve = vi.fn(async () => mockModel());
    const error = await rejection(
      createRunner({ model: { resolve }, backend, signal: AbortSignal.abort(reason) }),
      'ABORTED',
    );
    expect(error.cause).toBe(reason);
    expect(resolve).not.toHaveBeenCalled();
  });

  test.each(['resolving', 'opening', 'warming up'])('that is aborted while %s leaves nothing open', async (stage) => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    // A source and a backend that do not look at the signal themselves.
    const deaf = createMockBackend({ clock, openMs: stage === 'opening' ? 10 : 0, latencyMs: () => 10 });
    const doCreateSession: typeof deaf.doCreateSession = (model) => deaf.doCreateSession(model, {});
    const resolve = async (): Promise<LoadedModel> => {
      if (stage === 'resolving') await new Promise<void>((done) => void clock.setTimer(done, 10));
      return mockModel();
    };
    const outcome = follow(
      createRunner({
        model: { resolve },
        backend: { ...deaf, doCreateSession },
        clock,
        warmUp: stage === 'warming up',
        signal: controller.signal,
      }),
      clock,
    );
    await clock.advance(5);
    controller.abort();
    await clock.advance(100);
    asError(outcome.error, 'ABORTED');
    expect(deaf.openSessions).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('of a model with its rows along another axis is UNSUPPORTED', async () => {
    const signature: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: [2, 'batch'] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [2, 'batch'] }],
      batchAxis: 1,
    };
    const sideways = createMockBackend({ signature });
    await rejection(createRunner({ model: '1', backend: sideways, warmUp: false }), 'UNSUPPORTED');
    expect(sideways.openSessions).toBe(0);
  });

  test('tells when the model is ready, and how long it took', async () => {
    const ready: unknown[] = [];
    const bench = await openBench(
      { openMs: 30 },
      {
        on: { 'model-ready': ({ model, device, loadMs, loaded }) => ready.push([model, device, loadMs, loaded.name]) },
      },
    );
    expect(ready).toEqual([[bench.runner.model, 'cpu', 30, 'mock']]);
    await closeBench(bench);
  });
});

describe('warming up', () => {
  test('runs every batch size before the first request, and says what each took', async () => {
    const bench = await openBench({ latencyMs: (rows) => rows / 10 }, { warmUp: true, batching: { maxBatchRows: 12 } });
    const sizes = [1, 2, 4, 8, 12];
    expect(new Set(bench.backend.calls.map(({ rows }) => rows))).toEqual(new Set(sizes));
    const times = bench.runner.describe().warmUp;
    expect(times.map(({ rows }) => rows)).toEqual(sizes);
    for (const { rows, computeMs } of times) expect(computeMs).toBeCloseTo(rows / 10);
    await closeBench(bench);
  });

  test('leaves out larger sizes of a slow model', async () => {
    const bench = await openBench({ latencyMs: (rows) => rows * 150 }, { warmUp: true });
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([1, 1, 1, 1, 2]);
    await closeBench(bench);
  });

  test('is left out where sizes are not known ahead, and when not wanted', async () => {
    const signature: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'tokens'] }],
      outputs: [],
      batchAxis: 0,
    };
    for (const [mock, warmUp] of [
      [{ signature }, true],
      [{}, false],
    ] as const) {
      const bench = await openBench(mock, { warmUp });
      expect(bench.backend.calls).toHaveLength(0);
      expect(bench.runner.describe().warmUp).toEqual([]);
      await closeBench(bench);
    }
  });

  test('runs a model without a batch axis, or without batching, at its own size', async () => {
    const signature: ModelSignature = {
      inputs: [
        { name: 'x', dtype: 'float32', shape: [3, 2] },
        { name: 'words', dtype: 'string', shape: [4] },
      ],
      outputs: [],
      batchAxis: null,
    };
    const fixed = await openBench({ signature, compute: () => ({}) }, { warmUp: true });
    expect(fixed.backend.calls[0]?.inputs).toMatchObject({
      x: { shape: [3, 2] },
      words: { shape: [4], data: ['', '', '', ''] },
    });
    await closeBench(fixed);
    const single = await openBench({}, { warmUp: true, batching: false });
    expect(new Set(single.backend.calls.map(({ rows }) => rows))).toEqual(new Set([1]));
    await closeBench(single);
  });
});

describe('a device that was asked for and is not there', () => {
  const fallbacks = [
    { from: 'cuda', to: 'webgpu', reason: 'no driver' },
    { from: 'webgpu', to: 'cpu', reason: 'no adapter' },
  ];

  test('is one warning each where nobody listens', async () => {
    const bench = await openBench({ fallbacks });
    expect(bench.log).toEqual([
      'warn: mock 1 (00000000) runs on webgpu instead of cuda: no driver',
      'warn: mock 1 (00000000) runs on cpu instead of webgpu: no adapter',
    ]);
    expect(bench.runner.describe()).toMatchObject({ device: 'cpu', fallbacks });
    await closeBench(bench);
  });

  test('is an event for those who listen', async () => {
    const heard: unknown[] = [];
    const bench = await openBench({ fallbacks }, { on: { 'device-fallback': (event) => heard.push(event) } });
    expect(heard).toEqual(fallbacks.map((fallback) => ({ ...fallback, model: bench.runner.model })));
    expect(bench.log).toEqual([]);
    await closeBench(bench);
  });
});

describe('lanes', () => {
  test('auto: inline for a fast model, and the worker that tried it is gone', async () => {
    const bench = await openBench({ workers: true, latencyMs: () => 0.1 }, { warmUp: true });
    const { lanes } = bench.runner.describe();
    expect(lanes.slots.map(({ name }) => name)).toEqual(['inline']);
    expect(lanes.reason).toBe('a batch of 64 took 0.10 ms, less than 0.25 ms');
    expect(bench.backend.lanes.map(({ alive }) => alive)).toEqual([false]);
    expect(bench.backend.openSessions).toBe(1);
    await closeBench(bench);
  });

  test('auto: a worker for a slow model', async () => {
    const bench = await openBench({ workers: true, latencyMs: (rows) => rows / 10 }, { warmUp: true });
    const { lanes } = bench.runner.describe();
    expect(lanes.slots).toMatchObject([{ name: 'worker-1', inFlight: 0, alive: true }]);
    expect(lanes.reason).toBe('a batch of 64 took 6.40 ms, at least 2 ms');
    await closeBench(bench);
  });

  test('a number of workers, each with a session of its own', async () => {
    const bench = await openBench({ workers: true }, { lanes: 3 });
    expect(bench.runner.describe().lanes.slots.map(({ name }) => name)).toEqual(['worker-1', 'worker-2', 'worker-3']);
    expect(bench.backend.openSessions).toBe(3);
    await closeBench(bench);
    expect(bench.backend.lanes.map(({ alive }) => alive)).toEqual([false, false, false]);
  });

  test('that cannot all be opened close those that were', async () => {
    const clock = createVirtualClock();
    const failure = new FairleadError('BACKEND_UNAVAILABLE', 'no more threads');
    const failing = createMockBackend({
      clock,
      workers: true,
      failLane: (_model, opened) => (opened === 2 ? failure : undefined),
    });
    const error = await rejection(
      createRunner({ model: '1', backend: failing, clock, lanes: 3 }),
      'BACKEND_UNAVAILABLE',
    );
    expect(error).toBe(failure);
    expect(failing.openSessions).toBe(0);
  });

  test('are inline where the backend has no workers, and describe says so', async () => {
    for (const lanes of ['auto', 2] as const) {
      const bench = await openBench({ name: 'tiny' }, { lanes });
      expect(bench.runner.describe().lanes).toMatchObject({
        reason: 'backend "tiny" has no worker lanes here',
        tuning: undefined,
        slots: [{ name: 'inline', threads: undefined, inFlight: 0, alive: true }],
      });
      await closeBench(bench);
    }
  });

  test('inline when asked for', async () => {
    const bench = await openBench({ workers: true, latencyMs: () => 100 }, { lanes: 'inline', warmUp: true });
    expect(bench.runner.describe().lanes.reason).toContain('was asked for');
    expect(bench.backend.lanes).toHaveLength(0);
    await closeBench(bench);
  });
});

describe('close', () => {
  test('drains what is queued and in flight, then refuses', async () => {
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 2 } });
    const outcomes = [1, 2, 3, 4, 5].map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    const closed = follow(bench.runner.close(), bench.clock);
    const late = await rejection(bench.runner.run(inputOf(9)), 'CLOSED');
    expect(late.message).toContain('createRunner');
    await bench.clock.advance(29);
    expect(closed.state).toBe('pending');
    await bench.clock.advance(1);
    expect(closed.state).toBe('resolved');
    expect(outcomes.map(({ value }) => numbersOf(value?.outputs))).toEqual([1, 2, 3, 4, 5].map((v) => doubled(v)));
    expect(bench.runner.describe().batching.left.drain).toBeGreaterThan(0);
    await rejection(bench.runner.run(inputOf(9)), 'CLOSED');
    await rejection(bench.runner.swap(mockModel('2')), 'CLOSED');
    await closeBench(bench);
  });

  test('a second time, and by asyncDispose, does nothing more', async () => {
    const bench = await openBench();
    const [first, second] = [bench.runner.close(), bench.runner.close()];
    await first;
    await second;
    await bench.runner[Symbol.asyncDispose]();
    await closeBench(bench);
  });

  test('lets deadlines and aborts end what is queued meanwhile', async () => {
    const bench = await openBench({ latencyMs: () => 100 });
    const controller = new AbortController();
    const busy = follow(bench.runner.run(inputOf(0)), bench.clock);
    await bench.clock.settle();
    const expiring = follow(bench.runner.run(inputOf(1), { timeoutMs: 20 }), bench.clock);
    const aborted = follow(bench.runner.run(inputOf(2), { signal: controller.signal }), bench.clock);
    const closed = follow(bench.runner.close(), bench.clock);
    await bench.clock.advance(30);
    controller.abort();
    await bench.clock.advance(100);
    asError(expiring.error, 'DEADLINE_EXCEEDED');
    asError(aborted.error, 'ABORTED');
    expect([busy.state, closed.at]).toEqual(['resolved', 100]);
    await closeBench(bench);
  });

  test('of a session that fails is logged, and the runner is closed all the same', async () => {
    const clock = createVirtualClock();
    const log: string[] = [];
    const mock = createMockBackend({ clock });
    const runner = await createRunner({
      model: '1',
      clock,
      warmUp: false,
      logger: collectInto(log),
      backend: {
        ...mock,
        async doCreateSession(model, options) {
          const session = await mock.doCreateSession(model, options);
          const close = async (): Promise<void> => {
            await session.close();
            throw new Error('stuck');
          };
          return { ...session, close, [Symbol.asyncDispose]: close };
        },
      },
    });
    await until(runner.close(), clock);
    expect(log).toEqual(['error: mock 1 (00000000) did not close cleanly: stuck']);
    await rejection(runner.run(inputOf(1)), 'CLOSED');
  });
});
