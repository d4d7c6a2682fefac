import { afterEach, describe, expect, test } from 'vitest';
import type { Backend, Session, SessionUsage } from '../backend';
import { FairleadError } from '../errors';
import type { Closeable } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import type { Tensor, Tensors } from '../tensor/tensor';
import { createMockBackend, type MockBackend, mockModel } from '../testing/mock-backend';
import { connectLane, serveLane, type WorkerPort } from './index';
import { protocolVersion } from './messages';

interface TestLane {
  readonly port: WorkerPort;
  /** Ends the worker as a crash would. */
  crash(error?: unknown): void;
  /** Sends a message as the worker. */
  say(message: unknown): void;
  /** Resolves when the worker first answers that a batch failed. */
  readonly failed: Promise<void>;
  readonly terminated: () => number;
  readonly holds: boolean[];
  /** What `serveLane` answered. */
  readonly server: Closeable;
}

const channels: MessageChannel[] = [];
afterEach(() => {
  for (const { port1, port2 } of channels.splice(0)) {
    port1.close();
    port2.close();
  }
});

/** A worker that is no thread: both ends live here, and messages are cloned and transferred as between threads. */
function startLane(backend: Backend | ((options: unknown) => Backend), measure?: () => SessionUsage): TestLane {
  const channel = new MessageChannel();
  channels.push(channel);
  let exit: ((error: unknown) => void) | undefined;
  let terminated = 0;
  let alive = true;
  const holds: boolean[] = [];
  let onFailed: () => void;
  const failed = new Promise<void>((resolve) => {
    onFailed = resolve;
  });
  const die = (error: unknown): void => {
    if (!alive) return;
    alive = false;
    exit?.(error);
  };
  const server = serveLane(
    {
      post: (message, transfer = []) => alive && channel.port2.postMessage(message, [...transfer]),
      onMessage: (listener) => {
        channel.port2.onmessage = (event) => alive && listener(event.data);
      },
    },
    {
      importModule: async (url) => {
        if (url === 'test:missing') throw new Error('Cannot find module');
        if (url === 'test:empty') return {};
        return { createBackend: typeof backend === 'function' ? backend : () => backend };
      },
      ...(measure === undefined ? {} : { measure }),
    },
  );
  return {
    crash: die,
    say: (message) => channel.port2.postMessage(message),
    failed,
    terminated: () => terminated,
    holds,
    server,
    port: {
      post: (message, transfer = []) => channel.port1.postMessage(message, [...transfer]),
      onMessage: (listener) => {
        channel.port1.onmessage = (event) => {
          listener(event.data);
          if (event.data?.type === 'failed') onFailed();
        };
      },
      onExit: (listener) => {
        exit = listener;
      },
      terminate: async () => {
        terminated++;
        die(undefined);
      },
      hold: (busy) => void holds.push(busy),
    },
  };
}

const lane = { moduleUrl: 'test:backend', options: { a: 1 } };

/** A backend whose runs end when the test says so. */
function gated(): { backend: MockBackend; release: () => void; started: () => Promise<void> } {
  const gates: (() => void)[] = [];
  const starts: (() => void)[] = [];
  let startedBefore = 0;
  const backend = createMockBackend({
    compute: async (inputs) => {
      const opened = new Promise<void>((resolve) => void gates.push(resolve));
      startedBefore++;
      starts.shift()?.();
      await opened;
      return { y: inputs.x as Tensor };
    },
  });
  return {
    backend,
    release: () => gates.shift()?.(),
    started: () => {
      if (startedBefore > 0) {
        startedBefore--;
        return Promise.resolve();
      }
      return new Promise((resolve) => void starts.push(() => resolve(void startedBefore--)));
    },
  };
}

const rows = (...values: number[]): Tensors => ({
  x: { dtype: 'float32', shape: [values.length / 2, 2], data: Float32Array.from(values) },
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error('resolved'),
    (thrown: unknown) => thrown,
  );
  return FairleadError.isInstance(error) ? error.code : String(error);
}

