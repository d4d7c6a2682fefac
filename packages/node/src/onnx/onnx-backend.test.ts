import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadedModel, Session, Tensor, Tensors } from '@fairlead/core';
import * as ort from 'onnxruntime-node';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createBackend, onnx, onnxOn } from './onnx-backend';
import type { Verdict } from './probe';
import { elementTypeOf, tinyModel, tinySlow, tinyUnary, zipMapModel } from './tiny-onnx';

/** What the trials of devices said; the CPU is never tried. */
const verdicts = vi.hoisted(() => new Map<string, Verdict>());
vi.mock('./probe', () => ({
  probeDevice: async (device: string): Promise<Verdict> => verdicts.get(device) ?? { usable: true },
}));
afterEach(() => {
  verdicts.clear();
  vi.restoreAllMocks();
});

const digitsPath = fileURLToPath(new URL('../../../../examples/models/digits-v2.onnx', import.meta.url));

function modelOf(bytes: Uint8Array, name = 'tiny'): LoadedModel {
  return { bytes, digest: '0'.repeat(64), name, version: '1', sidecar: async () => undefined };
}

async function withSession(bytes: Uint8Array, use: (session: Session) => Promise<void>): Promise<void> {
  const session = await onnx().doCreateSession(modelOf(bytes), {});
  try {
    await use(session);
  } finally {
    await session.close();
  }
}

const float32 = (shape: number[], ...values: number[]): Tensor<'float32'> => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

