import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorCode, FairleadError, messageOf } from '@fairlead/core';
import { toText } from '../embedded/event-codec';
import type { GateResult } from '../store/gate';
import type { ErrorAnswer } from './answers';

/** What every answer carries. */
export const commonHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Nothing but what this server itself serves, and no script in the page's text. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Sends a value as JSON that keeps NaN and the infinities. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, {
    ...commonHeaders,
    'content-type': 'application/json; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  });
  response.end(toText(value));
}

const statuses: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  INVALID_OPTION: 400,
  INVALID_INPUT: 400,
  PROTOCOL_ERROR: 400,
  NOT_FOUND: 404,
  CONFLICT: 409,
  ALREADY_EXISTS: 409,
  GATE_REFUSED: 409,
  LIMIT_EXCEEDED: 413,
  UNSUPPORTED: 422,
};

/** The status of an error, and what the page is told of it. */
export function toErrorAnswer(error: unknown): { readonly status: number; readonly answer: ErrorAnswer } {
  if (!FairleadError.isInstance(error)) {
    return { status: 500, answer: { error: { code: 'STORE_FAILED', message: messageOf(error) } } };
  }
  const { position, gates } = error.details as { position?: unknown; gates?: readonly GateResult[] };
  return {
    status: statuses[error.code] ?? 500,
    answer: {
      error: {
        code: error.code,
        message: error.message,
        ...(typeof position === 'number' ? { position } : {}),
        ...(Array.isArray(gates) ? { gates } : {}),
      },
    },
  };
}

/** Sends an error, or breaks the connection where the answer has begun. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, answer } = toErrorAnswer(error);
  sendJson(response, status, answer);
}

const maxBodyBytes = 256 * 1024;

/**
 * The JSON that a request carries.
 * @throws FairleadError `LIMIT_EXCEEDED`, `INVALID_ARGUMENT`
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBodyBytes) {
      throw new FairleadError('LIMIT_EXCEEDED', `A request may have ${maxBodyBytes} bytes. Send less.`, {
        details: { field: 'body', expected: `at most ${maxBodyBytes} bytes`, given: `${size} bytes or more` },
      });
    }
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
  } catch (error) {
    throw new FairleadError('INVALID_ARGUMENT', `The request must be JSON: ${messageOf(error)}.`, {
      cause: error,
      details: { field: 'body', expected: 'JSON', given: 'something else' },
    });
  }
}
