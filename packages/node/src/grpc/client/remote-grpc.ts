import type { AnySignature } from '@fairlead/core';
import { connectRunner, type RemoteRunner } from '@fairlead/core/remote';
import { openChannels } from './channels';
import { inferenceConnection } from './inference-connection';
import { parseRemoteGrpcOptions, type RemoteGrpcOptions } from './options';
import { tensorflowConnection } from './tensorflow-connection';

/**
 * Connects to a model on a gRPC server, of the Open Inference Protocol v2 (Fairlead's own, Triton, KServe, MLServer) or of TensorFlow
 * Serving's: the runner that comes back is what `remote()` of `@fairlead/core/remote` answers, with the same checks at the door, events,
 * health, limits and errors. Tensors travel as they lie in memory, strings as UTF-8.
 *
 * What is left of a request's time travels as gRPC's deadline; an abort cancels the call. A call that the server refused before it began, as
 * one does that closes, is sent once more, on a new connection where there has to be one; nothing that may have begun is: `withRetry` does
 * that. A request with `privacy: 'local-only'` is refused before anything is sent. No error holds a value of `headers`.
 *
 * @throws FairleadError `INVALID_OPTION`; `NOT_FOUND` when the server has no such model, version or signature; `REMOTE_FAILED`,
 * `PROTOCOL_ERROR`, `DEADLINE_EXCEEDED`, `ABORTED`. Its `run` rejects with `INVALID_INPUT`, `OVERLOADED` (with
 * `retryAfterMs`), `DEADLINE_EXCEEDED`, `ABORTED`, `CLOSED`, `LIMIT_EXCEEDED`, `NOT_FOUND`, `PROTOCOL_ERROR`, `UNSUPPORTED`,
 * `UNAUTHENTICATED`, `FORBIDDEN` or `REMOTE_FAILED`
 */
export async function remoteGrpc<S extends AnySignature = AnySignature>(
  options: RemoteGrpcOptions,
): Promise<RemoteRunner<S>> {
  const settings = parseRemoteGrpcOptions(options);
  const what = `The server of model "${settings.model}"`;
  const channels = openChannels(settings, what);
  const connect = settings.protocol === 'tensorflow' ? tensorflowConnection : inferenceConnection;
  try {
    return (await connectRunner(connect(channels, settings, what), settings)) as unknown as RemoteRunner<S>;
  } catch (error) {
    channels.close();
    throw error;
  }
}
