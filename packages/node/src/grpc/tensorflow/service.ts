import { FairleadError, type TensorSpec } from '@fairlead/core';
import type { ModelHost, Operation, RepositoryEntry } from '@fairlead/core/serving';
import { type Answer, type Exchange, type Method, noModel } from '../server/exchange';
import type { Readiness } from '../server/readiness';
import type { MessageType } from '../wire/index';
import { createReadClassify, createReadRegress } from './examples';
import * as messages from './messages';
import { askedOf, defaultSignature, specOf } from './model-spec';
import { readPredict } from './predict';
import { infoOf } from './tensor-proto';

const predictionService = 'tensorflow.serving.PredictionService';
const modelService = 'tensorflow.serving.ModelService';

/** Names of the services. */
export const tensorflowServices: readonly string[] = [predictionService, modelService];

/** Numbers of a version's states. */
const states = { READY: 30, LOADING: 20, UNLOADING: 40, UNAVAILABLE: 50 } as const;
/** TensorFlow's numbers of errors are those of gRPC. */
const unavailable = 14;

interface OfModel {
  readonly model_spec: messages.ModelSpec | undefined;
}

/** Declares a method whose requests name their model by a `model_spec`. */
function method<T extends OfModel>(
  path: string,
  operation: Operation,
  type: MessageType<T>,
  answer: (request: T, exchange: Exchange) => Answer | Promise<Answer>,
): Method<unknown> {
  const declared: Method<T> = {
    path: `/${path}`,
    type,
    asks: ({ model_spec }) => ({ protocol: 'tensorflow-serving', operation, ...askedOf(model_spec) }),
    answer(request, exchange) {
      if (exchange.call.model === undefined) throw noModel('model_spec.name');
      return answer(request, exchange);
    },
  };
  return declared as Method<unknown>;
}

/** TensorFlow Serving's prediction service, and the status of its model service. */
export function tensorflowMethods(host: ModelHost, readiness: Readiness): readonly Method<unknown>[] {
  const { catalog, limits } = host;
  const readClassify = createReadClassify(limits);
  const readRegress = createReadRegress(limits);
  return [
    method(`${predictionService}/Predict`, 'infer', messages.PredictRequest, (request, { run }) =>
      run((model) => readPredict(request, model, limits)),
    ),
    method(`${predictionService}/Classify`, 'infer', messages.ClassificationRequest, (request, { run }) =>
      run((model) => readClassify(request, model)),
    ),
    method(`${predictionService}/Regress`, 'infer', messages.RegressionRequest, (request, { run }) =>
      run((model) => readRegress(request, model)),
    ),
    method(
      `${predictionService}/GetModelMetadata`,
      'metadata',
      messages.GetModelMetadataRequest,
      (request, { call }) => {
        checkMetadataFields(request.metadata_field);
        const { name, runner } = catalog.find(call.model as string, call.version);
        const infos = (specs: readonly TensorSpec[]) =>
          new Map(specs.map((spec) => [spec.name, infoOf(spec.name, spec.dtype, spec.shape)]));
        const { inputs, outputs } = runner.signature;
        const definition = {
          inputs: infos(inputs),
          outputs: infos(outputs),
          method_name: 'tensorflow/serving/predict',
        };
        const value = messages.SignatureDefMap.encode({ signature_def: new Map([[defaultSignature, definition]]) });
        const map = { type_url: 'type.googleapis.com/tensorflow.serving.SignatureDefMap', value };
        return {
          message: messages.GetModelMetadataResponse.encode({
            model_spec: specOf(name, runner.model.version),
            metadata: new Map([['signature_def', map]]),
          }),
        };
      },
    ),
    method(`${modelService}/GetModelStatus`, 'health', messages.GetModelStatusRequest, (_request, { call }) => {
      const entries = [...catalog.fixedEntries(), ...(host.repository?.list() ?? [])];
      const entry = entries.find(({ name }) => name === call.model);
      // Tells which there are, where there is none of that name or version.
      if (entry?.version === undefined || call.version !== undefined) catalog.find(call.model as string, call.version);
      return { message: statusOf(entry as RepositoryEntry, readiness.isOpen()) };
    }),
  ];
}

function statusOf({ version = '', state, reason }: RepositoryEntry, isOpen: boolean): Buffer {
  const isReady = state === 'READY' && isOpen;
  const status = isReady ? {} : { error_code: unavailable, error_message: reason };
  const number = /^\d{1,15}$/.test(version) ? Number(version) : 0;
  return messages.GetModelStatusResponse.encode({
    model_version_status: [{ version: number, state: isOpen ? states[state] : states.UNLOADING, status }],
  });
}

function checkMetadataFields(fields: readonly string[]): void {
  if (fields.length > 0 && fields.every((field) => field === 'signature_def')) return;
  const expected = 'signature_def, which alone there is';
  throw new FairleadError('INVALID_ARGUMENT', `Request metadata_field: expected ${expected}.`, {
    details: { field: 'metadata_field', expected },
  });
}
