export { checkHeaders, headersOf, type RemoteHeaders, withoutCredentials } from './credentials';
export type { Exchange, ExchangeAnswer } from './exchange';
export { type MlflowClientOptions, mlflowClient } from './mlflow-client';
export { type OpenInferenceClientOptions, openInferenceClient } from './open-inference-client';
export type { RemoteOptions } from './options';
export {
  type AzureClientOptions,
  azureClient,
  type SageMakerClientOptions,
  type ScoringRoutes,
  sageMakerClient,
  vertexClient,
} from './platform-clients';
export {
  connectRunner,
  type RemoteDescription,
  type RemoteResult,
  type RemoteRewardOptions,
  type RemoteRunner,
  type RemoteRunnerSettings,
  remote,
} from './remote';
export type { ErrorAnswer } from './remote-error';
export type {
  RemoteAnswer,
  RemoteCall,
  RemoteConnection,
  RemoteInfer,
  RemoteModel,
  RemoteProtocol,
  RemoteReward,
  RemoteTarget,
} from './remote-protocol';
export type { SignableRequest } from './scoring-connection';
export { type TensorflowClientOptions, tensorflowClient } from './tensorflow-client';
export { type TorchServeClientOptions, torchServeClient } from './torchserve-client';
