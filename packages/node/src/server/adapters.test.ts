import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createRunner, type Logger, type ModelRunner } from '@fairlead/core';
import { batchScoring, createHandler, createService, openInference, type ServiceOptions } from '@fairlead/core/serving';
import { createMockBackend, type MockBackendOptions } from '@fairlead/core/testing';
import express, { type Express } from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fastifyPlugin, type NodeListener, toNodeListener } from './index';

/* A service in the frameworks themselves: below a prefix, with their parsers on and off, streamed, left and cut. */

const opened: (() => Promise<unknown>)[] = [];
const errors: string[] = [];
const logger: Logger = { debug() {}, info() {}, warn() {}, error: (_details, message) => void errors.push(message) };

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
  errors.length = 0;
});

async function runnerOf(mock: MockBackendOptions = {}): Promise<ModelRunner> {
  const runner = await createRunner({ model: '1', backend: createMockBackend(mock), warmUp: false, logger });
  opened.push(() => runner.close());
  return runner;
}

const options: ServiceOptions = { protocols: [openInference(), batchScoring()], logger };

async function listen(server: NetServer & { closeAllConnections?(): void }): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  opened.push(async () => {
    server.closeAllConnections?.();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Where a framework serves the mock under `/ml`, and beside it a path of its own that takes JSON at `/echo`. */
type Mount = (runner: ModelRunner) => Promise<{ readonly url: string; readonly listener?: NodeListener }>;

const withExpress =
  (prepare: (app: Express) => void, after: (app: Express) => void = () => {}): Mount =>
  async (runner) => {
    const app = express();
    prepare(app);
    const listener = toNodeListener(createService({ mock: runner }, options), { logger });
    app.use('/ml', listener);
    after(app);
    app.post('/echo', (request, response) => void response.json(request.body));
    return { url: await listen(createServer(app)), listener };
  };

const mounts: Record<string, Mount> = {
  'node:http': async (runner) => {
    const listener = toNodeListener(createService({ mock: runner }, { ...options, basePath: '/ml' }), { logger });
    const server = createServer((request, response) => {
      if (request.url !== '/echo') listener(request, response);
      else request.pipe(response.writeHead(200, { 'content-type': 'application/json' }));
    });
    return { url: await listen(server), listener };
  },
  'Express, before its parsers': withExpress(
    () => {},
    (app) => void app.use(express.json()),
  ),
  'Express, behind its parsers': withExpress((app) => {
    app.use(express.json(), express.text({ type: ['text/*', 'application/x-ndjson'] }), express.raw());
  }),
  Fastify: async (runner) => {
    const app = fastify({ bodyLimit: 200 });
    app.register(fastifyPlugin(createService({ mock: runner }, options), { logger }), { prefix: '/ml' });
    app.post('/echo', async (request) => request.body);
    await app.listen({ port: 0, host: '127.0.0.1' });
    opened.push(async () => {
      app.server.closeAllConnections();
      await app.close();
    });
    return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` };
  },
};

const message = (...data: unknown[]) => ({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data }] });
const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
const infer = '/ml/v2/models/mock/infer';
const batch = '/ml/v1/batch/mock';
const ndjson = { 'content-type': 'application/x-ndjson' };

describe.each(Object.entries(mounts))('%s', (name, mount) => {
  it('answers under its prefix, and leaves the rest alone', async () => {
    const { url } = await mount(await runnerOf());
    const response = await post(url + infer, message(1, 2));
    expect([response.status, await response.json()]).toMatchObject([200, { outputs: [{ data: [2, 4] }] }]);
    expect((await fetch(`${url}/ml/v2/health/ready`)).status).toBe(200);
    expect((await fetch(`${url}/ml/v2/models/mock`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${url}/ml/v2/models/nope?a=b`)).status).toBe(404);
    expect(await (await post(`${url}/echo`, { a: 1 })).json()).toEqual({ a: 1 });
  });

  it('reads packed bodies, bare bytes and rows', async () => {
    const { url } = await mount(await runnerOf());
    const packed = await post(url + infer, gzipSync(JSON.stringify(message(3, 4))), { 'content-encoding': 'gzip' });
    expect(await packed.json()).toMatchObject({ outputs: [{ data: [6, 8] }] });
    const bytes = new Uint8Array(Float32Array.of(5, 6).buffer);
    const raw = { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' };
    const answer = await (await post(url + infer, bytes, raw)).arrayBuffer();
    expect([...new Float32Array(answer.slice(-8))]).toEqual([10, 12]);
    expect(await (await post(url + batch, '[1,2]\n[3,4]\n', ndjson)).text()).toBe(
      '{"index":0,"outputs":{"y":[2,4]}}\n{"index":1,"outputs":{"y":[6,8]}}\n',
    );
    const csv = await post(`${url}${batch}?id=name`, 'name,a,b\none,1,2\n', { 'content-type': 'text/csv' });
    expect(await csv.text()).toBe('index,id,y[0],y[1],error,code\n0,one,2,4,,\n');
    const bad = await post(url + batch, 'a\n1\n', { 'content-type': 'text/csv' });
    expect([bad.status, await bad.json()]).toMatchObject([400, { code: 'INVALID_INPUT' }]);
    expect(errors).toEqual([]);
  });

  // A parser waits for the whole body.
  if (!name.includes('behind')) {
    it('streams both ways at once', async () => {
      const { url } = await mount(await runnerOf());
      const request = httpRequest(url + batch, { method: 'POST', headers: ndjson, agent: false });
      const answering = new Promise<IncomingMessage>((resolve) => request.on('response', resolve));
      request.write('[1,2]\n');
      const pieces = (await answering)[Symbol.asyncIterator]();
      expect(String((await pieces.next()).value)).toContain('"index":0');
      request.write('[3,4]\n');
      expect(String((await pieces.next()).value)).toContain('"index":1');
      request.end();
      expect((await pieces.next()).done).toBe(true);
    });
  }

  it('ends what is computed for a client that leaves', async () => {
    let signals = 0;
    let ended = 0;
    const runner = await runnerOf();
    const slow: ModelRunner = {
      ...runner,
      run: (_inputs, { signal } = {}) =>
        new Promise((_resolve, reject) => {
          signals++;
          signal?.addEventListener('abort', () => {
            ended++;
            reject(signal.reason);
          });
        }),
    };
    const { url, listener } = await mount(slow);
    const leave = new AbortController();
    const waiting = fetch(url + infer, {
      method: 'POST',
      body: JSON.stringify(message(1, 2)),
      headers: { 'content-type': 'application/json' },
      signal: leave.signal,
    });
    const gone = expect(waiting).rejects.toThrow();
    await vi.waitFor(() => expect(signals).toBe(1), { timeout: 5000 });
    if (listener !== undefined) expect(listener.inFlight).toBe(1);
    leave.abort();
    await gone;
    await vi.waitFor(() => expect(ended).toBe(1), { timeout: 5000 });
    await listener?.whenIdle();
  });
});

