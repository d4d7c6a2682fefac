import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Session, Tensor } from '@fairlead/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';

/* Third-party models: see the README beside them for sources and licences. */

const folder = fileURLToPath(new URL('../../../shared/models/', import.meta.url));
const built = (path: string): string => new URL(`../../packages/${path}/dist/index.js`, import.meta.url).href;
const { createRunner } = (await import(built('core'))) as typeof import('@fairlead/core');
const { onnx } = (await import(built('node'))) as typeof import('@fairlead/node');

/** Rows of numbers from -1 to 1 that look like chance and are the same at every run. */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const models = [
  { file: 'mnist.onnx', inputs: [{ name: 'Input3', dtype: 'float32', shape: [1, 1, 28, 28] }] },
  { file: 'ultraface-rfb-320.onnx', inputs: [{ name: 'input', dtype: 'float32', shape: [1, 3, 240, 320] }] },
] as const;

describe.each(models)('$file', ({ file, inputs: [spec] }) => {
  const path = `${folder}${file}`;
  const present = existsSync(path);
  if (!present) console.warn(`NOT TESTED: ${path} is missing; put the models of shared/models there.`);

  test.runIf(present)('inline and in a worker it equals bare session.run bit for bit', async () => {
    const backend = onnx();
    const model = await backend.doResolve?.(path, {});
    if (model === undefined || backend.worker === undefined)
      throw new Error('onnx() resolves no paths or has no lanes');
    const length = spec.shape.reduce((product: number, size) => product * size, 1);
    const data = Float32Array.from({ length }, (_, index) => Math.sin(index));
    const bare = await ort.InferenceSession.create(path);
    const expected = await bare.run({ [spec.name]: new ort.Tensor('float32', data, spec.shape) });
    const sessions = [
      await backend.doCreateSession(model, {}),
      await backend.laneHost?.openLane(backend.worker, model, {}),
    ] as Session[];
    for (const session of sessions) {
      expect(session.inputs).toEqual([spec]);
      expect(session.batchAxis).toBeNull();
      const outputs = await session.doRun({ [spec.name]: { dtype: 'float32', shape: spec.shape, data } as Tensor }, {});
      expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, { data, dims }] of Object.entries(expected)) {
        expect(outputs[name]?.shape).toEqual(dims);
        expect(outputs[name]?.data).toEqual(data);
      }
      await session.close();
    }
    await bare.release();
  });

  test.runIf(present)(
    'through a runner, inline and in two worker lanes, it equals bare session.run bit for bit',
    async () => {
      const threads = 1;
      const bare = await ort.InferenceSession.create(path, { intraOpNumThreads: threads });
      const { shape, name } = spec;
      const requests = Array.from({ length: 8 }, (_, seed) =>
        noise(
          shape.reduce((a: number, b) => a * b, 1),
          seed,
        ),
      );
      const expected: ort.InferenceSession.OnnxValueMapType[] = [];
      for (const data of requests) expected.push(await bare.run({ [name]: new ort.Tensor('float32', data, shape) }));
      for (const lanes of ['inline', 2] as const) {
        const runner = await createRunner({ model: path, backend: onnx({ threads }), lanes });
        // All at once, each as a bare array: the signature leaves no doubt about its shape.
        const results = await Promise.all(requests.map((data) => runner.run({ [name]: data })));
        for (const [index, answers] of expected.entries()) {
          const { outputs, batchSize } = results[index] as (typeof results)[number];
          // The model takes one picture at a time.
          expect(batchSize).toBe(1);
          expect(Object.keys(outputs).sort()).toEqual(Object.keys(answers).sort());
          for (const [output, { data, dims }] of Object.entries(answers)) {
            expect(outputs[output]).toEqual({ dtype: 'float32', shape: dims, data });
          }
        }
        await runner.close();
      }
      await bare.release();
    },
  );
  test.runIf(present)('its fixed batch of 1 runs unbatched over two lanes, many callers at once', async () => {
    const length = spec.shape.reduce((product: number, size) => product * size, 1);
    const inputs = Array.from({ length: 24 }, (_, caller) =>
      Float32Array.from({ length }, (_, index) => Math.sin((caller + 1) * (index + 1)) * (caller % 5)),
    );
    const bare = await ort.InferenceSession.create(path);
    const expected: ort.InferenceSession.OnnxValueMapType[] = [];
    for (const data of inputs)
      expected.push(await bare.run({ [spec.name]: new ort.Tensor('float32', data, spec.shape) }));
    await bare.release();

    const runner = await createRunner({ model: path, backend: onnx({ device: 'cpu', threads: 1 }), lanes: 2 });
    const rowsByLane: Record<string, number> = {};
    runner.events.on('batch-end', ({ lane, rows }) => {
      rowsByLane[lane] = (rowsByLane[lane] ?? 0) + rows;
    });
    try {
      expect(runner.signature.batchAxis).toBeNull();
      const answers = inputs.map((data) => runner.run({ [spec.name]: data }));
      // Both lanes work at once, and the rest waits.
      const inFlight = runner.describe().lanes.slots.map((slot) => slot.inFlight);
      expect(inFlight).toHaveLength(2);
      expect(Math.min(...inFlight)).toBeGreaterThanOrEqual(1);
      expect(runner.describe().batching.queuedRequests).toBe(
        inputs.length - inFlight.reduce((sum, more) => sum + more),
      );
      // What callers do with their arrays afterwards is their own affair.
      for (const data of inputs) data.fill(Number.NaN);
      for (const [caller, { outputs, batchSize }] of (await Promise.all(answers)).entries()) {
        expect(batchSize).toBe(1);
        for (const [name, { data, dims }] of Object.entries(expected[caller] ?? {})) {
          expect(outputs[name]?.shape).toEqual(dims);
          expect(outputs[name]?.data).toEqual(data);
        }
      }
      expect(Object.keys(rowsByLane).sort()).toEqual(['worker-1', 'worker-2']);
      expect(runner.describe().batching).toMatchObject({ requests: inputs.length, batches: inputs.length });
      await expect(
        runner.run({
          [spec.name]: { dtype: 'float32', shape: [2, ...spec.shape.slice(1)], data: new Float32Array(2 * length) },
        }),
      ).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: `${spec.name}.shape` } });
    } finally {
      await runner.close();
    }
  });
});