describe('a session in a lane', () => {
  test('describes itself as the session in the worker does, with room for one batch more', async () => {
    const fallbacks = [{ from: 'cuda', to: 'cpu', reason: 'none here' }];
    const session = await connectLane(startLane(createMockBackend({ fallbacks })).port, lane, mockModel());
    expect(session).toMatchObject({
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
      batchAxis: 0,
      device: 'cpu',
      fallbacks,
      concurrency: 2,
    });
    await session.close();
  });

  test('hands the module its options and the model its bytes, without taking them from the caller', async () => {
    const model = mockModel('7');
    const seen: { options?: unknown; model?: LoadedModel } = {};
    const { port } = startLane((options) => {
      seen.options = options;
      return createMockBackend({
        failCreate: (given) => {
          seen.model = given;
          return undefined;
        },
      });
    });
    const session = await connectLane(port, lane, model);
    expect(seen.options).toEqual({ a: 1 });
    expect(seen.model).toMatchObject({ digest: model.digest, name: 'mock', version: '7' });
    expect(seen.model?.bytes).toEqual(model.bytes);
    expect(new TextDecoder().decode(model.bytes)).toBe('mock model 7');
    await session.close();
  });

  test('a session in the worker can read the sidecars of the model', async () => {
    const model = mockModel('1', { card: new Uint8Array([1, 2, 3]) });
    let inWorker: LoadedModel | undefined;
    const backend = createMockBackend({
      failCreate: (given) => {
        inWorker = given;
        return undefined;
      },
    });
    const session = await connectLane(startLane(backend).port, lane, model);
    expect(await inWorker?.sidecar('card')).toEqual(new Uint8Array([1, 2, 3]));
    expect(await inWorker?.sidecar('golden')).toBeUndefined();
    await session.close();
  });

  test('computes, and leaves the arrays of the caller intact', async () => {
    const session = await connectLane(startLane(createMockBackend()).port, lane, mockModel());
    const inputs = rows(1, 2, 3, 4);
    const { y } = await session.doRun(inputs, {});
    expect(y).toEqual({ dtype: 'float32', shape: [2, 2], data: Float32Array.from([2, 4, 6, 8]) });
    expect(inputs).toEqual(rows(1, 2, 3, 4));
    await session.close();
  });

  test('carries every dtype, views into bigger buffers, shared memory, empty tensors and strings', async () => {
    const backend = createMockBackend({ compute: (inputs) => inputs });
    const session = await connectLane(startLane(backend).port, lane, mockModel());
    const shared = new Uint16Array(new SharedArrayBuffer(6));
    shared.set([7, 8, 9]);
    const inputs: Tensors = {
      f32: { dtype: 'float32', shape: [2], data: new Float32Array([0, Number.NaN, -0, 5]).subarray(1, 3) },
      bool: { dtype: 'bool', shape: [3], data: Uint8Array.from([1, 0, 1]) },
      i64: { dtype: 'int64', shape: [2], data: BigInt64Array.from([-1n, 2n ** 62n]) },
      f16: { dtype: 'float16', shape: [3], data: shared },
      f64: { dtype: 'float64', shape: [], data: Float64Array.from([Math.PI]) },
      u8: { dtype: 'uint8', shape: [4], data: Buffer.from([1, 2, 3, 4]) },
      none: { dtype: 'int32', shape: [0, 3], data: new Int32Array(0) },
      s: { dtype: 'string', shape: [2], data: ['ü', ''] },
    };
    const outputs = await session.doRun(inputs, {});
    expect(Object.keys(outputs)).toEqual(Object.keys(inputs));
    for (const [name, { dtype, shape, data }] of Object.entries(inputs)) {
      expect(outputs[name]).toMatchObject({ dtype, shape });
      expect(Array.from(outputs[name]?.data as ArrayLike<unknown>)).toEqual(Array.from(data as ArrayLike<unknown>));
    }
    await session.close();
  });

  test('answers that are views of the input, of one another or of a bigger buffer stay right', async () => {
    const backend = createMockBackend({
      compute: (inputs) => {
        const x = inputs.x as Tensor<'float32'>;
        const both = Float32Array.from([10, 20, 30, 40]);
        const tensor = (data: Float32Array): Tensor => ({ dtype: 'float32', shape: [data.length], data });
        return {
          y: x,
          again: x,
          left: tensor(both.subarray(0, 2)),
          right: tensor(both.subarray(2)),
          all: tensor(both),
        };
      },
    });
    const session = await connectLane(startLane(backend).port, lane, mockModel());
    const first = await session.doRun(rows(1, 2), {});
    await session.doRun(rows(5, 6), {});
    const values = Object.fromEntries(
      Object.entries(first).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
    );
    expect(values).toEqual({ y: [1, 2], again: [1, 2], left: [10, 20], right: [30, 40], all: [10, 20, 30, 40] });
    await session.close();
  });

  test('copies outputs whose memory cannot be transferred', async () => {
    const untransferable = new WebAssembly.Memory({ initial: 1 });
    const backend = createMockBackend({
      compute: () => {
        const data = new Float32Array(untransferable.buffer);
        data[0] = 42;
        return { y: { dtype: 'float32', shape: [data.length], data } };
      },
    });
    const session = await connectLane(startLane(backend).port, lane, mockModel());
    for (let run = 0; run < 2; run++) {
      const { y } = await session.doRun(rows(1, 2), {});
      expect(Array.from(y?.data as Float32Array)[0]).toBe(42);
    }
    expect(untransferable.buffer.byteLength).toBe(65536);
    await session.close();
  });

  test('input buffers go around: a second batch of the size travels in the first one’s memory', async () => {
    const { port } = startLane(createMockBackend());
    const sizes: number[] = [];
    const buffers = new Set<ArrayBuffer>();
    const watched: WorkerPort = {
      ...port,
      post: (message, transfer) => {
        // Batches are the flat messages.
        if (Array.isArray(message)) for (const buffer of transfer ?? []) sizes.push(buffer.byteLength);
        port.post(message, transfer);
      },
      onMessage: (listener) =>
        port.onMessage((message) => {
          const [, buffer] = Array.isArray(message) ? (message as [number, ArrayBuffer]) : [];
          if (buffer !== undefined) buffers.add(buffer);
          listener(message);
        }),
    };
    const session = await connectLane(watched, lane, mockModel());
    for (let value = 0; value < 5; value++) {
      const { y } = await session.doRun(rows(value, value + 1), {});
      expect(y?.data).toEqual(Float32Array.from([value * 2, value * 2 + 2]));
    }
    expect(sizes).toEqual([256, 256, 256, 256, 256]);
    // Every buffer that came back was sent again, hence detached, but for the one that waits for the next batch.
    expect([...buffers].filter((buffer) => buffer.byteLength > 0)).toHaveLength(1);
    await session.close();
  });

  test('computes one batch at a time in the worker, in order, while a second waits there', async () => {
    const { backend, release, started } = gated();
    const session = await connectLane(startLane(backend).port, lane, mockModel());
    const order: number[] = [];
    const runs = [1, 2, 3].map((value) => session.doRun(rows(value, value), {}).then(() => void order.push(value)));
    for (let run = 0; run < 3; run++) {
      await started();
      expect(backend.mostInFlight).toBe(1);
      release();
    }
    await Promise.all(runs);
    expect(order).toEqual([1, 2, 3]);
    await session.close();
  });
});

