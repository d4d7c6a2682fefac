import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, Server as NetServer, type Socket } from 'node:net';
import { createRunner, type FairleadError, type Logger, type ModelRunner, type Tensors } from '@fairlead/core';
import { remote } from '@fairlead/core/remote';
import { createMockBackend } from '@fairlead/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ServeOptions, type Server, serve } from './index';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

async function localRunner(): Promise<ModelRunner> {
  const runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, logger: silent });
  open.push(runner);
  return runner;
}

async function start(runner: ModelRunner, options: ServeOptions = {}): Promise<Server> {
  const server = await serve(runner, { port: 0, drainDelayMs: 0, logger: silent, ...options });
  open.push(server);
  return server;
}

/** A runner whose requests wait until the test lets them go, or are aborted. */
async function gatedRunner() {
  const runner = await localRunner();
  const waiting: { release: () => void; signal: AbortSignal | undefined }[] = [];
  const run: ModelRunner['run'] = async (inputs, options) => {
    await new Promise<void>((resolve, reject) => {
      const signal = options?.signal;
      signal?.addEventListener('abort', () => reject(abortOf(signal)), { once: true });
      waiting.push({ release: resolve, signal });
    });
    return runner.run(inputs);
  };
  const release = (): void => {
    for (const entry of waiting.splice(0)) entry.release();
  };
  return { runner: { ...runner, model: runner.model, run }, waiting, release };
}

function abortOf(signal: AbortSignal): Error {
  const error = new Error('aborted') as Error & { code: string; cause: unknown };
  return Object.assign(error, {
    code: 'ABORTED',
    cause: signal.reason,
    details: {},
    [Symbol.for('fairlead.error')]: true,
  });
}

const inferPath = '/v2/models/mock/infer';
const body = (values: readonly number[] = [1, 2]) =>
  JSON.stringify({ inputs: [{ name: 'x', shape: [values.length / 2, 2], datatype: 'FP32', data: values }] });
const post = (server: Server, text = body(), init: RequestInit = {}) =>
  fetch(server.url + inferPath, { method: 'POST', body: text, ...init });

/** Sends raw bytes and resolves with all that comes back until the connection ends. */
function sendRaw(server: Server, text: string, thenEnd = false): Promise<string> {
  const socket = connect(server.port, '127.0.0.1', () => (thenEnd ? socket.end(text) : socket.write(text)));
  return answerOf(socket);
}