describe('Express behind a parser', () => {
  it('says that a parser has rounded a number, or kept nothing', async () => {
    const mount = withExpress((app) => {
      app.use(express.json());
      app.use((request, _response, next) => {
        if (request.query.drop === undefined) next();
        else request.on('end', next).resume();
      });
    });
    const { url } = await mount(await runnerOf());
    const rounded = await post(
      url + infer,
      '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[9007199254740993,1]}]}',
    );
    expect(rounded.status).toBe(500);
    const dropped = await post(`${url}${batch}?drop`, '[1,2]', ndjson);
    expect(dropped.status).toBe(500);
    expect(errors).toEqual([
      expect.stringContaining('has rounded a number past 2^53 to 9007199254740992. Mount the service before'),
      expect.stringContaining('nothing is left of it. Mount the service before'),
    ]);
  });
});

describe('frameworks with Request and Response', () => {
  it('Hono mounts the handler below a path', async () => {
    const handler = createHandler({ mock: await runnerOf() }, { ...options, basePath: '/ml' });
    const app = new Hono();
    app.all('/ml/*', (context) => handler(context.req.raw));
    app.get('/', (context) => context.text('home'));
    const response = await app.request(batch, { method: 'POST', body: '[1,2]\n', headers: ndjson });
    expect(await response.text()).toBe('{"index":0,"outputs":{"y":[2,4]}}\n');
    expect(await (await app.request('/')).text()).toBe('home');
    expect((await app.request('/ml/v2/health/ready')).status).toBe(200);
  });

  it('a route handler of Next takes it as GET and POST', async () => {
    /** What Next calls in app/ml/[...path]/route.ts. */
    type RouteHandler = (request: Request, context: { params: Promise<Record<string, string[]>> }) => Promise<Response>;
    const handler = createHandler({ mock: await runnerOf() }, { ...options, basePath: '/ml' });
    const route: { GET: RouteHandler; POST: RouteHandler } = { GET: handler, POST: handler };
    const context = { params: Promise.resolve({ path: [] }) };
    const ready = await route.GET(new Request('http://app/ml/v2/health/ready'), context);
    expect(ready.status).toBe(200);
    const request = new Request(`http://app${batch}`, { method: 'POST', body: '[1,2]', headers: ndjson });
    expect(await (await route.POST(request, context)).text()).toContain('[2,4]');
  });
});

it('is found in Fastify below a prefix with parameters, and below none', async () => {
  const service = createService({ mock: await runnerOf() }, options);
  const statusOf = async (prefix: string | undefined, path: string) => {
    const app = fastify();
    app.register(fastifyPlugin(service, { logger }), prefix === undefined ? {} : { prefix });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const { status } = await fetch(url + path);
    await app.close();
    return status;
  };
  expect(await statusOf('/:tenant/ml', '/some-team/ml/v2/models/mock?x=/y')).toBe(200);
  expect(await statusOf('/ml/', '/ml/v2/models/mock')).toBe(200);
  expect(await statusOf(undefined, '/v2/models/mock?x=/y')).toBe(200);
  expect(await statusOf('/ml', '/ml/?x=/v2/models/mock')).toBe(404);
});

it('refuses options that it does not know', async () => {
  const service = createService({ mock: await runnerOf() }, options);
  expect(() => toNodeListener(service, { answerTimeoutMs: 0 })).toThrow('answerTimeoutMs');
  expect(() => fastifyPlugin(service, { port: 1 } as never)).toThrow('fastifyPlugin: option "port"');
  // Such as a handler: it would fail at the first request, and take the process with it.
  for (const none of [() => {}, {}, undefined, null]) {
    expect(() => toNodeListener(none as never)).toThrow('toNodeListener: option "service"');
    expect(() => fastifyPlugin(none as never)).toThrow('fastifyPlugin: option "service"');
  }
});
