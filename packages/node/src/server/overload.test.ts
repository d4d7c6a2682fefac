import { connect, type Socket } from 'node:net';
import { createRunner, FairleadError, type Logger, type ModelRunner, systemClock } from '@fairlead/core';
import { createMockBackend } from '@fairlead/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ServeOptions, type Server, serve } from './index';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const open: { close(): Promise<void> }[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

/** A server in front of a runner that does before each request what the test says. */
async function start(before: () => void | Promise<void>, options: ServeOptions = {}): Promise<Server> {
  const runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, logger: silent });
  open.push(runner);
  const run: ModelRunner['run'] = async (inputs, runOptions) => {
    await before();
    return runner.run(inputs, runOptions);
  };
  const server = await serve(
    { mock: { ...runner, model: runner.model, run } },
    { port: 0, drainDelayMs: 0, logger: silent, ...options },
  );
  open.push(server);
  return server;
}

const refuse = (): never => {
  throw new FairleadError('OVERLOADED', 'Full.', { details: { retryAfterMs: 7 } });
};

const bodyOf = (value: number): string =>
  JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [value, value] }] });
const requestOf = (body: string, length = body.length, more = ''): string =>
  `POST /v2/models/mock/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n${more}\r\n${body}`;

interface Connection {
  readonly socket: Socket;
  /** Everything that came. */
  text(): string;
  statuses(): number[];
  isClosed(): boolean;
}

async function connectTo({ port }: Server): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  sockets.push(socket);
  let text = '';
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    isClosed = true;
  });
  await new Promise<void>((resolve, reject) => void socket.once('connect', resolve).once('error', reject));
  return {
    socket,
    text: () => text,
    statuses: () => [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status)),
    isClosed: () => isClosed,
  };
}

/** Sends a request and waits for one more answer on its connection. */
async function ask(connection: Connection, request: string): Promise<void> {
  const before = connection.statuses().length;
  connection.socket.write(request);
  await vi.waitFor(() => expect(connection.statuses()).toHaveLength(before + 1));
}

/** A server that has one request in hand and takes no more, until that is let go. */
async function startFull() {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let runs = 0;
  const server = await start(
    () => {
      runs++;
      return gate;
    },
    { maxConcurrentRequests: 1 },
  );
  const first = await connectTo(server);
  first.socket.write(requestOf(bodyOf(1)));
  await vi.waitFor(() => expect(runs).toBe(1));
  const finish = (): Promise<void> => vi.waitFor(() => expect(first.statuses()).toEqual([200]));
  return { server, release, finish };
}

describe('a refused request', () => {
  it('leaves its connection as it was: its body is read to the end, and what was sent behind it is answered', async () => {
    let runs = 0;
    const server = await start(() => {
      if (runs++ === 0) refuse();
    });
    const connection = await connectTo(server);
    connection.socket.write(requestOf(bodyOf(1)) + requestOf(bodyOf(2)));
    await vi.waitFor(() => expect(connection.statuses()).toEqual([429, 200]));
    expect(connection.text()).toMatch(/retry-after: 1\r\nretry-after-ms: \d+\r\n/i);
    expect(connection.text()).toContain('"data":[4,4]');
    await ask(connection, requestOf(bodyOf(3)));
    expect(connection.text()).toContain('"data":[6,6]');
    expect(connection.isClosed()).toBe(false);
  });

  it('whose body is still to come keeps its connection where that is small', async () => {
    const { server, release, finish } = await startFull();
    const connection = await connectTo(server);
    const body = bodyOf(2);
    // The head is refused; the body comes later, in two pieces.
    for (let round = 1; round <= 2; round++) {
      await ask(connection, requestOf('', body.length));
      connection.socket.write(body.slice(0, 10));
      if (round === 1) connection.socket.write(body.slice(10));
    }
    expect(connection.statuses()).toEqual([429, 429]);
    release();
    await finish();
    connection.socket.write(body.slice(10) + requestOf(bodyOf(5)));
    await vi.waitFor(() => expect(connection.statuses()).toEqual([429, 429, 200]));
    expect(connection.text()).toContain('"data":[10,10]');
    expect(connection.text()).not.toMatch(/connection: close/i);
    expect(connection.isClosed()).toBe(false);
  });

  it('whose body is large, has no stated end or may never come loses its connection, and its sender still reads the answer', async () => {
    const { server, release, finish } = await startFull();
    for (const request of [
      requestOf('{', 100_000),
      'POST /v2/models/mock/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n',
      requestOf('', 10, 'expect: 100-continue\r\n'),
    ]) {
      const connection = await connectTo(server);
      connection.socket.write(request);
      await vi.waitFor(() => expect(connection.isClosed()).toBe(true), { timeout: 10_000 });
      expect(connection.statuses()).toEqual([429]);
      expect(connection.text()).toMatch(/connection: close/i);
    }
    release();
    await finish();
  });
});

