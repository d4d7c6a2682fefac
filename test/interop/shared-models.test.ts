import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Session, Tensor } from '@fairlead/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';

/* Third-party models: see the README beside them for sources and licences. */

const folder = fileURLToPath(new URL('../../../shared/models/', import.meta.url));
const built = new URL('../../packages/node/dist/index.js', import.meta.url).href;
const { onnx } = (await import(built)) as typeof import('@fairlead/node');

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
});
