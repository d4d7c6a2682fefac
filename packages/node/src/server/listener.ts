import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, FairleadError, type Logger, messageOf } from '@fairlead/core';
import type { Service, ServiceResponse } from '@fairlead/core/serving';
import { writePieces } from './answer-stream';
import { type BackPressure, createBackPressure, type ReadConnection } from './back-pressure';
import { answerClientError } from './client-error';
import { createConnections } from './connections';
import { createLoopDelay } from './loop-delay';
import { peerOf } from './peer';
import { hasBody } from './read-before';
import { ServedRequest } from './served-request';
import { toServiceRequest } from './service-request';

/** Answers Node's requests by a service, and knows which are under way. */
export interface Listener {
  /** @param target path and query below the place where the service is mounted, @default the whole target of the request */
  (request: IncomingMessage, response: ServerResponse, target?: string): void;
  /** Answers a client that asks before it sends: it is told to go on when its body is read, and not before. */
  expectingContinue(request: IncomingMessage, response: ServerResponse): void;
  /** Answers what is no request, or came too slowly to be one; for the server's event `clientError`. */
  clientError(error: NodeJS.ErrnoException, socket: Duplex): void;
  /** Requests that were accepted and not yet answered in full. */
  readonly inFlight: number;
  /** From now on every answer asks its client to close the connection. */
  sendAway(): void;
  /** Resolves when nothing is under way. */
  whenIdle(): Promise<void>;
  /** Aborts what is under way, which is then answered with 503. */
  abortAll(): void;
}

/** A body that was not read is read and dropped to its end where no more of it is to come than this, in bytes: less than a new connection costs. */
const cheapBytes = 64 * 1024;
/** How long, and how much of, a body that was refused is read and dropped, so that its sender can read the answer. */
const lingerMs = 1000;
const lingerBytes = 64 * 1024 * 1024;
/** What a chunk of it counts at least, since each takes some time whatever it holds. */
const chunkBytes = 4096;

/**
 * How long a connection may be left unread under overload. Long, since whoever is read sooner is mostly refused again; and less than Node
 * waits for a head, of which a part may have come.
 */
const longestHoldMs = 8_000;
const shareOfHeadersTimeout = 0.8;

/** What a listener takes of the server's settings. */
export interface ListenerSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds that may pass without a client's reading any more of its answer. */
  readonly answerTimeoutMs: number;
  /** Milliseconds that may pass without a client's sending any more of a body that is read in pieces. */
  readonly requestTimeoutMs: number;
  /**
   * Milliseconds that a connection is kept for the next request, where the connections are the server's own, which may then leave some
   * unread under overload. @default they are somebody else's
   */
  readonly keepAliveTimeoutMs?: number;
  /** Milliseconds that the head of a request may take. @default as Node has it */
  readonly headersTimeoutMs?: number;
}

