import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Backend, LoadedModel, Session, Tensor, Tensors } from '@fairlead/core';
import { type ArchivedFile, onDevice, onDeviceInTurn, packTar } from '@fairlead/core/tfjs';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { prepareDevice } from './engine';
import type { TfjsDevice } from './options';
import { tfjs } from './tfjs-backend';

/* Tiny TensorFlow.js models for tests, made as its converter makes them, so that no model need be committed. */

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** What lies in a folder: model.json and its weights. */
export type ModelFiles = readonly ArchivedFile[];

/** The files of a layers model, its weights in two shards. */
export async function filesOfLayers(model: tfl.LayersModel): Promise<ModelFiles> {
  let saved: tf.io.ModelArtifacts = {};
  await model.save({
    async save(artifacts) {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  const { modelTopology, weightSpecs = [], weightData } = saved;
  const weights = new Uint8Array(weightData as ArrayBuffer);
  const middle = weights.byteLength >> 1;
  const paths = ['group1-shard1of2.bin', 'group1-shard2of2.bin'];
  const json = {
    format: 'layers-model',
    generatedBy: 'test',
    convertedBy: null,
    modelTopology,
    weightsManifest: [{ paths, weights: weightSpecs }],
  };
  return [
    { path: 'model.json', bytes: encode(json) },
    { path: paths[0] as string, bytes: weights.subarray(0, middle) },
    { path: paths[1] as string, bytes: weights.subarray(middle) },
  ];
}

/** A small convolutional network, always with the same weights: images of 6 × 6 in, three probabilities out. */
export async function digitLayers(): Promise<ModelFiles> {
  await prepareDevice('cpu');
  const model = onDevice(tf, 'cpu', () => {
    const { glorotUniform, randomUniform } = tfl.initializers;
    const seeded = (seed: number) => ({
      kernelInitializer: glorotUniform({ seed }),
      biasInitializer: randomUniform({ minval: -1, maxval: 1, seed }),
    });
    const image = tfl.input({ shape: [6, 6, 1], name: 'image' });
    const layers = [
      tfl.layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', ...seeded(1), name: 'edges' }),
      tfl.layers.maxPooling2d({ poolSize: 2, name: 'pool' }),
      tfl.layers.flatten({ name: 'flat' }),
      tfl.layers.dropout({ rate: 0.5, name: 'drop' }),
      tfl.layers.dense({ units: 3, activation: 'softmax', ...seeded(2), name: 'digit' }),
    ];
    const output = layers.reduce((value, layer) => layer.apply(value) as tfl.SymbolicTensor, image);
    return tfl.model({ inputs: image, outputs: output });
  });
  const files = await filesOfLayers(model);
  model.dispose();
  return files;
}

/** What TensorFlow.js by itself answers to rows of numbers, on a device; `shape` has the rows first. */
export async function plainAnswer(
  files: ModelFiles,
  device: TfjsDevice,
  input: string,
  shape: readonly number[],
): Promise<{ readonly inputs: Tensors; readonly outputs: Tensors }> {
  await prepareDevice(device);
  const [json, ...shards] = files.map(({ bytes }) => bytes.slice());
  const { modelTopology, weightsManifest, signature } = JSON.parse(new TextDecoder().decode(json));
  const handler = tf.io.fromMemory({
    modelTopology,
    signature,
    weightSpecs: weightsManifest.flatMap((group: { weights: object[] }) => group.weights),
    weightData: shards.map(({ buffer }) => buffer),
  });
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index * 7919));
  const [name, answer] = await onDeviceInTurn(tf, device, async () => {
    const isGraph = modelTopology.node !== undefined;
    const model = await (isGraph ? loadGraphModel(handler) : tfl.loadLayersModel(handler));
    const feed = tf.tensor(data, shape as number[]);
    const result = model.predict(feed) as tf.Tensor;
    const plain = {
      dtype: 'float32',
      shape: result.shape,
      data: (await result.data()).slice() as Float32Array,
    } as const;
    const outputName = isGraph ? Object.keys(signature.outputs)[0] : (model as tfl.LayersModel).outputNames[0];
    tf.dispose([feed, result]);
    model.dispose();
    return [outputName as string, plain] as const;
  });
  return { inputs: { [input]: { dtype: 'float32', shape, data } }, outputs: { [name]: answer } };
}

type TensorflowType = 'DT_FLOAT' | 'DT_INT32' | 'DT_INT64' | 'DT_BOOL' | 'DT_STRING' | 'DT_COMPLEX64' | 'DT_DOUBLE';

/** A node of a graph as the protobuf of TensorFlow is written in JSON. */
export interface TinyNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, object>>;
}

/** An input or output in a signature: node, dtype and sizes, -1 for an open one; no sizes for an unknown rank. */
export type TinyEntry = readonly [name: string, dtype: TensorflowType, sizes?: readonly number[] | undefined];

