import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRunner, FairleadError, type Tensors } from '@fairlead/core';
import { backendConformance } from '@fairlead/core/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import * as engine from './engine';
import { createBackend, tfjs } from './tfjs-backend';
import {
  digitLayers,
  filesOfGraph,
  float32,
  floatsOf,
  modelOf,
  node,
  placeholder,
  plainAnswer,
  softmaxGraph,
  type TinyNode,
  withSession,
  writeFiles,
} from './tiny-tfjs.fixture';

const folder = await mkdtemp(join(tmpdir(), 'fairlead-tfjs-'));
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

describe.each(['cpu', 'wasm'] as const)('the conformance suite inline on %s', async (device) => {
  const models = [
    { kind: 'graph', files: softmaxGraph(), input: 'features', shape: [5, 3] },
    { kind: 'layers', files: await digitLayers(), input: 'image', shape: [5, 6, 6, 1] },
  ];
  for (const { kind, files, input, shape } of models) {
    await writeFiles(join(folder, kind), files);
    const suite = backendConformance({
      // Worker lanes need the build, and are tried by test/tfjs.test.ts.
      createBackend: () => {
        const { laneHost: _, ...backend } = tfjs({ device });
        return backend;
      },
      reference: join(folder, kind, 'model.json'),
      missingReference: './nowhere/model.json',
      golden: await plainAnswer(files, device, input, shape),
    });
    describe(`with a ${kind} model`, () => {
      for (const { name, run } of suite) test(name, run);
    });
  }
});

/** A graph of one operation with one input and one output. */
function unary(op: string, attr: TinyNode['attr'] = {}) {
  const entry = ['', 'DT_FLOAT', [-1, 2]] as const;
  return filesOfGraph({
    nodes: [placeholder('x', 'DT_FLOAT', [-1, 2]), node('y', op, ['x'], attr)],
    signature: { inputs: { x: ['x:0', entry[1], entry[2]] }, outputs: { y: ['y:0', entry[1], entry[2]] } },
  });
}

