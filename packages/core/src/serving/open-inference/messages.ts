import { FairleadError } from '../../errors';
import type { ModelInfo, Priority } from '../../runner/runner';
import type { ModelSignature, TensorSpec } from '../../signature';
import type { DType } from '../../tensor/dtype';
import { describeGiven } from '../../tensor/json/describe-given';
import type { Tensor, Tensors } from '../../tensor/tensor';
import type { Assignment, AssignmentParameters } from '../host/assignment';
import { type BinaryParts, type BinaryReader, createBinaryReader } from './binary';
import { type DecodeOptions, decodeTensor } from './decode-tensor';
import { encodeTensor } from './encode-tensor';

/** An infer request, read and checked as far as the protocol goes; shapes are the runner's to check. */
export interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: Tensors;
  /** Names of the outputs to answer; undefined for all. */
  readonly outputs: readonly string[] | undefined;
  /** Which of them the client wants behind the JSON. */
  readonly wantsBinary: (output: string) => boolean;
  /** Outputs in whose place their greatest elements are answered, and how many of them. */
  readonly classes: ReadonlyMap<string, number>;
  /** Parameter `timeout`, in milliseconds; undefined when there is none. */
  readonly timeoutMs: number | undefined;
  /** Parameter `priority`: 1 is high, 2 and absent normal, 3 and more low. */
  readonly priority: Priority;
  /** Parameters `key` and `context`, by which a rollout assigns; no other model looks at them. Undefined without parameters. */
  readonly assignment: AssignmentParameters | undefined;
}

/**
 * Reads the body of an infer request against a signature.
 * @param binary what follows the JSON, for tensors whose elements lie there; another transport gives its own reader of them
 */
export type RequestDecoder = (message: unknown, binary?: Uint8Array | BinaryReader) => InferRequest;

/**
 * Compiles a signature into the decoder of its infer requests.
 *
 * @returns a function that throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED` or `UNSUPPORTED`
 */
export function compileRequestDecoder(signature: ModelSignature, maxElements: number): RequestDecoder {
  const inputDtypes = dtypesByName(signature.inputs);
  const outputNames = new Set(signature.outputs.map((spec) => spec.name));
  const options: DecodeOptions = { maxElements, nullIsNaN: false };
  const dtypeOfInput = expectName(inputDtypes, 'an input');

  return (message, binary) => {
    const reader = binary instanceof Uint8Array ? createBinaryReader(binary) : binary;
    const body = asObject(message, 'the body', 'an object {inputs, ...}');
    const { id, inputs: entries, outputs, parameters } = body;
    if (id !== undefined && typeof id !== 'string') throw invalid('id', 'a string', describeGiven(id));
    if (!Array.isArray(entries)) throw invalid('inputs', 'an array of tensors', describeGiven(entries));
    if (entries.length > inputDtypes.size) {
      throw invalid('inputs', `at most ${inputDtypes.size} tensors`, `${entries.length}`);
    }
    // No prototype, so that an input may have any name.
    const inputs: Record<string, Tensor> = Object.create(null);
    for (let index = 0; index < entries.length; index++) {
      const { name, tensor } = decodeTensor(entries[index], `inputs[${index}]`, dtypeOfInput, options, reader);
      if (name in inputs) throw invalid(name, 'one tensor of that name', 'two');
      inputs[name] = tensor;
    }
    for (const spec of signature.inputs) {
      if (!(spec.name in inputs)) throw invalid(spec.name, 'a tensor of that name in "inputs"', 'nothing');
    }
    reader?.end();
    const selected = selectOutputs(outputs, outputNames);
    const wantsBinary = binaryWishes(outputs, parameters);
    const classes = decodeClasses(outputs);
    return { id, inputs, outputs: selected, wantsBinary, classes, ...decodeParameters(parameters) };
  };
}

function selectOutputs(outputs: unknown, known: ReadonlySet<string>): readonly string[] | undefined {
  if (outputs === undefined) return undefined;
  if (!Array.isArray(outputs)) throw invalid('outputs', 'an array of {name}', describeGiven(outputs));
  if (outputs.length === 0) return undefined;
  if (outputs.length > known.size) throw invalid('outputs', `at most ${known.size} of them`, `${outputs.length}`);
  return outputs.map((output, index) => {
    const { name } = asObject(output, `outputs[${index}]`, '{name}');
    if (typeof name !== 'string' || !known.has(name)) {
      throw invalid(`outputs[${index}].name`, `one of ${listNames(known)}`, describeGiven(name));
    }
    return name;
  });
}