describe('a session', () => {
  test('equals bare session.run bit for bit, at every batch size', async () => {
    const bytes = await readFile(digitsPath);
    const bare = await ort.InferenceSession.create(bytes);
    await withSession(bytes, async (session) => {
      expect(session).toMatchObject({
        inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
        outputs: [
          { name: 'label', dtype: 'int64', shape: ['batch'] },
          { name: 'probabilities', dtype: 'float32', shape: ['batch', 10] },
        ],
        batchAxis: 0,
        device: 'cpu',
        fallbacks: [],
        concurrency: 1,
      });
      for (const rows of [1, 2, 7, 64]) {
        const pixels = Float32Array.from({ length: rows * 64 }, (_, index) => (index * 7919) % 17);
        const expected = await bare.run({ pixels: new ort.Tensor('float32', pixels, [rows, 64]) });
        const actual = await session.doRun({ pixels: { dtype: 'float32', shape: [rows, 64], data: pixels } }, {});
        expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
        for (const [name, { data, dims }] of Object.entries(expected)) {
          expect(actual[name]?.shape).toEqual(dims);
          expect(actual[name]?.data).toEqual(data);
        }
      }
    });
    await bare.release();
  });

  const half = Uint16Array.of(0x3c00, 0xc100, 0x7bff);
  test.each([
    ['float32', Float32Array.of(1.5, Number.NaN, -0)],
    ['float64', Float64Array.of(Math.PI, -0, 1e300)],
    ['float16', half],
    ['int8', Int8Array.of(-128, 0, 127)],
    ['int16', Int16Array.of(-32768, 0, 1)],
    ['int32', Int32Array.of(-(2 ** 31), 0, 1)],
    ['int64', BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 53n + 1n)],
    ['uint8', Uint8Array.of(255, 0, 1)],
    ['uint16', Uint16Array.of(65535, 0, 1)],
    ['uint32', Uint32Array.of(4294967295, 0, 1)],
    ['uint64', BigUint64Array.of(2n ** 64n - 1n, 0n, 1n)],
    ['bool', Uint8Array.of(1, 0, 1)],
    ['string', ['ü', '', 'naïve']],
  ] as const)('carries %s in and out', (dtype, data) =>
    withSession(tinyUnary('Identity', { type: dtype, shape: ['n'] }), async (session) => {
      expect(session.inputs).toEqual([{ name: 'x', dtype, shape: ['n'] }]);
      const { y } = await session.doRun({ x: { dtype, shape: [3], data } as Tensor }, {});
      expect(y).toMatchObject({ dtype, shape: [3] });
      expect(Array.from(y?.data as ArrayLike<unknown>)).toEqual(Array.from(data as ArrayLike<unknown>));
      expect(y?.data.constructor).toBe(data.constructor);
    }),
  );

  test('computes with float16 bits', () => {
    const model = tinyModel(
      [{ name: 'x', type: 'float16', shape: ['n'] }],
      [{ op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: elementTypeOf('float32') } }],
      [{ name: 'y', type: 'float32', shape: ['n'] }],
    );
    return withSession(model, async (session) => {
      const { y } = await session.doRun({ x: { dtype: 'float16', shape: [3], data: half } }, {});
      expect(y?.data).toEqual(Float32Array.of(1, -2.5, 65504));
    });
  });

  test('takes several inputs and outputs', () => {
    const value = (name: string) => ({ name, type: 'float32', shape: ['n'] }) as const;
    const nodes = [
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Mul', inputs: ['a', 'b'], outputs: ['product'] },
    ];
    return withSession(
      tinyModel([value('a'), value('b')], nodes, [value('sum'), value('product')]),
      async (session) => {
        const outputs = await session.doRun({ a: float32([2], 1, 2), b: float32([2], 10, 20) }, {});
        expect(outputs).toEqual({ sum: float32([2], 11, 22), product: float32([2], 10, 40) });
      },
    );
  });

  test.each([
    ['a fixed first axis', tinyUnary('Relu', { type: 'float32', shape: [1, 2] }), null],
    ['a symbolic one of one name', tinyUnary('Relu', { type: 'float32', shape: ['n', 2] }), 0],
    ['an axis without a name, where rows stay apart', tinyUnary('Relu', { type: 'float32', shape: ['', 2] }), 0],
    [
      'other names, where rows stay apart',
      tinyUnary('Relu', { type: 'float32', shape: ['n', 2] }, { type: 'float32', shape: ['m', 2] }),
      0,
    ],
    [
      'other names, where rows do not',
      tinyUnary('Transpose', { type: 'float32', shape: ['n', 2] }, { type: 'float32', shape: ['m', 'n'] }),
      null,
    ],
    [
      'an axis that depends on the values',
      tinyUnary('NonZero', { type: 'float32', shape: ['n', 2] }, { type: 'int64', shape: ['m', 'k'] }),
      null,
    ],
    ['other open axes and no names', tinyUnary('Relu', { type: 'float32', shape: ['', ''] }), 0],
    [
      'other open axes and other names',
      tinyUnary('Relu', { type: 'float32', shape: ['n', 'k'] }, { type: 'float32', shape: ['m', 'k'] }),
      null,
    ],
  ])('batchAxis for %s', (_what, bytes, batchAxis) =>
    withSession(bytes, async (session) => expect(session.batchAxis).toBe(batchAxis)),
  );

  test('a failing run is RUN_FAILED with its cause, and the next one works', () => {
    const bytes = tinyModel(
      [
        { name: 'x', type: 'float32', shape: ['n'] },
        { name: 'i', type: 'int64', shape: ['m'] },
      ],
      [{ op: 'Gather', inputs: ['x', 'i'], outputs: ['y'] }],
      [{ name: 'y', type: 'float32', shape: ['m'] }],
    );
    return withSession(bytes, async (session) => {
      const pick = (index: bigint): Tensors => ({
        x: float32([2], 5, 6),
        i: { dtype: 'int64', shape: [1], data: BigInt64Array.of(index) },
      });
      const failed = session.doRun(pick(99n), {});
      await expect(failed).rejects.toMatchObject({
        code: 'RUN_FAILED',
        message: expect.stringMatching(/^tiny failed on cpu: .*out of (data )?bounds/s),
        cause: expect.any(Error),
      });
      expect(await session.doRun(pick(1n), {})).toEqual({ y: float32([1], 6) });
    });
  });

  test('drains on close, closes once, and takes nothing afterwards', async () => {
    const session = await onnx().doCreateSession(modelOf(tinySlow(64, 20)), {});
    const inputs: Tensors = { x: { dtype: 'float32', shape: [64, 64], data: new Float32Array(64 * 64) } };
    const running = session.doRun(inputs, {});
    const closing = session.close();
    await expect(session.doRun(inputs, {})).rejects.toMatchObject({ code: 'CLOSED' });
    expect((await running).y?.shape).toEqual([64, 64]);
    await closing;
    await session.close();
    await session[Symbol.asyncDispose]();
  });

  test('a signal that is aborted starts neither a session nor a run', async () => {
    const signal = AbortSignal.abort();
    const bytes = tinyUnary('Relu', { type: 'float32', shape: ['n'] });
    await expect(onnx().doCreateSession(modelOf(bytes), { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await withSession(bytes, async (session) => {
      await expect(session.doRun({ x: float32([1], 1) }, { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    });
  });
});

const sequenceModel = (): Uint8Array => {
  const x = { type: 'float32', shape: ['n'] } as const;
  return tinyUnary('SequenceConstruct', x, { ...x, sequence: true });
};

describe('what is no model, or not one for JavaScript', () => {
  test.each([
    ['no bytes', async () => new Uint8Array(), 'the file is empty'],
    ['text', async () => new TextEncoder().encode('not a model at all'), 'protobuf'],
    ['half a model', async () => (await readFile(digitsPath)).subarray(0, 5000), ''],
    ['a model without a graph', async () => Uint8Array.of(8, 8), 'graph'],
    [
      'an operator that does not exist',
      async () => tinyUnary('Frobnicate', { type: 'float32', shape: ['n'] }),
      'Frobnicate',
    ],
  ])('%s is MODEL_INVALID', async (_what, bytes, message) => {
    await expect(onnx().doCreateSession(modelOf(await bytes(), 'broken'), {})).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(new RegExp(`^broken .*${message}`, 's')),
    });
  });

  test.each([
    ['a sequence', 'y', 'a sequence of float32 tensors', 'tensors alone', sequenceModel()],
    [
      'maps',
      'output_probability',
      'a sequence of maps from int64 to float32 tensors',
      '"zipmap": False',
      zipMapModel(),
    ],
  ])('an output of %s is refused by its name and type', async (_what, name, given, advice, bytes) => {
    await expect(onnx().doCreateSession(modelOf(bytes), {})).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(`^The output "${name}" is ${given}; expected a tensor\\. .*${advice}`),
      details: { field: name, given },
    });
  });

  test('bfloat16 is refused', async () => {
    const bytes = tinyUnary('Identity', { type: 'bfloat16', shape: ['n'] });
    await expect(onnx().doCreateSession(modelOf(bytes), {})).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('number 16'),
    });
  });
});

