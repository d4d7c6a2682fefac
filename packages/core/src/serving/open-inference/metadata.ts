import { FairleadError } from '../../errors';
import type { ModelInfo } from '../../runner/runner';
import type { ModelSignature, TensorSpec } from '../../signature';
import { binaryExtension } from './binary';
import { datatypeOf, dtypeOf } from './datatypes';

/** What a model's metadata names where a rollout assigns by parameters `key` and `context`: a client sends them to nobody else. */
export const assignmentExtension = 'rollout_assignment';

/**
 * Writes the metadata of a model. Dimensions that any size fits travel as -1.
 * @param isAssigned whether its requests are assigned by keys. @default false
 */
export function encodeMetadata(
  modelName: string,
  model: ModelInfo,
  signature: ModelSignature,
  isAssigned = false,
): string {
  const extensions = [binaryExtension, ...(isAssigned ? [assignmentExtension] : [])];
  return JSON.stringify({
    name: modelName,
    versions: [model.version],
    platform: 'fairlead',
    inputs: signature.inputs.map(encodeSpec),
    outputs: signature.outputs.map(encodeSpec),
    // Beyond the protocol: -1 says that an axis is open, not that rows of several callers can be joined along it.
    // And what the server as a whole offers, so that a client need not ask for that too.
    parameters: { batch_axis: signature.batchAxis, digest: model.digest, extensions },
  });
}

function encodeSpec(spec: TensorSpec): object {
  const shape = spec.shape.map((size) => (typeof size === 'number' ? size : -1));
  return { name: spec.name, datatype: datatypeOf(spec.dtype), shape };
}

/** What a model's metadata tells a client. */
export interface RemoteMetadata {
  readonly versions: readonly string[];
  /** SHA-256 of the model; empty when the server does not tell. */
  readonly digest: string;
  /** Undefined when the server does not describe the tensors, as MLServer without a configuration. */
  readonly signature: ModelSignature | undefined;
  /** Whether the server says that it takes and gives binary tensors. */
  readonly binary: boolean;
  /** Whether a rollout there assigns requests by keys. */
  readonly isAssigned: boolean;
}

/**
 * Reads the metadata of a model. The batch axis is what the server says; else the first axis, when it is open in every
 * input and output.
 *
 * @throws FairleadError `PROTOCOL_ERROR`
 */
export function decodeMetadata(message: unknown): RemoteMetadata {
  if (typeof message !== 'object' || message === null) throw malformed('expected an object');
  const { versions, inputs, outputs, parameters } = message as Record<string, unknown>;
  const {
    batch_axis: batchAxis,
    digest,
    extensions,
  } = (typeof parameters === 'object' && parameters !== null ? parameters : {}) as Record<string, unknown>;
  return {
    versions: Array.isArray(versions) ? versions.map(String) : [],
    digest: typeof digest === 'string' ? digest : '',
    signature: decodeSignature(inputs, outputs, batchAxis),
    binary: Array.isArray(extensions) && extensions.includes(binaryExtension),
    isAssigned: Array.isArray(extensions) && extensions.includes(assignmentExtension),
  };
}

function decodeSignature(inputs: unknown, outputs: unknown, statedAxis: unknown): ModelSignature | undefined {
  if (!Array.isArray(inputs) || !Array.isArray(outputs) || inputs.length === 0 || outputs.length === 0)
    return undefined;
  const shapes = [...inputs, ...outputs].map((tensor) => (tensor as Record<string, unknown> | null)?.shape);
  const firstIsOpen = shapes.every((shape) => Array.isArray(shape) && isOpen(shape[0]));
  const isStated = statedAxis === null || (Number.isSafeInteger(statedAxis) && (statedAxis as number) >= 0);
  const batchAxis = isStated ? (statedAxis as number | null) : firstIsOpen ? 0 : null;
  return {
    inputs: inputs.map((tensor, index) => decodeSpec(tensor, `inputs[${index}]`, batchAxis)),
    outputs: outputs.map((tensor, index) => decodeSpec(tensor, `outputs[${index}]`, batchAxis)),
    batchAxis,
  };
}

function decodeSpec(tensor: unknown, field: string, batchAxis: number | null): TensorSpec {
  if (typeof tensor !== 'object' || tensor === null) throw malformed(`${field} is no object`);
  const { name, datatype, shape } = tensor as Record<string, unknown>;
  const dtype = dtypeOf(datatype);
  if (typeof name !== 'string') throw malformed(`${field}.name is no string`);
  if (dtype === undefined)
    throw malformed(`${field}.datatype is ${JSON.stringify(datatype)}, which the protocol does not name`);
  if (!Array.isArray(shape)) throw malformed(`${field}.shape is no array`);
  if (batchAxis !== null && !isOpen(shape[batchAxis]))
    throw malformed(`${field}.shape is fixed on the batch axis ${batchAxis}`);
  const sizes = shape.map((size, axis) => {
    if (axis === batchAxis) return 'batch';
    if (isOpen(size)) return `${name}_${axis}`;
    // Some servers write sizes as strings, since Protocol Buffers write 64-bit integers so.
    const number = typeof size === 'string' ? Number(size) : size;
    if (Number.isSafeInteger(number) && number >= 0) return number as number;
    throw malformed(`${field}.shape[${axis}] is ${JSON.stringify(size)}`);
  });
  return { name, dtype, shape: sizes };
}

function isOpen(size: unknown): boolean {
  return size === -1 || size === '-1';
}

function malformed(what: string): FairleadError {
  return new FairleadError(
    'PROTOCOL_ERROR',
    `The server's metadata does not follow the Open Inference Protocol: ${what}.`,
  );
}