describe('a worker that can poll', () => {
  /** A lane whose messages wait in a list; `now` moves when the worker looks at the list, by so much. */
  function pollingLane(backend: Backend, polls: readonly number[]) {
    const said: unknown[] = [];
    const waiting: unknown[] = [];
    const steps = [...polls];
    let now = 0;
    let listener: ((message: unknown) => void) | undefined;
    let polled = 0;
    serveLane(
      {
        post: (message) => void said.push(message),
        onMessage: (listen) => {
          listener = listen;
        },
        poll: () => {
          polled++;
          now += steps.shift() ?? 0.001;
          return waiting.shift();
        },
      },
      { importModule: async () => ({ createBackend: () => backend }), clock: { now: () => now } },
    );
    const { bytes, digest, name, version } = mockModel();
    listener?.({ type: 'open', protocol: protocolVersion, module: lane, model: { bytes, digest, name, version } });
    const runOf = (id: number): unknown[] => {
      const buffer = Float32Array.of(id, id).buffer;
      return [id, false, buffer, 'x', 'float32', 2, 1, 2];
    };
    return {
      said,
      waiting,
      runOf,
      tell: (message: unknown) => listener?.(message),
      pass: (ms: number) => {
        now += ms;
      },
      polled: () => polled,
      answered: () => said.flatMap((message) => (Array.isArray(message) ? [message[0]] : [])),
    };
  }
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  test('takes what came in the meantime by itself, one after another, before it sleeps', async () => {
    const worker = pollingLane(createMockBackend(), []);
    await turn();
    worker.waiting.push(worker.runOf(2), worker.runOf(3));
    worker.tell(worker.runOf(1));
    await turn();
    expect(worker.answered()).toEqual([1, 2, 3]);
  });

  test('looks out for a tenth of a millisecond and no longer', async () => {
    const worker = pollingLane(createMockBackend(), [0.04, 0.04, 0.04, 0.04]);
    await turn();
    worker.tell(worker.runOf(1));
    await turn();
    expect(worker.polled()).toBe(3);
    worker.tell(worker.runOf(2));
    await turn();
    expect(worker.answered()).toEqual([1, 2]);
  });

  test('does not look out behind a long batch, nor while it has another one', async () => {
    let worker: ReturnType<typeof pollingLane> | undefined;
    const backend = createMockBackend({
      compute: async (inputs) => {
        worker?.pass(11);
        return { y: inputs.x as Tensor };
      },
    });
    worker = pollingLane(backend, []);
    await turn();
    worker.tell(worker.runOf(1));
    await turn();
    expect([worker.answered(), worker.polled()]).toEqual([[1], 0]);

    const { backend: slow, release, started } = gated();
    const busy = pollingLane(slow, []);
    await turn();
    busy.tell(busy.runOf(1));
    busy.tell(busy.runOf(2));
    await started();
    release();
    await started();
    expect([busy.answered(), busy.polled()]).toEqual([[1], 0]);
    release();
    await turn();
    expect(busy.answered()).toEqual([1, 2]);
    expect(busy.polled()).toBeGreaterThan(0);
  });
});