describe('devices', () => {
  const bytes = tinyUnary('Relu', { type: 'float32', shape: ['n'] });

  test('one that was asked for alone and cannot be had is an error that says how to fall back', async () => {
    verdicts.set('cuda', { usable: false, reason: 'no driver' });
    const backend = onnx({ device: 'cuda' });
    await expect(backend.doCreateSession(modelOf(bytes), {})).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/cuda: no driver.*\['cuda', 'cpu'\]/),
      details: { field: 'device', given: 'cuda' },
    });
    expect(await backend.isSupported()).toEqual({ supported: false, reason: 'cuda: no driver' });
  });

  test('a list falls back in its order and reports each step', async () => {
    verdicts.set('cuda', { usable: false, reason: 'no driver' });
    verdicts.set('webgpu', { usable: false, reason: 'no adapter' });
    const backend = onnx({ device: ['cuda', 'webgpu', 'cpu'] });
    const session = await backend.doCreateSession(modelOf(bytes), {});
    expect(session.device).toBe('cpu');
    expect(session.fallbacks).toEqual([
      { from: 'cuda', to: 'cpu', reason: 'no driver' },
      { from: 'webgpu', to: 'cpu', reason: 'no adapter' },
    ]);
    expect(await backend.isSupported()).toEqual({ supported: true, devices: ['cpu'] });
    await session.close();
  });

  test('one that passes its trial and then refuses the model falls back too, unless the model is at fault', async () => {
    const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (...args: unknown[]) => Promise<never>;
    vi.spyOn(ort.InferenceSession, 'create').mockImplementation((...args: unknown[]) => {
      const [provider] = (args[1] as ort.InferenceSession.SessionOptions).executionProviders ?? [];
      return typeof provider === 'object' ? Promise.reject(new Error('out of memory on the card')) : create(...args);
    });
    const session = await onnx({ device: ['cuda', 'cpu'] }).doCreateSession(modelOf(bytes), {});
    expect(session.fallbacks).toEqual([
      { from: 'cuda', to: 'cpu', reason: 'tiny does not load on cuda: out of memory on the card' },
    ]);
    await session.close();
    const alone = onnx({ device: 'cuda' });
    await expect(alone.doCreateSession(modelOf(bytes), {})).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    const broken = modelOf(new TextEncoder().encode('nonsense'));
    await expect(alone.doCreateSession(broken, {})).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  test('a worker makes the backend anew on the device that its owner chose', async () => {
    const worker = structuredClone(onnx({ device: ['cpu'], threads: 1 }).worker?.options);
    expect(worker).toMatchObject({ settings: { threads: 1 }, device: 'cpu' });
    verdicts.set('cpu', { usable: false, reason: 'must not be asked again' });
    const session = await createBackend(worker).doCreateSession(modelOf(bytes), {});
    expect(await session.doRun({ x: float32([2], -1, 2) }, {})).toEqual({ y: float32([2], 0, 2) });
    await session.close();
  });
});

