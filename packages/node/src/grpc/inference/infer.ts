import { FairleadError, type Tensor } from '@fairlead/core';
import {
  type BinaryReader,
  classify,
  compileRequestDecoder,
  datatypeOf,
  decisionParameter,
  type HostLimits,
  type ModelRequest,
  perModel,
  type ServedModel,
  toBinary,
} from '@fairlead/core/serving';
import type { Answer } from '../server/exchange';
import type { GivenOf } from '../wire/index';
import { contentsOf, hasField, tensorOfContents, tensorOfRaw } from './contents';
import { type InferParameter, type InferTensor, type ModelInferRequest, ModelInferResponse } from './messages';

/** Reads requests as requests to a model. */
export type ReadInfer<A> = (request: ModelInferRequest, model: ServedModel) => ModelRequest<A>;

/** An answer that is not written yet. */
export type GivenInferResponse = GivenOf<ReturnType<typeof ModelInferResponse.decode>>;

/**
 * Names, shapes and parameters are checked as those that come by REST are; only the elements come another way.
 *
 * @param write turns the answer into bytes
 */
export function createReadInfer<A>(limits: HostLimits, write: (response: GivenInferResponse) => A): ReadInfer<A> {
  const decoderOf = perModel(({ runner }) => compileRequestDecoder(runner.signature, limits.maxTensorElements));
  return (request, model) => {
    const { inputs, raw_input_contents: raw, outputs, parameters } = request;
    const hasRaw = raw.length > 0;
    if (hasRaw && raw.length !== inputs.length) {
      throw invalid('raw_input_contents', `${inputs.length}, one for each input`, String(raw.length));
    }
    const plain = plainOf(parameters);
    // Whoever sends typed contents reads them; FP16 has none.
    plain.binary_data_output ??= hasRaw || inputs.every(({ contents }) => contents === undefined);
    const message = {
      id: request.id === '' ? undefined : request.id,
      parameters: plain,
      inputs: inputs.map(inputOf),
      outputs:
        outputs.length === 0
          ? undefined
          : outputs.map(({ name, parameters: own }) => ({ name, parameters: plainOf(own) })),
    };
    const { inputs: tensors, ...asked } = decoderOf(model)(message, readerOf(request, hasRaw));
    return {
      inputs: tensors,
      timeoutMs: asked.timeoutMs,
      priority: asked.priority,
      assignment: asked.assignment,
      write({ model: answered, outputs: computed }, decisionId) {
        const names = asked.outputs ?? model.outputNames;
        const { batchAxis } = model.runner.signature;
        const found = asked.classes.size === 0 ? computed : classify(computed, asked.classes, batchAxis);
        const given = names.map((name) => [name, outputOf(found[name], name)] as const);
        const isRaw = given.some(([name, { dtype }]) => asked.wantsBinary(name) || !hasField(dtype));
        return write({
          model_name: model.name,
          model_version: answered.version,
          id: request.id,
          parameters: parametersOf(answered.digest, decisionId),
          outputs: given.map(([name, tensor]) => ({
            name,
            datatype: datatypeOf(tensor.dtype),
            shape: tensor.shape,
            contents: isRaw ? undefined : contentsOf(tensor),
          })),
          raw_output_contents: isRaw ? given.map(([, tensor]) => toBinary(tensor)) : [],
        });
      },
    };
  };
}

function parametersOf(digest: string, decisionId: string | undefined): ReadonlyMap<string, { string_param: string }> {
  const parameters = new Map<string, { string_param: string }>();
  if (digest !== '') parameters.set('digest', { string_param: digest });
  if (decisionId !== undefined) parameters.set(decisionParameter, { string_param: decisionId });
  return parameters;
}

/** The answer to a call of its own. */
export function writeInferResponse(response: GivenInferResponse): Answer {
  return { message: ModelInferResponse.encode(response) };
}

/** Elements are read by {@link readerOf}; that they come apart from the rest is said by a size, which it knows better. */
function inputOf({ name, datatype, shape, parameters }: InferTensor): object {
  if (parameters.has('shared_memory_region')) {
    throw new FairleadError(
      'UNSUPPORTED',
      `Input ${name}: this server reads no shared memory. Send the elements as raw_input_contents.`,
      { details: { field: `${name}.parameters.shared_memory_region`, expected: 'no such parameter' } },
    );
  }
  return { name, datatype, shape, parameters: { binary_data_size: 0 } };
}

/** The decoder asks for each input in order. */
function readerOf({ inputs, raw_input_contents: raw }: ModelInferRequest, hasRaw: boolean): BinaryReader {
  let next = 0;
  return {
    read(dtype, shape, _size, name) {
      const index = next++;
      const contents = inputs[index]?.contents;
      if (!hasRaw) return tensorOfContents(dtype, shape, contents, name);
      if (contents !== undefined) throw invalid(`${name}: contents`, 'none beside raw_input_contents', 'some');
      return tensorOfRaw(dtype, shape, raw[index] as Uint8Array, name);
    },
    end() {},
  };
}

function plainOf(parameters: ReadonlyMap<string, InferParameter>): Record<string, unknown> {
  const plain: Record<string, unknown> = Object.create(null);
  for (const [name, value] of parameters) {
    plain[name] =
      value.bool_param ?? value.int64_param ?? value.string_param ?? value.double_param ?? value.uint64_param;
  }
  return plain;
}

function outputOf(tensor: Tensor | undefined, name: string): Tensor {
  if (tensor !== undefined) return tensor;
  throw new FairleadError(
    'OUTPUT_INVALID',
    `The model's answer lacks the output "${name}" that its signature promises.`,
  );
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
