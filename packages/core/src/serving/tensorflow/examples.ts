import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { decodeData } from '../../tensor/json/decode-data';
import { checkElements, type NestedOptions } from '../../tensor/json/decode-nested';
import { describeGiven } from '../../tensor/json/describe-given';
import { elementCount, type Tensor, type Tensors } from '../../tensor/tensor';
import { printerOf, stringOf } from './elements';
import { asObject } from './predict';
import { checkSignatureName } from './signature-names';

/*
 * Classify and regress: rows of features by name, each a value or a flat list, and answers in a fixed form. A feature is an
 * input of the model, and an example one row of it.
 */

type Features = Readonly<Record<string, unknown>>;

/**
 * Compiles a signature into the reader of its examples: `{"examples": [{feature: value or list}], "context": {…}}`. A
 * feature of the context is the same in every example.
 *
 * @param signatureNames what `signature_name` may be
 * @returns a function that throws FairleadError `INVALID_INPUT` or `LIMIT_EXCEEDED`
 */
export function compileExamplesDecoder(
  signature: ModelSignature,
  maxElements: number,
  signatureNames: readonly string[],
): (message: unknown) => Tensors {
  const options: NestedOptions = { maxElements, nullIsNaN: false };
  return (message) => {
    const { signature_name: name, examples, context } = asObject(message, 'the body', 'an object {examples}');
    checkSignatureName(name, signatureNames);
    const shared: Features = context === undefined ? {} : asObject(context, 'context', 'an object of features');
    if (!Array.isArray(examples) || examples.length === 0) {
      throw invalid('examples', 'a list with at least one example', describeGiven(examples));
    }
    checkFeatures(shared, signature.inputs, 'context');
    const rows = examples.map((example, index) => {
      const field = `examples[${index}]`;
      const features = asObject(example, field, 'an object of features');
      checkFeatures(features, signature.inputs, field);
      return features;
    });
    const inputs: Record<string, Tensor> = Object.create(null);
    for (const spec of signature.inputs) inputs[spec.name] = readFeature(spec, rows, shared, options);
    return inputs;
  };
}

function checkFeatures(features: Features, specs: readonly TensorSpec[], field: string): void {
  const stray = Object.keys(features).find((name) => !specs.some((spec) => spec.name === name));
  if (stray === undefined) return;
  throw invalid(field, `features named ${specs.map(({ name }) => `"${name}"`).join(', ')}`, describeGiven(stray));
}

/** The feature of all examples as one tensor, whose first axis counts them. */
function readFeature(spec: TensorSpec, rows: readonly Features[], context: Features, options: NestedOptions): Tensor {
  const { name, dtype } = spec;
  const isShared = Object.hasOwn(context, name);
  let sizes: readonly number[] | undefined;
  const elements: unknown[] = [];
  for (let row = 0; row < rows.length; row++) {
    const features = rows[row] as Features;
    const field = `examples[${row}].${name}`;
    const isOwn = Object.hasOwn(features, name);
    if (isOwn && isShared) throw invalid(field, 'a feature that the context does not have', 'one in both');
    if (!isOwn && !isShared) throw invalid(field, 'a value or list', 'nothing');
    const value = isOwn ? features[name] : context[name];
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    // The context is one list however many examples share it: the limit counts what becomes of it.
    if (sizes === undefined) {
      sizes = rowShape(spec, list.length, field);
      checkElements(name, [rows.length, ...sizes], options.maxElements);
    } else if (list.length !== elementCount(sizes)) {
      throw invalid(field, `${elementCount(sizes)} elements`, `${list.length}`);
    }
    for (const element of list) elements.push(dtype === 'string' ? stringOf(element, name) : element);
  }
  const shape = [rows.length, ...(sizes as readonly number[])];
  return { dtype, shape, data: decodeData(dtype, [elements.length], elements, name, options) } as Tensor;
}

/** The axes of a row; where one of them is open, its size follows from the number of elements. */
function rowShape({ shape }: TensorSpec, count: number, field: string): readonly number[] {
  const row = shape.slice(1);
  const open = row.filter((size) => typeof size !== 'number').length;
  const fixed = elementCount(row.map((size) => (typeof size === 'number' ? size : 1)));
  const size = open === 0 ? 1 : fixed === 0 ? 0 : count / fixed;
  if (open > 1 || !Number.isInteger(size) || fixed * size !== count) {
    const expected = open > 1 ? 'an input with one open size at most, or the predict API' : `${fixed} elements`;
    throw invalid(field, open === 1 ? `a multiple of ${fixed} elements` : expected, `${count}`);
  }
  return row.map((each) => (typeof each === 'number' ? each : size));
}