/** Makes the bridge from `node:http` to a service. */
export function createListener(service: Service, settings: ListenerSettings): Listener {
  const { clock, logger, answerTimeoutMs } = settings;
  const loop = createLoopDelay(clock);
  const { keepAliveTimeoutMs, headersTimeoutMs = 60_000 } = settings;
  const holdMs = Math.min(longestHoldMs, shareOfHeadersTimeout * headersTimeoutMs);
  const isOwn = keepAliveTimeoutMs !== undefined;
  const pressure =
    keepAliveTimeoutMs === undefined ? undefined : createBackPressure(clock, loop, holdMs, keepAliveTimeoutMs);
  /** Connections whose request is read in pieces. */
  const streamed = new WeakSet<Duplex>();
  /** Refusals after which their connection is not to be read for a while. */
  const unread = new WeakSet<ServerResponse>();
  const connections = createConnections((socket) => ({ peer: peerOf(socket), read: pressure?.open(socket) }));
  let isSendingAway = false;

  const answer = (
    request: IncomingMessage,
    response: ServerResponse,
    target = request.url ?? '/',
    proceed?: () => void,
  ): void => {
    const { socket } = request;
    let isStreamed = false;
    const connection = connections.begin(request, response, () => {
      if (isStreamed) streamed.delete(socket);
      if (read !== undefined && unread.delete(response) && request.complete && mayHold(response, socket))
        pressure?.hold(read);
    });
    const { peer, read } = connection.kept;
    const delay = read === undefined ? { beforeMs: loop.read().beforeMs } : (pressure as BackPressure).arrived(read);
    const fail = (error: unknown): void => {
      // A header that HTTP does not allow, as a renderer of metrics might give.
      logger.error({ error, path: request.url }, `An answer could not be sent: ${messageOf(error)}`);
      response.destroy();
    };
    service
      .handle(
        toServiceRequest(request, {
          target,
          clock,
          idleTimeoutMs: settings.requestTimeoutMs,
          peer,
          delay,
          signal: connection.signal,
          proceed,
          onStream: () => {
            isStreamed = true;
            streamed.add(socket);
          },
        }),
      )
      .then((found) => {
        try {
          sendAnswer(request, response, found, read)?.catch(fail);
        } catch (error) {
          fail(error);
        }
      }, fail);
  };

  /** Nothing is awaited where an answer is whole: it would cost a turn each. */
  const sendAnswer = (
    request: IncomingMessage,
    response: ServerResponse,
    found: ServiceResponse,
    read: ReadConnection | undefined,
  ): Promise<void> | undefined => {
    const { body } = found;
    if (isInPieces(body)) {
      return sendPieces(request, response, { ...found, body }).then((isOpen) => {
        if (isOpen) watchReading(request, response);
      });
    }
    if (response.destroyed) return;
    const { status } = found;
    const headers = paced(read, response, found);
    sendWhole(request, response, { status, headers, body }, isSendingAway, clock, isOwn);
    watchReading(request, response);
    return;
  };

  /** An answer that the system takes at once needs no timer; one that waits for its client does. */
  const watchReading = (request: IncomingMessage, response: ServerResponse): void => {
    if (response.writableLength > 0) response.setTimeout(answerTimeoutMs, cutOff(request, response));
  };

  /** The headers of an answer; a refusal whose connection is then not read for a while says for how long. */
  const paced = (
    read: ReadConnection | undefined,
    response: ServerResponse,
    { status, headers }: ServiceResponse,
  ): ServiceResponse['headers'] => {
    if (pressure === undefined || read === undefined) return headers;
    if (status !== 429 && status !== 504) {
      pressure.answered(read);
      return headers;
    }
    const holdMs = pressure.refuse(read);
    if (holdMs === undefined) return headers;
    unread.add(response);
    const retryAfterMs = Math.max(Math.ceil(holdMs), Number(headers['retry-after-ms'] ?? 0));
    return {
      ...headers,
      'retry-after': String(Math.ceil(retryAfterMs / 1000)),
      'retry-after-ms': String(retryAfterMs),
    };
  };

  /** Whether the connection is still there. */
  const sendPieces = async (
    request: IncomingMessage,
    response: ServerResponse,
    { status, headers, body }: PiecesAnswer,
  ): Promise<boolean> => {
    if (response.destroyed || request.method === 'HEAD') await body[Symbol.asyncIterator]().return?.();
    if (response.destroyed) return false;
    response.writeHead(status, isSendingAway ? { ...headers, connection: 'close' } : headers);
    if (request.method !== 'HEAD') {
      await writePieces(response, body, { answerTimeoutMs, onStuck: cutOff(request, response) });
    }
    if (response.destroyed) return false;
    if (request.complete || !hasBody(request)) response.end();
    else dropRest(request, clock, () => void response.end(() => request.socket.destroySoon()));
    return true;
  };

  const cutOff = (request: IncomingMessage, response: ServerResponse) => (): void => {
    const details = { path: request.url, answerTimeoutMs, bytesLeft: response.writableLength };
    logger.warn(details, `A client read nothing of its answer for ${answerTimeoutMs} ms, and was cut off.`);
    response.destroy();
  };

  return Object.defineProperty(
    Object.assign((...[request, response, target]: Parameters<Listener>) => answer(request, response, target), {
      expectingContinue: (request: IncomingMessage, response: ServerResponse): void =>
        answer(request, response, undefined, () => response.writeContinue()),
      clientError: (error: NodeJS.ErrnoException, socket: Duplex): void =>
        answerClientError(error, socket, streamed.has(socket)),
      sendAway(): void {
        isSendingAway = true;
        pressure?.end();
      },
      whenIdle: connections.whenIdle,
      abortAll(): void {
        connections.abortAll(new FairleadError('CLOSED', 'The server closed before this request was done.'));
      },
    }),
    'inFlight',
    { get: () => connections.underWay },
  ) as Listener;
}

