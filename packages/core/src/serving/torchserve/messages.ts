import { FairleadError } from '../../errors';
import type { RunResult } from '../../runner/runner';
import type { ModelSignature, TensorSpec } from '../../signature';
import { checkFits, decodeNested, nestedShape } from '../../tensor/json/decode-nested';
import { describeGiven } from '../../tensor/json/describe-given';
import { type ElementPrinter, encodeNested, encodeRows } from '../../tensor/json/encode-nested';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { printerOf, stringOf } from '../tensorflow/elements';
import { compilePredictDecoder, encodePredictions, encodeRowList, oddRows, readRows } from '../tensorflow/predict';

/** A prediction that was asked for, and how its answer is written. */
export interface Prediction {
  readonly inputs: Tensors;
  write(result: RunResult): string;
}

/**
 * Compiles a signature into the reader of JSON that asks for a prediction. TorchServe leaves its form to the handler of each model;
 * here it follows from the signature:
 *
 * - the value of the only input, or an object of values by input name, as nested arrays
 * - either whole tensors, answered by whole ones; or, with an axis less, one row each, answered by one row
 * - or KServe's envelope `{"instances": [row, …]}`, answered by `predictions`
 *
 * One output is answered alone, several as an object by name.
 *
 * @returns a function that throws FairleadError `INVALID_INPUT` or `LIMIT_EXCEEDED`
 */
export function compilePredictionDecoder(
  signature: ModelSignature,
  maxElements: number,
): (message: unknown) => Prediction {
  const { inputs: specs, outputs } = signature;
  const options = { maxElements, nullIsNaN: false };
  const decodeInstances = compilePredictDecoder(signature, maxElements);
  const hasInstances = specs.some(({ name }) => name === 'instances');

  const isRow = ({ name, shape }: TensorSpec, value: unknown): boolean =>
    signature.batchAxis === 0 && nestedShape(value, name).length === shape.length - 1 && !isEmpty(value);

  return (message) => {
    if (isObject(message) && Object.hasOwn(message, 'instances') && !hasInstances) {
      const { inputs } = decodeInstances(message);
      return { inputs, write: (result) => encodePredictions(outputs, result.outputs, 'row') };
    }
    const values = valuesOf(specs, message);
    const rows = specs.map((spec, index) => isRow(spec, values[index]));
    const asRow = rows[0] === true;
    const odd = rows.findIndex((row) => row !== asRow);
    if (odd !== -1) {
      const { name } = specs[odd] as TensorSpec;
      throw invalid(
        name,
        asRow ? 'one row, as of the first input' : 'a whole tensor, as of the first input',
        'the other',
      );
    }
    const inputs: Record<string, Tensor> = Object.create(null);
    for (let index = 0; index < specs.length; index++) {
      const spec = specs[index] as TensorSpec;
      inputs[spec.name] = decodeNested(spec, asRow ? [values[index]] : values[index], options);
    }
    return { inputs, write: (result) => encodeAnswer(outputs, result.outputs, asRow) };
  };
}

/** The values of the inputs, in the order of the signature. */
function valuesOf(specs: readonly TensorSpec[], message: unknown): unknown[] {
  if (!isObject(message)) {
    if (specs.length === 1) return [message];
    throw invalid('the body', `an object of tensors named ${listNames(specs)}`, describeGiven(message));
  }
  const stray = Object.keys(message).find((name) => !specs.some((spec) => spec.name === name));
  if (stray !== undefined) throw invalid('the body', `tensors named ${listNames(specs)}`, describeGiven(stray));
  return specs.map(({ name }) => {
    if (Object.hasOwn(message, name)) return message[name];
    throw invalid(name, 'a tensor of that name', 'nothing');
  });
}

/**
 * Writes outputs as TorchServe's handlers do: one alone, several by name.
 * @param asRow whether there is one row, which is answered without its axis
 */
export function encodeAnswer(specs: readonly TensorSpec[], outputs: Tensors, asRow: boolean): string {
  const tensors = specs.map(({ name }) => outputs[name] as Tensor);
  const isRow = asRow && tensors.every(({ shape }) => shape[0] === 1);
  return joinTensors(specs, tensors, isRow ? (tensor, print) => encodeRows(tensor, print)[0] as string : encodeNested);
}

/** Writes whole tensors: one alone, several by name. */
export function writeTensors(specs: readonly TensorSpec[], tensors: readonly Tensor[]): string {
  return joinTensors(specs, tensors, encodeNested);
}

function joinTensors(
  specs: readonly TensorSpec[],
  tensors: readonly Tensor[],
  encode: (tensor: Tensor, print: ElementPrinter) => string,
): string {
  // Strings are text whatever their name: a name says that it holds bytes elsewhere.
  const texts = tensors.map((tensor) => encode(tensor, printerOf('', tensor)));
  if (specs.length === 1) return texts[0] as string;
  return `{${specs.map(({ name }, index) => `${JSON.stringify(name)}:${texts[index]}`).join(',')}}`;
}

/**
 * Reads what {@link writeTensors} writes.
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`; `roundedInteger`, for `readJson`
 */
export function readTensors(message: unknown, specs: readonly TensorSpec[], maxElements: number): Tensors {
  const values = valuesOf(specs, message);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (let index = 0; index < specs.length; index++) {
    const spec = specs[index] as TensorSpec;
    const tensor = decodeNested(spec, values[index], { maxElements, nullIsNaN: true });
    checkFits(spec, tensor);
    tensors[spec.name] = tensor;
  }
  return tensors;
}

/**
 * Writes tensors as rows in KServe's envelope.
 * @throws FairleadError `INVALID_INPUT` for tensors that have not as many rows as each other
 */
export function writeEnvelope(specs: readonly TensorSpec[], tensors: readonly Tensor[]): string {
  const odd = oddRows(tensors);
  if (odd === -1) return `{"instances":${encodeRowList(specs, tensors)}}`;
  throw invalid(
    (specs[odd] as TensorSpec).name,
    'as many rows as the other inputs, for the envelope "instances"',
    'others',
  );
}

/**
 * Reads `{"predictions": [row, …]}`.
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`; `roundedInteger`, for `readJson`
 */
export function readEnvelope(message: unknown, specs: readonly TensorSpec[], maxElements: number): Tensors {
  if (!isObject(message)) throw invalid('the answer', 'an object {predictions}', describeGiven(message));
  const tensors = readRows(specs, message.predictions, { maxElements, nullIsNaN: true, stringOf });
  for (const spec of specs) checkFits(spec, tensors[spec.name] as Tensor);
  return tensors;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An empty array ends the axes too early to tell a row from a tensor without rows, which is what it is taken for. */
function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function listNames(specs: readonly TensorSpec[]): string {
  return specs.map(({ name }) => `"${name}"`).join(', ');
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
