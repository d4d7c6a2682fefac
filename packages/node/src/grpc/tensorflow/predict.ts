import { FairleadError, type Tensor } from '@fairlead/core';
import type { HostLimits, ModelRequest, ServedModel } from '@fairlead/core/serving';
import type { Answer } from '../server/exchange';
import type { MessageOf } from '../wire/index';
import { type PredictRequest, PredictResponse } from './messages';
import { checkSignature, specOf } from './model-spec';
import { protoOf, tensorOfProto } from './tensor-proto';

/**
 * Reads a predict request as a request to a model.
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`
 */
export function readPredict(
  request: MessageOf<typeof PredictRequest>,
  model: ServedModel,
  limits: HostLimits,
): ModelRequest<Answer> {
  checkSignature(request.model_spec, 'predict');
  const { signature } = model.runner;
  // No prototype, so that an input may have any name.
  const inputs: Record<string, Tensor> = Object.create(null);
  for (const { name, dtype } of signature.inputs) {
    const proto = request.inputs.get(name);
    if (proto === undefined) throw invalid(name, 'a tensor of that name in "inputs"', 'nothing');
    inputs[name] = tensorOfProto(name, proto, dtype, limits.maxTensorElements);
  }
  if (request.inputs.size > signature.inputs.length) {
    throw invalid('inputs', `tensors named ${list(signature.inputs.map(({ name }) => name))}`, 'others too');
  }
  const { output_filter: wanted } = request;
  const unknown = wanted.find((name) => !model.outputNames.includes(name));
  if (unknown !== undefined) throw invalid('output_filter', `some of ${list(model.outputNames)}`, 'others too');
  return {
    inputs,
    write({ model: { version }, outputs }) {
      const names = wanted.length === 0 ? model.outputNames : wanted;
      const tensors = new Map(names.map((name) => [name, protoOf(outputOf(outputs[name], name))]));
      return {
        message: PredictResponse.encode({
          outputs: tensors,
          model_spec: specOf(model.name, version, 'serving_default'),
        }),
      };
    },
  };
}

function outputOf(tensor: Tensor | undefined, name: string): Tensor {
  if (tensor !== undefined) return tensor;
  throw new FairleadError(
    'OUTPUT_INVALID',
    `The model's answer lacks the output "${name}" that its signature promises.`,
  );
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
