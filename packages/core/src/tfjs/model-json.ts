import type { io } from '@tensorflow/tfjs-core';
import * as z from 'zod/mini';
import { describeValue } from '../config';
import { messageOf } from '../errors';
import { invalidModel } from './invalid-model';

/** What a model.json is called in an archive, whatever its file was called. */
export const modelEntry = 'model.json';

/** A layers model is made of Keras layers, a graph model of TensorFlow operations. */
export type ModelKind = 'layers' | 'graph';

/** Weights that lie one after the other in the same files. */
export interface WeightGroup {
  /** Files relative to model.json, with `/` between folders; none leads out of its folder. */
  readonly paths: readonly string[];
  readonly specs: readonly io.WeightsManifestEntry[];
}

/** A model.json that has been checked. */
export interface ModelJson {
  readonly kind: ModelKind;
  readonly groups: readonly WeightGroup[];
  /** What the runtime is given beside the weights. */
  readonly artifacts: Pick<
    io.ModelArtifacts,
    'modelTopology' | 'signature' | 'userDefinedMetadata' | 'modelInitializer' | 'initializerSignature'
  >;
}

const size = z.int().check(z.gte(0));
const spec = z.looseObject({
  name: z.string(),
  shape: z.array(size),
  dtype: z.enum(['float32', 'int32', 'bool', 'string', 'complex64']),
  quantization: z.optional(z.looseObject({ dtype: z.enum(['uint8', 'uint16', 'float16']) })),
});
const plain = z.record(z.string(), z.unknown());
const schema = z.looseObject({
  modelTopology: plain,
  weightsManifest: z._default(z.array(z.looseObject({ paths: z.array(z.string()), weights: z.array(spec) })), []),
  signature: z.nullish(plain),
  userDefinedMetadata: z.nullish(plain),
  modelInitializer: z.nullish(plain),
  initializerSignature: z.nullish(plain),
});

/** Bytes of an element as it lies in a file. A complex number is two floats. */
const elementBytes = { float32: 4, int32: 4, bool: 1, complex64: 8, uint8: 1, uint16: 2, float16: 2 } as const;

/** Whether bytes begin like a JSON object. */
export function isJson(bytes: Uint8Array): boolean {
  return /^\uFEFF?\s*\{/.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, 256)));
}

/**
 * Reads and checks a model.json.
 * @param name how messages name the model
 * @throws FairleadError `MODEL_INVALID`
 */
export function parseModelJson(bytes: Uint8Array, name: string): ModelJson {
  const result = schema.safeParse(parseJson(bytes, name));
  if (!result.success) {
    const [issue] = result.error.issues;
    const path = issue?.path.join('.') || 'model.json';
    throw invalidModel(name, `"${path}" in its model.json is not what TensorFlow.js writes (${issue?.message})`);
  }
  const { modelTopology, weightsManifest, ...rest } = result.data;
  const { signature, userDefinedMetadata, modelInitializer, initializerSignature } = rest;
  const groups = weightsManifest.map(({ paths, weights }) => ({ paths, specs: weights as io.WeightsManifestEntry[] }));
  checkPaths(groups, name);
  return {
    kind: kindOf(modelTopology, name),
    groups,
    artifacts: {
      modelTopology,
      ...(signature && { signature }),
      ...(userDefinedMetadata && { userDefinedMetadata: userDefinedMetadata as Record<string, object> }),
      ...(modelInitializer && { modelInitializer }),
      ...(initializerSignature && { initializerSignature }),
    },
  };
}

/**
 * Checks that every group of weights has as many bytes as its entries need, before anything is allocated for them.
 * @param bytesOf the size of a file by its path
 * @throws FairleadError `MODEL_INVALID`
 */
export function checkWeightSizes({ groups }: ModelJson, bytesOf: (path: string) => number, name: string): void {
  for (const { paths, specs } of groups) {
    const expected = bytesNeeded(specs);
    if (expected === undefined) continue;
    const given = paths.reduce((sum, path) => sum + bytesOf(path), 0);
    if (given === expected) continue;
    const files = paths.join(', ') || 'no file';
    throw invalidModel(
      name,
      `its weights need ${expected} bytes, and ${files} has ${given}. The files are damaged or belong to another model`,
    );
  }
}

/** Bytes of a group of weights; undefined where only the weights themselves tell: each string goes after its own length. */
export function bytesNeeded(specs: WeightGroup['specs']): number | undefined {
  let total = 0;
  for (const { shape, dtype, quantization } of specs) {
    if (dtype === 'string') return undefined;
    total += shape.reduce((count, length) => count * length, 1) * elementBytes[quantization?.dtype ?? dtype];
  }
  return total;
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalidModel(name, `its model.json is no JSON: ${messageOf(cause)}`, cause);
  }
}

/** By what the topology is, not by `format`, which older converters leave out. */
function kindOf(topology: Readonly<Record<string, unknown>>, name: string): ModelKind {
  if (Array.isArray(topology.node)) return 'graph';
  if (['model_config', 'class_name', 'className'].some((key) => key in topology)) return 'layers';
  const keys = describeValue(Object.keys(topology));
  throw invalidModel(
    name,
    `its modelTopology is neither that of a layers model (with "model_config" or "class_name") nor that of a graph model (with "node"); it has ${keys}`,
  );
}

function checkPaths(groups: readonly WeightGroup[], name: string): void {
  const seen = new Set([modelEntry]);
  for (const path of groups.flatMap(({ paths }) => paths)) {
    const leadsOut =
      path === '' ||
      /^[a-z][a-z0-9+.-]*:/i.test(path) ||
      /^[/\\]|[\\\0]/.test(path) ||
      path.split('/').some((part) => part === '..');
    const given = describeValue(path);
    if (leadsOut)
      throw invalidModel(name, `its weights are at ${given}, which is no path below the folder of model.json`);
    if (seen.has(path)) throw invalidModel(name, `its weights name the file ${given} twice`);
    seen.add(path);
  }
}
