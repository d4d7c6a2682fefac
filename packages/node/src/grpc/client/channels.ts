import { abortedError, FairleadError, messageOf, throwIfAborted } from '@fairlead/core';
import { headersOf, type RemoteCall } from '@fairlead/core/remote';
import { ChannelCredentials, Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { MessageType } from '../wire/index';
import { errorOfStatus } from './grpc-error';
import type { RemoteGrpcSettings } from './options';

/** An answer with the metadata that went before it. */
export interface Answered<T> {
  readonly message: T;
  readonly metadata: Metadata;
}

/** Connections to one server. */
export interface Channels {
  /**
   * Sends a message, which is written already, and reads the answer.
   * @throws FairleadError `ABORTED`, `DEADLINE_EXCEEDED`, `REMOTE_FAILED`, `PROTOCOL_ERROR`, and what a status stands for
   */
  ask<T>(path: string, request: Buffer, type: MessageType<T>, call: RemoteCall): Promise<Answered<T>>;
  close(): void;
}

interface Channel {
  readonly client: Client;
  underWay: number;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** @param what how messages name the server */
export function openChannels(settings: RemoteGrpcSettings, what: string): Channels {
  const { address, clock, maxResponseBytes } = settings;
  const credentials = credentialsOf(settings);
  const { serverName } = settings.tls;
  const channels = Array.from(
    { length: settings.connections },
    (): Channel => ({
      client: new Client(address, credentials, {
        'grpc.max_receive_message_length': maxResponseBytes,
        'grpc.max_send_message_length': -1,
        // What a server refused as not begun, since it closes (RFC 9113, section 6.8) or has no stream to spare (8.7), is sent once more;
        // nothing else is, whatever a service config says. The request is kept until its answer comes either way, so its size is no bound.
        'grpc.service_config_disable_resolution': 1,
        'grpc.per_rpc_retry_buffer_size': Number.MAX_SAFE_INTEGER,
        'grpc.retry_buffer_size': Number.MAX_SAFE_INTEGER,
        // Else all clients of one address share a connection.
        'grpc.use_local_subchannel_pool': 1,
        ...(serverName !== undefined && { 'grpc.ssl_target_name_override': serverName }),
      }),
      underWay: 0,
    }),
  );
  const freest = (): Channel => channels.reduce((best, each) => (each.underWay < best.underWay ? each : best));

  const send = (
    path: string,
    request: Buffer,
    metadata: Metadata,
    { deadline, signal }: RemoteCall,
  ): Promise<Answered<Buffer>> => {
    const channel = freest();
    channel.underWay++;
    return new Promise<Answered<Buffer>>((resolve, reject) => {
      let before = new Metadata();
      const at = new Date(Date.now() + Math.max(0, deadline - clock.now()));
      const call = channel.client.makeUnaryRequest(
        path,
        asIs,
        asIs,
        request,
        metadata,
        { deadline: at },
        (error, answer) => {
          signal?.removeEventListener('abort', cancel);
          if (error !== null) reject(error);
          else resolve({ message: answer ?? Buffer.alloc(0), metadata: before });
        },
      );
      call.on('metadata', (found) => {
        before = found;
      });
      const cancel = (): void => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    }).finally(() => {
      channel.underWay--;
    });
  };

  return {
    async ask(path, request, type, call) {
      throwIfAborted(call.signal, `The request to ${what}`);
      const headers = typeof settings.headers === 'function' ? await headersOf(settings.headers) : settings.headers;
      throwIfAborted(call.signal, `The request to ${what}`);
      try {
        const { message, metadata } = await send(path, request, metadataOf(headers), call);
        return { message: type.decode(message, maxResponseBytes), metadata };
      } catch (error) {
        // Whatever a server answers to a request that was given up, the caller gets the reason for which it was.
        if (call.signal?.aborted) throw abortedError(call.signal, `The request to ${what}`);
        if (FairleadError.isInstance(error, 'PROTOCOL_ERROR')) {
          throw new FairleadError('PROTOCOL_ERROR', `${what} answered something unreadable. ${error.message}`, {
            cause: error,
          });
        }
        if (FairleadError.isInstance(error)) throw error;
        throw errorOfStatus(what, error as ServiceError, headers);
      }
    },
    close() {
      for (const { client } of channels) client.close();
    },
  };
}

function credentialsOf({ isEncrypted, tls }: RemoteGrpcSettings): ChannelCredentials {
  if (!isEncrypted) return ChannelCredentials.createInsecure();
  const bytes = (pem: string | Uint8Array | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  try {
    return ChannelCredentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.cert));
  } catch (cause) {
    throw new FairleadError('INVALID_OPTION', `remoteGrpc: option "tls" is wrong: ${messageOf(cause)}.`, {
      details: { field: 'tls', expected: 'certificates and a key, in PEM' },
    });
  }
}

/** gRPC allows less than HTTP: what it refuses is named without its value. */
function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    try {
      if (name.toLowerCase().endsWith('-bin')) metadata.set(name, Buffer.from(value, 'base64'));
      else metadata.set(name, value);
    } catch {
      const expected = 'metadata that gRPC allows: printable ASCII';
      throw new FairleadError(
        'INVALID_OPTION',
        `remoteGrpc: option "headers.${name}" is wrong: expected ${expected}.`,
        {
          details: { field: `headers.${name}`, expected },
        },
      );
    }
  }
  return metadata;
}