/** Which outputs of a model are the scores of classes, and their labels. */
export interface ClassifyOutputs {
  readonly scores: TensorSpec | undefined;
  readonly classes: TensorSpec | undefined;
}

/**
 * The outputs for classify: `scores` of floats and `classes` of strings, each [batch, classes] or [batch]; by name, or by being
 * the only one of its kind.
 *
 * @throws FairleadError `INVALID_ARGUMENT` for a model that has neither
 */
export function classifyOutputs({ outputs }: ModelSignature): ClassifyOutputs {
  const scores = pick(outputs, 'scores', (spec) => isFloat(spec) && hasRank(spec, 1, 2));
  const classes = pick(outputs, 'classes', (spec) => spec.dtype === 'string' && hasRank(spec, 1, 2));
  if (scores === undefined && classes === undefined) {
    throw unfit('classify', 'one output of floats or strings, [batch, classes], or outputs "scores" and "classes"');
  }
  return { scores, classes };
}

/**
 * The output for regress: floats, [batch] or [batch, 1], called `outputs` or the only one of its kind.
 * @throws FairleadError `INVALID_ARGUMENT` for a model that has none
 */
export function regressOutput({ outputs }: ModelSignature): TensorSpec {
  const fits = (spec: TensorSpec): boolean =>
    isFloat(spec) &&
    (hasRank(spec, 1, 1) || (hasRank(spec, 2, 2) && (typeof spec.shape[1] !== 'number' || spec.shape[1] === 1)));
  const found = pick(outputs, 'outputs', fits);
  if (found === undefined)
    throw unfit('regress', 'one output of floats, [batch] or [batch, 1], or one called "outputs"');
  return found;
}

function pick(specs: readonly TensorSpec[], name: string, fits: (spec: TensorSpec) => boolean): TensorSpec | undefined {
  const fitting = specs.filter(fits);
  return fitting.find((spec) => spec.name === name) ?? (fitting.length === 1 ? fitting[0] : undefined);
}

/**
 * Writes `{"results": [[[label, score], …], …]}`, an entry for each example. A label is "" and a score 0 where the model has
 * none.
 */
export function encodeClassifications({ scores, classes }: ClassifyOutputs, outputs: Tensors): string {
  const labels = classes === undefined ? undefined : (outputs[classes.name] as Tensor);
  const values = scores === undefined ? undefined : (outputs[scores.name] as Tensor);
  const [rows = 0, size = 1] = (values ?? (labels as Tensor)).shape;
  if (labels !== undefined && labels.data.length !== rows * size) {
    throw new FairleadError('OUTPUT_INVALID', 'The model answered another number of classes than of scores.');
  }
  const score = values === undefined ? () => '0.0' : elementPrinter((scores as TensorSpec).name, values);
  const label = labels === undefined ? () => '""' : elementPrinter((classes as TensorSpec).name, labels);
  const results: string[] = [];
  for (let row = 0; row < rows; row++) {
    const pairs: string[] = [];
    for (let index = row * size; index < (row + 1) * size; index++) pairs.push(`[${label(index)},${score(index)}]`);
    results.push(`[${pairs.join(',')}]`);
  }
  return `{"results":[${results.join(',')}]}`;
}

/**
 * Writes `{"results": [value, …]}`, one for each example.
 * @throws FairleadError `OUTPUT_INVALID` when there is more than one
 */
export function encodeRegressions(spec: TensorSpec, outputs: Tensors): string {
  const tensor = outputs[spec.name] as Tensor;
  if (tensor.data.length !== tensor.shape[0]) {
    throw new FairleadError('OUTPUT_INVALID', `Output "${spec.name}" has several values for an example.`);
  }
  return `{"results":[${printerOf(spec.name, tensor)(tensor)}]}`;
}

function elementPrinter(name: string, tensor: Tensor): (index: number) => string {
  const print = printerOf(name, tensor);
  return (index) => {
    const data = tensor.data.slice(index, index + 1);
    return print({ dtype: tensor.dtype, shape: [1], data } as Tensor);
  };
}

function isFloat({ dtype }: TensorSpec): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}

function hasRank({ shape }: TensorSpec, least: number, most: number): boolean {
  return shape.length >= least && shape.length <= most;
}

function unfit(method: string, expected: string): FairleadError {
  return new FairleadError(
    'INVALID_ARGUMENT',
    `This model cannot ${method}: it would need ${expected}. Use the predict API.`,
    { details: { field: 'outputs', expected } },
  );
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
