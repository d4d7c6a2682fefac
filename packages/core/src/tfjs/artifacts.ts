import type { io } from '@tensorflow/tfjs-core';
import type { LoadedModel } from '../model-source';
import { invalidModel } from './invalid-model';
import { checkWeightSizes, isJson, type ModelKind, modelEntry, parseModelJson } from './model-json';
import { isTar, unpackTar } from './tar';

/** What the runtime makes a model of. */
export interface TfjsArtifacts {
  readonly kind: ModelKind;
  readonly artifacts: io.ModelArtifacts & Required<Pick<io.ModelArtifacts, 'weightSpecs' | 'weightData'>>;
}

/** Files that people try, by how they begin. */
const strangers: readonly { readonly at: number; readonly bytes: readonly number[]; readonly hint: string }[] = [
  { at: 0, bytes: [0x1f, 0x8b], hint: 'it is compressed by gzip: uncompress it first' },
  { at: 0, bytes: [0x89, 0x48, 0x44, 0x46], hint: 'it is an HDF5 file of Keras: convert it by tensorflowjs_converter' },
  {
    at: 0,
    bytes: [0x50, 0x4b, 3, 4],
    hint: 'it is a zip file, perhaps of Keras: convert it by tensorflowjs_converter',
  },
  { at: 4, bytes: [0x54, 0x46, 0x4c, 0x33], hint: 'it is a TensorFlow Lite model, which TensorFlow.js cannot load' },
];

/**
 * Takes the bytes of a model apart: a tar archive of model.json and its weights, or model.json alone where it has none.
 * @throws FairleadError `MODEL_INVALID`
 */
export function readArtifacts({ bytes, name }: Pick<LoadedModel, 'bytes' | 'name'>): TfjsArtifacts {
  const { json, fileOf } = filesOf(bytes, name);
  const model = parseModelJson(json, name);
  const weights = new Map<string, Uint8Array>();
  for (const path of model.groups.flatMap(({ paths }) => paths)) {
    const file = fileOf(path);
    if (file === undefined) {
      const advice = isJson(bytes)
        ? 'model.json alone has no weights: give a path to it, or the bytes of a tar archive of the folder'
        : 'put every weights file into the archive';
      throw invalidModel(name, `the weights file "${path}", which its model.json names, is not there; ${advice}`);
    }
    weights.set(path, file);
  }
  checkWeightSizes(model, (path) => (weights.get(path) as Uint8Array).byteLength, name);
  return {
    kind: model.kind,
    artifacts: {
      ...model.artifacts,
      weightSpecs: model.groups.flatMap(({ specs }) => specs),
      // The runtime takes whole buffers.
      weightData: [...weights.values()].map((file) => file.slice().buffer as ArrayBuffer),
    },
  };
}

interface ModelFiles {
  readonly json: Uint8Array;
  /** A file by its path from model.json. */
  fileOf(path: string): Uint8Array | undefined;
}

function filesOf(bytes: Uint8Array, name: string): ModelFiles {
  if (isJson(bytes)) return { json: bytes, fileOf: () => undefined };
  if (!isTar(bytes)) throw invalidModel(name, whatItIs(bytes));
  const files = unpackTar(bytes);
  const path = pathOfModelJson([...files.keys()], name);
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  return { json: files.get(path) as Uint8Array, fileOf: (file) => files.get(folder + file.replace(/^(\.\/+)+/, '')) };
}

/** The model.json nearest to the root. */
function pathOfModelJson(paths: readonly string[], name: string): string {
  const depth = (path: string): number => path.split('/').length;
  const [nearest, second] = paths
    .filter((path) => path === modelEntry || path.endsWith(`/${modelEntry}`))
    .sort((one, other) => depth(one) - depth(other));
  if (nearest === undefined) {
    throw invalidModel(name, `there is no model.json in its archive, which holds ${paths.join(', ') || 'no file'}`);
  }
  if (second !== undefined && depth(second) === depth(nearest)) {
    throw invalidModel(name, `its archive holds two models, ${nearest} and ${second}; make one archive of each`);
  }
  return nearest;
}

function whatItIs(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) return 'it is empty';
  const stranger = strangers.find(({ at, bytes: start }) => start.every((byte, index) => bytes[at + index] === byte));
  return stranger?.hint ?? 'expected model.json or a tar archive of it and its weights, and it begins like neither';
}