describe('what a worker takes', () => {
  test('is told when it is asked, also beside batches, and the worker is held until then', async () => {
    let bytes = 1000;
    const { backend, release, started } = gated();
    const worker = startLane(backend, () => ({ memoryBytes: bytes++ }));
    const session = await connectLane(worker.port, lane, mockModel());
    const run = session.doRun(rows(1, 2), {});
    await started();
    expect(await Promise.all([session.doMeasure?.(), session.doMeasure?.()])).toEqual([
      { memoryBytes: 1000 },
      { memoryBytes: 1001 },
    ]);
    release();
    await run;
    expect(worker.holds.at(-1)).toBe(false);
    await session.doMeasure?.();
    expect(worker.holds.slice(-2)).toEqual([true, false]);
    await session.close();
    expect(await codeOf(session.doMeasure?.() ?? Promise.resolve())).toBe('CLOSED');
  });

  test('is not offered by a worker that cannot tell', async () => {
    const session = await connectLane(startLane(createMockBackend()).port, lane, mockModel());
    expect(session).not.toHaveProperty('doMeasure');
    await session.close();
  });

  test('is never known of one that dies first', async () => {
    const worker = startLane(createMockBackend(), () => ({ memoryBytes: 1 }));
    const session = await connectLane(worker.port, lane, mockModel());
    const asked = codeOf(session.doMeasure?.() ?? Promise.resolve());
    worker.crash();
    expect(await asked).toBe('LANE_LOST');
    expect(await codeOf(session.doMeasure?.() ?? Promise.resolve())).toBe('LANE_LOST');
    await session.close();
  });
});

