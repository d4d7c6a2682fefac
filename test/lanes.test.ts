import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Backend, LoadedModel, Session, Tensor, Tensors } from '@fairlead/core';
import { backendConformance } from '@fairlead/core/testing';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSharedLaneHost } from '../packages/node/src/lanes/shared-lane-host';
import { laneNiceness } from '../packages/node/src/lanes/thread-priority';
import { tinySlow } from '../packages/node/src/onnx/tiny-onnx';

/* Worker lanes need the built worker script, so these tests use the build of @fairlead/node. */

const built = (path: string): string => new URL(`../packages/${path}`, import.meta.url).href;
const { nodeLaneHost, onnx } = (await import(built('node/dist/index.js'))) as typeof import('@fairlead/node');
const { createRunner } = (await import(built('core/dist/index.js'))) as typeof import('@fairlead/core');

const digits = fileURLToPath(new URL('../examples/models/digits-v2.onnx', import.meta.url));
const goldenPath = new URL('../examples/models/digits-v2.golden.json', import.meta.url);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-lanes-'));
});
afterAll(() => rm(folder, { recursive: true }));

function modelOf(bytes: Uint8Array, name = 'tiny'): LoadedModel {
  return { bytes, digest: '0'.repeat(64), name, version: '1', sidecar: async () => undefined };
}

async function openLane(
  model: LoadedModel,
  backend = onnx(),
  options: { readonly onLost?: (error: unknown) => void; readonly signal?: AbortSignal } = {},
): Promise<Session> {
  const { laneHost, worker } = backend;
  if (laneHost === undefined || worker === undefined) throw new Error('onnx() has no worker lanes');
  return laneHost.openLane(worker, model, options);
}

function pixels(rows: number): Tensor<'float32'> {
  const data = Float32Array.from({ length: rows * 64 }, (_, index) => (index * 7919) % 17);
  return { dtype: 'float32', shape: [rows, 64], data };
}

/** The golden rows as the bare runtime on this machine answers them: other processors round otherwise. */
async function bareGolden(): Promise<{ readonly inputs: Tensors; readonly outputs: Tensors }> {
  const { cases } = JSON.parse(await readFile(goldenPath, 'utf8')) as {
    cases: [{ inputs: { pixels: { shape: number[]; data: number[] } } }];
  };
  const { shape, data } = cases[0].inputs.pixels;
  const inputs = { pixels: { dtype: 'float32', shape, data: Float32Array.from(data) } } as const;
  const session = await ort.InferenceSession.create(digits);
  const answer = await session.run({ pixels: new ort.Tensor('float32', inputs.pixels.data, shape) });
  await session.release();
  const outputs = Object.entries(answer).map(([name, { type, dims, data }]) => [
    name,
    { dtype: type, shape: dims, data },
  ]);
  return { inputs, outputs: Object.fromEntries(outputs) as Tensors };
}

describe('the conformance suite', async () => {
  const options = {
    createBackend: () => onnx(),
    reference: digits,
    missingReference: './nowhere/nothing.onnx',
    golden: await bareGolden(),
  };
  for (const { name, run } of backendConformance(options)) test(name, run, 30_000);
});

