import type { IncomingMessage } from 'node:http';
import { bodyTooLarge, type Delay, type ServiceRequest } from '@fairlead/core/serving';
import { freeMemory } from './free-memory';
import { peerOf } from './peer';
import { bodyReadBefore } from './read-before';
import { declaresMoreThan, readRequestBody } from './request-body';
import { type RequestStreamSettings, streamRequestBody } from './request-stream';

/** What reading a request takes. */
export interface ReadingSettings extends RequestStreamSettings {
  /** Path and query. */
  readonly target: string;
  /** What the event loop takes of its time. */
  readonly delay: Delay;
  /** Tells the client to send its body, where it asked. */
  readonly proceed: (() => void) | undefined;
  /** Called when the body is to be read in pieces. */
  readonly onStream: () => void;
}

/** A request of Node as a service reads it; a body that was read by a framework's parser is taken as the parser left it. */
export function toServiceRequest(request: IncomingMessage, settings: ReadingSettings): ServiceRequest {
  const { delay, proceed, onStream, signal } = settings;
  const target = settings.target.startsWith('/') ? settings.target : withoutOrigin(settings.target);
  const question = target.indexOf('?');
  const isReadBefore = request.readableEnded;
  let own: Uint8Array | undefined;
  /** A client whose body is refused by its declared size never sends it. */
  const proceedWithin = (maxBytes: number): void => {
    if (!declaresMoreThan(request, maxBytes)) proceed?.();
  };
  return {
    method: request.method ?? 'GET',
    path: question === -1 ? target : target.slice(0, question),
    query: question === -1 ? '' : target.slice(question + 1),
    header(name) {
      // A parser has unpacked the body.
      if (isReadBefore && name === 'content-encoding') return undefined;
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    body(maxBytes, onBytes) {
      if (request.readableEnded) return readBefore(request, maxBytes, onBytes);
      proceedWithin(maxBytes);
      return readRequestBody(request, maxBytes, onBytes, (bytes) => {
        own = bytes;
      });
    },
    release() {
      if (own !== undefined) freeMemory(own);
      own = undefined;
    },
    stream(maxBytes) {
      if (isReadBefore)
        return (async function* () {
          const before = takenBefore(request, maxBytes);
          if (before !== undefined) yield before;
        })();
      onStream();
      proceedWithin(maxBytes);
      return streamRequestBody(request, maxBytes, settings);
    },
    peer: peerOf(request.socket),
    delay,
    signal,
  };
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
  return takenBefore(request, maxBytes) ?? readRequestBody(request, maxBytes, onBytes);
}

function takenBefore(request: IncomingMessage, maxBytes: number): Buffer | undefined {
  const body = bodyReadBefore(request);
  if (body !== undefined && body.byteLength > maxBytes) throw bodyTooLarge(maxBytes);
  return body;
}
