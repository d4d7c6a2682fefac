import { FairleadError, type ModelSignature, type Tensor, type TensorSpec } from '@fairlead/core';
import type { RemoteAnswer, RemoteConnection } from '@fairlead/core/remote';
import { toBinary } from '@fairlead/core/serving';
import * as messages from '../tensorflow/messages';
import { dtypeOfNumber, protoOf, tensorOfProto } from '../tensorflow/tensor-proto';
import type { GivenOf, MessageOf } from '../wire/index';
import type { Channels } from './channels';
import { notAsPromised } from './not-as-promised';
import type { RemoteGrpcSettings } from './options';

type PredictResponse = MessageOf<typeof messages.PredictResponse>;
type TensorInfos = ReadonlyMap<string, messages.TensorInfo>;

/** The state of a version that answers. */
const available = 30;

/** A model on a server that speaks as TensorFlow Serving does. */
export function tensorflowConnection(channels: Channels, settings: RemoteGrpcSettings, what: string): RemoteConnection {
  const { address, model, version, signatureName, maxResponseBytes } = settings;
  const isNumber = version !== undefined && /^\d{1,15}$/.test(version);
  const chosen = isNumber
    ? { version: { value: Number(version) } }
    : version === undefined
      ? {}
      : { version_label: version };
  const spec: GivenOf<messages.ModelSpec> = { name: model, signature_name: signatureName, ...chosen };
  const predictionPath = (method: string): string => `/tensorflow.serving.PredictionService/${method}`;
  return {
    url: `grpc://${address}/${model}${version === undefined ? '' : `/versions/${version}`}`,
    encoding: 'protobuf',
    async describe(call) {
      const request = messages.GetModelMetadataRequest.encode({
        model_spec: { name: model, ...chosen },
        metadata_field: ['signature_def'],
      });
      const path = predictionPath('GetModelMetadata');
      const { message } = await channels.ask(path, request, messages.GetModelMetadataResponse, call);
      const map = message.metadata.get('signature_def');
      const definitions = messages.SignatureDefMap.decode(
        map?.value ?? Buffer.alloc(0),
        maxResponseBytes,
      ).signature_def;
      const definition = definitions.get(signatureName);
      if (definition === undefined) throw noSignature(what, signatureName, [...definitions.keys()]);
      const answered = versionOf(message.model_spec);
      return { signature: signatureOf(definition), version: answered ?? '', digest: '' };
    },
    async infer({ signature, tensors, ...call }) {
      const inputs = new Map(
        signature.inputs.map(({ name }, index) => [name, contentOf(tensors[index] as Tensor)] as const),
      );
      const request = messages.PredictRequest.encode({ model_spec: spec, inputs });
      const { message } = await channels.ask(predictionPath('Predict'), request, messages.PredictResponse, call);
      return notAsPromised(what, () => readResponse(message, signature.outputs, maxResponseBytes));
    },
    async checkReady(call) {
      const request = messages.GetModelStatusRequest.encode({ model_spec: { name: model, ...chosen } });
      const path = '/tensorflow.serving.ModelService/GetModelStatus';
      const { message } = await channels.ask(path, request, messages.GetModelStatusResponse, call);
      if (message.model_version_status.some(({ state }) => state === available)) return;
      throw new FairleadError('REMOTE_FAILED', `${what} says that no version of it is available.`);
    },
    close: () => channels.close(),
  };
}

/** Elements as they lie in memory; strings have no such form. */
function contentOf(tensor: Tensor): GivenOf<messages.TensorProto> {
  const proto = protoOf(tensor.dtype === 'string' ? tensor : ({ ...tensor, data: tensor.data.slice(0, 0) } as Tensor));
  return tensor.dtype === 'string' ? proto : { ...proto, tensor_content: toBinary(tensor) };
}

function readResponse(response: PredictResponse, specs: readonly TensorSpec[], maxElements: number): RemoteAnswer {
  const outputs: Record<string, Tensor> = Object.create(null);
  for (const { name, dtype } of specs) {
    const proto = response.outputs.get(name);
    if (proto === undefined) {
      throw new FairleadError('INVALID_INPUT', `Answer ${name}: expected an output of that name, given nothing.`, {
        details: { field: name, expected: 'an output of that name', given: 'nothing' },
      });
    }
    outputs[name] = tensorOfProto(name, proto, dtype, maxElements);
  }
  return { outputs: { ...outputs }, modelVersion: versionOf(response.model_spec) };
}

function versionOf(spec: messages.ModelSpec | undefined): string | undefined {
  return spec?.version === undefined ? spec?.version_label : String(spec.version.value);
}

/** Rows can be joined along the first axis where it is open in every input and output. */
function signatureOf({
  inputs,
  outputs,
}: {
  readonly inputs: TensorInfos;
  readonly outputs: TensorInfos;
}): ModelSignature {
  const all = [...inputs.values(), ...outputs.values()];
  const isOpen = all.length > 0 && all.every(({ tensor_shape: shape }) => shape?.dim[0]?.size === -1);
  const batchAxis = isOpen ? 0 : null;
  const read = (infos: TensorInfos): TensorSpec[] => [...infos].map(([name, info]) => specOf(name, info, batchAxis));
  return { inputs: read(inputs), outputs: read(outputs), batchAxis };
}

function specOf(
  name: string,
  { dtype: number, tensor_shape: given }: messages.TensorInfo,
  batchAxis: number | null,
): TensorSpec {
  const dtype = dtypeOfNumber(number);
  if (dtype === undefined) throw unusable(name, 'a dtype that there is here', String(number));
  if (given?.unknown_rank) throw unusable(name, 'a known number of axes', 'unknown_rank');
  const shape = (given?.dim ?? []).map(({ size }, axis) => {
    if (Number.isSafeInteger(size) && size >= 0) return size;
    return axis === batchAxis ? 'batch' : `${name}_${axis}`;
  });
  return { name, dtype, shape };
}

function noSignature(what: string, name: string, known: readonly string[]): FairleadError {
  const expected = known.map((each) => `"${each}"`).join(', ') || 'none';
  return new FairleadError(
    'NOT_FOUND',
    `${what} has no signature "${name}". It has ${expected}: choose by signatureName.`,
    {
      details: { field: 'signatureName', expected, given: name },
    },
  );
}

function unusable(name: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `Tensor "${name}" of the model: expected ${expected}, given ${given}. Give remoteGrpc() the option "signature".`,
    { details: { field: name, expected, given } },
  );
}