describe('serve', () => {
  it('serves a runner that a remote runner takes for a local one', async () => {
    const local = await localRunner();
    const server = await start(local);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    const runner = await remote({ url: server.url, model: 'mock' });
    open.push(runner);
    const x = Float32Array.of(1.5, -2, 3e-9, 4);
    const answers = await Promise.all(Array.from({ length: 32 }, () => runner.run({ x }, { timeoutMs: 5000 })));
    for (const answer of answers) expect(answer.outputs.y?.data).toEqual(x.map((value) => value * 2));
    expect(answers[0]?.model).toEqual(local.model);
    const wrong = await runner
      .run({ x: Float32Array.of(1) } as unknown as Tensors)
      .catch((error: FairleadError) => error.code);
    expect(wrong).toBe('INVALID_INPUT');
  });

  it('answers plain HTTP: infer, metadata, health, metrics, HEAD and the unknown', async () => {
    const metrics = { render: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }) };
    const server = await start(await localRunner(), { metrics });
    const answer = await post(server);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await answer.json()).toMatchObject({ outputs: [{ data: [2, 4] }] });
    expect((await fetch(`${server.url}/v2/models/mock?x=1`)).status).toBe(200);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toBe('up 1\n');
    const head = await fetch(`${server.url}/v2/health/ready`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '14', '']);
    expect((await fetch(`${server.url}/nowhere`)).status).toBe(404);
    expect((await fetch(server.url + inferPath, { method: 'PUT', body: '{}' })).status).toBe(405);
  });

  it('has the system keep more connections ready than Node asks it to, for when many dial at once', async () => {
    const listen = vi.spyOn(NetServer.prototype, 'listen');
    await start(await localRunner());
    expect(listen).toHaveBeenCalledWith(expect.objectContaining({ backlog: 4096 }), expect.any(Function));
    listen.mockRestore();
  });

  it('takes a whole address as the target of a request', async () => {
    const server = await start(await localRunner());
    const get = async (target: string) => {
      const answer = await sendRaw(server, `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      return answer.slice(9, 12);
    };
    expect(await get('http://models.example:8080/v2/health/live')).toBe('200');
    expect(await get('HTTPS://models.example/v2/models/mock?x=1')).toBe('200');
    expect(await get('http://models.example')).toBe('404');
    expect(await get('http://models.example?x=1')).toBe('404');
    expect(await sendRaw(server, 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(
      /^HTTP.1.1 404 /,
    );
  });

  it('compresses /metrics, as a client that unpacks it sees, with the length of what is sent', async () => {
    const page = 'up 1\n'.repeat(400);
    const server = await start(await localRunner(), {
      metrics: { render: () => ({ contentType: 'text/plain', body: page }) },
    });
    const unpacked = await fetch(`${server.url}/metrics`, { headers: { 'accept-encoding': 'gzip' } });
    expect(unpacked.headers.get('content-encoding')).toBe('gzip');
    expect(Number(unpacked.headers.get('content-length'))).toBeLessThan(200);
    expect(await unpacked.text()).toBe(page);
    const head = await fetch(`${server.url}/metrics`, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } });
    expect([head.headers.get('content-length'), head.headers.get('vary')]).toEqual(['2000', 'Accept, Accept-Encoding']);
  });

  it('refuses options that it cannot use, and a port that is taken', async () => {
    const runner = await localRunner();
    const server = await start(runner);
    const refused = (options: object) =>
      serve(runner, options as ServeOptions).then(
        () => 'served',
        (error: FairleadError) => `${error.code} ${error.details.field}`,
      );
    expect(await refused({ port: server.port })).toBe('INVALID_OPTION port');
    const nothing = serve(undefined as never, { port: 0 });
    await expect(nothing).rejects.toMatchObject({ code: 'INVALID_OPTION', details: { field: 'runners' } });
    expect(await refused({ port: 0, host: '203.0.113.7' })).toBe('INVALID_OPTION host');
    expect(await refused({ port: 70_000 })).toBe('INVALID_OPTION port');
    expect(await refused({ port: 0, drainDelay: 1 })).toBe('INVALID_OPTION drainDelay');
    expect(await refused({ port: 0, maxBodyBytes: 0 })).toBe('INVALID_OPTION maxBodyBytes');
    for (const options of [{ maxBodyBytes: 0 }, { basePath: 'x' }, { port: -1 }, { drainDelay: 1 }])
      await expect(serve(runner, { port: 0, ...options } as ServeOptions)).rejects.toThrow(/^serve: option "/);
    await expect(nothing).rejects.toThrow(/^serve: "runners"/);
    const denied = Object.assign(new Error('listen EACCES: permission denied'), { code: 'EACCES' });
    const listen = vi.spyOn(NetServer.prototype, 'listen').mockImplementation(function (this: NetServer) {
      this.emit('error', denied);
      return this;
    });
    expect(await refused({ port: 80 })).toBe('INVALID_OPTION port');
    listen.mockRestore();
  });

  it('aborts the run of a client that goes away', async () => {
    const { runner, waiting } = await gatedRunner();
    const server = await start(runner);
    const controller = new AbortController();
    const gone = post(server, body(), { signal: controller.signal }).catch((error: Error) => error.name);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    expect(waiting[0]?.signal?.aborted).toBe(false);
    controller.abort();
    expect(await gone).toBe('AbortError');
    await vi.waitFor(() => expect(waiting[0]?.signal?.aborted).toBe(true));
  });

  it('keeps a connection for the next request', async () => {
    const server = await start(await localRunner());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = [];
    for (let index = 0; index < 3; index++) ports.push((await postByAgent(server, agent)).socketPort);
    agent.destroy();
    expect(new Set(ports).size).toBe(1);
  });
});

describe('serve with hostile clients', () => {
  const head = (headers: string) => `POST ${inferPath} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`;

  it('refuses a body by its declared length, before it comes', async () => {
    const server = await start(await localRunner(), { maxBodyBytes: 1000 });
    const answer = await sendRaw(server, head('content-length: 100000000000\r\n'), true);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer.toLowerCase()).toContain('connection: close');
  });

  it('tells a client that asks first, without asking for the body', async () => {
    const server = await start(await localRunner(), { maxBodyBytes: 1000 });
    const ask = (length: number) => head(`content-length: ${length}\r\nexpect: 100-continue\r\nconnection: close\r\n`);
    const refused = await sendRaw(server, ask(1001), true);
    expect(refused).toMatch(/^HTTP\/1.1 413 /);
    expect(refused).not.toContain('100 Continue');
    const taken = await sendRaw(server, ask(body().length) + body());
    expect(taken).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /);
  });

  it('stops reading a chunked body at the limit, and its sender still reads the answer', async () => {
    const server = await start(await localRunner(), { maxBodyBytes: 100_000 });
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const answer = await sendRaw(server, `${head('transfer-encoding: chunked\r\n')}${chunk.repeat(40)}0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('LIMIT_EXCEEDED');
  });

  it('takes what follows a body that is longer than declared for no part of it', async () => {
    const server = await start(await localRunner());
    const answer = await sendRaw(server, `${head(`content-length: ${body().length}\r\n`)}${body()}garbage\r\n\r\n`);
    expect(answer).toContain('HTTP/1.1 400 ');
    expect((await post(server)).status).toBe(200);
  });

  it('ends a request whose body never comes', async () => {
    const server = await start(await localRunner(), { requestTimeoutMs: 100 });
    const answer = await sendRaw(server, `${head('content-length: 50\r\n')}{"inputs":`);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect((await post(server)).status).toBe(200);
  });

  it('ends a request whose head never comes, though its body might take longer', async () => {
    const server = await start(await localRunner(), { requestTimeoutMs: 600_000, headersTimeoutMs: 100 });
    const answer = await sendRaw(server, `POST ${inferPath} HTTP/1.1\r\nhost: x\r\nx-slow: `);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect((await post(server)).status).toBe(200);
  });

  it('refuses a head that is too large, by its bytes', async () => {
    const server = await start(await localRunner(), { maxHeaderBytes: 2048 });
    const flood = Array.from({ length: 200 }, (_, index) => `x-${index}: ${'y'.repeat(20)}\r\n`).join('');
    expect(await sendRaw(server, head(flood))).toMatch(/^HTTP\/1.1 431 /);
    expect((await post(server)).status).toBe(200);
  });

  it('closes connections past the limit at once, and serves those that are open', async () => {
    const server = await start(await localRunner(), { maxConnections: 1 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await postByAgent(server, agent)).status).toBe(200);
    expect(await sendRaw(server, `GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n`)).toMatch(/^$|ECONNRESET/);
    expect((await postByAgent(server, agent)).status).toBe(200);
    agent.destroy();
  });

  it('cuts off a client that does not read its answer, and says so', async () => {
    const warn = vi.fn();
    const page = 'x'.repeat(50_000_000);
    const metrics = { render: () => ({ contentType: 'text/plain', body: page }) };
    const logger = { ...silent, warn };
    const server = await start(await localRunner(), { metrics, logger, answerTimeoutMs: 100, drainTimeoutMs: 600_000 });
    const socket = await connected(server);
    socket.pause();
    socket.on('error', () => {});
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1), { timeout: 30_000 });
    expect(warn.mock.calls[0]?.[0]).toMatchObject({ path: '/metrics', answerTimeoutMs: 100 });
    expect((await post(server)).status).toBe(200);
    await server.close();
    socket.destroy();
  });

  it('goes on when a client leaves in the middle of its body', async () => {
    const error = vi.fn();
    const server = await start(await localRunner(), { logger: { ...silent, error } });
    await sendRaw(server, `${head('content-length: 50\r\n')}{"inputs":`, true);
    expect((await post(server)).status).toBe(200);
    expect(error).not.toHaveBeenCalled();
  });

  it('refuses garbage and paths that climb', async () => {
    const server = await start(await localRunner());
    expect(await sendRaw(server, 'GARBAGE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    const get = (path: string) => sendRaw(server, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(await get('/v2/models/../../etc/passwd')).toMatch(/^HTTP\/1.1 404 /);
    expect(await get('/v2/models/%2e%2e%2f%2e%2e')).toMatch(/^HTTP\/1.1 404 /);
    expect(await get('/v2/models/%zz')).toMatch(/^HTTP\/1.1 400 /);
    expect(await get('*')).toMatch(/^HTTP\/1.1 404 /);
    expect((await post(server)).status).toBe(200);
  });

  it('logs an answer that HTTP cannot carry, and goes on', async () => {
    const error = vi.fn();
    const metrics = { render: () => ({ contentType: 'text/plain\r\nx: y', body: '' }) };
    const server = await start(await localRunner(), { metrics, logger: { ...silent, error } });
    await expect(fetch(`${server.url}/metrics`)).rejects.toThrow();
    expect(error).toHaveBeenCalledTimes(1);
    expect((await post(server)).status).toBe(200);
  });
});