describe('threads', () => {
  const bytes = tinyUnary('Relu', { type: 'float32', shape: ['n'] });

  /** A machine of 16 cores whose control group allows so much of them. */
  async function withQuota(cpuMax: string, use: (root: string) => Promise<void>): Promise<void> {
    const root = mkdtempSync(join(tmpdir(), 'fairlead-onnx-'));
    for (const [name, text] of [
      ['proc/self/cgroup', '0::/app\n'],
      ['sys/fs/cgroup/app/cpu.max', cpuMax],
    ] as const) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    try {
      await use(root);
    } finally {
      rmSync(root, { recursive: true });
    }
  }

  /** The threads that the runtime is asked for when a backend opens a session. */
  async function threadsAskedFor(backend: { doCreateSession: typeof createSession }): Promise<number | undefined> {
    const create = vi.spyOn(ort.InferenceSession, 'create');
    const session = await backend.doCreateSession(modelOf(bytes), {});
    await session.close();
    const [, options] = create.mock.lastCall as unknown as [unknown, ort.InferenceSession.SessionOptions];
    create.mockRestore();
    return options.intraOpNumThreads;
  }
  const createSession = onnx().doCreateSession;

  test('are as many as the cores that the process really has: a quota counts', () =>
    withQuota('350000 100000\n', async (root) => {
      const backend = onnxOn({ root, affinity: 16 });
      expect(backend.threading).toMatchObject({ cores: 3, threads: 3 });
      expect(backend.worker?.options).toMatchObject({ settings: { threads: 3 } });
      expect(await threadsAskedFor(backend)).toBe(3);
    }));

  test('are shared with the other workers of a cluster', () =>
    withQuota('max 100000\n', async (root) => {
      expect(onnxOn({ root, affinity: 16, sharers: 4 }).threading).toMatchObject({ cores: 4, threads: 4 });
    }));

  test('can be chosen, here and in workers, as often as wanted', () =>
    withQuota('800000 100000\n', async (root) => {
      const backend = onnxOn({ root, affinity: 16 });
      const two = backend.threading?.withThreads?.(2);
      expect(two?.threading).toMatchObject({ cores: 8, threads: 2 });
      expect(two?.worker?.options).toMatchObject({ settings: { threads: 2 } });
      expect(two?.threading?.withThreads?.(5).threading).toMatchObject({ cores: 8, threads: 5 });
      expect(await threadsAskedFor(two ?? backend)).toBe(2);
      expect(await threadsAskedFor(createBackend(structuredClone(two?.worker?.options)))).toBe(2);
      expect(backend.threading?.threads).toBe(8);
    }));

  test('of a session on another device are all cores: what that device leaves to the CPU is not shared out', () =>
    withQuota('400000 100000\n', async (root) => {
      const create = vi.spyOn(ort.InferenceSession, 'create').mockRejectedValue(new Error('no such card here'));
      const chosen = onnxOn({ root, affinity: 16 }, { device: 'cuda' }).threading?.withThreads?.(1);
      await expect(chosen?.doCreateSession(modelOf(bytes), {})).rejects.toMatchObject({ code: 'MODEL_INVALID' });
      const threads = create.mock.calls.map((call) => (call as unknown[])[1] as ort.InferenceSession.SessionOptions);
      // The card first, then the CPU, to tell whose fault it is.
      expect(threads.map(({ intraOpNumThreads }) => intraOpNumThreads)).toEqual([4, 1]);
    }));

  test('that the user asked for are kept, and cannot be chosen otherwise', () =>
    withQuota('200000 100000\n', async (root) => {
      const backend = onnxOn({ root, affinity: 16 }, { threads: 6 });
      expect(backend.threading).toEqual({ cores: 2, threads: 6 });
      expect(await threadsAskedFor(backend)).toBe(6);
    }));

  test('on this machine are at least one and no more than Node sees', () => {
    const { cores, threads } = onnx().threading ?? { cores: 0, threads: 0 };
    expect(threads).toBe(cores);
    expect(cores).toBeGreaterThanOrEqual(1);
    expect(cores).toBeLessThanOrEqual(availableParallelism());
  });
});

test('resolves a path to a model with its sidecars', async () => {
  const model = await onnx().doResolve?.(digitsPath, {});
  expect(model?.name).toBe('digits-v2');
  expect(JSON.parse(new TextDecoder().decode(await model?.sidecar('golden')))).toMatchObject({ sha256: model?.digest });
  await expect(onnx({ maxModelBytes: 10 }).doResolve?.(digitsPath, {})).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
  });
});
