import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { createRunner, type Logger, type ModelRunner } from '@fairlead/core';
import { batchScoring } from '@fairlead/core/serving';
import { createMockBackend } from '@fairlead/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ServeOptions, type Server, serve } from './index';

/* Batch scoring over sockets: what a client does not read stops what it sends, and what becomes of a stream when somebody leaves. */

const log: string[] = [];
const note = (_details: object, message: string): void => void log.push(message);
const logger: Logger = { debug() {}, info() {}, warn: note, error: note };
let runner: ModelRunner;
let server: Server;

const start = async (options: ServeOptions = {}): Promise<void> => {
  server = await serve(runner, { port: 0, protocols: [batchScoring()], drainDelayMs: 0, logger, ...options });
};

beforeEach(async () => {
  log.length = 0;
  runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, logger });
});

afterEach(async () => {
  await server.close();
  await runner.close();
});

function open(): { request: ClientRequest; response: Promise<IncomingMessage> } {
  const headers = { 'content-type': 'application/x-ndjson' };
  const request = httpRequest(`${server.url}/v1/batch/mock`, { method: 'POST', headers, agent: false });
  const response = new Promise<IncomingMessage>((resolve) => request.on('response', resolve));
  request.on('error', () => {});
  return { request, response };
}

/** Sends rows as fast as they are taken, until told to stop. */
function sendRows(request: ClientRequest): { readonly sent: number; stop(): void } {
  // Long ids, so that a few thousand rows fill the sockets.
  const chunk = `{"x":[1,2],"id":"${'i'.repeat(2000)}"}\n`.repeat(50);
  const state = { sent: 0, isOver: false };
  const send = (): void => {
    while (!state.isOver) {
      state.sent += 50;
      if (!request.write(chunk)) {
        request.once('drain', send);
        return;
      }
    }
    request.end();
  };
  send();
  return {
    get sent() {
      return state.sent;
    },
    stop() {
      state.isOver = true;
    },
  };
}

async function settled(read: () => number): Promise<number> {
  let last = -1;
  for (let equal = 0; equal < 500; equal++) {
    const now = read();
    if (now !== last) equal = 0;
    last = now;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return last;
}

async function rowsOf(response: IncomingMessage): Promise<{ index?: number; code?: string }[]> {
  let text = '';
  for await (const chunk of response) text += chunk;
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { index?: number; code?: string });
}

describe('a stream of rows', () => {
  it('waits for a client that does not read, and goes on where it was', { timeout: 60_000 }, async () => {
    await start();
    const { request, response } = open();
    const rows = sendRows(request);
    const answer = await response;
    const stuck = await settled(() => rows.sent);
    rows.stop();
    const answered = await rowsOf(answer);
    expect(answered.length).toBeGreaterThanOrEqual(stuck);
    expect(answered.length).toBe(rows.sent);
    expect(answered.every(({ index }, place) => index === place)).toBe(true);
    expect(log).toEqual([]);
  });

  it('is cut off when its client reads nothing for too long, and the server goes on', { timeout: 60_000 }, async () => {
    await start({ answerTimeoutMs: 200 });
    const { request, response } = open();
    const rows = sendRows(request);
    (await response).on('error', () => {}).pause();
    await vi.waitFor(() => expect(log).toHaveLength(1), { timeout: 30_000 });
    rows.stop();
    expect(log[0]).toBe('A client read nothing of its answer for 200 ms, and was cut off.');
    const next = open();
    next.request.end('[1,2]');
    expect(await rowsOf(await next.response)).toMatchObject([{ index: 0 }]);
  });

  it('is ended by a server that closes: after its time, with a row that says so', async () => {
    await start({ drainTimeoutMs: 50 });
    const { request, response } = open();
    request.write('[1,2]\n');
    const answer = await response;
    const closing = server.close();
    const rows = await rowsOf(answer);
    expect(rows).toMatchObject([{ index: 0 }, { code: 'CLOSED' }]);
    expect(rows[1]?.index).toBeUndefined();
    await closing;
    expect(log[0]).toContain('1 requests were not done after 50 ms');
  });

  it('is answered in full by a server that closes, where it ends in time', async () => {
    await start();
    const { request, response } = open();
    request.write('[1,2]\n');
    const answer = await response;
    const closing = server.close();
    request.end('[3,4]\n');
    expect(await rowsOf(answer)).toMatchObject([{ index: 0 }, { index: 1 }]);
    await closing;
    expect(log).toEqual([]);
  });

  it('ends when its client leaves, without a word', async () => {
    await start();
    const { request, response } = open();
    sendRows(request);
    const answer = await response;
    answer.on('error', () => {});
    request.destroy();
    await server.close();
    expect(log).toEqual([]);
  });
});
