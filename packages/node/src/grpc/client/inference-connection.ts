import { type DType, elementCount, FairleadError, type Tensor, type TensorSpec } from '@fairlead/core';
import type { RemoteAnswer, RemoteConnection, RemoteInfer } from '@fairlead/core/remote';
import {
  datatypeOf,
  decisionParameter,
  decodeMetadata,
  dtypeOf,
  toBinary,
  writeAssignment,
} from '@fairlead/core/serving';
import { tensorOfContents, tensorOfRaw } from '../inference/contents';
import * as messages from '../inference/messages';
import { batchAxisKey, digestKey, extensionsKey, inferenceService } from '../inference/service';
import type { MessageOf } from '../wire/index';
import type { Channels } from './channels';
import { notAsPromised } from './not-as-promised';
import type { RemoteGrpcSettings } from './options';

type InferResponse = MessageOf<typeof messages.ModelInferResponse>;

/** A model on a server of the Open Inference Protocol. */
export function inferenceConnection(channels: Channels, settings: RemoteGrpcSettings, what: string): RemoteConnection {
  const { address, model, version = '' } = settings;
  const pathOf = (method: string): string => `/${inferenceService}/${method}`;
  const named = messages.ModelRequest.encode({ name: model, version });
  let isAssigned = false;
  return {
    url: `grpc://${address}/${model}${version === '' ? '' : `/versions/${version}`}`,
    encoding: 'protobuf',
    async describe(call) {
      const { message, metadata } = await channels.ask(
        pathOf('ModelMetadata'),
        named,
        messages.ModelMetadataResponse,
        call,
      );
      const [axis] = metadata.get(batchAxisKey);
      const [digest] = metadata.get(digestKey);
      const extensions = metadata.get(extensionsKey);
      const stated = axis === 'null' ? { batch_axis: null } : axis === undefined ? {} : { batch_axis: Number(axis) };
      const {
        versions,
        digest: known,
        signature,
        isAssigned: assigns,
      } = decodeMetadata({
        ...message,
        parameters: { ...stated, digest, extensions },
      });
      isAssigned = assigns;
      return { signature, version: versions.at(-1) ?? '', digest: known };
    },
    async infer(request) {
      const bytes = encodeRequest(request, model, version, isAssigned);
      const { message } = await channels.ask(pathOf('ModelInfer'), bytes, messages.ModelInferResponse, request);
      return notAsPromised(what, () => readResponse(message, request.signature.outputs));
    },
    async checkReady(call) {
      const { message } = await channels.ask(pathOf('ModelReady'), named, messages.ReadyResponse, call);
      if (!message.ready) throw new FairleadError('REMOTE_FAILED', `${what} says that it is not ready.`);
    },
    close: () => channels.close(),
  };
}

function encodeRequest(
  { signature, tensors, priority, timeoutMs, assignment }: RemoteInfer,
  model: string,
  version: string,
  isAssigned: boolean,
): Buffer {
  const parameters = new Map<string, { readonly int64_param: number } | { readonly string_param: string }>();
  parameters.set('timeout', { int64_param: Math.max(1, Math.round(timeoutMs * 1000)) });
  if (priority !== 'normal') parameters.set('priority', { int64_param: priority === 'high' ? 1 : 3 });
  if (isAssigned && assignment !== undefined) {
    for (const [name, text] of Object.entries(writeAssignment(assignment)))
      parameters.set(name, { string_param: text });
  }
  return messages.ModelInferRequest.encode({
    model_name: model,
    model_version: version,
    parameters,
    inputs: tensors.map(({ dtype, shape }, index) => ({
      name: signature.inputs[index]?.name,
      datatype: datatypeOf(dtype),
      shape,
    })),
    raw_input_contents: tensors.map(toBinary),
  });
}

function readResponse(response: InferResponse, specs: readonly TensorSpec[]): RemoteAnswer {
  const { outputs: given, raw_output_contents: raw, model_version: version, parameters } = response;
  if (raw.length > 0 && raw.length !== given.length) {
    throw invalid('raw_output_contents', `${given.length}, one for each output`, String(raw.length));
  }
  const outputs: Record<string, Tensor> = Object.create(null);
  for (const { name, dtype } of specs) {
    const index = given.findIndex((output) => output.name === name);
    const output = given[index];
    if (output === undefined) throw invalid(name, 'an output of that name', 'nothing');
    checkOutput(output, dtype);
    const { shape } = output;
    outputs[name] =
      raw.length > 0
        ? tensorOfRaw(dtype, shape, raw[index] as Uint8Array, name)
        : tensorOfContents(dtype, shape, output.contents, name);
  }
  const digest = parameters.get('digest')?.string_param;
  const decisionId = parameters.get(decisionParameter)?.string_param;
  return { outputs: { ...outputs }, modelVersion: version === '' ? undefined : version, digest, decisionId };
}

function checkOutput({ name, datatype, shape }: messages.InferTensor, dtype: DType): void {
  if (dtypeOf(datatype) !== dtype) throw invalid(`${name}.datatype`, datatypeOf(dtype), JSON.stringify(datatype));
  if (
    !shape.every((size) => Number.isSafeInteger(size) && size >= 0) ||
    elementCount(shape) === Number.POSITIVE_INFINITY
  )
    throw invalid(`${name}.shape`, 'sizes of 0 or more', `[${shape.join(', ')}]`);
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Answer ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
