import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { type Closeable, closeable, FairleadError, messageOf } from '@fairlead/core';
import { createModelHost, isModelHost, type ModelHost, type ServedRunners } from '@fairlead/core/serving';
import { Server } from '@grpc/grpc-js';
import type { CloseOptions } from '../../server/close-options';
import { limitConnections } from '../../server/limit-connections';
import { onEndSignal } from '../../server/signals';
import { createAnswers } from './answers';
import { createArrivals } from './arrivals';
import { createCalls } from './calls';
import { drain } from './drain';
import { createAnswerer } from './exchange';
import { parseServeGrpcOptions, type ServeGrpcOptions, type ServeGrpcSettings } from './options';
import { createReadiness } from './readiness';
import { addServices } from './services';
import { credentialsOf } from './tls';

/** A gRPC server that listens. */
export interface GrpcServer extends Closeable {
  /** Where a client on this machine reaches it, as gRPC clients take it: `127.0.0.1:8001`. */
  readonly address: string;
  readonly port: number;
  /**
   * Drains: readiness goes first (`ServerReady` and the health checks say no) while calls are still taken for `drainDelayMs`; then
   * clients are sent elsewhere, what was accepted is answered within `drainTimeoutMs`, and what is not done by then is
   * ended with UNAVAILABLE and told to the logger. The runners stay open: they belong to whoever made them.
   * @param options counts at the first call
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Serves runners over gRPC on Node: the Open Inference Protocol v2 with Triton's extensions, TensorFlow Serving's prediction and model
 * services, and gRPC's health checking, on one port. Limits, deadlines, guard, statistics and errors are those of the HTTP server; both
 * may share a host by `createModelHost`.
 *
 * A failure is a status: INVALID_ARGUMENT for what the caller sent, NOT_FOUND, UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED,
 * RESOURCE_EXHAUSTED with the time to wait when the server or a runner is full, UNAVAILABLE when it cannot answer at all,
 * DEADLINE_EXCEEDED, and INTERNAL, whose cause goes to the logger and never to the client.
 *
 * @param runners one runner, served under its model's name, runners by the names that they are served under, or a host
 * @throws FairleadError `INVALID_OPTION`, also for a port or host that cannot be listened on
 */
export async function serveGrpc(runners: ServedRunners | ModelHost, options?: ServeGrpcOptions): Promise<GrpcServer> {
  const hasHost = isModelHost(runners);
  const settings = parseServeGrpcOptions(options, hasHost);
  const host = hasHost ? runners : createModelHost(runners, settings.hostOptions, 'serveGrpc');
  const readiness = createReadiness(settings.isReady, () => host.catalog.isReady());
  const answers = createAnswers(host, settings.answerTimeoutMs);
  const arrivals = createArrivals(host, answers, settings.requestTimeoutMs);
  const calls = createCalls(createAnswerer(host, arrivals), settings.maxStreamRequests);
  const server = new Server({
    'grpc.max_receive_message_length': host.limits.maxBodyBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': settings.maxConcurrentStreams,
    'grpc.max_connection_idle_ms': settings.idleTimeoutMs,
    'grpc.keepalive_time_ms': settings.keepAliveIntervalMs,
    'grpc.enable_channelz': 0,
    interceptors: [arrivals.interceptor],
  } as ConstructorParameters<typeof Server>[0]);
  addServices(server, calls, host, readiness, settings.protocols);

  const injector = server.createConnectionInjector(credentialsOf(settings.tls));
  const listener = createServer();
  const sockets = new Set<Socket>();
  if (settings.maxConnections !== undefined) limitConnections(listener, settings.maxConnections);
  listener.on('connection', (socket) => {
    if (socket.destroyed) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Errors of a connection end it; whoever waits for an answer hears of it.
    socket.on('error', () => {});
    socket.setNoDelay(true);
    injector.injectConnection(socket);
  });
  const port = await listen(listener, settings);

  let stopListening: (() => void) | undefined;
  let handsOver: boolean | undefined;
  const { close: leave, ...disposal } = closeable(async () => {
    await drain({ server, listener, sockets, calls, readiness, host }, settings, handsOver === true);
    answers.close();
    stopListening?.();
  });
  const close = (choice: CloseOptions = {}): Promise<void> => {
    handsOver ??= choice.handsOver === true;
    return leave();
  };
  if (settings.handleSignals) stopListening = onEndSignal(close);
  return { address: `${hostOfAddress(settings.address)}:${port}`, port, close, ...disposal };
}

function listen(server: NetServer, { port, address }: ServeGrpcSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const field = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'port' : 'host';
      const advice =
        field === 'port'
          ? 'Stop what listens there, or take port 0 for a free one.'
          : 'Give an address of this machine.';
      const message = `serveGrpc: cannot listen on ${address}:${port}: ${messageOf(cause)}. ${advice}`;
      reject(new FairleadError('INVALID_OPTION', message, { cause, details: { field, given: `${address}:${port}` } }));
    });
    server.listen(port, address, () => resolve((server.address() as AddressInfo).port));
  });
}

function hostOfAddress(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
