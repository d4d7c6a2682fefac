import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createSecureServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { type Clock, type Closeable, closeable, FairleadError, messageOf } from '@fairlead/core';
import { createService, type ModelHost, type ServedRunners } from '@fairlead/core/serving';
import type { CloseOptions } from './close-options';
import { limitConnections } from './limit-connections';
import { createListener, type Listener } from './listener';
import { parseServeOptions, type ServeOptions, type ServeSettings } from './options';
import { applyPlatform, tellPlatform } from './platform-options';
import { ServedRequest } from './served-request';
import { onEndSignal } from './signals';

/** A server that listens. */
export interface Server extends Closeable {
  /** Where a client on this machine reaches it, without a slash at the end: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /**
   * Drains: readiness goes first (`/v2/health/ready` answers 503) while requests are still taken for `drainDelayMs`; then
   * nothing more is accepted, what was accepted is answered within `drainTimeoutMs`, and what is not done by then is
   * aborted with 503 and told to the logger. The runners stay open: they belong to whoever made them.
   * @param options counts at the first call
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Serves runners over HTTP on Node. Routes, limits, errors and deadlines are those of `createHandler` in
 * `@fairlead/core/serving`. In a container of SageMaker, Vertex AI or Azure ML it serves as the platform asks, see option
 * `platform`.
 *
 * @param served one runner, served under its model's name, runners by the names that they are served under, or a host of models
 * @throws FairleadError `INVALID_OPTION`, also for a port or host that cannot be listened on
 */
export async function serve(served: ServedRunners | ModelHost, options?: ServeOptions): Promise<Server> {
  const given = parseServeOptions(options);
  const hasRepository = (options?.repository ?? (served as Partial<ModelHost> | undefined)?.repository) !== undefined;
  const { options: chosen, platform } = applyPlatform(options ?? {}, process.env, hasRepository, given.logger);
  const settings = platform === undefined ? given : parseServeOptions(chosen);
  let isDraining = false;
  const isUserReady = options?.isReady ?? (() => true);
  const service = createService(served, { ...settings.service, isReady: () => !isDraining && isUserReady() }, 'serve');
  const listener = createListener(service, settings);
  const server = openServer(listener, settings);
  const sockets = socketsOf(server);
  const port = await listen(server, settings);
  if (platform !== undefined) tellPlatform(platform, settings.host, port, settings.logger);
  const stopFollowing = 'setSecureContext' in server ? settings.tls?.follow(server) : undefined;

  let stopListening: (() => void) | undefined;
  let handsOver: boolean | undefined;
  const { close: leave, ...disposal } = closeable(async () => {
    isDraining = handsOver !== true;
    stopFollowing?.();
    await drain(server, listener, settings, sockets, isDraining);
    stopListening?.();
  });
  const close = (choice: CloseOptions = {}): Promise<void> => {
    handsOver ??= choice.handsOver === true;
    return leave();
  };
  if (settings.handleSignals) stopListening = onEndSignal(close);
  const scheme = settings.tls === undefined ? 'http' : 'https';
  return { url: `${scheme}://${hostOfUrl(settings.host)}:${port}`, port, close, ...disposal };
}

function openServer(listener: Listener, settings: ServeSettings): HttpServer | HttpsServer {
  const { requestTimeoutMs, headersTimeoutMs, keepAliveTimeoutMs, maxHeaderBytes, maxConnections, tls } = settings;
  const limits = {
    IncomingMessage: ServedRequest,
    requestTimeout: requestTimeoutMs,
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
    // How often Node looks for clients that are too slow.
    connectionsCheckingInterval: Math.min(30_000, Math.max(50, Math.ceil(headersTimeoutMs / 4))),
  };
  const server =
    tls === undefined
      ? createServer(limits, listener)
      : createSecureServer({ ...limits, ...tls.server, handshakeTimeout: headersTimeoutMs }, listener);
  if (maxConnections !== undefined) limitConnections(server, maxConnections);
  server.on('checkContinue', listener.expectingContinue);
  server.on('clientError', listener.clientError);
  return server;
}

/**
 * Connections that the system opens for a server which has no time to take them. Of more than Node's 511 at once, as after a restart, the
 * rest would wait for a whole second before the next try. The system's own limit, `somaxconn`, cuts it down where it is smaller.
 */
const backlog = 4096;

function listen(server: HttpServer | HttpsServer, { port, host }: ServeSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const { field, advice } = adviceFor((cause as NodeJS.ErrnoException).code);
      const message = `serve: cannot listen on ${host}:${port}: ${messageOf(cause)}. ${advice}`;
      reject(new FairleadError('INVALID_OPTION', message, { cause, details: { field, given: `${host}:${port}` } }));
    });
    server.listen({ port, host, backlog }, () => resolve((server.address() as AddressInfo).port));
  });
}

function adviceFor(code: string | undefined): { readonly field: 'port' | 'host'; readonly advice: string } {
  if (code === 'EADDRINUSE')
    return { field: 'port', advice: 'Stop what listens there, or take port 0 for a free one.' };
  // Ports that are kept for the superuser.
  if (code === 'EACCES')
    return { field: 'port', advice: 'Take a port from 1024 on, or give the process the right to it.' };
  return { field: 'host', advice: 'Give an address of this machine.' };
}

/** How long aborted requests have to send their answers, on a machine that may be busy. */
const abortGraceMs = 1500;
/** How long connections have to end by themselves. */
const closeGraceMs = 1000;

async function drain(
  server: HttpServer | HttpsServer,
  listener: Listener,
  settings: ServeSettings,
  sockets: ReadonlySet<Socket>,
  acceptsMeanwhile: boolean,
): Promise<void> {
  const { clock, drainDelayMs, drainTimeoutMs, logger } = settings;
  const delay = async (): Promise<void> => {
    if (drainDelayMs > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, drainDelayMs));
  };
  listener.sendAway();
  if (acceptsMeanwhile) await delay();
  // The listening socket first. Node's own close would also destroy connections between two requests, and with them
  // requests that have arrived and are not read yet; so two turns of the event loop lie between, in which they are read.
  const closed = new Promise<void>((resolve) => void NetServer.prototype.close.call(server, () => resolve()));
  if (!acceptsMeanwhile) await delay();
  await new Promise<void>((resolve) => clock.defer(() => clock.defer(resolve)));
  server.close();
  if (!(await settlesWithin(listener.whenIdle(), drainTimeoutMs, clock))) {
    const details = { requests: listener.inFlight, drainTimeoutMs };
    logger.warn(details, `${listener.inFlight} requests were not done after ${drainTimeoutMs} ms and were aborted.`);
    listener.abortAll();
    await settlesWithin(listener.whenIdle(), abortGraceMs, clock);
  }
  // Every answer of a drain asks to close, so connections end by themselves. To destroy one can take back an answer that
  // its client has not read yet, so that comes last.
  await settlesWithin(closed, closeGraceMs, clock);
  server.closeAllConnections();
  // Those that have not got beyond the handshake of TLS are no connections of HTTP yet.
  for (const socket of sockets) socket.destroy();
  await closed;
}

async function settlesWithin(settling: Promise<void>, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => resolve(false), timeoutMs);
    void settling.then(() => {
      timer.clear();
      resolve(true);
    });
  });
}

/** The sockets that are open. */
function socketsOf(server: HttpServer | HttpsServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

function hostOfUrl(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