/** A wish for one output, `binary_data`, counts before that for all, `binary_data_output`. */
function binaryWishes(outputs: unknown, parameters: unknown): (output: string) => boolean {
  const forAll = wishOf(parameters, 'binary_data_output', 'parameters') ?? false;
  const wishes = new Map<string, boolean>();
  for (const [index, output] of (Array.isArray(outputs) ? outputs : []).entries()) {
    const { name, parameters: own } = output as { name: string; parameters?: unknown };
    const wish = wishOf(own, 'binary_data', `outputs[${index}].parameters`);
    if (wish !== undefined) wishes.set(name, wish);
  }
  return (output) => wishes.get(output) ?? forAll;
}

const noClasses: ReadonlyMap<string, number> = new Map();

function decodeClasses(outputs: unknown): ReadonlyMap<string, number> {
  if (!Array.isArray(outputs)) return noClasses;
  const classes = new Map<string, number>();
  for (const [index, output] of outputs.entries()) {
    const { name, parameters } = output as { name: string; parameters?: { classification?: unknown } };
    const count = parameters?.classification;
    if (count === undefined || count === 0) continue;
    if (!Number.isSafeInteger(count) || (count as number) < 0) {
      const field = `outputs[${index}].parameters.classification`;
      throw invalid(field, 'a number of classes, 0 or more', describeGiven(count));
    }
    classes.set(name, count as number);
  }
  return classes;
}

function wishOf(parameters: unknown, name: string, field: string): boolean | undefined {
  if (parameters === undefined) return undefined;
  const wish = asObject(parameters, field, 'an object')[name];
  if (wish === undefined || typeof wish === 'boolean') return wish;
  throw invalid(`${field}.${name}`, 'true or false', describeGiven(wish));
}

function decodeParameters(value: unknown): Pick<InferRequest, 'timeoutMs' | 'priority' | 'assignment'> {
  if (value === undefined) return { timeoutMs: undefined, priority: 'normal', assignment: undefined };
  const parameters = asObject(value, 'parameters', 'an object');
  const { timeout, priority } = parameters;
  return { timeoutMs: decodeTimeout(timeout), priority: decodePriority(priority), assignment: parameters };
}

/** Zero means none, as in Triton's schedule policy extension. */
function decodeTimeout(timeout: unknown): number | undefined {
  if (timeout === undefined || timeout === 0) return undefined;
  if (typeof timeout === 'number' && timeout > 0) return timeout / 1000;
  throw invalid('parameters.timeout', 'microseconds, 0 or more', describeGiven(timeout));
}

function decodePriority(priority: unknown): Priority {
  if (priority === undefined || priority === 0) return 'normal';
  if (!Number.isInteger(priority) || (priority as number) < 0) {
    throw invalid('parameters.priority', 'a whole number, 1 for the highest', describeGiven(priority));
  }
  if (priority === 1) return 'high';
  return priority === 2 ? 'normal' : 'low';
}

/** What a client says beside the tensors. */
export interface InferRequestParameters {
  readonly id?: string;
  /** What is left of the caller's time; travels as parameter `timeout`, in microseconds. */
  readonly timeoutMs?: number;
  readonly priority?: Priority;
  /** What a rollout on the server assigns it by. */
  readonly assignment?: Assignment;
  /** Outputs to answer behind the JSON, and those to answer in it. @default all of them in it */
  readonly outputs?: readonly { readonly name: string; readonly binary: boolean }[];
}

/**
 * Writes the body of an infer request.
 * @param binary takes the elements of the tensors that it wants
 */
export function encodeInferRequest(
  specs: readonly TensorSpec[],
  tensors: readonly Tensor[],
  request: InferRequestParameters,
  binary?: BinaryParts,
): string {
  const parameters: Record<string, number | string> = {
    ...(request.assignment && writeAssignment(request.assignment)),
  };
  if (request.timeoutMs !== undefined) parameters.timeout = Math.max(1, Math.round(request.timeoutMs * 1000));
  if (request.priority === 'high') parameters.priority = 1;
  if (request.priority === 'low') parameters.priority = 3;
  const inputs = specs.map((spec, index) => encodeTensor(spec.name, tensors[index] as Tensor, binary));
  const outputs = request.outputs?.map(({ name, binary: wish }) => ({ name, parameters: { binary_data: wish } }));
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`;
  const extra = Object.keys(parameters).length === 0 ? '' : `"parameters":${JSON.stringify(parameters)},`;
  const wishes = outputs === undefined ? '' : `,"outputs":${JSON.stringify(outputs)}`;
  return `{${id}${extra}"inputs":[${inputs.join(',')}]${wishes}}`;
}

/** What a rollout assigns by, as parameters: of texts alone, which every transport has. */
export function writeAssignment({ key, context }: Assignment): Readonly<Record<string, string>> {
  return { ...(key !== undefined && { key }), ...(context !== undefined && { context: context.join(',') }) };
}

/**
 * Writes the body of an infer response, outputs in the order that was asked for.
 * @param binary takes the elements of the outputs that it wants
 * @param decisionId names the decision of a rollout
 */
export function encodeInferResponse(
  modelName: string,
  model: ModelInfo,
  id: string | undefined,
  names: readonly string[],
  outputs: Tensors,
  binary?: BinaryParts,
  decisionId?: string,
): string {
  const { head, digest } = writtenModel(modelName, model);
  const echo = id === undefined ? '' : `,"id":${JSON.stringify(id)}`;
  const parameters = decisionId === undefined ? digest : parametersOf(model.digest, decisionId);
  let tensors = '';
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const tensor = outputs[name];
    if (tensor === undefined) {
      throw new FairleadError(
        'OUTPUT_INVALID',
        `The model's answer lacks the output "${name}" that its signature promises.`,
      );
    }
    tensors += (index === 0 ? '' : ',') + encodeTensor(name, tensor, binary);
  }
  return `${head}${echo}${parameters},"outputs":[${tensors}]}`;
}