describe('connections of refused requests, while the event loop is behind', () => {
  /** A server on a clock by which every request takes 20 ms, so that three in one turn are behind; refuses all but the first. */
  async function startBehind(options: ServeOptions = {}, requestMs = 20) {
    let ahead = 0;
    const state = { refuses: true, runs: 0 };
    const clock = { ...systemClock, now: () => systemClock.now() + ahead };
    const server = await start(
      () => {
        state.runs++;
        ahead += requestMs;
        if (state.refuses) refuse();
      },
      { clock, ...options },
    );
    return { server, state };
  }

  /** Sends one request on each of so many connections, in one turn. */
  async function flood(server: Server, count: number): Promise<Connection[]> {
    const connections = await Promise.all(Array.from({ length: count }, () => connectTo(server)));
    for (const { socket } of connections) socket.write(requestOf(bodyOf(1)));
    await vi.waitFor(
      () => {
        for (const connection of connections) expect(connection.statuses()).toEqual([429]);
      },
      { timeout: 10_000 },
    );
    return connections;
  }

  it('are told to come back later, and lose nothing that they send before', async () => {
    const { server, state } = await startBehind();
    const connections = await flood(server, 40);
    const told = connections.map(({ text }) => Number(/retry-after-ms: (\d+)/i.exec(text())?.[1]));
    expect(told.filter((ms) => ms >= 10).length).toBeGreaterThan(0);
    expect(told.every((ms) => ms === 7 || (ms >= 10 && ms <= 8_000))).toBe(true);
    state.refuses = false;
    for (const { socket } of connections) socket.write(requestOf(bodyOf(2)));
    await vi.waitFor(
      () => {
        for (const connection of connections) expect(connection.statuses()).toEqual([429, 200]);
      },
      { timeout: 10_000 },
    );
    for (const { text } of connections) expect(text()).toContain('"data":[4,4]');
    expect(state.runs).toBe(80);
  });

  it('are read again before the head of a request has taken too long', async () => {
    // Eight seconds of the clock for all of them, so that the longest held would be held for more than four.
    const { server } = await startBehind({ headersTimeoutMs: 5000 }, 200);
    const connections = await flood(server, 40);
    const told = connections.map(({ text }) => Number(/retry-after-ms: (\d+)/i.exec(text())?.[1]));
    expect(Math.max(...told)).toBeGreaterThan(7);
    expect(Math.max(...told)).toBeLessThanOrEqual(4000);
  });

  it('are read before the server closes, and answered', async () => {
    const { server, state } = await startBehind();
    const connections = await flood(server, 40);
    state.refuses = false;
    for (const { socket } of connections) socket.write(requestOf(bodyOf(3)));
    await new Promise<void>((resolve) => void setImmediate(resolve));
    await server.close();
    await vi.waitFor(() => {
      for (const connection of connections) expect(connection.isClosed()).toBe(true);
    });
    for (const connection of connections) expect(connection.statuses()).toEqual([429, 200]);
  });

  it('are those that asked for too much alone: others are read at once', async () => {
    const { server, state } = await startBehind();
    const held = await flood(server, 40);
    state.refuses = false;
    const other = await connectTo(server);
    await ask(other, requestOf(bodyOf(4)));
    expect(other.text()).toContain('"data":[8,8]');
    expect(held.every((connection) => !connection.isClosed())).toBe(true);
  });
});
