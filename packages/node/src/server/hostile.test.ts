import { connect } from 'node:net';
import { createRunner, type Logger, type ModelRunner } from '@fairlead/core';
import { createMockBackend } from '@fairlead/core/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Server, serve } from './index';

/*
 * What no client library sends, on the socket itself: 200 cases for each kind, 1400 in all. Each gets a 4xx or its connection
 * closed, and the process answers the next one as before.
 */

const runs = { numRuns: 200 };
const errors: unknown[] = [];
const logger: Logger = { debug() {}, info() {}, warn() {}, error: (details) => void errors.push(details) };
let runner: ModelRunner;
let server: Server;

beforeAll(async () => {
  runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, lanes: 'inline', logger });
  server = await serve(runner, {
    port: 0,
    maxBodyBytes: 10_000,
    maxHeaderBytes: 4096,
    drainDelayMs: 0,
    drainTimeoutMs: 1000,
    logger,
  });
});

afterAll(async () => {
  await server.close();
  await runner.close();
});

const path = '/v2/models/mock/infer';
const good = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });
const head = (headers: string): string => `POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`;

/** Sends bytes, says that no more come, and resolves with the statuses that came back until the connection ended. */
function statuses(...parts: readonly (string | Uint8Array)[]): Promise<number[]> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(server.port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part);
      socket.end();
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve([...answer.matchAll(/^HTTP\/1\.1 (\d+) /gm)].map(([, status]) => Number(status))));
  });
}

/** Each answer is a refusal; none is a closed connection. */
async function refused(answers: Promise<number[]>): Promise<void> {
  for (const status of await answers) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  }
}

async function stillWell(): Promise<void> {
  const response = await fetch(server.url + path, { method: 'POST', body: good });
  expect([response.status, await response.json()]).toMatchObject([200, { outputs: [{ data: [2, 4] }] }]);
  expect(errors).toEqual([]);
}

describe('hostile traffic on the socket', () => {
  it('any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => refused(statuses(bytes))),
      runs,
    );
    await stillWell();
  });

  it('a body that is shorter than declared', async () => {
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 9000 }), (more) =>
      refused(statuses(head(`content-length: ${good.length + more}\r\n`), good)),
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('a body that is longer than declared', async () => {
    const property = fc.asyncProperty(fc.integer({ min: 0, max: good.length - 1 }), (length) =>
      refused(statuses(head(`content-length: ${length}\r\n`), good)),
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('lengths that are none, too large, or said in two ways', async () => {
    const length = fc.oneof(
      fc.constantFrom('-1', '1e3', '0x10', '1,2', '+5', '99999999999999999999', '100000000', ''),
      fc.bigInt({ min: 10_001n, max: 2n ** 70n }).map(String),
      fc.string({ minLength: 1, maxLength: 8 }).filter((text) => /^[\x21-\x2f\x3a-\x7e]+$/.test(text)),
    );
    const also = fc.constantFrom('', 'content-length: 3\r\n', 'transfer-encoding: chunked\r\n');
    const property = fc.asyncProperty(length, also, (text, more) =>
      refused(statuses(head(`content-length: ${text}\r\n${more}`), good)),
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('chunks that are none', async () => {
    const size = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom('-1', 'ffffffffffffffff', '1;', 'g', '2710', 'fffff'),
    );
    const property = fc.asyncProperty(size, fc.uint8Array({ maxLength: 50 }), (text, bytes) =>
      refused(statuses(head('transfer-encoding: chunked\r\n'), `${text}\r\n`, bytes)),
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('floods of headers', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 5000, max: 200_000 }),
      (count, bytes) => {
        const each = 'y'.repeat(Math.ceil(bytes / count));
        const flood = Array.from({ length: count }, (_, index) => `x-${index}: ${each}\r\n`).join('');
        return refused(statuses(head(`content-length: ${good.length}\r\n${flood}`), good));
      },
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('paths that climb, as no client would leave them', async () => {
    const piece = fc.constantFrom('..', '/', '.', '%2e', '%2f', '%00', '\\', '//', '?', '#', 'etc/passwd', '%', '*');
    const target = fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => `/v2/models/${pieces.join('')}`);
    const property = fc.asyncProperty(target, fc.constantFrom('GET', 'POST', 'PUT', 'TRACE'), (to, method) =>
      refused(statuses(`${method} ${to} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)),
    );
    await fc.assert(property, runs);
    await stillWell();
  });
});
