import type { IncomingMessage } from 'node:http';
import { FairleadError } from '@fairlead/core';

/**
 * The body of a request that a framework's parser has read before: bytes and text as they are, and what was JSON as JSON again.
 *
 * @returns undefined where nobody has read it
 * @throws FairleadError `INVALID_OPTION` where the parser kept nothing, or numbers that it has rounded
 */
export function bodyReadBefore(request: IncomingMessage): Buffer | undefined {
  if (!request.readableEnded || !hasBody(request)) return undefined;
  const { body } = request as IncomingMessage & { readonly body?: unknown };
  if (Buffer.isBuffer(body)) return body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (typeof body === 'string') return Buffer.from(body);
  if (body === undefined) throw readBefore('nothing is left of it');
  return Buffer.from(JSON.stringify(body, refuseRounded));
}

/** Whether a request says that it has a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function refuseRounded(_key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER || !Number.isInteger(value)) return value;
  // Past 1e21 a whole number is written with an exponent, and was a float.
  if (Math.abs(value) >= 1e21) return value;
  throw readBefore(`it has rounded a number past 2^53 to ${value}`);
}

function readBefore(why: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `A parser read the body before the service, and ${why}. Mount the service before what parses bodies.`,
    { details: { field: 'body', expected: 'a body that nobody has read' } },
  );
}