describe('when it goes wrong', () => {
  test('errors cross with code, message, details and cause', async () => {
    const backend = createMockBackend();
    const session = await connectLane(startLane(backend).port, lane, mockModel());
    backend.failNext(
      new FairleadError('RUN_FAILED', 'no memory', { details: { field: 'x' }, cause: new Error('oom') }),
      new TypeError('plain'),
      new FairleadError('RUN_FAILED', 'odd', { details: { nested: { call: () => 0 } } }),
    );
    const error = await session.doRun(rows(1, 2), {}).catch((thrown: unknown) => thrown as FairleadError);
    expect(error).toMatchObject({
      code: 'RUN_FAILED',
      message: 'no memory',
      details: { field: 'x' },
      cause: { message: 'oom' },
    });
    expect(await codeOf(session.doRun(rows(1, 2), {}))).toBe('RUN_FAILED');
    await expect(session.doRun(rows(1, 2), {})).rejects.toMatchObject({ message: 'odd', details: {} });
    expect((await session.doRun(rows(1, 2), {})).y?.data).toEqual(Float32Array.from([2, 4]));
    await session.close();
  });

  test.each([
    ['test:missing', 'cannot import test:missing'],
    ['test:empty', 'exports no function "createBackend"'],
  ])('a module that is no backend (%s) is BACKEND_UNAVAILABLE, and the worker is ended', async (moduleUrl, message) => {
    const started = startLane(createMockBackend());
    const opening = connectLane(started.port, { moduleUrl, options: {} }, mockModel());
    await expect(opening).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining(message),
    });
    expect(started.terminated()).toBe(1);
  });

  test('what doCreateSession throws comes out of connectLane, and the worker is ended', async () => {
    const failCreate = (): unknown => new FairleadError('MODEL_INVALID', 'no model');
    const started = startLane(createMockBackend({ failCreate }));
    expect(await codeOf(connectLane(started.port, lane, mockModel()))).toBe('MODEL_INVALID');
    expect(started.terminated()).toBe(1);
  });

  test('options that cannot be cloned are named', async () => {
    const started = startLane(createMockBackend());
    const opening = connectLane(started.port, { ...lane, options: { call: () => 0 } }, mockModel());
    expect(await codeOf(opening)).toBe('INVALID_ARGUMENT');
    expect(started.terminated()).toBe(1);
  });

  test('a worker that dies rejects all in flight with LANE_LOST, tells once, and takes nothing more', async () => {
    const { backend, started } = gated();
    const started1 = startLane(backend);
    const lost: unknown[] = [];
    const session = await connectLane(started1.port, lane, mockModel(), { onLost: (error) => void lost.push(error) });
    const codes = [1, 2].map((value) => codeOf(session.doRun(rows(value, value), {})));
    await started();
    const cause = new Error('segmentation fault');
    started1.crash(cause);
    started1.crash();
    expect(await Promise.all(codes)).toEqual(['LANE_LOST', 'LANE_LOST']);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toMatchObject({ code: 'LANE_LOST', cause });
    expect(await codeOf(session.doRun(rows(1, 2), {}))).toBe('LANE_LOST');
    await session.close();
    expect(lost).toHaveLength(1);
  });

  test('a session that loses its device ends the worker, and its owner hears why', async () => {
    const { backend, started } = gated();
    let lose: (error: FairleadError) => void = () => undefined;
    const fragile: Backend = {
      ...backend,
      async doCreateSession(model, options) {
        const session = await backend.doCreateSession(model, options);
        const lost = new Promise<FairleadError>((resolve) => {
          lose = resolve;
        });
        return { ...session, lost };
      },
    };
    const started1 = startLane(fragile);
    const lost: unknown[] = [];
    const session = await connectLane(started1.port, lane, mockModel(), { onLost: (error) => void lost.push(error) });
    const code = codeOf(session.doRun(rows(1, 2), {}));
    await started();
    lose(new FairleadError('LANE_LOST', 'the GPU is gone', { details: { reason: 'device' } }));
    expect(await code).toBe('LANE_LOST');
    expect(lost).toMatchObject([
      { message: 'The worker of the lane ended: the GPU is gone.', details: { reason: 'device' } },
    ]);
    expect(started1.terminated()).toBe(1);
    await session.close();
  });

  test('a worker that ends while the session opens rejects the opening, without onLost', async () => {
    const never = createMockBackend();
    const hanging: Backend = { ...never, doCreateSession: () => new Promise<Session>(() => undefined) };
    const started = startLane(hanging);
    const lost: unknown[] = [];
    const opening = connectLane(started.port, lane, mockModel(), { onLost: (error) => void lost.push(error) });
    started.crash(new Error('boom'));
    await expect(opening).rejects.toMatchObject({ code: 'LANE_LOST', message: expect.stringContaining('boom') });
    expect(lost).toEqual([]);
  });

  test('a message of another protocol loses the lane', async () => {
    const started = startLane(createMockBackend());
    const lost = new Promise<unknown>((resolve) => {
      void connectLane(started.port, lane, mockModel(), { onLost: resolve }).then(() => started.say({ type: 'hello' }));
    });
    expect(await lost).toMatchObject({ code: 'LANE_LOST', cause: { code: 'PROTOCOL_ERROR' } });
    expect(started.terminated()).toBe(1);
  });
});