describe('a worker lane', () => {
  test('equals bare session.run bit for bit and leaves the inputs intact', async () => {
    const bytes = await readFile(digits);
    const bare = await ort.InferenceSession.create(bytes);
    const session = await openLane(modelOf(bytes));
    expect(session).toMatchObject({ batchAxis: 0, device: 'cpu', fallbacks: [], concurrency: 2 });
    for (const rows of [1, 3, 64]) {
      const input = pixels(rows);
      const expected = await bare.run({ pixels: new ort.Tensor('float32', input.data, [rows, 64]) });
      const [first, second] = await Promise.all([
        session.doRun({ pixels: input }, {}),
        session.doRun({ pixels: input }, {}),
      ]);
      for (const [name, { data, dims }] of Object.entries(expected)) {
        expect(first[name]).toMatchObject({ shape: dims, data });
        expect(second[name]).toMatchObject({ shape: dims, data });
      }
      expect(input).toEqual(pixels(rows));
    }
    await session.close();
    await bare.release();
  });

  test('leaves the event loop free, which the same run inline does not', async () => {
    const model = modelOf(tinySlow(256, 60));
    const inputs: Tensors = { x: { dtype: 'float32', shape: [256, 256], data: new Float32Array(256 * 256) } };
    /** How often the event loop turns while a run is in flight. */
    const turnsDuring = async (session: Session): Promise<number> => {
      await session.doRun(inputs, {});
      let turns = 0;
      let running = true;
      const count = (): void => {
        turns++;
        if (running) setImmediate(count);
      };
      const run = session.doRun(inputs, {});
      setImmediate(count);
      await run;
      running = false;
      return turns;
    };
    const inline = await onnx().doCreateSession(model, {});
    const lane = await openLane(model);
    expect(await turnsDuring(inline)).toBeLessThanOrEqual(3);
    expect(await turnsDuring(lane)).toBeGreaterThan(20);
    await inline.close();
    await lane.close();
  });

  test('errors of the session come back as they are', async () => {
    await expect(openLane(modelOf(new TextEncoder().encode('no model'), 'broken'))).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(/^broken /),
      cause: expect.any(Error),
    });
    const session = await openLane(modelOf(tinySlow(4, 1)));
    const wrong: Tensors = { x: { dtype: 'float32', shape: [3, 4], data: new Float32Array(12) } };
    await expect(session.doRun(wrong, {})).rejects.toMatchObject({ code: 'RUN_FAILED', details: { device: 'cpu' } });
    await session.close();
  });

  test('tells of the devices that it came after', async () => {
    // No machine has so many cards.
    const session = await openLane(modelOf(tinySlow(4, 1)), onnx({ device: ['cuda', 'cpu'], deviceId: 4095 }));
    expect(session.device).toBe('cpu');
    expect(session.fallbacks).toEqual([{ from: 'cuda', to: 'cpu', reason: expect.stringMatching(/\w{3,}/) }]);
    await session.close();
  });

  test('an opening that is aborted rejects', async () => {
    const controller = new AbortController();
    const opening = openLane(modelOf(await readFile(digits)), onnx(), { signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test.each([
    ['exits', 'process.exit(3)', 'exited with code 3'],
    ['throws what nobody catches', "setImmediate(() => { throw new Error('loose end') })", 'loose end'],
  ])('a worker that %s is LANE_LOST to what is in flight, and said once', async (_what, deed, message) => {
    const path = join(folder, `dying-${message.replaceAll(' ', '-')}.mjs`);
    await writeFile(
      path,
      `export const createBackend = () => ({
        doCreateSession: async () => ({
          inputs: [], outputs: [], batchAxis: null, device: 'cpu', fallbacks: [],
          doRun: () => { ${deed}; return new Promise(() => {}); },
          close: async () => {},
        }),
      });`,
    );
    const lost: unknown[] = [];
    const module = { moduleUrl: pathToFileURL(path).href, options: {} };
    const session = await nodeLaneHost.openLane(module, modelOf(new Uint8Array(1)), {
      onLost: (error) => void lost.push(error),
    });
    const runs = await Promise.allSettled([session.doRun({}, {}), session.doRun({}, {})]);
    for (const run of runs) {
      expect(run).toMatchObject({ reason: { code: 'LANE_LOST', message: expect.stringContaining(message) } });
    }
    expect(lost).toHaveLength(1);
    await session.close();
  });
});

describe.runIf(process.platform === 'linux')('the thread of a lane, on Linux', () => {
  test('lets the other threads of its process go first', async () => {
    const session = await openLane(modelOf(await readFile(digits)));
    const threads = await readdir('/proc/self/task');
    const niceness = threads.map((thread) => {
      try {
        return getPriority(Number(thread));
      } catch {
        // It has ended meanwhile.
        return undefined;
      }
    });
    expect(niceness).toContain(getPriority(process.pid) + laneNiceness);
    await session.close();
  });
});

describe('a runner with worker lanes', () => {
  test('divides the cores among two lanes, and answers as the bare runtime does', async () => {
    const bytes = await readFile(digits);
    const bare = await ort.InferenceSession.create(bytes);
    const backend = onnx();
    const runner = await createRunner({ model: modelOf(bytes), backend, lanes: 2, batching: { maxBatchRows: 8 } });
    const cores = backend.threading?.cores ?? 0;
    const { slots } = runner.describe().lanes;
    expect(slots.map(({ threads }) => threads)).toEqual([1, 2].map(() => Math.max(1, Math.floor(cores / 2))));
    const all = pixels(64);
    const expected = await bare.run({ pixels: new ort.Tensor('float32', all.data, [64, 64]) });
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, row) => runner.run({ pixels: all.data.slice(row * 64, row * 64 + 64) })),
    );
    const probabilities = expected.probabilities?.data as Float32Array;
    for (const [row, { outputs }] of answers.entries()) {
      expect(outputs.probabilities?.data).toEqual(probabilities.slice(row * 10, row * 10 + 10));
    }
    const lanes = runner.describe().lanes.slots;
    expect(lanes.reduce((rows, lane) => rows + lane.rows, 0)).toBe(64);
    for (const { batches, busyMs, busyShare, memoryBytes } of lanes) {
      expect(batches === 0 ? busyMs === 0 : busyMs > 0 && busyShare > 0).toBe(true);
      // The heap of a worker and the model, but not of the whole process.
      expect(memoryBytes).toBeGreaterThan(bytes.byteLength + 2 ** 20);
      expect(memoryBytes).toBeLessThan(process.memoryUsage().rss);
    }
    await runner.close();
    await bare.release();
  });

  test('tuned by measurement stays within the cores, says what it measured, and works', async () => {
    // Far more than 2 ms on any machine, so it goes to workers.
    const model = modelOf(tinySlow(256, 60), 'slow');
    const backend = onnx();
    const runner = await createRunner({ model, backend, lanes: 'auto' });
    const { tuning, slots } = runner.describe().lanes;
    const { cores } = backend.threading ?? { cores: 0 };
    expect(tuning).toMatchObject({ source: 'measured', lanes: slots.length, device: 'cpu', cores });
    expect(slots.every(({ name }) => name.startsWith('worker-'))).toBe(true);
    expect(slots.length * (slots[0]?.threads ?? 0)).toBeLessThanOrEqual(cores);
    expect(tuning?.trials[0]).toMatchObject({ lanes: 1, threads: 1, rowsPerSecond: expect.any(Number) });
    for (const { lanes, threads, rowsPerSecond, reason } of tuning?.trials ?? []) {
      expect(lanes * (threads ?? 0)).toBeLessThanOrEqual(cores);
      expect(rowsPerSecond === undefined ? reason : rowsPerSecond > 0).toBeTruthy();
    }
    // A permutation of the rows; multiplied with itself so often, it is the same again.
    const data = new Float32Array(256 * 256);
    for (let row = 0; row < 256; row++) data[row * 256 + (row + (row % 2 === 0 ? 1 : -1))] = 1;
    const x: Tensor = { dtype: 'float32', shape: [256, 256], data };
    const answers = await Promise.all([runner.run({ x }), runner.run({ x }), runner.run({ x })]);
    for (const { outputs } of answers) expect(outputs.y?.data).toEqual(x.data);
    await runner.close();
  }, 30_000);
});

