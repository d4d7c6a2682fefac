import { FairleadError } from '@fairlead/core';
import {
  assignmentExtension,
  type Catalog,
  encodeConfig,
  encodeMetadata,
  isRunnerReady,
  type ModelHost,
  modelStatistics,
  type Operation,
  refuseFixed,
  refuseParameters,
} from '@fairlead/core/serving';
import { Metadata } from '@grpc/grpc-js';
import { version as packageVersion } from '../../../package.json';
import { type Answer, type Method, noModel } from '../server/exchange';
import type { Readiness } from '../server/readiness';
import type { MessageType } from '../wire/index';
import { createReadInfer, writeInferResponse } from './infer';
import * as messages from './messages';

/** The service's name. */
export const inferenceService = 'inference.GRPCInferenceService';

/**
 * Metadata of a model's metadata, beyond the protocol: its digest, the axis along which rows of callers are joined, and what else it
 * offers.
 */
export const digestKey = 'fairlead-model-digest';
export const batchAxisKey = 'fairlead-batch-axis';
export const extensionsKey = 'fairlead-extensions';

const protocol = 'open-inference';
/** What beyond the protocol is answered, as the server's metadata name it. */
const extensions = [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'statistics',
] as const;

/** The numbers of Triton's data types. */
const dataTypes: Readonly<Record<string, number>> = Object.fromEntries(
  [
    'INVALID',
    'BOOL',
    'UINT8',
    'UINT16',
    'UINT32',
    'UINT64',
    'INT8',
    'INT16',
    'INT32',
    'INT64',
    'FP16',
    'FP32',
    'FP64',
    'STRING',
  ].map((name, number) => [`TYPE_${name}`, number]),
);

/** Declares a method of the service. */
function method<T>(name: string, type: MessageType<T>, rest: Pick<Method<T>, 'asks' | 'answer'>): Method<unknown> {
  return { path: `/${inferenceService}/${name}`, type, ...rest } as Method<unknown>;
}

/** What is asked of one model, by name and version. */
function ofModel(
  name: string,
  operation: Operation,
  answer: (request: { readonly name: string; readonly version: string | undefined }) => Answer,
): Method<unknown> {
  return method(name, messages.ModelRequest, {
    asks: ({ name: model, version }) => ({ protocol, operation, model, version }),
    answer: ({ name: model, version }) => {
      if (model === '') throw noModel('name');
      return answer({ name: model, version: version === '' ? undefined : version });
    },
  });
}

function ofServer(name: string, operation: Operation, answer: () => Buffer): Method<unknown> {
  return method(name, messages.Empty, {
    asks: () => ({ protocol, operation }),
    answer: () => ({ message: answer() }),
  });
}

