import { FairleadError, isDType, type ModelSignature, type TensorSpec } from '@fairlead/core';
import { notATensor } from '@fairlead/core/onnx';

/** What onnxruntime tells about one input or output of a loaded model. */
export interface ValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  /** A number, the name of a symbolic dimension, or '' for one without a name. */
  readonly shape?: readonly (number | string)[];
}

/** What the metadata says about joining rows along axis 0. */
export type BatchClaim =
  /** Every input and output names the same symbolic first axis. */
  | 'certain'
  /** All first axes are symbolic, but not all names agree or are given; only a run can tell. */
  | 'open'
  /** Some first axis is fixed, or two inputs disagree. */
  | 'none';

/** Inputs and outputs of a model, and what they claim about batches. */
export interface SignatureClaim {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly claim: BatchClaim;
  /** Whether no two first axes have different names; one without a name agrees with all. */
  readonly namesAgree: boolean;
}

/**
 * Reads the signature of a model from onnxruntime's metadata.
 * @param model its bytes, which tell the type of what is no tensor
 * @throws FairleadError `UNSUPPORTED` that names the input or output which is no tensor, or of a dtype without a place in
 * JavaScript
 */
export function readSignature(
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
  model: Uint8Array,
): SignatureClaim {
  const values = {
    inputs: inputs.map((value) => specOf(value, 'input', model)),
    outputs: outputs.map((value) => specOf(value, 'output', model)),
  };
  const names = (specs: readonly TensorSpec[]): Set<string> =>
    new Set(specs.map(({ shape }) => shape[0]).filter((size) => typeof size === 'string' && size !== '') as string[]);
  const all = [...values.inputs, ...values.outputs];
  const symbolic = all.length > 0 && all.every(({ shape }) => typeof shape[0] === 'string');
  const named = all.every(({ shape }) => shape[0] !== '');
  const allNames = names(all);
  const claim =
    !symbolic || values.inputs.length === 0 || names(values.inputs).size > 1
      ? 'none'
      : named && allNames.size === 1
        ? 'certain'
        : 'open';
  return { ...values, claim, namesAgree: allNames.size <= 1 };
}

/** The signature with the batch axis settled and every symbolic dimension named. */
export function settleSignature({ inputs, outputs }: SignatureClaim, batchAxis: 0 | null): ModelSignature {
  const rows = inputs.map(({ shape }) => shape[0]).find((size) => typeof size === 'string' && size !== '') ?? 'batch';
  const named = ({ name, dtype, shape }: TensorSpec): TensorSpec => ({
    name,
    dtype,
    // Two dimensions of one name must be equal, so one without a name gets a name of its own.
    shape: shape.map((size, axis) => (size !== '' ? size : axis === batchAxis ? rows : `${name}_dim${axis}`)),
  });
  return { inputs: inputs.map(named), outputs: outputs.map(named), batchAxis };
}

function specOf(
  { name, isTensor, type, shape = [] }: ValueMetadata,
  kind: 'input' | 'output',
  model: Uint8Array,
): TensorSpec {
  if (!isTensor) throw notATensor(kind, name, model);
  if (!isDType(type)) {
    const given = `of dtype ${String(type)}`;
    const expected = 'a tensor of a dtype that JavaScript can hold';
    throw new FairleadError(
      'UNSUPPORTED',
      `The ${kind} "${name}" is ${given}; expected ${expected}. Add a Cast to the model.`,
      { details: { field: name, expected, given } },
    );
  }
  return { name, dtype: type, shape: shape.map((size) => (typeof size === 'number' && size < 0 ? '' : size)) };
}