/** What a response says of its model. */
interface WrittenModel {
  readonly modelName: string;
  readonly version: string;
  readonly of: string;
  readonly head: string;
  readonly digest: string;
}

/** The answers of a version have one object that tells of it. */
const writtenModels = new WeakMap<ModelInfo, WrittenModel>();

function writtenModel(modelName: string, model: ModelInfo): WrittenModel {
  const before = writtenModels.get(model);
  const { version, digest } = model;
  if (before?.modelName === modelName && before.version === version && before.of === digest) return before;
  const written: WrittenModel = {
    modelName,
    version,
    of: digest,
    head: `{"model_name":${JSON.stringify(modelName)},"model_version":${JSON.stringify(version)}`,
    digest: digest === '' ? '' : `,"parameters":{"digest":${JSON.stringify(digest)}}`,
  };
  writtenModels.set(model, written);
  return written;
}

function parametersOf(digest: string, decisionId: string): string {
  return `,"parameters":${JSON.stringify({ ...(digest !== '' && { digest }), [decisionParameter]: decisionId })}`;
}

/** Parameter of an answer that names the decision of a rollout. */
export const decisionParameter = 'decision_id';

/** An infer response as a client reads it. */
export interface InferResponse {
  readonly modelVersion: string | undefined;
  /** SHA-256 of the model, when the server tells it. */
  readonly digest: string | undefined;
  /** Names the decision of a rollout, when the server tells it. */
  readonly decisionId: string | undefined;
  readonly outputs: Tensors;
}

/**
 * Reads an infer response against a signature.
 *
 * @param binary what follows the JSON
 * @throws FairleadError `INVALID_INPUT` or `LIMIT_EXCEEDED`, which a client reports as the server's fault
 */
export function decodeInferResponse(
  message: unknown,
  signature: ModelSignature,
  maxElements: number,
  binary?: Uint8Array,
): InferResponse {
  const reader = binary && createBinaryReader(binary);
  const body = asObject(message, 'the answer', 'an object {model_name, outputs, ...}');
  if (!Array.isArray(body.outputs)) throw invalid('outputs', 'an array of tensors', describeGiven(body.outputs));
  const dtypeOfOutput = expectName(dtypesByName(signature.outputs), 'an output');
  const options: DecodeOptions = { maxElements, nullIsNaN: true };
  const outputs: Record<string, Tensor> = Object.create(null);
  for (let index = 0; index < body.outputs.length; index++) {
    const { name, tensor } = decodeTensor(body.outputs[index], `outputs[${index}]`, dtypeOfOutput, options, reader);
    outputs[name] = tensor;
  }
  reader?.end();
  for (const spec of signature.outputs) {
    if (!(spec.name in outputs)) throw invalid(spec.name, 'an output of that name', 'nothing');
  }
  const parameters = typeof body.parameters === 'object' && body.parameters !== null ? body.parameters : {};
  const { digest, [decisionParameter]: decisionId } = parameters as Record<string, unknown>;
  return {
    modelVersion: typeof body.model_version === 'string' ? body.model_version : undefined,
    digest: typeof digest === 'string' ? digest : undefined,
    decisionId: typeof decisionId === 'string' ? decisionId : undefined,
    outputs: { ...outputs },
  };
}

function dtypesByName(specs: readonly TensorSpec[]): ReadonlyMap<string, DType> {
  return new Map(specs.map((spec) => [spec.name, spec.dtype]));
}

function expectName(dtypes: ReadonlyMap<string, DType>, what: string): (name: string) => DType {
  return (name) => {
    const dtype = dtypes.get(name);
    if (dtype !== undefined) return dtype;
    throw invalid(name, `${what} named ${listNames(dtypes.keys())}`, describeGiven(name));
  };
}

function listNames(names: Iterable<string>): string {
  return [...names].map((name) => `"${name}"`).join(', ');
}

function asObject(value: unknown, field: string, expected: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, expected, describeGiven(value));
  return value as Record<string, unknown>;
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
