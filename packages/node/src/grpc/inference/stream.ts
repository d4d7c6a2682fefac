import type { ModelHost } from '@fairlead/core/serving';
import { type Method, noModel } from '../server/exchange';
import type { GrpcFailure } from '../server/status';
import { createReadInfer } from './infer';
import { ModelInferRequest, ModelStreamInferResponse } from './messages';
import { inferenceService } from './service';

/** Says that an answer is the last one to its request, as clients of models that answer several times ask it. */
const final = { triton_final_response: { bool_param: true } };

/** `ModelStreamInfer`: infer requests on one call, answered in their order. */
export function streamMethod({ limits }: ModelHost): Method<unknown> {
  const readInfer = createReadInfer(limits, (response) => {
    const parameters = new Map([...(response.parameters ?? []), ...Object.entries(final)]);
    return { message: ModelStreamInferResponse.encode({ infer_response: { ...response, parameters } }) };
  });
  const method: Method<ModelInferRequest> = {
    path: `/${inferenceService}/ModelStreamInfer`,
    type: ModelInferRequest,
    asks: ({ model_name: model, model_version: version }) => ({
      protocol: 'open-inference',
      operation: 'infer',
      model,
      version,
    }),
    answer: (request, { run }) => {
      if (request.model_name === '') throw noModel('model_name');
      return run((model) => readInfer(request, model));
    },
  };
  return method as Method<unknown>;
}

/** A message that fails does not end the call: its failure stands in the place of its answer, with its id. */
export function writeStreamFailure({ details }: GrpcFailure, request: Buffer): Buffer {
  return ModelStreamInferResponse.encode({
    error_message: details,
    infer_response: { ...namesOf(request), parameters: new Map(Object.entries(final)) },
  });
}

/** What is left to say to whom, of a message that may be none. */
function namesOf(request: Buffer): { readonly id?: string; readonly model_name?: string } {
  try {
    const { id, model_name } = ModelInferRequest.decode(request, 0xffff);
    return { id, model_name };
  } catch {
    return {};
  }
}
