import { join } from 'node:path';
import type { Tensors } from '@fairlead/core';
import { onDevice } from '@fairlead/core/tfjs';
import { tfjs } from '@fairlead/node';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { prepareDevice } from '../../packages/node/src/tfjs/engine';
import {
  digitLayers,
  filesOfGraph,
  filesOfLayers,
  type ModelFiles,
  modelOf,
  node,
  placeholder,
  softmaxGraph,
  writeFiles,
} from '../../packages/node/src/tfjs/tiny-tfjs.fixture';
import { toWire, type WireTensors } from './wire';

// Models of TensorFlow.js for tests in a browser, and what `tfjs()` of @fairlead/node answers to them.

/** Inputs, and what they come out as. */
export interface WireGolden {
  readonly inputs: WireTensors;
  readonly outputs: WireTensors;
}

/** A model in the folder of its name. */
export type TfjsModelName = 'graph' | 'layers' | 'recurrent' | 'branch' | 'dtypes' | 'einsum';

const wave = (shape: readonly number[]) =>
  ({
    dtype: 'float32',
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index * 7919)),
  }) as const;

/** Writes every model into `folder`, each in a folder of its name with a model.json, and answers its golden rows. */
export async function writeTfjsModels(folder: string): Promise<Readonly<Record<TfjsModelName, WireGolden>>> {
  const golden = async (name: TfjsModelName, files: ModelFiles, inputs: Tensors): Promise<WireGolden> => {
    await writeFiles(join(folder, name), files);
    const session = await tfjs({ device: 'cpu' }).doCreateSession(modelOf(files, name), {});
    try {
      return { inputs: toWire(inputs), outputs: toWire(await session.doRun(inputs, {})) };
    } finally {
      await session.close();
    }
  };
  return {
    graph: await golden('graph', softmaxGraph(), { features: wave([5, 3]) }),
    layers: await golden('layers', await digitLayers(), { image: wave([5, 6, 6, 1]) }),
    recurrent: await golden('recurrent', await recurrentLayers(), { series: wave([4, 7, 3]) }),
    branch: await golden('branch', branchGraph(), { x: wave([3, 2]) }),
    dtypes: await golden('dtypes', dtypesGraph(), {
      x: wave([6]),
      words: { dtype: 'string', shape: [2], data: ['größe', ''] },
    }),
    einsum: await golden('einsum', einsumGraph(), { x: wave([3, 2]) }),
  };
}

/** A recurrent network over series of 7 steps of 3 numbers, with normalisation; always with the same weights. */
async function recurrentLayers(): Promise<ModelFiles> {
  await prepareDevice('cpu');
  const model = onDevice(tf, 'cpu', () => {
    const { glorotUniform } = tfl.initializers;
    const series = tfl.input({ shape: [7, 3], name: 'series' });
    const layers = [
      tfl.layers.lstm({
        units: 5,
        kernelInitializer: glorotUniform({ seed: 1 }),
        recurrentInitializer: glorotUniform({ seed: 2 }),
        name: 'memory',
      }),
      tfl.layers.batchNormalization({ name: 'norm' }),
      tfl.layers.dense({ units: 2, kernelInitializer: glorotUniform({ seed: 3 }), name: 'forecast' }),
    ];
    const output = layers.reduce((value, layer) => layer.apply(value) as tfl.SymbolicTensor, series);
    return tfl.model({ inputs: series, outputs: output });
  });
  const files = await filesOfLayers(model);
  model.dispose();
  return files;
}

/** y = 2x by the branch that a constant chooses, which takes several steps. */
function branchGraph(): ModelFiles {
  return filesOfGraph({
    nodes: [
      placeholder('x', 'DT_FLOAT', [-1, 2]),
      node('choice', 'Less', ['one', 'two']),
      node('switch', 'Switch', ['x', 'choice']),
      node('double', 'Mul', ['switch:1', 'two']),
      node('negative', 'Neg', ['switch']),
      node('y', 'Merge', ['negative', 'double']),
    ],
    weights: { one: 1, two: 2 },
    signature: {
      inputs: { x: ['x:0', 'DT_FLOAT', [-1, 2]] },
      outputs: { y: ['y:0', 'DT_FLOAT', [-1, 2]] },
    },
  });
}

/** Outputs of every dtype that TensorFlow.js shares with Fairlead; one of them is an input as it came. */
function dtypesGraph(): ModelFiles {
  return filesOfGraph({
    nodes: [
      placeholder('x', 'DT_FLOAT', [6]),
      placeholder('words', 'DT_STRING', [2]),
      node('scaled', 'Mul', ['x', 'ten']),
      node('whole', 'Cast', ['scaled'], { SrcT: { type: 'DT_FLOAT' }, DstT: { type: 'DT_INT32' } }),
      node('positive', 'Greater', ['x', 'zero']),
      node('same', 'Identity', ['words'], { T: { type: 'DT_STRING' } }),
    ],
    weights: { ten: 10, zero: 0 },
    signature: {
      inputs: { x: ['x:0', 'DT_FLOAT', [6]], words: ['words:0', 'DT_STRING', [2]] },
      outputs: {
        scaled: ['scaled:0', 'DT_FLOAT', [6]],
        whole: ['whole:0', 'DT_INT32', [6]],
        positive: ['positive:0', 'DT_BOOL', [6]],
        same: ['same:0', 'DT_STRING', [2]],
      },
    },
  });
}

/** An operation that the WebAssembly of TensorFlow.js lacks. */
function einsumGraph(): ModelFiles {
  return filesOfGraph({
    nodes: [
      placeholder('x', 'DT_FLOAT', [-1, 2]),
      node('y', 'Einsum', ['x'], { equation: { s: btoa('ij->ij') }, N: { i: '1' } }),
    ],
    signature: {
      inputs: { x: ['x:0', 'DT_FLOAT', [-1, 2]] },
      outputs: { y: ['y:0', 'DT_FLOAT', [-1, 2]] },
    },
  });
}