describe('aborting', () => {
  test('an opening that is aborted ends the worker', async () => {
    const hanging: Backend = { ...createMockBackend(), doCreateSession: () => new Promise<Session>(() => undefined) };
    const started = startLane(hanging);
    const controller = new AbortController();
    const opening = connectLane(started.port, lane, mockModel(), { signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    await expect(opening).rejects.toMatchObject({
      code: 'ABORTED',
      name: 'AbortError',
      cause: { message: 'changed my mind' },
    });
    expect(started.terminated()).toBe(1);
  });

  test('a batch that waits is dropped in the worker; one that runs rejects at once', async () => {
    const { backend, release, started } = gated();
    const worker = startLane(backend);
    const session = await connectLane(worker.port, lane, mockModel());
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = session.doRun(rows(1, 1), { signal: running.signal });
    const second = session.doRun(rows(2, 2), { signal: waiting.signal });
    const third = session.doRun(rows(3, 3), {});
    await started();
    waiting.abort();
    running.abort();
    expect(await codeOf(first)).toBe('ABORTED');
    expect(await codeOf(second)).toBe('ABORTED');
    await worker.failed;
    release();
    await started();
    release();
    expect((await third).y?.data).toEqual(Float32Array.from([3, 3]));
    expect(backend.calls.map((call) => (call.inputs.x as Tensor<'float32'>).data[0])).toEqual([1, 3]);
    await session.close();
  });

  test('a signal that is aborted already starts nothing', async () => {
    const backend = createMockBackend();
    const session = await connectLane(startLane(backend).port, lane, mockModel());
    expect(await codeOf(session.doRun(rows(1, 2), { signal: AbortSignal.abort() }))).toBe('ABORTED');
    expect(backend.calls).toHaveLength(0);
    await session.close();
  });
});

describe('closing', () => {
  test('drains, closes the session in the worker, ends the worker; a second close does nothing; work after it is CLOSED', async () => {
    const { backend, release, started } = gated();
    const started1 = startLane(backend);
    const lost: unknown[] = [];
    const session = await connectLane(started1.port, lane, mockModel(), { onLost: (error) => void lost.push(error) });
    const run = session.doRun(rows(1, 2), {});
    await started();
    const closing = session.close();
    await Promise.resolve();
    expect(await codeOf(session.doRun(rows(3, 4), {}))).toBe('CLOSED');
    expect(backend.openSessions).toBe(1);
    release();
    expect((await run).y?.data).toEqual(Float32Array.from([1, 2]));
    await closing;
    await session.close();
    await session[Symbol.asyncDispose]();
    expect(await codeOf(session.doRun(rows(3, 4), {}))).toBe('CLOSED');
    expect(backend.openSessions).toBe(0);
    expect(started1.terminated()).toBe(1);
    expect(lost).toEqual([]);
  });

  test('an error of the session’s own close comes out, and the worker is ended all the same', async () => {
    const mock = createMockBackend();
    const backend: Backend = {
      ...mock,
      doCreateSession: async (model, options) => ({
        ...(await mock.doCreateSession(model, options)),
        close: () => Promise.reject(new FairleadError('RUN_FAILED', 'release failed')),
      }),
    };
    const started = startLane(backend);
    const session = await connectLane(started.port, lane, mockModel());
    expect(await codeOf(session.close())).toBe('RUN_FAILED');
    expect(started.terminated()).toBe(1);
  });

  test('a worker that dies while its lane drains does not hang the close', async () => {
    const { backend, started } = gated();
    const started1 = startLane(backend);
    const session = await connectLane(started1.port, lane, mockModel());
    const run = codeOf(session.doRun(rows(1, 2), {}));
    await started();
    const closing = session.close();
    started1.crash(new Error('boom'));
    expect(await run).toBe('LANE_LOST');
    await closing;
  });

  test('the worker holds the process only while it owes an answer', async () => {
    const started = startLane(createMockBackend());
    const session = await connectLane(started.port, lane, mockModel());
    expect(started.holds).toEqual([true, false]);
    await Promise.all([session.doRun(rows(1, 2), {}), session.doRun(rows(1, 2), {})]);
    expect(started.holds).toEqual([true, false, true, false]);
    await session.close();
    expect(started.holds).toEqual([true, false, true, false, true, false]);
  });

  test('a worker that outlives the lane can drop it: what runs ends, what waits does not begin, the session is closed', async () => {
    const { backend, release, started } = gated();
    const worker = startLane(backend);
    const session = await connectLane(worker.port, lane, mockModel());
    const runs = [1, 2].map((value) => codeOf(session.doRun(rows(value, value), {})));
    await started();
    const dropping = worker.server.close();
    worker.crash();
    expect(await Promise.all(runs)).toEqual(['LANE_LOST', 'LANE_LOST']);
    expect(backend.openSessions).toBe(1);
    release();
    await dropping;
    expect(backend.openSessions).toBe(0);
    expect(backend.calls).toHaveLength(1);
  });

  test('dropping a lane while its session opens closes the session once it is there', async () => {
    const mock = createMockBackend();
    let create: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      create = resolve;
    });
    let open: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slow: Backend = {
      ...mock,
      doCreateSession: async (model, options) => {
        create?.();
        await gate;
        return mock.doCreateSession(model, options);
      },
    };
    const worker = startLane(slow);
    const controller = new AbortController();
    const opening = codeOf(connectLane(worker.port, lane, mockModel(), { signal: controller.signal }));
    await asked;
    controller.abort();
    expect(await opening).toBe('ABORTED');
    const dropping = worker.server.close();
    open?.();
    await dropping;
    expect(mock.openSessions).toBe(0);
  });
});