interface AgentAnswer {
  readonly status: number | undefined;
  readonly text: string;
  readonly connection: string | undefined;
  readonly socketPort: number | undefined;
}

/** Sends an infer request over an agent's connections; a failure of the connection rejects. */
function postByAgent(server: Server, agent: Agent, onSent?: () => void): Promise<AgentAnswer> {
  return new Promise((resolve, reject) => {
    const options = { agent, host: '127.0.0.1', port: server.port, method: 'POST', path: inferPath };
    const request = httpRequest(options, (response: IncomingMessage) => {
      const socketPort = response.socket.localPort;
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode, text, connection: response.headers.connection, socketPort }),
      );
    });
    request.on('error', reject);
    request.end(body(), onSent);
  });
}

describe('serve while it closes', () => {
  it('lets readiness go first, answers what it accepted, then closes', async () => {
    const { runner, waiting, release } = await gatedRunner();
    const server = await start(runner, { drainDelayMs: 60_000, clock: fakeDelayClock() });
    const accepted = Array.from({ length: 8 }, () => post(server));
    await vi.waitFor(() => expect(waiting).toHaveLength(8));
    const closing = server.close();
    await vi.waitFor(async () => expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(503));
    expect((await fetch(`${server.url}/v2/health/live`)).headers.get('connection')).toBe('close');
    const late = post(server);
    await vi.waitFor(() => expect(waiting).toHaveLength(9));
    delays.splice(0).forEach((callback) => {
      callback();
    });
    await vi.waitFor(() => expect(fetch(`${server.url}/v2/health/live`)).rejects.toThrow());
    release();
    const answers = await Promise.all([...accepted, late]);
    expect(answers.map((answer) => answer.status)).toEqual(new Array(9).fill(200));
    await closing;
    await server.close();
    await server[Symbol.asyncDispose]();
  });

  it('hands over to others on its port: accepts nothing more, answers who is there, and stays ready', async () => {
    const server = await start(await localRunner(), { drainDelayMs: 60_000, clock: fakeDelayClock() });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await postByAgent(server, agent);
    const closing = server.close({ handsOver: true });
    await expect(fetch(`${server.url}/v2/health/live`)).rejects.toThrow();
    const ready = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { agent, host: '127.0.0.1', port: server.port, path: '/v2/health/ready' };
      httpRequest(options, resolve).on('error', reject).end();
    });
    ready.resume();
    expect([ready.statusCode, ready.headers.connection]).toEqual([200, 'close']);
    for (const callback of delays.splice(0)) callback();
    await closing;
    agent.destroy();
  });

  it('loses no request under load over open connections', async () => {
    const server = await start(await localRunner(), { drainDelayMs: 100 });
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const statuses: (number | undefined)[] = [];
    let closing: Promise<void> | undefined;
    // Like a balancer: goes on for as long as the server does not send it away. A reset connection fails the test.
    const client = async (): Promise<void> => {
      for (;;) {
        const { status, connection } = await postByAgent(server, agent);
        statuses.push(status);
        if (statuses.length === 200) closing = server.close();
        if (connection === 'close') return;
      }
    };
    await Promise.all(Array.from({ length: 16 }, client));
    await closing;
    agent.destroy();
    expect(statuses.length).toBeGreaterThanOrEqual(200 + 15);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('answers requests that have arrived and were not yet read when it stops', async () => {
    const server = await start(await localRunner());
    const sockets = await Promise.all(Array.from({ length: 8 }, () => connected(server)));
    const text = `POST ${inferPath} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body().length}\r\n\r\n${body()}`;
    const answers = sockets.map((socket) => answerOf(socket));
    const send = (): void => {
      for (const socket of sockets) socket.write(text);
    };
    const firstAnswers = sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve)));
    send();
    await Promise.all(firstAnswers);
    send();
    await Promise.all([server.close(), ...answers]);
    for (const answer of answers) expect((await answer).match(/HTTP\/1.1 200 /g)).toHaveLength(2);
  });

  it('aborts what is not done in time, with 503, and says so', async () => {
    const warn = vi.fn();
    const { runner, waiting } = await gatedRunner();
    const server = await start(runner, { drainTimeoutMs: 20, logger: { ...silent, warn } });
    const stuck = post(server);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    await server.close();
    expect([(await stuck).status, await (await stuck).json()]).toMatchObject([503, { code: 'CLOSED' }]);
    expect(warn).toHaveBeenCalledExactlyOnceWith({ requests: 1, drainTimeoutMs: 20 }, expect.any(String));
  });

  it('is not held up by connections that ask nothing', async () => {
    const server = await start(await localRunner(), { drainTimeoutMs: 60_000 });
    const silentClient = sendRaw(server, 'POST ');
    expect((await post(server)).status).toBe(200);
    await server.close();
    expect(await silentClient).toMatch(/^$|ECONNRESET/);
  });

  it('takes no process signal unless asked', async () => {
    const before = process.listenerCount('SIGTERM');
    await start(await localRunner());
    expect(process.listenerCount('SIGTERM')).toBe(before);
    const asked = await serve(await localRunner(), { port: 0, handleSignals: true, drainDelayMs: 0 });
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    await asked.close();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('closes at a signal when asked, then lets the process end by it unless somebody else listens', async () => {
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    const other = vi.fn();
    const before = process.listeners('SIGINT');
    const options = { port: 0, handleSignals: true, drainDelayMs: 0, logger: silent };
    try {
      const server = await serve(await localRunner(), options);
      process.emit('SIGTERM', 'SIGTERM');
      process.emit('SIGTERM', 'SIGTERM');
      await vi.waitFor(() => expect(kill).toHaveBeenCalledWith(process.pid, 'SIGTERM'));
      await expect(fetch(`${server.url}/v2/health/live`)).rejects.toThrow();

      kill.mockClear();
      process.on('SIGINT', other);
      const second = await serve(await localRunner(), options);
      process.emit('SIGINT', 'SIGINT');
      await second.close();
      await new Promise((resolve) => setImmediate(resolve));
      expect(other).toHaveBeenCalledTimes(1);
      expect(process.listeners('SIGINT')).toEqual([...before, other]);
      expect(kill).not.toHaveBeenCalled();
    } finally {
      process.off('SIGINT', other);
      kill.mockRestore();
    }
  });
});

function connected(server: Server): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => resolve(socket));
  });
}

function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', (error) => resolve(`${answer}${error.message}`));
    socket.on('close', () => resolve(answer));
  });
}

/** Timers of a minute and more wait for the test; the rest are real. */
const delays: (() => void)[] = [];
function fakeDelayClock(): NonNullable<ServeOptions['clock']> {
  return {
    now: () => performance.now(),
    epochMs: () => Date.now(),
    defer: (callback) => void setImmediate(callback),
    setTimer(callback, delayMs) {
      if (delayMs >= 60_000) {
        delays.push(callback);
        return { clear() {} };
      }
      const handle = setTimeout(callback, delayMs);
      return { clear: () => clearTimeout(handle) };
    },
  };
}