describe('a worker of a runner that dies', () => {
  /** Doubles x; at 13 it does the deed. */
  const script = (deed: string): string => `
    const spec = (name) => [{ name, dtype: 'float32', shape: ['batch', 1] }];
    export const createBackend = () => ({
      doCreateSession: async () => ({
        inputs: spec('x'), outputs: spec('y'), batchAxis: 0, device: 'cpu', fallbacks: [],
        async doRun({ x }) {
          if (x.data[0] === 13) { ${deed}; await new Promise(() => {}); }
          return { y: { ...x, data: x.data.map((value) => value * 2) } };
        },
        close: async () => {},
      }),
    });`;

  test.each([
    ['an error that nobody catches', "setImmediate(() => { throw new Error('loose end') })", /loose end/],
    ['a rejection that nobody handles', "void Promise.reject(new Error('broken promise'))", /broken promise/],
    ['process.exit', 'process.exit(3)', /exited with code 3/],
    ['its memory limit', 'const hoard = []; for (;;) hoard.push(new Array(1000).fill({}))', /memory limit/],
  ])(
    'of %s fails what was in flight there alone, and is started again with its session',
    async (what, deed, how) => {
      const path = join(folder, `mortal-${what.replaceAll(' ', '-')}.mjs`);
      await writeFile(path, script(deed));
      const { laneHost } = onnx({ laneMemoryMb: 32 });
      const backend: Backend = {
        specVersion: 'v1',
        name: 'mortal',
        isSupported: async () => ({ supported: true, devices: ['cpu'] }),
        doCreateSession: () => expect.fail('it computes in workers only'),
        worker: { moduleUrl: pathToFileURL(path).href, options: {} },
        ...(laneHost === undefined ? {} : { laneHost }),
      };
      const lost: { lane: string; message: string }[] = [];
      const runner = await createRunner({
        model: modelOf(new Uint8Array(1)),
        backend,
        lanes: 2,
        warmUp: false,
        batching: { maxBatchRows: 1 },
        on: { 'lane-lost': ({ lane, error }) => lost.push({ lane, message: String((error as Error).message) }) },
      });
      const restarted = new Promise<string>((resolve) => {
        runner.events.once('lane-restart', ({ lane }) => resolve(lane));
      });
      const ask = (value: number) => runner.run({ x: Float32Array.of(value) });

      const outcomes = await Promise.allSettled([13, 1, 2, 3, 4, 5, 6, 7].map(ask));
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(outcomes[0]?.status).toBe('rejected');
      for (const { reason } of failed)
        expect(reason).toMatchObject({ code: 'LANE_LOST', message: expect.stringMatching(how) });
      // A lane holds two batches: the one that it computes and the one that waits there.
      expect(failed.length).toBeLessThanOrEqual(2);
      for (const [value, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') expect(outcome.value.outputs.y?.data[0]).toBe(value * 2);
      }

      const lane = await restarted;
      expect(lost).toEqual([{ lane, message: expect.stringMatching(how) }]);
      const busy = new Set<string>();
      runner.events.on('batch-end', (event) => void busy.add(event.lane));
      const answers = await Promise.all([21, 22, 23, 24].map(ask));
      expect(answers.map(({ outputs }) => outputs.y?.data[0])).toEqual([42, 44, 46, 48]);
      await expect.poll(() => [...busy].sort()).toEqual(['worker-1', 'worker-2']);
      expect(runner.describe().lanes.slots.every(({ alive }) => alive)).toBe(true);
      await runner.close();
    },
    30_000,
  );
});

describe('lanes that share a worker', () => {
  /** Its device is the thread that it lives in; `open` counts the sessions of that thread. */
  const script = `import { threadId } from 'node:worker_threads';
    let open = 0;
    export const createBackend = ({ slow }) => ({
      doCreateSession: async () => {
        if (slow) await new Promise((resolve) => setTimeout(resolve, 50));
        open++;
        return {
          inputs: [], outputs: [], batchAxis: null, device: String(threadId), fallbacks: [],
          async doRun({ x }) {
            if (x !== undefined) process.exit(1);
            return { open: { dtype: 'int32', shape: [1], data: Int32Array.of(open) } };
          },
          close: async () => void open--,
        };
      },
    });`;
  const die: Tensors = { x: { dtype: 'int8', shape: [1], data: Int8Array.of(0) } };
  const model = modelOf(new Uint8Array(1));
  const openIn = async (session: Session): Promise<unknown> => (await session.doRun({}, {})).open?.data[0];

  async function hostOf(): Promise<
    (options?: { signal?: AbortSignal; onLost?: () => void; slow?: boolean }) => Promise<Session>
  > {
    const path = join(folder, 'shared.mjs');
    await writeFile(path, script);
    const host = createSharedLaneHost(
      () => new Worker(new URL(built('node/dist/lane-worker.js')), { workerData: { shared: true } }),
    );
    return ({ slow = false, ...options } = {}) =>
      host.openLane({ moduleUrl: pathToFileURL(path).href, options: { slow } }, model, options);
  }

  test('live in one thread, which ends with the last of them', async () => {
    const open = await hostOf();
    const [first, second] = await Promise.all([open(), open()]);
    expect(first.device).toBe(second.device);
    expect(await Promise.all([openIn(first), openIn(second)])).toEqual([2, 2]);
    await first.close();
    await expect(first.doRun({}, {})).rejects.toMatchObject({ code: 'CLOSED' });
    expect(await openIn(second)).toBe(1);
    const closing = second.close();
    const third = await open();
    await closing;
    expect(await openIn(third)).toBe(1);
    await third.close();
  });

  test('are all lost when it dies, each told once, and the next one gets a new thread', async () => {
    const open = await hostOf();
    let lost = 0;
    const onLost = (): void => void lost++;
    const [first, second] = await Promise.all([open({ onLost }), open({ onLost })]);
    const runs = await Promise.allSettled([first.doRun(die, {}), second.doRun({}, {})]);
    expect(runs[0]).toMatchObject({ reason: { code: 'LANE_LOST' } });
    await expect(second.doRun({}, {})).rejects.toMatchObject({ code: 'LANE_LOST' });
    expect(lost).toBe(2);
    await Promise.all([first.close(), second.close()]);
    const third = await open();
    expect(third.device).not.toBe(first.device);
    expect(await openIn(third)).toBe(1);
    await third.close();
  });

  test('an opening that is aborted leaves no session in it', async () => {
    const open = await hostOf();
    const stays = await open();
    const controller = new AbortController();
    const opening = open({ slow: true, signal: controller.signal });
    await openIn(stays);
    controller.abort();
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED' });
    // As slow as the one that was aborted, so it is there after it.
    const later = await open({ slow: true });
    await expect.poll(() => openIn(stays)).toBe(2);
    await Promise.all([stays.close(), later.close()]);
  });
});

test('the workers of a cluster share the cores', async () => {
  // Both tell what they have when both are there: the first one must not take all for itself.
  const script = `
    import cluster from 'node:cluster';
    import { createRunner } from ${JSON.stringify(built('core/dist/index.js'))};
    import { onnx } from ${JSON.stringify(built('node/dist/index.js'))};
    if (cluster.isPrimary) {
      const workers = [cluster.fork(), cluster.fork()];
      const fromEach = () =>
        Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
      await fromEach();
      const answers = fromEach();
      for (const worker of workers) worker.send('go');
      console.log(JSON.stringify({ alone: onnx().threading.cores, told: await answers }));
      for (const worker of workers) worker.disconnect();
    } else {
      process.on('message', async () => {
        const backend = onnx();
        const runner = await createRunner({ model: ${JSON.stringify(digits)}, backend, lanes: 1 });
        process.send({ cores: backend.threading.cores, threads: runner.describe().lanes.slots[0].threads });
        await runner.close();
      });
      process.send('ready');
    }`;
  const path = join(folder, 'cluster.mjs');
  await writeFile(path, script);
  const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 40_000 });
  const { alone, told } = JSON.parse(stdout) as { alone: number; told: unknown[] };
  // Elsewhere a process cannot see who its siblings are.
  const share = process.platform === 'linux' ? Math.max(1, Math.floor(alone / 2)) : alone;
  expect(told).toEqual([1, 2].map(() => ({ cores: share, threads: share })));
}, 60_000);

