export type { RemoteHeaders } from './credentials';
export type { Exchange, ExchangeAnswer } from './exchange';
export { type OpenInferenceClientOptions, openInferenceClient } from './open-inference-client';
export type { RemoteOptions } from './options';
export { connectRunner, type RemoteDescription, type RemoteRunner, type RemoteRunnerSettings, remote } from './remote';
export type {
  RemoteAnswer,
  RemoteCall,
  RemoteConnection,
  RemoteInfer,
  RemoteModel,
  RemoteProtocol,
  RemoteTarget,
} from './remote-protocol';
export { type TensorflowClientOptions, tensorflowClient } from './tensorflow-client';
export { type TorchServeClientOptions, torchServeClient } from './torchserve-client';
