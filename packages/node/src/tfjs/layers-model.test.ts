import { onDevice } from '@fairlead/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { prepareDevice } from './engine';
import { tfjs } from './tfjs-backend';
import {
  digitLayers,
  filesOfLayers,
  float32,
  floatsOf,
  type ModelFiles,
  modelOf,
  plainAnswer,
  withSession,
} from './tiny-tfjs.fixture';

/** Makes a model with TensorFlow.js itself, and answers its files and what it predicts. */
async function made(
  make: () => tfl.LayersModel,
  rows: () => tf.Tensor | tf.Tensor[],
): Promise<{ readonly files: ModelFiles; readonly predicted: number[][] }> {
  await prepareDevice('cpu');
  const model = onDevice(tf, 'cpu', make);
  const predicted = onDevice(tf, 'cpu', () => {
    const given = rows();
    const answers = [model.predict(given)].flat();
    const values = answers.map((answer) => Array.from(answer.dataSync()));
    tf.dispose([given, answers]);
    return values;
  });
  const files = await filesOfLayers(model);
  const names = model.weights.map(({ name }) => name);
  model.dispose();
  for (const name of names) tf.engine().state.registeredVariables[name]?.dispose();
  return { files, predicted };
}

test.each(['cpu', 'wasm'] as const)('equals plain predict on %s bit for bit, at every batch size', async (device) => {
  const files = await digitLayers();
  await withSession(
    files,
    async (session) => {
      expect(session).toMatchObject({
        inputs: [{ name: 'image', dtype: 'float32', shape: ['batch', 6, 6, 1] }],
        outputs: [{ name: 'digit', dtype: 'float32', shape: ['batch', 3] }],
        batchAxis: 0,
        device,
        fallbacks: [],
        concurrency: 1,
      });
      for (const rows of [1, 2, 7, 64]) {
        const { inputs, outputs } = await plainAnswer(files, device, 'image', [rows, 6, 6, 1]);
        expect(await session.doRun(inputs, {})).toEqual(outputs);
      }
    },
    tfjs({ device }),
  );
});

test('a model that was trained here predicts the same', async () => {
  await prepareDevice('cpu');
  await tf.setBackend('cpu');
  const model = tfl.sequential({
    layers: [
      tfl.layers.dense({ units: 3, inputShape: [2], activation: 'tanh', name: 'hidden' }),
      tfl.layers.dense({ units: 1, name: 'sum' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  const x = tf.tensor2d([0, 1, 1, 0, 1, 1, 0, 0], [4, 2]);
  await model.fit(x, tf.tensor2d([1, 1, 2, 0], [4, 1]), { epochs: 5, verbose: 0 });
  const predicted = Array.from(await (model.predict(x) as tf.Tensor).data());
  const saved = await filesOfLayers(model);
  await withSession(saved, async (session) => {
    expect(session.inputs).toEqual([{ name: 'hidden_input', dtype: 'float32', shape: ['batch', 2] }]);
    const { sum } = await session.doRun({ hidden_input: float32([4, 2], 0, 1, 1, 0, 1, 1, 0, 0) }, {});
    expect(Array.from(floatsOf(sum))).toEqual(predicted);
  });
});

describe('inputs and outputs', () => {
  test('are called as their layers, each once, also where a layer is used twice', async () => {
    const { files, predicted } = await made(
      () => {
        const inputs = ['a', 'b'].map((name) => tfl.input({ shape: [2], name }));
        const shared = tfl.layers.dense({ units: 1, name: 'score' });
        const scores = inputs.map((input) => shared.apply(input) as tfl.SymbolicTensor);
        const sum = tfl.layers.add({ name: 'sum' }).apply(scores) as tfl.SymbolicTensor;
        return tfl.model({ inputs, outputs: [...scores, sum] });
      },
      () => [tf.tensor2d([1, 2], [1, 2]), tf.tensor2d([3, 4], [1, 2])],
    );
    await withSession(files, async (session) => {
      expect(session.outputs.map(({ name }) => name)).toEqual(['score', 'score:1', 'sum']);
      const outputs = await session.doRun({ a: float32([1, 2], 1, 2), b: float32([1, 2], 3, 4) }, {});
      expect(Object.values(outputs).map(({ data }) => Array.from(data as Float32Array))).toEqual(predicted);
    });
  });

  test('may have open axes besides the rows', async () => {
    const { files, predicted } = await made(
      () => {
        const steps = tfl.input({ shape: [null, 2], name: 'steps' });
        const recurrent = tfl.layers.lstm({ units: 2, recurrentInitializer: 'glorotNormal', name: 'memory' });
        return tfl.model({ inputs: steps, outputs: recurrent.apply(steps) as tfl.SymbolicTensor });
      },
      () => tf.tensor3d([1, 2, 3, 4, 5, 6], [1, 3, 2]),
    );
    await withSession(files, async (session) => {
      expect(session.inputs[0]?.shape).toEqual(['batch', 'steps_dim1', 2]);
      expect(session.batchAxis).toBe(0);
      const { memory } = await session.doRun({ steps: float32([1, 3, 2], 1, 2, 3, 4, 5, 6) }, {});
      expect(Array.from(floatsOf(memory))).toEqual(predicted[0]);
    });
  });

  test('of a layer that keeps state begin each run anew, and their fixed rows leave no batch axis', async () => {
    const { files, predicted } = await made(
      () =>
        tfl.sequential({
          layers: [
            tfl.layers.gru({
              units: 2,
              batchInputShape: [1, 3, 2],
              stateful: true,
              recurrentInitializer: 'glorotNormal',
              name: 'memory',
            }),
          ],
        }),
      () => tf.tensor3d([1, 2, 3, 4, 5, 6], [1, 3, 2]),
    );
    await withSession(files, async (session) => {
      expect(session.batchAxis).toBeNull();
      for (let run = 0; run < 2; run++) {
        const { memory } = await session.doRun({ memory_input: float32([1, 3, 2], 1, 2, 3, 4, 5, 6) }, {});
        expect(Array.from(floatsOf(memory))).toEqual(predicted[0]);
      }
    });
  });
});

describe('what TensorFlow.js cannot load', () => {
  const changed = async (change: (text: string) => string): Promise<ModelFiles> => {
    const [json, ...weights] = await digitLayers();
    const text = change(new TextDecoder().decode(json?.bytes));
    return [{ path: 'model.json', bytes: new TextEncoder().encode(text) }, ...weights];
  };

  test.each([
    ['a layer that it does not have', /"MaxPooling2D"/, '"Whirlpool"', 'UNSUPPORTED', /needs the layer "Whirlpool"/],
    ['a shape as Keras 3 writes it', /batch_input_shape/, 'batch_shape', 'MODEL_INVALID', /Keras 3/],
    ['weights of other names', /"edges\/kernel"/, '"corners/kernel"', 'MODEL_INVALID', /corners\/kernel/],
    ['weights of other shapes', /\[3,3,1,4\]/, '[4,3,3,1]', 'MODEL_INVALID', /[Ss]hape/],
  ])('%s', async (_what, from, to, code, message) => {
    const files = await changed((text) => {
      expect(text).toMatch(from);
      return text.replace(from, to);
    });
    const variables = Object.keys(tf.engine().state.registeredVariables).length;
    await expect(tfjs({ device: 'cpu' }).doCreateSession(modelOf(files), {})).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      cause: expect.any(Error),
    });
    expect(Object.keys(tf.engine().state.registeredVariables)).toHaveLength(variables);
  });
});
