import { createServer, type Server as HttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { FairleadError, type Logger, systemClock } from '@fairlead/core';
import type { Service, ServiceRequest, ServiceResponse } from '@fairlead/core/serving';
import { createVirtualClock } from '@fairlead/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createListener, type Listener, type ListenerSettings } from './listener';

const log: { details: object; message: string }[] = [];
const note = (details: object, message: string): void => void log.push({ details, message });
const logger: Logger = { debug() {}, info() {}, warn: note, error: note };

interface Bench {
  readonly port: number;
  readonly listener: Listener;
  readonly server: HttpServer;
}
const open: Bench[] = [];

/** A server whose only path is answered by a function. */
async function start(
  handle: (request: ServiceRequest) => ServiceResponse | Promise<ServiceResponse>,
  settings: Partial<ListenerSettings> = {},
  options: object = {},
): Promise<Bench> {
  const service: Service = { maxBodyBytes: 1000, handle: async (request) => handle(request) };
  const listener = createListener(service, {
    clock: systemClock,
    logger,
    answerTimeoutMs: 30_000,
    requestTimeoutMs: 30_000,
    ...settings,
  });
  const server = createServer(options, listener);
  server.on('checkContinue', listener.expectingContinue).on('clientError', listener.clientError);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bench = { port: (server.address() as AddressInfo).port, listener, server };
  open.push(bench);
  return bench;
}

afterEach(async () => {
  for (const { server } of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  log.length = 0;
});

function pieces(body: AsyncIterable<Uint8Array>, status = 200): ServiceResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body };
}

async function* echo(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of source) yield piece;
}

/** A request whose body and answer are in the caller's hands at once. */
function post({ port }: Bench, headers: Record<string, string> = {}) {
  const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers, agent: false });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve).on('error', reject);
  });
  response.catch(() => undefined);
  return { request, response };
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

/** Endless pieces, and how many were taken. */
function endless(size = 65_536) {
  const watch = { taken: 0, closed: 0 };
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        watch.taken++;
        yield new Uint8Array(size).fill(0x61);
      }
    } finally {
      watch.closed++;
    }
  }
  return { watch, body: body() };
}

