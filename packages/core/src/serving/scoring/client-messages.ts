import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { checkFits, decodeNested, type NestedOptions } from '../../tensor/json/decode-nested';
import { describeGiven } from '../../tensor/json/describe-given';
import { encodeNested, encodeRows } from '../../tensor/json/encode-nested';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { encodePredictionValues } from './predictions';

/*
 * The other side of the scoring contracts: what a client sends, and how it reads predictions.
 */

/**
 * Inputs as a list of instances, one a row: the value of the one input, or an object with those of all.
 *
 * @param tensors in the order of the signature's inputs
 * @throws FairleadError `UNSUPPORTED` for a model that joins rows on another axis than the first
 */
export function encodeInstances(tensors: readonly Tensor[], { inputs, batchAxis }: ModelSignature): string {
  checkRows(batchAxis);
  const named: Record<string, Tensor> = Object.create(null);
  for (const [index, { name }] of inputs.entries()) named[name] = tensors[index] as Tensor;
  return encodePredictionValues(named, { inputs: [], outputs: inputs, batchAxis: 0 });
}

/** Inputs as an object of arrays by name. */
export function encodeColumns(tensors: readonly Tensor[], { inputs }: ModelSignature): string {
  const members = inputs.map(({ name }, index) => `${JSON.stringify(name)}:${encodeNested(tensors[index] as Tensor)}`);
  return `{${members.join(',')}}`;
}

/**
 * Inputs as a data frame in pandas' orientation "split": a column an input, or the columns of the one matrix.
 *
 * @param columns names of the matrix' columns
 * @throws FairleadError `UNSUPPORTED` for a model that joins rows on another axis than the first
 */
export function encodeFrame(
  tensors: readonly Tensor[],
  { inputs, batchAxis }: ModelSignature,
  columns: readonly string[] | undefined,
): string {
  checkRows(batchAxis);
  const [first] = tensors;
  if (tensors.length === 1 && first?.shape.length === 2) {
    const names = columns === undefined ? '' : `"columns":${JSON.stringify(columns)},`;
    return `{${names}"data":${encodeNested(first)}}`;
  }
  // A cell of one element stands without an array around it.
  const cells = tensors.map((tensor) => encodeRows(withoutUnitAxes(tensor)));
  const rows = (cells[0] ?? []).map((_cell, row) => `[${cells.map((column) => column[row]).join(',')}]`);
  return `{"columns":${JSON.stringify(inputs.map(({ name }) => name))},"data":[${rows.join(',')}]}`;
}

function withoutUnitAxes(tensor: Tensor): Tensor {
  const [rows = 0, ...inner] = tensor.shape;
  return inner.every((size) => size === 1) ? { ...tensor, shape: [rows] } : tensor;
}

function checkRows(batchAxis: number | null): void {
  if (batchAxis === null || batchAxis === 0) return;
  throw new FairleadError(
    'UNSUPPORTED',
    'This protocol sends rows, and the model joins them on another axis than the first.',
  );
}

/**
 * Reads predictions: of one output a list of its values, of several a list of objects by name, or an object of arrays by name.
 *
 * @param field how messages name them
 * @throws FairleadError `INVALID_INPUT` or `LIMIT_EXCEEDED`, which a client reports as the server's fault; `roundedInteger`
 */
export function decodePredictionValues(
  value: unknown,
  { outputs: specs }: ModelSignature,
  maxElements: number,
  field: string,
): Tensors {
  const options: NestedOptions = { maxElements, nullIsNaN: true };
  const outputs: Record<string, Tensor> = Object.create(null);
  const [only] = specs;
  const isList = Array.isArray(value);
  if (specs.length === 1 && only !== undefined && !hasName(isList ? value[0] : value, only.name)) {
    if (!isList && only.shape.length > 0) throw invalid(field, 'a list of predictions', describeGiven(value));
    outputs[only.name] = readTensor(only, value, options);
    return outputs;
  }
  for (const spec of specs)
    outputs[spec.name] = readTensor(spec, isList ? column(value, spec, field) : member(value, spec, field), options);
  return outputs;
}

/**
 * Some servers answer one value a row where the signature has an axis of one more, and the other way round: what a row holds is the same.
 */
function readTensor(spec: TensorSpec, value: unknown, options: NestedOptions): Tensor {
  const tensor = adaptRank(decodeNested(spec, value, options), spec);
  checkFits(spec, tensor);
  return tensor;
}

function adaptRank(tensor: Tensor, spec: TensorSpec): Tensor {
  const { shape } = tensor;
  const rank = spec.shape.length;
  if (shape.length === rank - 1 && spec.shape[rank - 1] === 1) return { ...tensor, shape: [...shape, 1] };
  if (shape.length === rank + 1 && shape[rank] === 1) return { ...tensor, shape: shape.slice(0, -1) };
  return tensor;
}

function column(rows: readonly unknown[], spec: TensorSpec, field: string): unknown[] {
  return rows.map((row, index) => member(row, spec, `${field}[${index}]`));
}

function member(value: unknown, { name }: TensorSpec, field: string): unknown {
  if (hasName(value, name)) return (value as Record<string, unknown>)[name];
  throw invalid(field, `an object with "${name}"`, describeGiven(value));
}

function hasName(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name);
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Answer ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