describe('a session', () => {
  const graph = softmaxGraph();
  const inputs: Tensors = { features: float32([1, 3], 1, 2, 3) };

  test.each(['cpu', 'wasm'] as const)('leaves nothing in memory on %s, run after run', async (device) => {
    await withSession(
      graph,
      async (session) => {
        const before = tf.memory().numTensors;
        for (let run = 0; run < 10; run++) await session.doRun(inputs, {});
        await expect(session.doRun({ features: float32([1, 2], 1, 2) }, {})).rejects.toThrow();
        expect(tf.memory().numTensors).toBe(before);
      },
      tfjs({ device }),
    );
  });

  test('keeps NaN, and rows of others as they are', () =>
    withSession(graph, async (session) => {
      const { probabilities } = await session.doRun({ features: float32([2, 3], Number.NaN, 0, 0, 1, 2, 3) }, {});
      const alone = await session.doRun(inputs, {});
      expect(floatsOf(probabilities).subarray(0, 2)).toEqual(Float32Array.of(Number.NaN, Number.NaN));
      expect(floatsOf(probabilities).slice(2)).toEqual(floatsOf(alone.probabilities));
    }));

  test('a failing run is RUN_FAILED with its cause, and the next one works', () =>
    withSession(graph, async (session) => {
      await expect(session.doRun({ features: float32([1, 2], 1, 2) }, {})).rejects.toMatchObject({
        code: 'RUN_FAILED',
        message: expect.stringMatching(/^tiny failed on cpu: The shape of dict\['x'\]/),
        cause: expect.any(Error),
        details: { device: 'cpu', model: 'tiny' },
      });
      expect((await session.doRun(inputs, {})).probabilities?.shape).toEqual([1, 2]);
    }));

  test('lets the event loop turn between runs', () =>
    withSession(graph, async (session) => {
      let turns = 0;
      const count = (): void => {
        turns++;
        if (turns < 100) setImmediate(count);
      };
      setImmediate(count);
      for (let run = 0; run < 5; run++) await session.doRun(inputs, {});
      expect(turns).toBeGreaterThanOrEqual(5);
    }));

  test('drains on close, closes once, and takes nothing afterwards', async () => {
    const session = await tfjs({ device: 'cpu' }).doCreateSession(modelOf(graph), {});
    const running = session.doRun(inputs, {});
    const closing = session.close();
    await expect(session.doRun(inputs, {})).rejects.toMatchObject({ code: 'CLOSED' });
    expect((await running).probabilities?.shape).toEqual([1, 2]);
    await closing;
    await session.close();
    await session[Symbol.asyncDispose]();
  });

  test('a signal that is aborted starts neither a session nor a run', async () => {
    const signal = AbortSignal.abort();
    await expect(tfjs().doCreateSession(modelOf(graph), { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await withSession(graph, async (session) => {
      await expect(session.doRun(inputs, { signal })).rejects.toMatchObject({ code: 'ABORTED' });
      const controller = new AbortController();
      const run = session.doRun(inputs, { signal: controller.signal });
      controller.abort();
      await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    });
  });
});

describe('devices', () => {
  /** WebAssembly has no kernel for it, and plain JavaScript has. */
  const onlyOnCpu = unary('Einsum', { equation: { s: btoa('ij->ij') }, N: { i: '1' } });
  const x = float32([1, 2], -1, 2);

  test('the first one runs where it can', async () => {
    expect(await tfjs().isSupported()).toEqual({ supported: true, devices: ['wasm', 'cpu'] });
    await withSession(
      unary('Relu'),
      async (session) => {
        expect(session).toMatchObject({ device: 'wasm', fallbacks: [] });
        expect(await session.doRun({ x }, {})).toEqual({ y: float32([1, 2], 0, 2) });
      },
      tfjs(),
    );
  });

  test('an operation that WebAssembly lacks makes the next one run, and a runner tells of it', async () => {
    const told: unknown[] = [];
    const runner = await createRunner({
      model: modelOf(onlyOnCpu),
      backend: tfjs(),
      lanes: 'inline',
      on: { 'device-fallback': (event) => told.push(event) },
    });
    expect(runner.describe().device).toBe('cpu');
    expect((await runner.run({ x })).outputs).toEqual({ y: x });
    const reason = expect.stringMatching(/^tiny does not run on wasm: Kernel 'Einsum' not registered/);
    expect(told).toMatchObject([{ from: 'wasm', to: 'cpu', reason }]);
    await runner.close();
  });

  test('one that was asked for alone is that one or none', async () => {
    await expect(tfjs({ device: 'wasm' }).doCreateSession(modelOf(onlyOnCpu), {})).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/\(wasm: tiny does not run on wasm: .*\['wasm', 'cpu'\]/),
      details: { field: 'device', given: 'wasm' },
    });
  });

  test('an operation that TensorFlow.js lacks is the fault of the model', async () => {
    await expect(tfjs().doCreateSession(modelOf(unary('Frobnicate')), {})).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('the operation "Frobnicate"'),
    });
  });

  test('a package that is missing for one of them is a fallback, and one that is missing for all is told once', async () => {
    const { prepareDevice } = engine;
    const missing = new FairleadError('BACKEND_UNAVAILABLE', 'The package is not installed.');
    const prepare = vi.spyOn(engine, 'prepareDevice');
    prepare.mockImplementation((device) => (device === 'wasm' ? Promise.reject(missing) : prepareDevice(device)));
    const session = await tfjs().doCreateSession(modelOf(unary('Relu')), {});
    expect(session.fallbacks).toEqual([{ from: 'wasm', to: 'cpu', reason: missing.message }]);
    await session.close();
    expect(await tfjs().isSupported()).toEqual({ supported: true, devices: ['cpu'] });
    prepare.mockRejectedValue(missing);
    await expect(tfjs().doCreateSession(modelOf(unary('Relu')), {})).rejects.toBe(missing);
    expect(await tfjs().isSupported()).toEqual({ supported: false, reason: missing.message });
  });

  test('a worker makes the backend anew on the device that its owner chose', async () => {
    const worker = structuredClone(tfjs({ device: ['cpu', 'wasm'] }).worker?.options);
    expect(worker).toMatchObject({ settings: { devices: ['cpu', 'wasm'] }, device: 'cpu' });
    const session = await createBackend(worker).doCreateSession(modelOf(unary('Relu')), {});
    expect(session.device).toBe('cpu');
    await session.close();
  });
});
