export { halfToNumber } from '../tensor/float16';
export { type AzureMlOptions, azureMl } from './azure/protocol';
export type {
  BatchFormat,
  ColumnNames,
  InputRow,
  OutputRow,
  RowDecoder,
  RowId,
  RowReading,
  RowWriter,
} from './batch/format';
export type { BatchScoringOptions } from './batch/options';
export { batchScoring } from './batch/protocol';
export { bodyTooLarge, joinSmall } from './body';
export type { CrossOriginOptions } from './cross-origin';
export type { ServiceRequest, ServiceResponse } from './exchange';
export { createFailureLog, type FailedRequest, type FailureLog } from './failure-log';
export { createHandler, type Handler } from './handler';
export type { Admission, Place } from './host/admission';
export type { Assignment, AssignmentParameters } from './host/assignment';
export type {
  Arrival,
  Call,
  CallFacts,
  CallMoments,
  CallObserver,
  CallOutcome,
  CallWatch,
  Delay,
  Guard,
  Operation,
  Peer,
  PeerCertificate,
  Principal,
} from './host/call';
export { type Catalog, isRunnerReady, type ServedModel, type ServedRunners } from './host/catalog';
export { hostOptionNames, type ModelHostOptions } from './host/host-options';
export {
  createModelHost,
  type HostLimits,
  isModelHost,
  type ModelExchange,
  type ModelHost,
  type ModelRequest,
} from './host/model-host';
export {
  createModelRepository,
  type LoadOptions,
  type ModelLoader,
  type ModelOpener,
  type ModelRepository,
  type ModelRepositoryOptions,
  type RepositoryEntry,
  type RepositoryState,
} from './host/model-repository';
export { perModel } from './host/per-model';
export { type AssignmentOf, decisionHeader, type Reward, type ServedRollout } from './host/served-rollout';
export { type ErrorBody, type PublicError, publicError } from './http-error';
export { type MlflowScoringOptions, mlflowScoring } from './mlflow/protocol';
export { type AccessLogLine, type AccessLogOptions, accessLog } from './observers/access-log';
export { instrumentCalls } from './observers/instrument-calls';
export { type BinaryReader, createBinaryReader, toBinary } from './open-inference/binary';
export { classify } from './open-inference/classification';
export { encodeConfig } from './open-inference/config';
export { type Datatype, datatypeOf, dtypeOf } from './open-inference/datatypes';
export {
  compileRequestDecoder,
  decisionParameter,
  type InferRequest,
  type RequestDecoder,
  writeAssignment,
} from './open-inference/messages';
export { assignmentExtension, decodeMetadata, encodeMetadata, type RemoteMetadata } from './open-inference/metadata';
export { modelStatistics } from './open-inference/model-routes';
export { openInference } from './open-inference/protocol';
export { refuseFixed, refuseParameters } from './open-inference/repository-routes';
export { type OpenApiOptions, openApi } from './openapi/protocol';
export type { MetricsPage, MetricsRenderer, ServiceOptions } from './options';
export type {
  BodyDescription,
  ErrorDescription,
  JsonSchema,
  Method,
  ParameterDescription,
  PathParameters,
  ProtocolContext,
  ProtocolRoutes,
  RouteDescription,
  RouteDescriptions,
  RouteEntry,
  RouteHandler,
  RouteUse,
  ServingProtocol,
} from './protocol';
export { type SageMakerOptions, sageMaker } from './sagemaker/protocol';
export { createService, type Service } from './service';
export {
  type ClassifyOutputs,
  classifyOutputs,
  compileExamplesDecoder,
  regressOutput,
} from './tensorflow/examples';
export { classifySignatures, regressSignatures } from './tensorflow/signature-names';
export { type TensorflowServingOptions, tensorflowServing } from './tensorflow/tensorflow-serving';
export type { VersionLabels } from './tensorflow/version-labels';
export { torchServe } from './torchserve/torch-serve';
export { type VertexAiOptions, vertexAi } from './vertex/protocol';