/** A graph with its weights by the name of their node. */
export interface TinyGraph {
  readonly nodes: readonly TinyNode[];
  readonly weights?: Readonly<Record<string, number | readonly number[] | readonly (readonly number[])[]>>;
  readonly signature?: {
    readonly inputs: Readonly<Record<string, TinyEntry>>;
    readonly outputs: Readonly<Record<string, TinyEntry>>;
  };
  /** Functions that nodes call. */
  readonly library?: object;
  /** More fields of model.json. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** The files of a graph model. Weights are float32. */
export function filesOfGraph({ nodes, weights = {}, signature, library, more }: TinyGraph): ModelFiles {
  const values = Object.entries(weights).map(([name, value]) => {
    const shape: number[] = [];
    for (let part: unknown = value; Array.isArray(part); part = part[0]) shape.push(part.length);
    return { spec: { name, shape, dtype: 'float32' }, data: Float32Array.from([value].flat(2) as number[]) };
  });
  const constants = values.map(
    ({ spec }): TinyNode => ({ name: spec.name, op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } }),
  );
  const bytes = new Uint8Array(values.reduce((sum, { data }) => sum + data.byteLength, 0));
  let offset = 0;
  for (const { data } of values) {
    bytes.set(new Uint8Array(data.buffer), offset);
    offset += data.byteLength;
  }
  const path = 'weights/group1-shard1of1.bin';
  const json = {
    format: 'graph-model',
    modelTopology: { node: [...constants, ...nodes], versions: { producer: 1 }, ...(library && { library }) },
    weightsManifest: [{ paths: [path], weights: values.map(({ spec }) => spec) }],
    ...(signature && {
      signature: { inputs: entriesOf(signature.inputs), outputs: entriesOf(signature.outputs) },
    }),
    ...more,
  };
  return [
    { path: 'model.json', bytes: encode(json) },
    { path, bytes },
  ];
}

/** An input of a graph; no sizes for an unknown rank. */
export function placeholder(name: string, type: TensorflowType, sizes?: readonly number[]): TinyNode {
  return { name, op: 'Placeholder', attr: { dtype: { type }, shape: { shape: shapeOf(sizes) } } };
}

/** A node without attributes other than its dtype. */
export function node(name: string, op: string, input: readonly string[], attr: TinyNode['attr'] = {}): TinyNode {
  return { name, op, input, attr: { T: { type: 'DT_FLOAT' }, ...attr } };
}

/** y = softmax(x · w + b), rows of 3 in, rows of 2 out; one weight in float32 each. */
export function softmaxGraph(): ModelFiles {
  return filesOfGraph({
    nodes: [
      placeholder('x', 'DT_FLOAT', [-1, 3]),
      node('product', 'MatMul', ['x', 'w']),
      node('sum', 'BiasAdd', ['product', 'b']),
      node('softmax', 'Softmax', ['sum']),
      node('Identity', 'Identity', ['softmax']),
    ],
    weights: {
      w: [
        [0.5, -1],
        [0.25, 2],
        [-0.75, 1.5],
      ],
      b: [0.1, -0.2],
    },
    signature: {
      inputs: { features: ['x:0', 'DT_FLOAT', [-1, 3]] },
      outputs: { probabilities: ['Identity:0', 'DT_FLOAT', [-1, 2]] },
    },
  });
}

/** Files as a model that is loaded, its bytes a tar archive. */
export function modelOf(files: ModelFiles | Uint8Array, name = 'tiny'): LoadedModel {
  const bytes = files instanceof Uint8Array ? files : packTar(files);
  return { bytes, digest: '0'.repeat(64), name, version: '1', sidecar: async () => undefined };
}

/** Opens a session, uses it, and sees to it that nothing of it is left in the memory of the runtime. */
export async function withSession(
  files: ModelFiles,
  use: (session: Session) => Promise<void>,
  backend: Backend = tfjs({ device: 'cpu' }),
): Promise<void> {
  await prepareDevice('cpu');
  const before = tf.memory().numTensors;
  const session = await backend.doCreateSession(modelOf(files), {});
  try {
    await use(session);
  } finally {
    await session.close();
  }
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`Expected that closing the session frees all of its tensors; ${left} are left.`);
}

/** A float32 tensor. */
export function float32(shape: readonly number[], ...values: readonly number[]): Tensor<'float32'> {
  return { dtype: 'float32', shape, data: Float32Array.from(values) };
}

/** The elements of a float32 tensor that must be there. */
export function floatsOf(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error(`Expected a float32 tensor, not ${tensor?.dtype}.`);
  return tensor.data;
}

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: ModelFiles): Promise<void> {
  for (const { path, bytes } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

function entriesOf(entries: Readonly<Record<string, TinyEntry>>): object {
  return Object.fromEntries(
    Object.entries(entries).map(([key, [name, dtype, sizes]]) => [key, { name, dtype, tensorShape: shapeOf(sizes) }]),
  );
}

function shapeOf(sizes: readonly number[] | undefined): object {
  return sizes === undefined ? { unknownRank: true } : { dim: sizes.map((size) => ({ size: String(size) })) };
}