/** Waits until a number has stopped growing. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  let equal = 0;
  while (equal < 500) {
    const now = read();
    equal = now === last ? equal + 1 : 0;
    last = now;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return last;
}

describe('an answer in pieces', () => {
  it('begins before the body is whole, and each piece is answered as it comes', async () => {
    const bench = await start((request) => pieces(echo(request.stream(1000))));
    const { request, response } = post(bench);
    request.flushHeaders();
    const answer = await response;
    const read = answer[Symbol.asyncIterator]();
    for (const word of ['one', 'two', 'three']) {
      request.write(word);
      expect(String((await read.next()).value)).toBe(word);
    }
    request.end();
    expect((await read.next()).done).toBe(true);
    await bench.listener.whenIdle();
  });

  it('keeps the connection for the next request', async () => {
    const bench = await start((request) => pieces(echo(request.stream(1000))));
    const socket = connect(bench.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\none');
    await vi.waitFor(() => expect(text).toMatch(/\r\n0\r\n\r\n$/));
    socket.write('POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\ntwo');
    await new Promise((resolve) => socket.on('close', resolve));
    expect(text.match(/200 OK/g)).toHaveLength(2);
    expect(text).toContain('two');
  });

  it('is asked for only as fast as the client reads, and closed when it leaves', async () => {
    const { watch, body } = endless();
    const bench = await start(() => pieces(body));
    const { request, response } = post(bench);
    request.end();
    const answer = await response;
    answer.pause();
    const first = await settled(() => watch.taken);
    expect(first).toBeLessThan(1000);
    let read = 0;
    answer.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (read > 20_000_000) answer.pause();
    });
    answer.resume();
    await vi.waitFor(() => expect(read).toBeGreaterThan(20_000_000), { timeout: 10_000 });
    expect(watch.taken).toBeGreaterThan(first);
    answer.destroy();
    await bench.listener.whenIdle();
    await vi.waitFor(() => expect(watch.closed).toBe(1));
    expect(log).toEqual([]);
  });

  it('cuts off a client that reads nothing, closes the pieces, and says so', async () => {
    const { watch, body } = endless();
    const bench = await start(() => pieces(body), { answerTimeoutMs: 50 });
    const { request, response } = post(bench);
    request.end();
    (await response).pause();
    await bench.listener.whenIdle();
    await vi.waitFor(() => expect(watch.closed).toBe(1));
    expect(log).toMatchObject([{ details: { answerTimeoutMs: 50 }, message: /^A client read nothing/ }]);
  });

  it('that breaks is cut, so that nobody takes it for whole, and logged', async () => {
    const bench = await start(() =>
      pieces(
        (async function* () {
          yield Buffer.from('some');
          throw new Error('the disk is gone');
        })(),
      ),
    );
    const { request, response } = post(bench);
    request.end();
    await expect(textOf(await response)).rejects.toThrow('aborted');
    expect(log).toMatchObject([{ message: 'An answer could not be sent: the disk is gone' }]);
  });

  it('to HEAD is its head alone', async () => {
    const { watch, body } = endless();
    const bench = await start(() => pieces(body));
    const answer = await fetch(`http://127.0.0.1:${bench.port}`, { method: 'HEAD' });
    expect([answer.status, await answer.text(), watch.taken]).toEqual([200, '', 0]);
  });

  it('is aborted by the server when it closes', async () => {
    const bench = await start(({ signal }) =>
      pieces(
        (async function* () {
          yield Buffer.from('begun ');
          await new Promise((resolve) => signal?.addEventListener('abort', resolve));
          yield Buffer.from(`ended ${(signal?.reason as FairleadError | undefined)?.code}`);
        })(),
      ),
    );
    const { request, response } = post(bench);
    request.end();
    const answer = await response;
    expect(bench.listener.inFlight).toBe(1);
    bench.listener.abortAll();
    expect(await textOf(answer)).toBe('begun ended CLOSED');
    await bench.listener.whenIdle();
  });
});

describe('a body in pieces', () => {
  /** Reads a body as the test says, and answers the code of what went wrong. */
  const reading =
    (read: (source: AsyncIterable<Uint8Array>) => Promise<unknown>, maxBytes = 1000) =>
    async (request: ServiceRequest): Promise<ServiceResponse> => {
      const outcome = await read(request.stream(maxBytes)).catch((error: unknown) =>
        FairleadError.isInstance(error) ? error.code : String(error),
      );
      return { status: 200, headers: {}, body: String(outcome) };
    };
  const sizeOf = async (source: AsyncIterable<Uint8Array>) => {
    let size = 0;
    for await (const piece of source) size += piece.byteLength;
    return size;
  };

  it('is read only as fast as it is taken', async () => {
    let go = (): void => {};
    const going = new Promise<void>((resolve) => {
      go = resolve;
    });
    const bench = await start(
      reading(async (source) => {
        const iterator = source[Symbol.asyncIterator]();
        await iterator.next();
        await going;
        return 1 + (await sizeOf({ [Symbol.asyncIterator]: () => iterator }));
      }, 1e9),
    );
    const { request, response } = post(bench);
    let sent = 0;
    let isOver = false;
    const chunk = Buffer.alloc(65_536);
    const send = (): void => {
      while (!isOver) {
        sent += chunk.length;
        if (!request.write(chunk)) {
          request.once('drain', send);
          return;
        }
      }
      request.end();
    };
    send();
    // What the sockets hold, and no more.
    expect(await settled(() => sent)).toBeLessThan(60_000_000);
    go();
    isOver = true;
    expect(Number(await textOf(await response))).toBeGreaterThan(65_536);
  });

  it('is refused past its limit: by what is declared, or when it comes', async () => {
    const bench = await start(reading(sizeOf, 10));
    const declared = post(bench, { 'content-length': '11' });
    declared.request.flushHeaders();
    expect(await textOf(await declared.response)).toBe('LIMIT_EXCEEDED');
    const coming = post(bench);
    coming.request.write('12345678901');
    expect(await textOf(await coming.response)).toBe('LIMIT_EXCEEDED');
    const fitting = post(bench);
    fitting.request.end('1234567890');
    expect(await textOf(await fitting.response)).toBe('10');
  });

  it('may be left: the rest is dropped, the answer arrives, and the connection ends', async () => {
    const bench = await start((request) =>
      pieces(
        (async function* () {
          const source = request.stream(1e9)[Symbol.asyncIterator]();
          const first = await source.next();
          yield Buffer.from(`enough after ${first.value.byteLength}`);
          await source.return?.();
        })(),
      ),
    );
    const { request, response } = post(bench);
    request.write('x'.repeat(100));
    const answer = await response;
    expect(await textOf(answer)).toBe('enough after 100');
    // The client goes on sending for a while, and is not reset before it has read.
    request.on('error', () => {});
    request.write('y'.repeat(1_000_000));
    request.end();
    await bench.listener.whenIdle();
  });

  it('breaks when the client leaves, or the server ends it', async () => {
    const seen: string[] = [];
    const bench = await start(
      reading(async (source) => {
        try {
          return await sizeOf(source);
        } catch (error) {
          seen.push((error as FairleadError).code);
          throw error;
        }
      }),
    );
    const leaving = post(bench);
    leaving.request.write('half');
    await vi.waitFor(() => expect(bench.listener.inFlight).toBe(1));
    leaving.request.destroy();
    await vi.waitFor(() => expect(seen).toEqual(['ABORTED']));
    const ended = post(bench);
    ended.request.write('half');
    await vi.waitFor(() => expect(bench.listener.inFlight).toBe(1));
    bench.listener.abortAll();
    expect(await textOf(await ended.response)).toBe('ABORTED');
  });

  it('is given up on when nothing comes for too long', async () => {
    const clock = createVirtualClock();
    const bench = await start(reading(sizeOf), { clock, requestTimeoutMs: 500 });
    const { request, response } = post(bench);
    request.write('half');
    await vi.waitFor(() => expect(clock.pendingTimers).toBe(1));
    await clock.advance(499);
    request.write('more');
    await vi.waitFor(async () => {
      await clock.advance(0);
      expect(clock.pendingTimers).toBe(1);
    });
    const text = response.then(textOf);
    await vi.waitFor(async () => {
      await clock.advance(600);
      expect(bench.listener.inFlight).toBe(0);
    });
    expect(await text).toBe('DEADLINE_EXCEEDED');
  });

  it("may take longer than the server's own time for a whole request, which others may not", async () => {
    const options = { requestTimeout: 50, headersTimeout: 50, connectionsCheckingInterval: 10 };
    const bench = await start(
      async (request) =>
        request.path === '/whole'
          ? { status: 200, headers: {}, body: `${(await request.body(1000)).byteLength}` }
          : pieces(echo(request.stream(1000))),
      {},
      options,
    );
    const streamed = post(bench);
    streamed.request.write('a');
    const answer = await streamed.response;
    const whole = httpRequest({ port: bench.port, host: '127.0.0.1', method: 'POST', path: '/whole', agent: false });
    whole.write('a');
    const refusal = await new Promise<IncomingMessage>((resolve) =>
      whole.on('error', () => {}).on('response', resolve),
    );
    expect(refusal.statusCode).toBe(408);
    // The one began before the other, whose time is over.
    streamed.request.end('b');
    expect(await textOf(answer)).toBe('ab');
  });

  it('is asked for where the client waits to be told so, and not when it is refused', async () => {
    const bench = await start(reading(sizeOf, 10));
    const headers = { expect: '100-continue' };
    const small = post(bench, { ...headers, 'content-length': '5' });
    small.request.flushHeaders();
    await new Promise((resolve) => small.request.on('continue', resolve));
    small.request.end('12345');
    expect(await textOf(await small.response)).toBe('5');
    const large = post(bench, { ...headers, 'content-length': '50' });
    const told = vi.fn();
    large.request.on('continue', told).flushHeaders();
    expect(await textOf(await large.response)).toBe('LIMIT_EXCEEDED');
    expect(told).not.toHaveBeenCalled();
  });
});
