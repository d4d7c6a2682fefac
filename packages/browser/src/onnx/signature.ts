import { FairleadError, isDType, type ModelSignature, type TensorSpec } from '@fairlead/core';

/** What onnxruntime tells about one input or output of a loaded model. */
export interface ValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/**
 * The signature of a model from onnxruntime's metadata.
 * @throws FairleadError `MODEL_INVALID` when something that goes in or out is no tensor of a dtype that Fairlead knows
 */
export function signatureFrom(inputs: readonly ValueMetadata[], outputs: readonly ValueMetadata[]): ModelSignature {
  const signature = {
    inputs: inputs.map((value) => specOf(value, 'input')),
    outputs: outputs.map((value) => specOf(value, 'output')),
  };
  return { ...signature, batchAxis: batchAxisOf([...signature.inputs, ...signature.outputs]) };
}

/**
 * Axis 0, where every input and output leaves it open and those that name it agree on the name; else none. An axis
 * without a name counts as agreeing, since converters often leave names out.
 */
function batchAxisOf(specs: readonly TensorSpec[]): number | null {
  const names = new Set<string>();
  for (const { shape } of specs) {
    const size = shape[0];
    if (typeof size !== 'string') return null;
    if (size !== '') names.add(size);
  }
  return specs.length > 0 && names.size <= 1 ? 0 : null;
}

function specOf({ name, isTensor, type, shape }: ValueMetadata, kind: 'input' | 'output'): TensorSpec {
  if (!isTensor) {
    throw unusable(
      kind,
      name,
      'a tensor',
      'a sequence or map',
      'Export the model without it (in skl2onnx: zipmap=False)',
    );
  }
  if (!isDType(type)) throw unusable(kind, name, 'a known dtype', String(type), 'Add a Cast to the model');
  // A dimension without size or name comes as a negative number or an empty string.
  return { name, dtype: type, shape: (shape ?? []).map((size) => (typeof size === 'number' && size < 0 ? '' : size)) };
}

function unusable(kind: string, name: string, expected: string, given: string, advice: string): FairleadError {
  return new FairleadError('MODEL_INVALID', `The ${kind} "${name}" is ${given}, expected ${expected}. ${advice}.`, {
    details: { field: name, expected, given },
  });
}
