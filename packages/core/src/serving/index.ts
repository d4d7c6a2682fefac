export { type AzureMlOptions, azureMl } from './azure/protocol';
export { bodyTooLarge } from './body';
export type { CrossOriginOptions } from './cross-origin';
export type { ServiceRequest, ServiceResponse } from './exchange';
export { createHandler, type Handler } from './handler';
export type { Admission, Place } from './host/admission';
export type {
  Arrival,
  Call,
  CallFacts,
  CallMoments,
  CallObserver,
  CallOutcome,
  CallWatch,
  Guard,
  Operation,
  Peer,
  PeerCertificate,
  Principal,
} from './host/call';
export type { Catalog, ServedModel, ServedRunners } from './host/catalog';
export type { ModelHostOptions } from './host/host-options';
export {
  createModelHost,
  type HostLimits,
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
export { type MlflowScoringOptions, mlflowScoring } from './mlflow/protocol';
export { type AccessLogLine, type AccessLogOptions, accessLog } from './observers/access-log';
export { instrumentCalls } from './observers/instrument-calls';
export { openInference } from './open-inference/protocol';
export type { MetricsPage, MetricsRenderer, ServiceOptions } from './options';
export type {
  Method,
  PathParameters,
  ProtocolContext,
  ProtocolRoutes,
  RouteHandler,
  RouteUse,
  ServingProtocol,
} from './protocol';
export { type SageMakerOptions, sageMaker } from './sagemaker/protocol';
export { createService, type Service } from './service';
export { type TensorflowServingOptions, tensorflowServing } from './tensorflow/tensorflow-serving';
export type { VersionLabels } from './tensorflow/version-labels';
export { torchServe } from './torchserve/torch-serve';
export { type VertexAiOptions, vertexAi } from './vertex/protocol';
