import { FairleadError } from '../../errors';
import type { ModelInfo, RunnerHealth } from '../../runner/runner';
import type { ModelSignature, TensorSpec } from '../../signature';
import { dataTypeOf, dtypeOfDataType } from './data-types';
import { defaultSignatureName } from './signature-names';

/** Writes the metadata of a model as TensorFlow Serving's `…/metadata` does. An open size is "-1". */
export function encodeServingMetadata(modelName: string, { version }: ModelInfo, signature: ModelSignature): string {
  const definition = {
    inputs: encodeSpecs(signature.inputs),
    outputs: encodeSpecs(signature.outputs),
    method_name: 'tensorflow/serving/predict',
  };
  return JSON.stringify({
    model_spec: { name: modelName, signature_name: '', version },
    metadata: { signature_def: { signature_def: { [defaultSignatureName]: definition } } },
  });
}

function encodeSpecs(specs: readonly TensorSpec[]): object {
  return Object.fromEntries(
    specs.map(({ name, dtype, shape }) => [
      name,
      {
        dtype: dataTypeOf(dtype),
        // 64-bit integers of Protocol Buffers are strings in JSON.
        tensor_shape: {
          dim: shape.map((size) => ({ size: typeof size === 'number' ? String(size) : '-1', name: '' })),
          unknown_rank: false,
        },
        name,
      },
    ]),
  );
}

/**
 * Writes the status of a model's one version.
 * @param health of its runner; undefined where it cannot tell
 * @param isServing whether the server still takes requests
 */
export function encodeStatus({ version }: ModelInfo, health: RunnerHealth | undefined, isServing: boolean): string {
  const isReady = health?.ready !== false;
  const state = !isServing ? 'UNLOADING' : isReady ? 'AVAILABLE' : health?.status === 'closed' ? 'END' : 'LOADING';
  const status = isReady
    ? { error_code: 'OK', error_message: '' }
    : { error_code: 'UNAVAILABLE', error_message: 'The model does not answer at present.' };
  return JSON.stringify({ model_version_status: [{ version, state, status }] });
}

/** Whether a status says that a version answers. @throws FairleadError `PROTOCOL_ERROR` */
export function isAvailable(message: unknown): boolean {
  const versions = asRecord(message).model_version_status;
  if (!Array.isArray(versions)) throw malformed('model_version_status is no list');
  return versions.some((version) => asRecord(version).state === 'AVAILABLE');
}

/** What the metadata of a TensorFlow Serving model tells. */
export interface ServingMetadata {
  /** Empty where the server does not tell. */
  readonly version: string;
  readonly signature: ModelSignature;
}

/**
 * Reads the metadata of a model. Rows can be joined along the first axis where it is open in every input and output.
 *
 * @param signatureName which of its signatures
 * @throws FairleadError `PROTOCOL_ERROR`; `NOT_FOUND` for a signature that it does not have; `UNSUPPORTED` for a tensor of a type
 * or rank that none here can have
 */
export function decodeServingMetadata(message: unknown, signatureName: string): ServingMetadata {
  const { metadata } = asRecord(message);
  const definitions = asRecord(asRecord(asRecord(metadata).signature_def).signature_def);
  if (!Object.hasOwn(definitions, signatureName)) {
    const names = Object.keys(definitions).map((name) => JSON.stringify(name));
    throw new FairleadError(
      'NOT_FOUND',
      `The model has no signature "${signatureName}". It has ${names.join(', ') || 'none'}: choose by signatureName.`,
      { details: { field: 'signatureName', expected: names.join(', '), given: signatureName } },
    );
  }
  const { inputs, outputs } = asRecord(definitions[signatureName]);
  const tensors = { inputs: Object.entries(asRecord(inputs)), outputs: Object.entries(asRecord(outputs)) };
  const all = [...tensors.inputs, ...tensors.outputs];
  const batchAxis = all.length > 0 && all.every(([, info]) => sizesOf(info)[0] === -1) ? 0 : null;
  const read = (entries: [string, unknown][]): TensorSpec[] =>
    entries.map(([name, info]) => decodeSpec(name, info, batchAxis));
  const signature = { inputs: read(tensors.inputs), outputs: read(tensors.outputs), batchAxis };
  return { version: decodeServingVersion(message), signature };
}

/**
 * Reads the version alone, which is empty where the server does not tell.
 * @throws FairleadError `PROTOCOL_ERROR`
 */
export function decodeServingVersion(message: unknown): string {
  const { version } = asRecord(asRecord(message).model_spec);
  return typeof version === 'string' ? version : '';
}

function decodeSpec(name: string, info: unknown, batchAxis: number | null): TensorSpec {
  const { dtype: dataType, tensor_shape: shape } = asRecord(info);
  const dtype = dtypeOfDataType(dataType);
  if (dtype === undefined) throw unusable(name, 'a dtype that there is here', JSON.stringify(dataType));
  if (asRecord(shape ?? {}).unknown_rank === true) throw unusable(name, 'a known number of axes', 'unknown_rank');
  const sizes = sizesOf(info).map((size, axis) => {
    if (size !== -1) return size;
    return axis === batchAxis ? 'batch' : `${name}_${axis}`;
  });
  return { name, dtype, shape: sizes };
}

function sizesOf(info: unknown): number[] {
  const { dim = [] } = asRecord(asRecord(info).tensor_shape ?? {});
  if (!Array.isArray(dim)) throw malformed('tensor_shape.dim is no list');
  return dim.map((axis) => {
    const { size = 0 } = asRecord(axis);
    const number = typeof size === 'string' && /^-?\d{1,15}$/.test(size) ? Number(size) : size;
    if (Number.isSafeInteger(number) && (number as number) >= -1) return number as number;
    throw malformed(`tensor_shape.dim.size is ${JSON.stringify(size)}`);
  });
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw malformed('an object is missing');
}

function unusable(name: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `Tensor "${name}" of the model: expected ${expected}, given ${given}. Give remote() the option "signature".`,
    { details: { field: name, expected, given } },
  );
}

function malformed(what: string): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', `The server's answer is not as TensorFlow Serving's: ${what}.`);
}
