import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRunner, type DType, FairleadError, type Logger, type ModelRunner, type Tensor } from '@fairlead/core';
import { createHandler, createModelRepository, type Guard, type Handler } from '@fairlead/core/serving';
import { createMockBackend, type MockBackendOptions } from '@fairlead/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../doctor/command';
import { createAuthority } from '../certificates.fixture';
import { serve } from '../serve';
import { checkServer, renderServerReport, type ServerReport } from './index';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

/** Serves a handler on a socket, as it is, so that a handler which breaks the protocol can be served too. */
async function listen(handler: Handler): Promise<string> {
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as [string, string]);
    const { method = 'GET', url = '/' } = request;
    const body = method === 'GET' ? {} : { body: Buffer.concat(chunks) };
    const answer = await handler(new Request(`http://test${url}`, { method, headers, ...body }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
  const server = createServer((request, response) => {
    reply(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function runnerOf(options: MockBackendOptions = {}): Promise<ModelRunner> {
  const backend = createMockBackend(options);
  const runner = await createRunner({ model: '1', backend, warmUp: false, lanes: 'inline', logger: silent });
  open.push(runner);
  return runner;
}

const specOf = (name: string, dtype: DType, shape: readonly (number | string)[]) => ({ name, dtype, shape });
/** Broken ones are searched for by name, so a failed check shows as what it is. */
const failures = ({ checks }: ServerReport): string[] =>
  checks.filter(({ outcome }) => outcome === 'fail').map(({ name }) => name);

describe('checkServer', () => {
  it('finds nothing wrong with our own server, and leaves nothing out', async () => {
    const repository = createModelRepository({ other: () => runnerOf() }, { logger: silent });
    open.push(repository);
    const handler = createHandler({ m: await runnerOf() }, { repository, logger: silent });
    const report = await checkServer(await listen(handler));
    expect(report.checks.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(report).toMatchObject({ model: 'm', passes: true });
    expect(new Set(report.checks.map(({ group }) => group))).toEqual(
      new Set(['server', 'model', 'infer', 'errors', 'binary', 'extensions']),
    );
  });

  it('shows a server that asks who calls what it is given', async () => {
    const guard: Guard = {
      admit({ operation, model, header }) {
        if (operation === 'health' && model === undefined) return undefined;
        if (header('authorization') === 'Bearer KEY') return { id: 'checker', scheme: 'key' };
        throw new FairleadError('UNAUTHENTICATED', 'This needs a key.');
      },
    };
    const url = await listen(createHandler({ m: await runnerOf() }, { guard, logger: silent }));
    expect((await checkServer(url, { model: 'm' })).passes).toBe(false);
    const report = await checkServer(url, { model: 'm', headers: { authorization: 'Bearer KEY' } });
    expect(failures(report)).toEqual([]);
    const wrong = checkServer(url, { model: 'm', headers: { authorization: 'Bearer\nKEY' } });
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.not.stringContaining('KEY') });
    await expect(checkServer(url, { headers: ['KEY'] as never })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  it.each<[string, DType, readonly (number | string)[]]>([
    ['strings', 'string', ['batch', 2]],
    ['booleans', 'bool', ['batch']],
    ['64-bit integers of a fixed shape', 'int64', [2, 3]],
    ['doubles with several open sizes', 'float64', ['batch', 'words', 4]],
  ])('asks models of %s', async (_, dtype, shape) => {
    const batchAxis = typeof shape[0] === 'string' ? 0 : null;
    const signature = { inputs: [specOf('x', dtype, shape)], outputs: [specOf('y', dtype, shape)], batchAxis };
    const runner = await runnerOf({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    const report = await checkServer(await listen(createHandler({ m: runner }, { logger: silent })), { model: 'm' });
    expect(failures(report)).toEqual([]);
  });

  it('asks a model of halves by bytes alone, and says so', async () => {
    const spec = specOf('x', 'float16', ['batch', 2]);
    const signature = { inputs: [spec], outputs: [{ ...spec, name: 'y' }], batchAxis: 0 };
    const runner = await runnerOf({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    const report = await checkServer(await listen(createHandler({ m: runner }, { logger: silent })), { model: 'm' });
    expect(failures(report)).toEqual([]);
    expect(report.checks).toContainEqual(
      expect.objectContaining({ name: 'JSON, data flat', outcome: 'skip', given: expect.stringContaining('FP16') }),
    );
    expect(report.checks).toContainEqual(expect.objectContaining({ name: 'bytes in and out', outcome: 'pass' }));
  });

  it('refuses what is no address, a server without a named model, and one that is not there', async () => {
    const code = (url: string, options?: object) =>
      checkServer(url, options).then(
        () => 'checked',
        (error: FairleadError) => error.code,
      );
    const url = await listen(createHandler({ m: await runnerOf() }, { logger: silent }));
    expect(await code('localhost:8080')).toBe('INVALID_ARGUMENT');
    expect(await code('/v2')).toBe('INVALID_ARGUMENT');
    expect(await code(url)).toBe('INVALID_ARGUMENT');
    expect(await code(url, { timeoutMs: 0 })).toBe('INVALID_OPTION');
    await open.pop()?.close();
    expect(await code(url, { model: 'm' })).toBe('REMOTE_FAILED');
  });

  it('says of a server whose certificate is not trusted that it is that, and what to do', async () => {
    const own = createAuthority('nobody knows').issue({ commonName: 'server', names: ['IP:127.0.0.1'] });
    const tls = { cert: { pem: own.cert }, key: { pem: own.key } };
    const server = await serve({ m: await runnerOf() }, { port: 0, tls, drainDelayMs: 0, logger: silent });
    open.push(server);
    await expect(checkServer(server.url)).rejects.toThrow(/Its certificate is not trusted here: .*NODE_EXTRA_CA_CERTS/);
  });

  it('finds a model that is not there', async () => {
    const url = await listen(createHandler({ m: await runnerOf() }, { logger: silent }));
    const report = await checkServer(url, { model: 'nobody' });
    expect(report.passes).toBe(false);
    expect(failures(report)).toEqual(['its metadata', 'its readiness']);
  });
});

describe('checkServer with a server that breaks a rule', () => {
  type Change = (request: Request, answer: Response) => Response | Promise<Response>;
  const isInfer = ({ url, method }: Request): boolean => method === 'POST' && url.endsWith('/infer');

  /** Our own server, with its answers changed. */
  async function broken(change: Change): Promise<string[]> {
    const handler = createHandler({ m: await runnerOf() }, { logger: silent });
    const url = await listen(async (request) => {
      const copy = request.clone();
      return change(copy, await handler(request));
    });
    return failures(await checkServer(url, { model: 'm' }));
  }
  /** Changes the JSON of answers to infer that went well. */
  const inferJson =
    (
      edit: (body: {
        id?: string;
        model_name?: string;
        model_version?: string;
        outputs: Record<string, unknown>[];
      }) => void,
    ): Change =>
    async (request, answer) => {
      if (!isInfer(request) || answer.status !== 200) return answer;
      if (answer.headers.get('content-type') !== 'application/json') return answer;
      const body = (await answer.json()) as Parameters<typeof edit>[0];
      edit(body);
      return Response.json(body);
    };

  it.each<[string, Change, string]>([
    [
      'is not ready',
      (request, answer) => (request.url.endsWith('/health/ready') ? new Response('', { status: 503 }) : answer),
      'GET /v2/health/ready',
    ],
    [
      'has no extensions',
      (request, answer) => (request.url.endsWith('/v2') ? Response.json({ name: 'x', version: '1' }) : answer),
      'GET /v2',
    ],
    [
      'answers any path',
      (request, answer) => (request.url.includes('no-such-path') ? Response.json({}) : answer),
      'a path that is none',
    ],
    [
      'knows every model',
      (request, answer) => (request.url.endsWith('no-such-model/ready') ? new Response('') : answer),
      'readiness of a model that is none',
    ],
    [
      'writes shapes as strings',
      async (request, answer) =>
        request.url.endsWith('/models/m')
          ? Response.json({
              ...((await answer.json()) as object),
              inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', '2'] }],
            })
          : answer,
      'its metadata',
    ],
    [
      'forgets the id',
      inferJson((body) => {
        delete body.id;
      }),
      'an id',
    ],
    [
      'names another model',
      inferJson((body) => {
        body.model_name = 'n';
      }),
      'JSON, data flat',
    ],
    [
      'answers another version',
      inferJson((body) => {
        body.model_version = '7';
      }),
      'a version of its own',
    ],
    [
      'drops an element',
      inferJson(({ outputs }) => {
        for (const output of outputs) (output.data as unknown[]).pop();
      }),
      'JSON, data flat',
    ],
    [
      'answers text for numbers',
      inferJson(({ outputs }) => {
        for (const output of outputs) output.data = (output.data as unknown[]).map(() => 'x');
      }),
      'JSON, data flat',
    ],
    [
      'answers another datatype',
      inferJson(({ outputs }) => {
        for (const output of outputs) output.datatype = 'FP64';
      }),
      'JSON, data flat',
    ],
    [
      'drops an axis',
      inferJson(({ outputs }) => {
        for (const output of outputs) output.shape = [2];
      }),
      'JSON, data flat',
    ],
    [
      'answers one row for two',
      inferJson(({ outputs }) => {
        for (const output of outputs) output.shape = [1, 2];
      }),
      'two rows',
    ],
    [
      'refuses by 500',
      (_, answer) => (answer.status === 400 ? new Response(answer.body, { status: 500 }) : answer),
      'text that is no JSON',
    ],
    [
      'refuses by 200',
      (request, answer) => (isInfer(request) && answer.status === 404 ? Response.json({}) : answer),
      'a name that climbs',
    ],
    [
      'refuses without an error',
      (_, answer) => (answer.status === 400 ? Response.json({ message: 'no' }, { status: 400 }) : answer),
      'an unknown input',
    ],
    [
      'shows its stack',
      (_, answer) =>
        answer.status === 400
          ? Response.json({ error: 'bad\n    at run (/srv/app/model.js:12:7)' }, { status: 400 })
          : answer,
      'one element too few',
    ],
    [
      'shows its stack in Python',
      (_, answer) =>
        answer.status === 413
          ? Response.json({ error: 'Traceback (most recent call last):\n' }, { status: 400 })
          : answer,
      'a shape that multiplies past 2^53',
    ],
    [
      'hides where its bytes begin',
      (_, answer) => {
        answer.headers.delete('inference-header-content-length');
        return answer;
      },
      'bytes in and out',
    ],
    [
      'cuts its bytes',
      async (_, answer) => {
        if (!answer.headers.has('inference-header-content-length')) return answer;
        const bytes = await answer.arrayBuffer();
        return new Response(bytes.slice(0, -1), answer);
      },
      'bytes in and out',
    ],
    [
      'counts nothing',
      (request, answer) =>
        request.url.endsWith('/stats')
          ? Response.json({ model_stats: [{ inference_count: 0, inference_stats: { success: { count: 0, ns: 0 } } }] })
          : answer,
      'the statistics',
    ],
    [
      'has another configuration',
      async (request, answer) =>
        request.url.endsWith('/config')
          ? Response.json({ ...((await answer.json()) as object), max_batch_size: 0 })
          : answer,
      'the configuration',
    ],
    [
      'gives no answer',
      (request, answer) => {
        if (request.url.endsWith('/v2')) throw new Error('broken');
        return answer;
      },
      'GET /v2',
    ],
  ])('%s', async (_, change, name) => {
    expect(await broken(change)).toContain(name);
  });
});

it('does not wait for a server again and again that has stopped to answer', async () => {
  const handler = createHandler({ m: await runnerOf() }, { logger: silent });
  let asked = 0;
  const url = await listen((request) => {
    if (!request.url.endsWith('/infer')) return handler(request);
    asked++;
    return new Promise(() => {});
  });
  const report = await checkServer(url, { model: 'm', timeoutMs: 500 });
  expect([report.passes, asked, failures(report).length]).toEqual([false, 3, 3]);
  expect(report.checks.at(-1)).toMatchObject({
    outcome: 'skip',
    given: expect.stringContaining('not asked') as string,
  });
});

describe('fairlead-node check-server', () => {
  async function command(...args: readonly string[]) {
    let [stdout, stderr] = ['', ''];
    const write = (text: string) => {
      stdout += text;
    };
    const status = await runCommand(['check-server', ...args], {
      stdout: { write },
      stderr: {
        write: (text: string) => {
          stderr += text;
        },
      },
      env: {},
    });
    return { status, stdout, stderr };
  }

  it('prints a table, and ends with 0 when every rule is kept', async () => {
    const url = await listen(createHandler({ m: await runnerOf() }, { logger: silent }));
    const { status, stdout, stderr } = await command(url, '--model', 'm');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Model "m" at ${url}`);
    expect(stdout).toMatch(/^ {2}✓ JSON, data flat +200 with/m);
    expect(stdout).toMatch(/^ {2}· the index +the server does not name model_repository/m);
    expect(stdout).toMatch(/\d+ hold, 0 are broken, \d+ say nothing here\n$/);
  });

  it('says what was expected and given, and ends with 1 when one is broken', async () => {
    const handler = createHandler({ m: await runnerOf() }, { logger: silent });
    const url = await listen((request) =>
      request.url.endsWith('/live') ? Promise.resolve(new Response(null, { status: 204 })) : handler(request),
    );
    const { status, stdout } = await command(url, '--model', 'm');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^ {2}✗ GET \/v2\/health\/live +expected 200; given 204$/m);
    expect((await command(url, '--model=m', '--json')).stdout).toContain('"passes": false');
  });

  it('refuses arguments that it cannot use', async () => {
    expect(await command()).toMatchObject({ status: 2, stderr: expect.stringContaining('address of the server') });
    expect(await command('http://a', 'b')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('one argument'),
    });
  });

  it('paints its marks on a terminal', async () => {
    const checks = [{ group: 'server', name: 'a', outcome: 'fail', expected: 'b', given: 'c' }] as const;
    const report: ServerReport = { url: 'http://x', model: 'm', passes: false, checks };
    expect(renderServerReport(report, true)).toContain('\u001b[31m✗\u001b[39m a  expected b; given c');
  });
});
