import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { allocateData, type DataOf } from '../../tensor/dtype';
import { decodeNested } from '../../tensor/json/decode-nested';
import { describeGiven } from '../../tensor/json/describe-given';
import type { Tensor, Tensors } from '../../tensor/tensor';

/** Parameters of a request: inputs that have one value for all of its rows, by their names. */
export type ScoringParams = Readonly<Record<string, unknown>>;

/**
 * Reads the object of parameters.
 *
 * @param field how messages name it: `params`, `parameters`
 * @throws FairleadError `INVALID_INPUT` for what is no object, and for a name that no input has: to pass it over would change
 * the answer in silence
 */
export function readParams(value: unknown, { inputs }: ModelSignature, field: string): ScoringParams {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(field, 'an object', describeGiven(value));
  const stray = Object.keys(value).find((name) => !inputs.some((spec) => spec.name === name));
  if (stray === undefined) return value as ScoringParams;
  const names = inputs.map(({ name }) => `"${name}"`).join(', ');
  throw invalid(`${field}.${stray.slice(0, 100)}`, `no such parameter, since the inputs are ${names}`, 'one');
}

/** The signature without the inputs that parameters give. */
export function withoutParams(signature: ModelSignature, params: ScoringParams): ModelSignature {
  if (Object.keys(params).length === 0) return signature;
  return { ...signature, inputs: signature.inputs.filter(({ name }) => !Object.hasOwn(params, name)) };
}

/**
 * The tensors that parameters stand for: where rows can be joined, the value is that of every row; else it is the whole tensor.
 *
 * @param inputs those of the message, whose rows are counted
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`
 */
export function addParams(
  inputs: Tensors,
  params: ScoringParams,
  { inputs: specs, batchAxis }: ModelSignature,
  maxElements: number,
): Tensors {
  const given = specs.filter(({ name }) => Object.hasOwn(params, name));
  if (given.length === 0) return inputs;
  // No prototype, so that an input may have any name.
  const all: Record<string, Tensor> = Object.assign(Object.create(null), inputs);
  const rows = Object.values(inputs)[0]?.shape[0] ?? 1;
  for (const spec of given) {
    const value = params[spec.name];
    all[spec.name] =
      batchAxis === null ? decode(spec, spec, value, maxElements) : repeat(rowOf(spec, value, rows, maxElements), rows);
  }
  return all;
}

function rowOf(spec: TensorSpec, value: unknown, rows: number, maxElements: number): Tensor {
  return decode({ ...spec, shape: spec.shape.slice(1) }, spec, value, Math.floor(maxElements / rows));
}

/** A scalar serves for any shape of one element. */
function decode(inner: TensorSpec, { name }: TensorSpec, value: unknown, maxElements: number): Tensor {
  const isScalar = !Array.isArray(value) && inner.shape.every((size) => typeof size !== 'number' || size === 1);
  const tensor = decodeNested({ ...inner, name }, value, { maxElements, nullIsNaN: false });
  return isScalar ? { ...tensor, shape: inner.shape.map(() => 1) } : tensor;
}

function repeat({ dtype, shape, data }: Tensor, rows: number): Tensor {
  const length = data.length;
  const all = allocateData(dtype, rows * length) as Exclude<DataOf, string[]>;
  for (let index = 0; index < rows * length; index++) all[index] = data[index % length] as never;
  return { dtype, shape: [rows, ...shape], data: all } as Tensor;
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
