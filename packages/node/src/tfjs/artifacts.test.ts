import { gzipSync } from 'node:zlib';
import { packTar, readArtifacts } from '@fairlead/core/tfjs';
import { describe, expect, test } from 'vitest';
import { digitLayers, type ModelFiles, softmaxGraph } from './tiny-tfjs.fixture';

const encode = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const read = (bytes: Uint8Array) => readArtifacts({ bytes, name: 'tiny' });
const files = softmaxGraph();
const [json, weights] = files as [ModelFiles[0], ModelFiles[0]];

function invalid(message: string | RegExp): unknown {
  return expect.objectContaining({ code: 'MODEL_INVALID', message: expect.stringMatching(message) });
}

describe('the bytes of a model', () => {
  test('are an archive of a graph or layers model', async () => {
    const graph = read(packTar(files));
    expect(graph.kind).toBe('graph');
    expect(graph.artifacts.weightSpecs.map(({ name }) => name)).toEqual(['w', 'b']);
    expect(graph.artifacts.weightData).toEqual([weights.bytes.slice().buffer]);
    const layers = read(packTar(await digitLayers()));
    expect(layers.kind).toBe('layers');
    expect(layers.artifacts.weightData).toHaveLength(2);
  });

  test('may be wrapped in folders, lie beside another file, and have a mark of byte order', () => {
    const nested = files.map(({ path, bytes }) => ({ path: `./export/${path}`, bytes }));
    const marked = { path: 'export/model.json', bytes: encode(`\uFEFF${new TextDecoder().decode(json.bytes)}`) };
    const archive = packTar([...nested, marked, { path: 'export/deeper/model.json', bytes: encode('{}') }]);
    expect(read(archive)).toEqual(read(packTar(files)));
  });

  test('may be model.json alone where there are no weights', () => {
    const plain = encode({ modelTopology: { node: [] }, weightsManifest: [] });
    expect(read(plain)).toEqual({
      kind: 'graph',
      artifacts: { modelTopology: { node: [] }, weightSpecs: [], weightData: [] },
    });
    expect(() => read(json.bytes)).toThrowError(invalid(/model\.json alone has no weights: give a path to it/));
  });

  test('know their kind by the topology, whatever the format says', () => {
    const weightsManifest: never[] = [];
    expect(read(encode({ modelTopology: { class_name: 'Sequential', config: {} }, weightsManifest })).kind).toBe(
      'layers',
    );
    expect(read(encode({ modelTopology: { model_config: {} }, format: 'graph-model', weightsManifest })).kind).toBe(
      'layers',
    );
    expect(() => read(encode({ modelTopology: { layers: [] }, weightsManifest }))).toThrowError(
      invalid(/modelTopology is neither .* it has \["layers"\]/),
    );
  });
});

describe('bytes that are no model say what they are instead:', () => {
  test.each([
    ['nothing', new Uint8Array(), 'it is empty'],
    ['text', encode('not a model at all'), 'begins like neither'],
    ['gzip', new Uint8Array(gzipSync(packTar(files))), 'compressed by gzip'],
    ['HDF5', Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d), 'HDF5 file of Keras: convert it by tensorflowjs_converter'],
    ['a zip', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0), 'zip file'],
    ['TensorFlow Lite', encode('\u0018\0\0\0TFL3'), 'TensorFlow Lite'],
    ['an archive without model.json', packTar([weights]), 'no model.json in its archive, which holds weights/'],
    ['an empty archive', packTar([{ path: 'readme', bytes: encode('') }]), 'which holds readme'],
    [
      'two models',
      packTar([
        { path: 'a/model.json', bytes: json.bytes },
        { path: 'b/model.json', bytes: json.bytes },
      ]),
      'two models, a/model.json and b/model.json',
    ],
    ['an archive without the weights', packTar([json]), /"weights\/group1-shard1of1.bin".* is not there; put every/],
    ['weights cut short', packTar([json, { ...weights, bytes: weights.bytes.slice(4) }]), 'its weights need 32 bytes'],
    ['JSON cut short', json.bytes.slice(0, 100), 'model.json is no JSON'],
    ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'model.json is no JSON'],
    ['JSON of something else', encode({ hello: 1 }), '"modelTopology" in its model.json'],
    ['no list of weights', encode({ modelTopology: { node: [] }, weightsManifest: {} }), '"weightsManifest" in its'],
    [
      'a weight of an unknown dtype',
      encode({
        modelTopology: { node: [] },
        weightsManifest: [{ paths: [], weights: [{ name: 'w', shape: [1], dtype: 'int64' }] }],
      }),
      '"weightsManifest.0.weights.0.dtype" in its',
    ],
    [
      'a weight of a negative size',
      encode({
        modelTopology: { node: [] },
        weightsManifest: [{ paths: [], weights: [{ name: 'w', shape: [-1], dtype: 'int32' }] }],
      }),
      '"weightsManifest.0.weights.0.shape.0" in its',
    ],
    [
      'a weight without a file',
      encode({
        modelTopology: { node: [] },
        weightsManifest: [{ paths: [], weights: [{ name: 'w', shape: [2], dtype: 'float32' }] }],
      }),
      'need 8 bytes, and no file has 0',
    ],
  ])('%s', (_what, bytes, message) => expect(() => read(bytes)).toThrowError(invalid(message)));
});

test('weights that are quantized need the bytes of what they are held as', () => {
  const specs = [
    { name: 'a', shape: [3], dtype: 'float32', quantization: { dtype: 'uint8', min: 0, scale: 1 } },
    { name: 'b', shape: [2, 2], dtype: 'float32', quantization: { dtype: 'float16' } },
    { name: 'c', shape: [], dtype: 'bool' },
    { name: 'd', shape: [1], dtype: 'complex64' },
  ];
  const model = (bytes: number): Uint8Array =>
    packTar([
      {
        path: 'model.json',
        bytes: encode({ modelTopology: { node: [] }, weightsManifest: [{ paths: ['w.bin'], weights: specs }] }),
      },
      { path: 'w.bin', bytes: new Uint8Array(bytes) },
    ]);
  expect(read(model(3 + 8 + 1 + 8)).artifacts.weightSpecs).toEqual(specs);
  expect(() => read(model(21))).toThrowError(invalid('its weights need 20 bytes, and w.bin has 21'));
});
