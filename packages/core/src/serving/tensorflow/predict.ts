import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { checkFits, decodeNested, type NestedOptions } from '../../tensor/json/decode-nested';
import { describeGiven } from '../../tensor/json/describe-given';
import { type ElementPrinter, encodeNested, encodeRows } from '../../tensor/json/encode-nested';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { isBytes, printerOf, stringOf } from './elements';
import { checkSignatureName, predictSignatures } from './signature-names';

/** `row` is a list of instances that is answered by a list of predictions, `column` one array for each tensor. */
export type PredictFormat = 'row' | 'column';

/** A predict request, read as far as the protocol goes; shapes are the runner's to check. */
export interface PredictRequest {
  readonly inputs: Tensors;
  readonly format: PredictFormat;
}

/**
 * Compiles a signature into the reader of its predict requests:
 * `{"instances": [row, …]}` or `{"inputs": tensor or {name: tensor}}`, and `signature_name`.
 *
 * @returns a function that throws FairleadError `INVALID_INPUT` or `LIMIT_EXCEEDED`
 */
export function compilePredictDecoder(
  signature: ModelSignature,
  maxElements: number,
): (message: unknown) => PredictRequest {
  const options: NestedOptions = { maxElements, nullIsNaN: false, stringOf };
  return (message) => {
    const { signature_name: name, instances, inputs } = asObject(message, 'the body', 'an object');
    checkSignatureName(name, predictSignatures);
    if (instances !== undefined && inputs !== undefined) {
      throw invalid('the body', 'one of "instances" and "inputs"', 'both');
    }
    if (instances !== undefined) return { inputs: readRows(signature.inputs, instances, options), format: 'row' };
    if (inputs === undefined) throw invalid('the body', '"instances" or "inputs"', 'neither');
    return { inputs: readColumns(signature.inputs, inputs, options), format: 'column' };
  };
}

/**
 * Reads rows: values of the only tensor, or objects of values by name.
 *
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`; `roundedInteger`, for `readJson`
 */
export function readRows(specs: readonly TensorSpec[], instances: unknown, options: NestedOptions): Tensors {
  if (!Array.isArray(instances) || instances.length === 0) {
    throw invalid('instances', 'a list with at least one instance', describeGiven(instances));
  }
  if (!isNamed(instances[0])) {
    const only = onlySpec(specs, 'instances', 'a list of objects');
    const stray = instances.findIndex(isNamed);
    if (stray !== -1) throw invalid(`instances[${stray}]`, 'a value or list, as the first one is', 'an object');
    return byName([only], [decodeNested(only, instances, options)]);
  }
  const columns = specs.map(() => new Array<unknown>(instances.length));
  for (let row = 0; row < instances.length; row++) {
    const instance: unknown = instances[row];
    const field = `instances[${row}]`;
    if (!isNamed(instance)) throw invalid(field, 'an object, as the first one is', describeGiven(instance));
    for (let index = 0; index < specs.length; index++) {
      (columns[index] as unknown[])[row] = take(instance, (specs[index] as TensorSpec).name, field);
    }
    checkNames(instance, specs, field);
  }
  return byName(
    specs,
    specs.map((spec, index) => decodeNested(spec, columns[index], options)),
  );
}

function readColumns(specs: readonly TensorSpec[], inputs: unknown, options: NestedOptions): Tensors {
  if (!isNamed(inputs)) {
    const only = onlySpec(specs, 'inputs', 'an object of tensors by name');
    return byName([only], [decodeNested(only, inputs, options)]);
  }
  const tensors = specs.map((spec) => decodeNested(spec, take(inputs, spec.name, 'inputs'), options));
  checkNames(inputs, specs, 'inputs');
  return byName(specs, tensors);
}

/** An object of values by name, as bytes are not. */
function isNamed(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value);
}

function take(values: Readonly<Record<string, unknown>>, name: string, field: string): unknown {
  if (Object.hasOwn(values, name)) return values[name];
  throw invalid(`${field}.${name}`, 'a tensor of that name', 'nothing');
}

function checkNames(values: Readonly<Record<string, unknown>>, specs: readonly TensorSpec[], field: string): void {
  const names = Object.keys(values);
  // All of them were taken, so more of them are others.
  if (names.length === specs.length) return;
  const stray = names.find((name) => !specs.some((spec) => spec.name === name)) as string;
  throw invalid(field, `tensors named ${listNames(specs)}`, describeGiven(stray));
}

/** The one that a tensor without a name is. */
function onlySpec(specs: readonly TensorSpec[], field: string, expected: string): TensorSpec {
  const [spec, ...others] = specs;
  if (spec !== undefined && others.length === 0) return spec;
  throw invalid(field, `${expected} named ${listNames(specs)}`, 'a tensor without a name');
}

/**
 * Writes the answer to a predict request. One output goes without its name.
 *
 * @throws FairleadError `INVALID_ARGUMENT` when the outputs have no rows to be listed
 */