/** The calls of the Open Inference Protocol v2 with one message each way, and Triton's extensions of it. */
export function inferenceMethods(host: ModelHost, readiness: Readiness): readonly Method<unknown>[] {
  const { catalog, limits, repository } = host;
  const readInfer = createReadInfer(limits, writeInferResponse);
  const ready = (isReady: boolean): Buffer => messages.ReadyResponse.encode({ ready: isReady });
  const repositoryMethods = repository === undefined ? [] : methodsOfRepository(host);
  return [
    ofServer('ServerLive', 'health', () => messages.ServerLiveResponse.encode({ live: true })),
    ofServer('ServerReady', 'health', () => ready(readiness.isReady())),
    // Yes or no, for a model that nobody knows too: clients ask before they load it.
    ofModel('ModelReady', 'health', ({ name, version }) => ({
      message: ready(readiness.isOpen() && isModelReady(catalog, name, version)),
    })),
    ofServer('ServerMetadata', 'metadata', () =>
      messages.ServerMetadataResponse.encode({
        name: 'fairlead',
        version: packageVersion,
        extensions: [...extensions, ...(repository === undefined ? [] : ['model_repository'])],
      }),
    ),
    ofModel('ModelMetadata', 'metadata', ({ name, version }) => {
      const { name: served, runner, rollout } = catalog.find(name, version);
      const metadata = new Metadata();
      if (runner.model.digest !== '') metadata.set(digestKey, runner.model.digest);
      metadata.set(batchAxisKey, String(runner.signature.batchAxis));
      if (rollout !== undefined) metadata.set(extensionsKey, assignmentExtension);
      const json = JSON.parse(encodeMetadata(served, runner.model, runner.signature));
      return { message: messages.ModelMetadataResponse.encode(json), metadata };
    }),
    ofModel('ModelConfig', 'metadata', ({ name, version }) => {
      const { name: served, runner } = catalog.find(name, version);
      const json = JSON.parse(encodeConfig(served, runner.signature, limits));
      const numbered = (tensor: { readonly data_type: string }) => ({
        ...tensor,
        data_type: dataTypes[tensor.data_type],
      });
      const config = { ...json, input: json.input.map(numbered), output: json.output.map(numbered) };
      return { message: messages.ModelConfigResponse.encode({ config }) };
    }),
    method('ModelStatistics', messages.ModelRequest, {
      asks: ({ name: model, version }) => ({ protocol, operation: 'metadata', model, version }),
      answer: ({ name, version }) => {
        const of = (text: string): string | undefined => (text === '' ? undefined : text);
        const stats = modelStatistics(catalog, of(name), of(version)) as readonly messages.ModelStatistics[];
        return { message: messages.ModelStatisticsResponse.encode({ model_stats: stats }) };
      },
    }),
    method('ModelInfer', messages.ModelInferRequest, {
      asks: ({ model_name: model, model_version: version }) => ({ protocol, operation: 'infer', model, version }),
      answer: (request, { run }) => {
        if (request.model_name === '') throw noModel('model_name');
        return run((model) => readInfer(request, model));
      },
    }),
    ...repositoryMethods,
  ];
}

function isModelReady(catalog: Catalog, name: string, version: string | undefined): boolean {
  const model = catalog.all().find((each) => each.name === name);
  if (model === undefined || (version !== undefined && version !== model.runner.model.version)) return false;
  return isRunnerReady(model);
}

function methodsOfRepository({ catalog, repository }: ModelHost): readonly Method<unknown>[] {
  if (repository === undefined) return [];
  const control = (
    name: string,
    operation: 'load' | 'unload',
    known: readonly string[],
    act: (model: string) => Promise<void>,
  ): Method<unknown> =>
    method(name, messages.RepositoryModelRequest, {
      asks: ({ model_name: model }) => ({ protocol, operation, model }),
      answer: async ({ model_name: model, parameters, repository_name: from }) => {
        if (model === '') throw noModel('model_name');
        refuseOtherRepository(from);
        refuseParameters([...parameters.keys()], operation, known);
        refuseFixed(catalog, model);
        await act(model);
        return { message: Buffer.alloc(0) };
      },
    });
  return [
    method('RepositoryIndex', messages.RepositoryIndexRequest, {
      asks: () => ({ protocol, operation: 'list' }),
      answer: ({ ready, repository_name: from }) => {
        refuseOtherRepository(from);
        const entries = [...catalog.fixedEntries(), ...repository.list()];
        const shown = ready ? entries.filter(({ state }) => state === 'READY') : entries;
        return { message: messages.RepositoryIndexResponse.encode({ models: shown }) };
      },
    }),
    control('RepositoryModelLoad', 'load', [], async (model) => {
      try {
        await repository.load(model);
      } catch (error) {
        throw loadFailure(model, error);
      }
    }),
    // No model depends on another here, so none would be left behind.
    control('RepositoryModelUnload', 'unload', ['unload_dependents'], (model) => repository.unload(model)),
  ];
}

/** What the loader says is the log's; the client is told what kind of failure it was. */
function loadFailure(name: string, error: unknown): unknown {
  const code = FairleadError.isInstance(error) ? error.code : undefined;
  if (code === 'NOT_FOUND' || code === 'CONFLICT' || code === 'CLOSED') return error;
  const kind = code === undefined ? '' : ` (${code})`;
  return new FairleadError('CONFLICT', `Model "${name}" could not be loaded${kind}. The server's log says why.`, {
    cause: error,
  });
}

function refuseOtherRepository(name: string): void {
  if (name === '') return;
  throw new FairleadError(
    'INVALID_ARGUMENT',
    'Request repository_name: this server has one repository, without a name.',
    {
      details: { field: 'repository_name', expected: 'no name', given: 'one' },
    },
  );
}
