import { IncomingMessage } from 'node:http';
import { connect, Socket } from 'node:net';
import { createRunner, type Logger, type ModelRunner, systemClock } from '@fairlead/core';
import { batchScoring, openInference } from '@fairlead/core/serving';
import { createMockBackend, createVirtualClock } from '@fairlead/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Server, serve } from './index';
import { streamRequestBody } from './request-stream';

/* Bodies in chunks of a byte: legal, and dear to read. */

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
let runner: ModelRunner;
let server: Server;

beforeEach(async () => {
  runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, logger });
  // Time stands still, so that none of it lets more chunks pass.
  server = await serve(runner, {
    port: 0,
    protocols: [openInference(), batchScoring()],
    clock: { ...systemClock, now: () => 0 },
    drainDelayMs: 0,
    logger,
  });
});

afterEach(async () => {
  await server.close();
  await runner.close();
});

/** Sends a body byte by byte, without waiting for the answer, and resolves with all that came back until the connection ended. */
function sendBytes(path: string, type: string, body: string, isWhole: boolean): Promise<string> {
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`;
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write(head);
      socket.write([...body].map((letter) => `1\r\n${letter}\r\n`).join(''));
      if (isWhole) socket.write('0\r\n\r\n');
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

const request = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });

describe('a body in chunks of a byte', () => {
  it('is read where it is short', async () => {
    const answer = await sendBytes('/v2/models/mock/infer', 'application/json', request.padEnd(10_000), true);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    const rows = await sendBytes('/v1/batch/mock', 'application/x-ndjson', '[1,2]\n'.repeat(1000), true);
    expect(rows.match(/"index":\d+/g)).toHaveLength(1000);
  });

  it('is refused where it is long, and its connection ends', async () => {
    const answer = await sendBytes('/v2/models/mock/infer', 'application/json', ' '.repeat(100_000), false);
    expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"LIMIT_EXCEEDED"/);
    expect(answer).toContain('gather more before you send');
    const rows = await sendBytes('/v1/batch/mock', 'application/x-ndjson', '[1,2]\n'.repeat(17_000), false);
    expect(rows).toMatch(/"code":"LIMIT_EXCEEDED"/);
    // Those that came before are answered.
    expect(rows.match(/"index":\d+,"outputs"/g)?.length).toBeGreaterThan(2500);
  });
});

describe('a streamed body', () => {
  const clock = createVirtualClock();
  const settings = { clock, signal: new AbortController().signal, idleTimeoutMs: 1000 };
  const requestOf = (chunks: readonly string[]): IncomingMessage => {
    const message = new IncomingMessage(new Socket());
    for (const chunk of chunks) message.push(chunk);
    message.push(null);
    return message;
  };

  it('comes in pieces of what came at once', async () => {
    const pieces: string[] = [];
    const chunks = Array.from({ length: 2500 }, (_, index) => String(index % 10));
    for await (const piece of streamRequestBody(requestOf(chunks), 10_000, settings))
      pieces.push(new TextDecoder().decode(piece));
    expect(pieces.map(({ length }) => length)).toEqual([1024, 1024, 452]);
    expect(pieces.join('')).toBe(chunks.join(''));
  });

  it('gives what came before its limit, and then the error', async () => {
    const pieces: number[] = [];
    const read = async (): Promise<void> => {
      for await (const piece of streamRequestBody(requestOf(['abc', 'def', 'ghi']), 7, settings))
        pieces.push(piece.byteLength);
    };
    await expect(read()).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(pieces).toEqual([6]);
  });
});
