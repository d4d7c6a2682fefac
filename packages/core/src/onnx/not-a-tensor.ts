import { FairleadError } from '../errors';
import { valueTypesOf } from './value-types';

/**
 * The error of a model with an input or output that is no tensor: it names it, its type, and how to export the model
 * without it. ONNX runtimes in JavaScript cannot hold such values.
 *
 * @param model the bytes of the ONNX model, in which its type is looked up
 * @returns a FairleadError `UNSUPPORTED`
 */
export function notATensor(kind: 'input' | 'output', name: string, model: Uint8Array): FairleadError {
  const given = valueTypesOf(model).get(name) ?? 'a sequence, a map or optional';
  const expected = 'a tensor';
  // Classifiers of scikit-learn answer a map for each row unless they are told not to.
  const advice = /\bmaps?\b/.test(given)
    ? 'Export the model without it: in skl2onnx, with options={"zipmap": False}'
    : 'Export the model with tensors alone';
  return new FairleadError('UNSUPPORTED', `The ${kind} "${name}" is ${given}; expected ${expected}. ${advice}.`, {
    details: { field: name, expected, given },
  });
}