type PiecesAnswer = ServiceResponse & { readonly body: AsyncIterable<Uint8Array> };
type WholeAnswer = ServiceResponse & { readonly body: string | Uint8Array<ArrayBuffer> };

function isInPieces(body: ServiceResponse['body']): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: WholeAnswer,
  isSendingAway: boolean,
  clock: Clock,
  isOwn: boolean,
): void {
  const bytes = Buffer.byteLength(body);
  // What is left of a body that nobody reads would be taken for the next request.
  const isUnread = !request.complete && hasBody(request);
  const isBodyLeft = isUnread && (isSendingAway || !isCheaplyDropped(request));
  response.writeHead(status, headersOf(headers, bytes, isSendingAway || isBodyLeft));
  const content = request.method === 'HEAD' ? '' : body;
  if (!isBodyLeft) {
    endWith(response, content, bytes, isOwn);
    if (request instanceof ServedRequest) request.dropBody();
    else if (isUnread) request.resume();
    return;
  }
  // To close now would reset the connection under a client that still sends, and it would never read the answer.
  response.write(content);
  dropRest(request, clock, () => response.end());
}

/** Names and values in turn, which Node takes as they are: an object is copied and looked through, which takes longer than to send it. */
function headersOf(headers: ServiceResponse['headers'], bytes: number, isLast: boolean): string[] {
  const sent: string[] = [];
  for (const name in headers) {
    if (name !== 'content-length' && (name !== 'connection' || !isLast)) sent.push(name, headers[name] as string);
  }
  sent.push('content-length', String(bytes));
  if (isLast) sent.push('connection', 'close');
  return sent;
}

/** Bytes of an answer that are sent as text: more would take longer to become text than that saves. */
const mostAsText = 16 * 1024;

/**
 * Sends the last of an answer. Node joins text to the head, and sends bytes beside it, which takes it longer; so a few bytes are given as
 * text whose letters are a byte each. Not where others may look at what is sent, and take it for what it is not.
 *
 * @param bytes length of `content` in bytes, or of what is not sent to HEAD
 */
function endWith(response: ServerResponse, content: WholeAnswer['body'], bytes: number, isOwn: boolean): void {
  // Text that is as long as its bytes is ASCII, which needs no encoding.
  if (typeof content === 'string') response.end(content, content.length === bytes ? 'latin1' : 'utf8');
  else if (!isOwn || bytes > mostAsText) response.end(content);
  else response.end(Buffer.from(content.buffer, content.byteOffset, bytes).toString('latin1'), 'latin1');
}

/** Whether the rest of a body is dropped sooner than a new connection is made. A client that waits to be told to go on may never send it. */
function isCheaplyDropped({ headers }: IncomingMessage): boolean {
  const length = Number(headers['content-length']);
  return length <= cheapBytes && headers.expect === undefined;
}

/** Whether a connection goes on, and no request of it is under way: there may be one where a client does not wait for its answers. */
function mayHold(response: ServerResponse, socket: Socket): boolean {
  // What Node knows of the answer on this connection; there is no public word for it.
  const { _httpMessage: next } = socket as Socket & { _httpMessage?: object | null };
  return (
    response.writableFinished && response.shouldKeepAlive && (next === null || next === undefined || next === response)
  );
}

function dropRest(request: IncomingMessage, clock: Clock, done: () => void): void {
  let dropped = 0;
  const finish = (): void => {
    timer.clear();
    request.off('data', onData).off('close', finish).off('end', finish);
    done();
  };
  const onData = (chunk: Buffer): void => {
    dropped += Math.max(chunkBytes, chunk.length);
    if (dropped > lingerBytes) finish();
  };
  const timer = clock.setTimer(finish, lingerMs);
  request.on('data', onData).on('close', finish).on('end', finish).resume();
}
