import {
  allocateData,
  elementCount,
  FairleadError,
  isDType,
  type ModelSignature,
  type Tensor,
  type TensorSpec,
  type Tensors,
} from '@fairlead/core';

/** What onnxruntime tells about one input or output of a loaded model. */
export interface ValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/** Rows of the trial: a number that no shape has by chance. */
const trialRows = 3;

/**
 * The signature of a model from onnxruntime's metadata. Where the metadata leaves it open whether rows can be joined, a
 * run on zeros shows it.
 *
 * @param compute runs the model
 * @param model its bytes, which tell the type of what is no tensor
 * @throws FairleadError `UNSUPPORTED` when something that goes in or out is no tensor, or of a dtype that JavaScript
 * cannot hold
 */
export async function signatureFrom(
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
  compute: (inputs: Tensors) => Promise<Tensors>,
  model: Uint8Array,
): Promise<ModelSignature> {
  await refuseOthersThanTensors('input', inputs, model);
  await refuseOthersThanTensors('output', outputs, model);
  const specs = {
    inputs: inputs.map((value) => specOf(value, 'input')),
    outputs: outputs.map((value) => specOf(value, 'output')),
  };
  const batchAxis = await batchAxisOf(specs.inputs, specs.outputs, compute);
  const rows = firstName(specs.inputs) ?? 'batch';
  const named = (spec: TensorSpec): TensorSpec => withNames(spec, batchAxis, rows);
  return { inputs: specs.inputs.map(named), outputs: specs.outputs.map(named), batchAxis };
}

/**
 * Axis 0, where every input and output leaves it open, the inputs do not disagree about its name, and the outputs have
 * as many rows as the inputs: because they say so by the same name, or because a trial shows it.
 */
async function batchAxisOf(
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
  compute: (inputs: Tensors) => Promise<Tensors>,
): Promise<0 | null> {
  const all = [...inputs, ...outputs];
  const names = namesOf(all);
  if (inputs.length === 0 || !all.every(({ shape }) => typeof shape[0] === 'string')) return null;
  if (namesOf(inputs).size > 1) return null;
  if (names.size === 1 && all.every(({ shape }) => shape[0] !== '')) return 0;
  const zeros = zerosFor(inputs);
  // Other open dimensions leave nothing to try: then names that agree, or are left out, have to do.
  if (zeros === undefined) return names.size <= 1 ? 0 : null;
  try {
    const answers = Object.values(await compute(zeros));
    return answers.every(({ shape }) => shape[0] === trialRows) ? 0 : null;
  } catch {
    // A graph that fails on three rows is made for one, whatever its metadata says; row by row it may work.
    return null;
  }
}

function zerosFor(inputs: readonly TensorSpec[]): Tensors | undefined {
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of inputs) {
    const sizes = [trialRows, ...shape.slice(1)];
    if (!sizes.every((size) => typeof size === 'number')) return undefined;
    tensors[name] = { dtype, shape: sizes, data: allocateData(dtype, elementCount(sizes)) };
  }
  return tensors;
}

/** The names that first axes have. */
function namesOf(specs: readonly TensorSpec[]): Set<string> {
  const names = specs.map(({ shape }) => shape[0]);
  return new Set(names.filter((name) => typeof name === 'string' && name !== '') as string[]);
}

function firstName(specs: readonly TensorSpec[]): string | undefined {
  return [...namesOf(specs)][0];
}

/** Dimensions of one name must be equal, so one without a name gets a name of its own. */
function withNames({ name, dtype, shape }: TensorSpec, batchAxis: 0 | null, rows: string): TensorSpec {
  const nameFor = (axis: number): string => (axis === batchAxis ? rows : `${name}_dim${axis}`);
  return { name, dtype, shape: shape.map((size, axis) => (size === '' ? nameFor(axis) : size)) };
}

async function refuseOthersThanTensors(
  kind: 'input' | 'output',
  values: readonly ValueMetadata[],
  model: Uint8Array,
): Promise<void> {
  const other = values.find(({ isTensor }) => !isTensor);
  if (other === undefined) return;
  // A page whose models are all tensors never fetches what reads the others.
  const { notATensor } = await import('@fairlead/core/onnx');
  throw notATensor(kind, other.name, model);
}

function specOf({ name, type, shape = [] }: ValueMetadata, kind: 'input' | 'output'): TensorSpec {
  if (!isDType(type)) {
    throw unsupported(kind, name, 'a dtype that JavaScript can hold', String(type), 'Add a Cast to the model');
  }
  return { name, dtype: type, shape: shape.map((size) => (isUnknown(size) ? '' : size)) };
}

/** A dimension with neither size nor name comes as -1, read as an unsigned number of 32 bits. */
function isUnknown(size: number | string): boolean {
  return typeof size === 'number' && (size < 0 || size >= 2 ** 32 - 1);
}

function unsupported(kind: string, name: string, expected: string, given: string, advice: string): FairleadError {
  return new FairleadError('UNSUPPORTED', `The ${kind} "${name}" is ${given}; expected ${expected}. ${advice}.`, {
    details: { field: name, expected, given },
  });
}
