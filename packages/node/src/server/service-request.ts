import type { IncomingMessage } from 'node:http';
import { bodyTooLarge, type Delay, type Peer, type ServiceRequest } from '@fairlead/core/serving';
import { freeMemory } from './free-memory';
import { bodyReadBefore } from './read-before';
import { declaresMoreThan, readRequestBody } from './request-body';
import { type RequestStreamSettings, streamRequestBody } from './request-stream';

/** What reading a request takes. */
export interface ReadingSettings extends RequestStreamSettings {
  /** Path and query. */
  readonly target: string;
  /** Who calls. */
  readonly peer: Peer;
  /** What the event loop takes of its time. */
  readonly delay: Delay;
  /** Tells the client to send its body, where it asked. */
  readonly proceed: (() => void) | undefined;
  /** Called when the body is to be read in pieces. */
  readonly onStream: () => void;
}

/** A request of Node as a service reads it; a body that was read by a framework's parser is taken as the parser left it. */
export function toServiceRequest(request: IncomingMessage, settings: ReadingSettings): ServiceRequest {
  return new NodeRequest(request, settings);
}

/** A class, since one is made for each request. */
class NodeRequest implements ServiceRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly peer: Peer;
  readonly delay: Delay;
  readonly signal: AbortSignal;
  readonly #request: IncomingMessage;
  readonly #settings: ReadingSettings;
  readonly #isReadBefore: boolean;
  #own: Uint8Array | undefined = undefined;

  constructor(request: IncomingMessage, settings: ReadingSettings) {
    const target = settings.target.startsWith('/') ? settings.target : withoutOrigin(settings.target);
    const question = target.indexOf('?');
    this.method = request.method ?? 'GET';
    this.path = question === -1 ? target : target.slice(0, question);
    this.query = question === -1 ? '' : target.slice(question + 1);
    this.peer = settings.peer;
    this.delay = settings.delay;
    this.signal = settings.signal;
    this.#request = request;
    this.#settings = settings;
    this.#isReadBefore = request.readableEnded;
  }

  readonly header = (name: string): string | undefined => {
    // A parser has unpacked the body.
    if (this.#isReadBefore && name === 'content-encoding') return undefined;
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };

  body(maxBytes: number, onBytes?: (bytes: number) => void): Promise<Uint8Array> {
    if (this.#request.readableEnded) return readBefore(this.#request, maxBytes, onBytes);
    this.#proceedWithin(maxBytes);
    return readRequestBody(this.#request, maxBytes, onBytes, (bytes) => {
      this.#own = bytes;
    });
  }

  get ownsBody(): boolean {
    return this.#own !== undefined;
  }

  release(): void {
    if (this.#own !== undefined) freeMemory(this.#own);
    this.#own = undefined;
  }

  stream(maxBytes: number): AsyncIterable<Uint8Array> {
    if (this.#isReadBefore) return inOnePiece(this.#request, maxBytes);
    this.#settings.onStream();
    this.#proceedWithin(maxBytes);
    return streamRequestBody(this.#request, maxBytes, this.#settings);
  }

  /** A client whose body is refused by its declared size never sends it. */
  #proceedWithin(maxBytes: number): void {
    if (!declaresMoreThan(this.#request, maxBytes)) this.#settings.proceed?.();
  }
}

async function* inOnePiece(request: IncomingMessage, maxBytes: number): AsyncGenerator<Uint8Array, undefined> {
  const before = takenBefore(request, maxBytes);
  if (before !== undefined) yield before;
}

/** Clients that are told of a proxy give a whole address as the target, which every server has to take. */
function withoutOrigin(target: string): string {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? '';
  const rest = target.slice(origin.length);
  return origin === '' || rest.startsWith('/') ? rest : `/${rest}`;
}

async function readBefore(
  request: IncomingMessage,
  maxBytes: number,
  onBytes?: (bytes: number) => void,
): Promise<Uint8Array> {
  const before = takenBefore(request, maxBytes);
  if (before === undefined) return readRequestBody(request, maxBytes, onBytes);
  onBytes?.(before.byteLength);
  return before;
}

function takenBefore(request: IncomingMessage, maxBytes: number): Buffer | undefined {
  const body = bodyReadBefore(request);
  if (body !== undefined && body.byteLength > maxBytes) throw bodyTooLarge(maxBytes);
  return body;
}
