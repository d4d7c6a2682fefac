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
 * What `protos/tensorflow.proto` and `protos/tensorflow_serving.proto` declare, as types that read and write; a test holds the two
 * equal.
 */

const string = (id: number) => scalar('string', id);
const int64 = (id: number) => scalar('int64', id);
const dataType = (id: number) => enumeration('tensorflow.DataType', id);
/** Rows of examples that a request may have. */
const maxExamples = 65_536;

const Dim = message('tensorflow.TensorShapeProto.Dim', { size: int64(1), name: string(2) });
const TensorShapeProto = message('tensorflow.TensorShapeProto', {
  dim: many(Dim, 2, 64),
  unknown_rank: scalar('bool', 3),
});
export const TensorProto = message('tensorflow.TensorProto', {
  dtype: dataType(1),
  tensor_shape: one(TensorShapeProto, 2),
  tensor_content: scalar('bytes', 4),
  float_val: numbers('float', 5),
  double_val: numbers('double', 6),
  int_val: numbers('int32', 7),
  string_val: repeated('bytes', 8),
  int64_val: numbers('int64', 10),
  bool_val: numbers('bool', 11),
  half_val: numbers('int32', 13),
  uint32_val: numbers('uint32', 16),
  uint64_val: numbers('uint64', 17),
});
export type TensorProto = MessageOf<typeof TensorProto>;

const TensorInfo = message('tensorflow.TensorInfo', {
  name: optional('string', 1),
  dtype: dataType(2),
  tensor_shape: one(TensorShapeProto, 3),
});
export type TensorInfo = MessageOf<typeof TensorInfo>;
const SignatureDef = message('tensorflow.SignatureDef', {
  inputs: mapOf(TensorInfo, 1),
  outputs: mapOf(TensorInfo, 2),
  method_name: string(3),
});

const BytesList = message('tensorflow.BytesList', { value: repeated('bytes', 1) });
const FloatList = message('tensorflow.FloatList', { value: numbers('float', 1) });
const Int64List = message('tensorflow.Int64List', { value: numbers('int64', 1) });
const Feature = message('tensorflow.Feature', {
  bytes_list: one(BytesList, 1),
  float_list: one(FloatList, 2),
  int64_list: one(Int64List, 3),
});
export type Feature = MessageOf<typeof Feature>;
const Features = message('tensorflow.Features', { feature: mapOf(Feature, 1) });
const Example = message('tensorflow.Example', { features: one(Features, 1) });
export type Example = MessageOf<typeof Example>;

const Int64Value = message('google.protobuf.Int64Value', { value: int64(1) });
const ModelSpec = message('tensorflow.serving.ModelSpec', {
  name: string(1),
  version: one(Int64Value, 2),
  signature_name: string(3),
  version_label: optional('string', 4),
});
export type ModelSpec = MessageOf<typeof ModelSpec>;

export const PredictRequest = message('tensorflow.serving.PredictRequest', {
  model_spec: one(ModelSpec, 1),
  inputs: mapOf(TensorProto, 2),
  output_filter: repeated('string', 3),
});
export const PredictResponse = message('tensorflow.serving.PredictResponse', {
  outputs: mapOf(TensorProto, 1),
  model_spec: one(ModelSpec, 2),
});

export const SignatureDefMap = message('tensorflow.serving.SignatureDefMap', { signature_def: mapOf(SignatureDef, 1) });
export const GetModelMetadataRequest = message('tensorflow.serving.GetModelMetadataRequest', {
  model_spec: one(ModelSpec, 1),
  metadata_field: repeated('string', 2),
});
const Any = message('google.protobuf.Any', { type_url: string(1), value: scalar('bytes', 2) });
export const GetModelMetadataResponse = message('tensorflow.serving.GetModelMetadataResponse', {
  model_spec: one(ModelSpec, 1),
  metadata: mapOf(Any, 2),
});

const ExampleList = message('tensorflow.serving.ExampleList', { examples: many(Example, 1, maxExamples) });
const ExampleListWithContext = message('tensorflow.serving.ExampleListWithContext', {
  examples: many(Example, 1, maxExamples),
  context: one(Example, 2),
});
const Input = message('tensorflow.serving.Input', {
  example_list: one(ExampleList, 1),
  example_list_with_context: one(ExampleListWithContext, 2),
});
export type Input = MessageOf<typeof Input>;
const requestFields = { model_spec: one(ModelSpec, 1), input: one(Input, 2) };

const Class = message('tensorflow.serving.Class', { label: string(1), score: scalar('float', 2) });
const Classifications = message('tensorflow.serving.Classifications', { classes: many(Class, 1, maxExamples) });
const ClassificationResult = message('tensorflow.serving.ClassificationResult', {
  classifications: many(Classifications, 1, maxExamples),
});
export const ClassificationRequest = message('tensorflow.serving.ClassificationRequest', requestFields);
export const ClassificationResponse = message('tensorflow.serving.ClassificationResponse', {
  result: one(ClassificationResult, 1),
  model_spec: one(ModelSpec, 2),
});
const Regression = message('tensorflow.serving.Regression', { value: scalar('float', 1) });
const RegressionResult = message('tensorflow.serving.RegressionResult', {
  regressions: many(Regression, 1, maxExamples),
});
export const RegressionRequest = message('tensorflow.serving.RegressionRequest', requestFields);
export const RegressionResponse = message('tensorflow.serving.RegressionResponse', {
  result: one(RegressionResult, 1),
  model_spec: one(ModelSpec, 2),
});

const StatusProto = message('tensorflow.serving.StatusProto', {
  error_code: scalar('int32', 1),
  error_message: string(2),
});
export const GetModelStatusRequest = message('tensorflow.serving.GetModelStatusRequest', {
  model_spec: one(ModelSpec, 1),
});
const ModelVersionStatus = message('tensorflow.serving.ModelVersionStatus', {
  version: int64(1),
  state: enumeration('tensorflow.serving.ModelVersionStatus.State', 2),
  status: one(StatusProto, 3),
});
export const GetModelStatusResponse = message('tensorflow.serving.GetModelStatusResponse', {
  model_version_status: many(ModelVersionStatus, 1),
});
