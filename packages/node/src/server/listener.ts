import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, FairleadError, type Logger, messageOf } from '@fairlead/core';
import type { Service, ServiceRequest, ServiceResponse } from '@fairlead/core/serving';
import { peerOf } from './peer';
import { readRequestBody } from './request-body';

/** Answers Node's requests by a service, and knows which are under way. */
export interface Listener {
  (request: IncomingMessage, response: ServerResponse): void;
  /** Requests that were accepted and not yet answered in full. */
  readonly inFlight: number;
  /** From now on every answer asks its client to close the connection. */
  sendAway(): void;
  /** Resolves when nothing is under way. */
  whenIdle(): Promise<void>;
  /** Aborts what is under way, which is then answered with 503. */
  abortAll(): void;
}

/** How long, and how much of, a body that was refused is read and dropped, so that its sender can read the answer. */
const lingerMs = 1000;
const lingerBytes = 64 * 1024 * 1024;

/** What a listener takes of the server's settings. */
export interface ListenerSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds that may pass without a client's reading any more of its answer. */
  readonly answerTimeoutMs: number;
}

/** Makes the bridge from `node:http` to a service. */
export function createListener(service: Service, { clock, logger, answerTimeoutMs }: ListenerSettings): Listener {
  const underWay = new Map<ServerResponse, AbortController>();
  let isSendingAway = false;
  let waiting: (() => void)[] = [];

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const controller = new AbortController();
    underWay.set(response, controller);
    response.once('close', () => {
      underWay.delete(response);
      if (!response.writableFinished) controller.abort(new Error('The client closed its connection.'));
      if (underWay.size > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    });
    service
      .handle(toServiceRequest(request, controller.signal))
      .then((answer) => {
        if (response.destroyed) return;
        send(request, response, answer, isSendingAway, clock);
        if (response.writableLength > 0) cutWhenStuck(request, response);
      })
      .catch((error: unknown) => {
        // A header that HTTP does not allow, as a renderer of metrics might give.
        logger.error({ error, path: request.url }, `An answer could not be sent: ${messageOf(error)}`);
        response.destroy();
      });
  };

  /** An answer that the system takes at once needs no timer; one that waits for its client does. */
  const cutWhenStuck = (request: IncomingMessage, response: ServerResponse): void => {
    response.setTimeout(answerTimeoutMs, () => {
      const details = { path: request.url, answerTimeoutMs, bytesLeft: response.writableLength };
      logger.warn(details, `A client read nothing of its answer for ${answerTimeoutMs} ms, and was cut off.`);
      response.destroy();
    });
  };

  return Object.defineProperty(
    Object.assign(listener, {
      sendAway(): void {
        isSendingAway = true;
      },
      whenIdle: () =>
        new Promise<void>((resolve) => {
          if (underWay.size === 0) resolve();
          else waiting.push(resolve);
        }),
      abortAll(): void {
        const reason = new FairleadError('CLOSED', 'The server closed before this request was done.');
        for (const controller of underWay.values()) controller.abort(reason);
      },
    }),
    'inFlight',
    { get: () => underWay.size },
  ) as Listener;
}

function toServiceRequest(request: IncomingMessage, signal: AbortSignal): ServiceRequest {
  return {
    method: request.method ?? 'GET',
    path: pathOf(request.url ?? '/'),
    query: queryOf(request.url ?? '/'),
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    body: (maxBytes, onBytes) => readRequestBody(request, maxBytes, onBytes),
    peer: peerOf(request.socket),
    signal,
  };
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

function queryOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? '' : target.slice(query + 1);
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: ServiceResponse,
  isSendingAway: boolean,
  clock: Clock,
): void {
  const bytes = Buffer.byteLength(body);
  // What is left of a body that nobody reads would be taken for the next request.
  const isBodyLeft = !request.complete && hasBody(request);
  const closing = isSendingAway || isBodyLeft ? { connection: 'close' } : {};
  response.writeHead(status, { ...headers, ...closing, 'content-length': bytes });
  const content = request.method === 'HEAD' ? '' : body;
  if (!isBodyLeft) {
    response.end(content);
    return;
  }
  // To close now would reset the connection under a client that still sends, and it would never read the answer.
  response.write(content);
  dropRest(request, clock, () => response.end());
}

function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function dropRest(request: IncomingMessage, clock: Clock, done: () => void): void {
  let dropped = 0;
  const finish = (): void => {
    timer.clear();
    request.off('data', onData).off('close', finish).off('end', finish);
    done();
  };
  const onData = (chunk: Buffer): void => {
    dropped += chunk.length;
    if (dropped > lingerBytes) finish();
  };
  const timer = clock.setTimer(finish, lingerMs);
  request.on('data', onData).on('close', finish).on('end', finish).resume();
}