describe('a process with worker lanes', () => {
  const script = `
    import { createRunner } from ${JSON.stringify(built('core/dist/index.js'))};
    import { onnx } from ${JSON.stringify(built('node/dist/index.js'))};
    const runner = await createRunner({ model: ${JSON.stringify(digits)}, backend: onnx(), lanes: 2 });
    const { outputs } = await runner.run({ pixels: new Float32Array(64) });
    console.log(outputs.label.data.length);`;
  const call = promisify(execFile);

  test('ends by itself when its author forgot to close the runner', async () => {
    const path = join(folder, 'forgets-to-close.mjs');
    await writeFile(path, script);
    // A process that hangs is killed, and that rejects.
    expect(await call(process.execPath, [path], { timeout: 20_000 })).toEqual({ stdout: '1\n', stderr: '' });
  }, 30_000);

  test.each([
    ['none', []],
    ['one of V8', ['--max-old-space-size=512']],
    ['some of V8 and some of Node', ['--expose-gc', '--stack-trace-limit=20', '--enable-source-maps', '--no-warnings']],
  ])(
    'may come from a file or from the command line, with arguments of Node: %s',
    async (_which, flags) => {
      const path = join(folder, 'has-arguments.mjs');
      await writeFile(path, script);
      for (const program of [
        [path],
        ['--input-type=module', '-e', script],
        ['-e', `import(${JSON.stringify(path)})`],
      ]) {
        const answer = await call(process.execPath, [...flags, ...program], { timeout: 20_000 });
        expect(answer).toEqual({ stdout: '1\n', stderr: '' });
      }
    },
    90_000,
  );
});
