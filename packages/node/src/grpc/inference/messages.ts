import {
  enumeration,
  type MessageOf,
  many,
  mapOf,
  message,
  numbers,
  one,
  optional,
  repeated,
  scalar,
} from '../wire/index';

/*
 * What `protos/inference.proto` declares, as types that read and write; a test holds the two equal. In the order of that file.
 */

const string = (id: number) => scalar('string', id);
const bool = (id: number) => scalar('bool', id);
const uint64 = (id: number) => scalar('uint64', id);
const int64s = (id: number) => repeated('int64', id);

export const Empty = message('inference.ServerLiveRequest', {});
export const ServerLiveResponse = message('inference.ServerLiveResponse', { live: bool(1) });
export const ReadyResponse = message('inference.ServerReadyResponse', { ready: bool(1) });
/** What is asked of one model; four requests of the protocol look so. */
export const ModelRequest = message('inference.ModelReadyRequest', { name: string(1), version: string(2) });
export const ServerMetadataResponse = message('inference.ServerMetadataResponse', {
  name: string(1),
  version: string(2),
  extensions: repeated('string', 3),
});

const TensorMetadata = message('inference.ModelMetadataResponse.TensorMetadata', {
  name: string(1),
  datatype: string(2),
  shape: int64s(3),
});
export const ModelMetadataResponse = message('inference.ModelMetadataResponse', {
  name: string(1),
  versions: repeated('string', 2),
  platform: string(3),
  inputs: many(TensorMetadata, 4),
  outputs: many(TensorMetadata, 5),
});

export const InferParameter = message('inference.InferParameter', {
  bool_param: optional('bool', 1),
  int64_param: optional('int64', 2),
  string_param: optional('string', 3),
  double_param: optional('double', 4),
  uint64_param: optional('uint64', 5),
});
export type InferParameter = MessageOf<typeof InferParameter>;

export const InferTensorContents = message('inference.InferTensorContents', {
  bool_contents: numbers('bool', 1),
  int_contents: numbers('int32', 2),
  int64_contents: numbers('int64', 3),
  uint_contents: numbers('uint32', 4),
  uint64_contents: numbers('uint64', 5),
  fp32_contents: numbers('float', 6),
  fp64_contents: numbers('double', 7),
  bytes_contents: repeated('bytes', 8),
});
export type InferTensorContents = MessageOf<typeof InferTensorContents>;

const tensorFields = {
  name: string(1),
  datatype: string(2),
  shape: int64s(3),
  parameters: mapOf(InferParameter, 4),
  contents: one(InferTensorContents, 5),
};
const InferInputTensor = message('inference.ModelInferRequest.InferInputTensor', tensorFields);
const InferRequestedOutputTensor = message('inference.ModelInferRequest.InferRequestedOutputTensor', {
  name: string(1),
  parameters: mapOf(InferParameter, 2),
});
export const ModelInferRequest = message('inference.ModelInferRequest', {
  model_name: string(1),
  model_version: string(2),
  id: string(3),
  parameters: mapOf(InferParameter, 4),
  inputs: many(InferInputTensor, 5),
  outputs: many(InferRequestedOutputTensor, 6),
  raw_input_contents: repeated('bytes', 7),
});
export type ModelInferRequest = MessageOf<typeof ModelInferRequest>;

const InferOutputTensor = message('inference.ModelInferResponse.InferOutputTensor', tensorFields);
export type InferTensor = MessageOf<typeof InferOutputTensor>;
export const ModelInferResponse = message('inference.ModelInferResponse', {
  model_name: string(1),
  model_version: string(2),
  id: string(3),
  parameters: mapOf(InferParameter, 4),
  outputs: many(InferOutputTensor, 5),
  raw_output_contents: repeated('bytes', 6),
});
export const ModelStreamInferResponse = message('inference.ModelStreamInferResponse', {
  error_message: string(1),
  infer_response: one(ModelInferResponse, 2),
});

const dataType = (id: number) => enumeration('inference.DataType', id);
const ModelInput = message('inference.ModelInput', { name: string(1), data_type: dataType(2), dims: int64s(4) });
const ModelOutput = message('inference.ModelOutput', { name: string(1), data_type: dataType(2), dims: int64s(3) });
const Latest = message('inference.ModelVersionPolicy.Latest', { num_versions: scalar('uint32', 1) });
const ModelVersionPolicy = message('inference.ModelVersionPolicy', { latest: one(Latest, 1) });
const ModelDynamicBatching = message('inference.ModelDynamicBatching', {});
const ModelConfig = message('inference.ModelConfig', {
  name: string(1),
  platform: string(2),
  version_policy: one(ModelVersionPolicy, 3),
  max_batch_size: scalar('int32', 4),
  input: many(ModelInput, 5),
  output: many(ModelOutput, 6),
  dynamic_batching: one(ModelDynamicBatching, 11),
  backend: string(17),
});
export const ModelConfigResponse = message('inference.ModelConfigResponse', { config: one(ModelConfig, 1) });

const StatisticDuration = message('inference.StatisticDuration', { count: uint64(1), ns: uint64(2) });
const duration = (id: number) => one(StatisticDuration, id);
const InferStatistics = message('inference.InferStatistics', {
  success: duration(1),
  fail: duration(2),
  queue: duration(3),
  compute_input: duration(4),
  compute_infer: duration(5),
  compute_output: duration(6),
  cache_hit: duration(7),
  cache_miss: duration(8),
});
const InferBatchStatistics = message('inference.InferBatchStatistics', {
  batch_size: uint64(1),
  compute_input: duration(2),
  compute_infer: duration(3),
  compute_output: duration(4),
});
const ModelStatistics = message('inference.ModelStatistics', {
  name: string(1),
  version: string(2),
  last_inference: uint64(3),
  inference_count: uint64(4),
  execution_count: uint64(5),
  inference_stats: one(InferStatistics, 6),
  batch_stats: many(InferBatchStatistics, 7),
});
export type ModelStatistics = MessageOf<typeof ModelStatistics>;
export const ModelStatisticsResponse = message('inference.ModelStatisticsResponse', {
  model_stats: many(ModelStatistics, 1, 65_536),
});

const ModelRepositoryParameter = message('inference.ModelRepositoryParameter', {
  bool_param: optional('bool', 1),
  int64_param: optional('int64', 2),
  string_param: optional('string', 3),
  bytes_param: optional('bytes', 4),
});
export const RepositoryIndexRequest = message('inference.RepositoryIndexRequest', {
  repository_name: string(1),
  ready: bool(2),
});
const ModelIndex = message('inference.RepositoryIndexResponse.ModelIndex', {
  name: string(1),
  version: string(2),
  state: string(3),
  reason: string(4),
});
export const RepositoryIndexResponse = message('inference.RepositoryIndexResponse', {
  models: many(ModelIndex, 1, 65_536),
});
/** Loading and unloading are asked for alike. */
export const RepositoryModelRequest = message('inference.RepositoryModelLoadRequest', {
  repository_name: string(1),
  model_name: string(2),
  parameters: mapOf(ModelRepositoryParameter, 3),
});