export function encodePredictions(specs: readonly TensorSpec[], outputs: Tensors, format: PredictFormat): string {
  const tensors = tensorsOf(specs, outputs);
  if (format === 'column') return `{"outputs":${encodeTensors(specs, tensors)}}`;
  const odd = oddRows(tensors);
  if (odd === -1) return `{"predictions":${encodeRowList(specs, tensors)}}`;
  const { name } = specs[odd] as TensorSpec;
  throw new FairleadError(
    'INVALID_ARGUMENT',
    `Output "${name}" has not as many rows as the others, so there is no list of predictions. Ask with "inputs" in place of "instances".`,
    { details: { field: 'instances', expected: 'inputs' } },
  );
}

/** The first tensor that has no rows, or not as many as the first one; -1 for none. */
export function oddRows(tensors: readonly Tensor[]): number {
  const rows = tensors[0]?.shape[0];
  return tensors.findIndex(({ shape }) => shape.length === 0 || shape[0] !== rows);
}

/**
 * Writes tensors that have as many rows as a list of them: of one tensor the rows themselves, of several objects by name.
 * @param print chooses what writes the elements of a tensor. @default as TensorFlow Serving writes them
 */
export function encodeRowList(
  specs: readonly TensorSpec[],
  tensors: readonly Tensor[],
  print: (name: string, tensor: Tensor) => ElementPrinter = printerOf,
): string {
  const [first] = tensors;
  if (first !== undefined && tensors.length === 1)
    return encodeNested(first, print((specs[0] as TensorSpec).name, first));
  const texts = tensors.map((tensor, index) => encodeRows(tensor, print((specs[index] as TensorSpec).name, tensor)));
  const keys = specs.map(({ name }) => `${JSON.stringify(name)}:`);
  const rows = first?.shape[0] ?? 0;
  const list: string[] = [];
  for (let row = 0; row < rows; row++) {
    list.push(`{${keys.map((key, index) => key + (texts[index] as string[])[row]).join(',')}}`);
  }
  return `[${list.join(',')}]`;
}

/** Tensors in column format: the only one alone, several in an object by name. */
function encodeTensors(specs: readonly TensorSpec[], tensors: readonly Tensor[], named = tensors.length > 1): string {
  const texts = tensors.map((tensor, index) =>
    encodeNested(tensor, printerOf((specs[index] as TensorSpec).name, tensor)),
  );
  if (!named) return texts[0] as string;
  return `{${specs.map(({ name }, index) => `${JSON.stringify(name)}:${texts[index]}`).join(',')}}`;
}

/** Writes a predict request in column format, inputs by name. */
export function encodePredictRequest(
  specs: readonly TensorSpec[],
  tensors: readonly Tensor[],
  signatureName: string | undefined,
): string {
  const head = signatureName === undefined ? '' : `"signature_name":${JSON.stringify(signatureName)},`;
  return `{${head}"inputs":${encodeTensors(specs, tensors, true)}}`;
}

/**
 * Reads the answer to a predict request in column format.
 *
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`, `PROTOCOL_ERROR`; `roundedInteger`, for `readJson`
 */
export function decodePredictions(message: unknown, signature: ModelSignature, maxElements: number): Tensors {
  const { outputs } = asObject(message, 'the answer', 'an object {outputs}');
  if (outputs === undefined) throw invalid('outputs', 'the output tensors', 'nothing');
  const { outputs: specs } = signature;
  const options: NestedOptions = { maxElements, nullIsNaN: true, stringOf };
  const [only] = specs;
  // The only output goes without its name; a server that gives it all the same is understood.
  const isBare = specs.length === 1 && only !== undefined && !(isNamed(outputs) && Object.hasOwn(outputs, only.name));
  const named = isBare ? { [only.name]: outputs } : asObject(outputs, 'outputs', 'an object of tensors by name');
  return byName(
    specs,
    specs.map((spec) => {
      const tensor = decodeNested(spec, take(named, spec.name, 'outputs'), options);
      checkFits(spec, tensor);
      return tensor;
    }),
  );
}

function tensorsOf(specs: readonly TensorSpec[], tensors: Tensors): Tensor[] {
  return specs.map(({ name }) => tensors[name] as Tensor);
}

/** By name, with no prototype, so that one may have any name. */
function byName(specs: readonly TensorSpec[], tensors: readonly Tensor[]): Tensors {
  const named: Record<string, Tensor> = Object.create(null);
  for (let index = 0; index < specs.length; index++)
    named[(specs[index] as TensorSpec).name] = tensors[index] as Tensor;
  return named;
}

function listNames(specs: readonly TensorSpec[]): string {
  return specs.map(({ name }) => `"${name}"`).join(', ');
}

/** @throws FairleadError `INVALID_INPUT` */
export function asObject(value: unknown, field: string, expected: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(field, expected, describeGiven(value));
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
