import { afterEach, describe, expect, it, vi } from 'vitest';
import { FairleadError } from '../errors';
import type { ModelRunner } from '../runner/runner';
import { azureMl, createHandler, mlflowScoring, type ServingProtocol, sageMaker, vertexAi } from '../serving/index';
import { mockRunner, silent, tabular, tabularRunner } from '../serving/scoring/serving.fixture';
import {
  azureClient,
  mlflowClient,
  type RemoteOptions,
  type RemoteProtocol,
  type RemoteRunner,
  remote,
  type SignableRequest,
  sageMakerClient,
  vertexClient,
} from './index';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

/** A remote runner over a handler over a local runner, without a socket between them. */
async function connect(
  local: ModelRunner,
  served: ServingProtocol,
  protocol: RemoteProtocol,
  url = 'http://test',
): Promise<{ runner: RemoteRunner; requests: Request[] }> {
  const handle = createHandler({ digits: local }, { protocols: [served], logger: silent });
  const requests: Request[] = [];
  const fetch = async (target: unknown, init?: RequestInit) => {
    const request = new Request(target as string, init);
    requests.push(request.clone() as Request);
    return handle(request);
  };
  const { signature } = local;
  const runner = await remote({ url, model: 'digits', signature, protocol, fetch: fetch as typeof globalThis.fetch });
  open.push(local, runner);
  return { runner, requests };
}

/** A remote runner over a server that the test scripts, which answers GET with 200. */
async function scripted(protocol: RemoteProtocol, answer: () => Response, options: Partial<RemoteOptions> = {}) {
  const { signature } = await keep(mockRunner());
  const asked: Request[] = [];
  const fetch = vi.fn(async (target: unknown, init?: RequestInit) => {
    asked.push(new Request(target as string, init));
    return init?.method === 'GET' ? new Response('ok') : answer();
  });
  const runner = await remote({
    url: 'http://test',
    model: 'digits',
    signature,
    protocol,
    fetch: fetch as typeof globalThis.fetch,
    ...options,
  });
  open.push(runner);
  return { runner, asked };
}

async function keep(made: Promise<ModelRunner>): Promise<ModelRunner> {
  const runner = await made;
  open.push(runner);
  return runner;
}

const x = Float32Array.of(1.5, -2, Number.NaN, 3e-9);
const container = { predictRoute: '/invocations', healthRoute: '/ping' };
const failureOf = (run: Promise<unknown>): Promise<FairleadError> =>
  run.then(
    () => new FairleadError('RUN_FAILED', 'it did not fail'),
    (error: FairleadError) => error,
  );

describe('clients of scoring contracts', () => {
  const pairs: [string, () => ServingProtocol, () => RemoteProtocol, string?][] = [
    ['mlflow, named', () => mlflowScoring(), () => mlflowClient()],
    ['mlflow, a data frame', () => mlflowScoring(), () => mlflowClient({ form: 'dataframe' })],
    ['sagemaker, an endpoint', () => sageMaker(), () => sageMakerClient()],
    ['sagemaker, a container', () => sageMaker(), () => sageMakerClient(container)],
    ['vertex', () => vertexAi(), () => vertexClient({ predictRoute: '/predict', healthRoute: '/health' })],
    ['azure', () => azureMl(), () => azureClient(), 'http://test/score'],
  ];

  it.each(pairs)('take a model behind %s for a local one', async (_name, served, protocol, url) => {
    const { runner } = await connect(await mockRunner(), served(), protocol(), url);
    const { outputs, batchSize } = await runner.run({ x });
    expect(outputs.y).toEqual({ dtype: 'float32', shape: [2, 2], data: x.map((value) => value * 2) });
    expect(batchSize).toBe(2);
    expect(runner.describe().encoding).toBe('json');
    expect((await runner.checkHealth()).ready).toBe(true);
  });

  it.each(pairs)('take several inputs and outputs behind %s', async (_name, served, protocol, url) => {
    const { runner } = await connect(await tabularRunner(), served(), protocol(), url);
    expect(runner.signature).toEqual(tabular);
    const { outputs } = await runner.run({ x: Float32Array.of(1, 2, -3, 4), scale: Float32Array.of(2, -1) });
    expect(outputs.total).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(6, -1) });
    expect(outputs.label).toEqual({ dtype: 'string', shape: [2], data: ['yes', 'no'] });
  });

  it.each(pairs)('tell what the server behind %s refuses', async (_name, served, protocol, url) => {
    const local = await mockRunner();
    const { runner } = await connect(local, served(), protocol(), url);
    await local.close();
    expect(await failureOf(runner.run({ x }))).toMatchObject({ code: 'REMOTE_FAILED', details: { status: 503 } });
  });

  it('send what each contract names, and where', async () => {
    const send = async (protocol: RemoteProtocol, url?: string) => {
      const { runner, asked } = await scripted(
        protocol,
        () => new Response('[[2, 4]]'),
        url === undefined ? {} : { url },
      );
      await failureOf(runner.run({ x: Float32Array.of(1, 2) }));
      const request = asked.at(-1) as Request;
      return [request.url, await request.text(), request.headers] as const;
    };
    const sage = await send(sageMakerClient({ targetModel: 'a.tar.gz', targetVariant: 'v', customAttributes: 'a=b' }));
    expect(sage.slice(0, 2)).toEqual(['http://test/endpoints/digits/invocations', '{"instances":[[1,2]]}']);
    expect(sage[2].get('x-amzn-sagemaker-target-model')).toBe('a.tar.gz');
    expect(sage[2].get('x-amzn-sagemaker-target-variant')).toBe('v');
    expect(sage[2].get('x-amzn-sagemaker-custom-attributes')).toBe('a=b');
    const vertex = await send(vertexClient(), 'http://test/v1/projects/p/locations/l/endpoints/7');
    expect(vertex[0]).toBe('http://test/v1/projects/p/locations/l/endpoints/7:predict');
    const azure = await send(azureClient({ deployment: 'blue' }), 'http://test/score');
    expect(azure.slice(0, 2)).toEqual(['http://test/score', '{"input_data":{"x":[[1,2]]}}']);
    expect(azure[2].get('azureml-model-deployment')).toBe('blue');
    expect((await send(mlflowClient({ form: 'array' })))[1]).toBe('{"inputs":[[1,2]]}');
    const frame = await send(mlflowClient({ form: 'dataframe', columns: ['a', 'b'] }));
    expect(frame[1]).toBe('{"dataframe_split":{"columns":["a","b"],"data":[[1,2]]}}');
  });

  it('name the version that answers where the server does', async () => {
    const answer = () => Response.json({ predictions: [[2, 4]], modelVersionId: '9' });
    const { runner } = await scripted(vertexClient(), answer, { url: 'http://test/endpoints/7' });
    expect((await runner.run({ x: Float32Array.of(1, 2) })).model).toMatchObject({ name: 'digits', version: '9' });
  });

  it('need a signature, take no version, and refuse other options', async () => {
    const { signature } = await keep(mockRunner());
    const field = (options: Partial<RemoteOptions>) =>
      failureOf(remote({ url: 'http://test/e', model: 'm', protocol: vertexClient(), ...options })).then(
        ({ code, details }) => `${code} ${details.field}`,
      );
    expect(await field({})).toBe('INVALID_OPTION signature');
    expect(await field({ signature, version: '1' })).toBe('INVALID_OPTION version');
    expect(await field({ signature, url: 'http://test' })).toBe('INVALID_OPTION url');
    const array = mlflowClient({ form: 'array' });
    expect(await field({ signature: tabular, protocol: array })).toBe('INVALID_OPTION form');
    for (const make of [
      () => sageMakerClient({ predictRoute: 'invocations' }),
      () => sageMakerClient({ customAttributes: 'a\nb' }),
      () => sageMakerClient({ sign: 'me' as never }),
      () => azureClient({ deployment: '' }),
      () => vertexClient({ route: '/a' } as never),
      () => mlflowClient({ form: 'rows' as never }),
    ])
      expect(make).toThrow('Client: option');
  });

  it('fail early where a health route says so', async () => {
    const fetch = (async () => new Response('', { status: 503 })) as typeof globalThis.fetch;
    const { signature } = await keep(mockRunner());
    const failure = await failureOf(
      remote({ url: 'http://test', model: 'm', signature, fetch, protocol: mlflowClient() }),
    );
    expect(failure.code).toBe('OVERLOADED');
  });

  it('report answers that do not fit, case by case', async () => {
    const bodies = [
      '',
      '7',
      'null',
      '{}',
      '{"predictions": 7}',
      '{"predictions": [["a", 1]]}',
      '{"predictions": [[1], 2]}',
      '{"predictions": [[1, 2, 3]]}',
    ];
    for (const body of bodies) {
      const { runner } = await scripted(mlflowClient(), () => new Response(body));
      expect((await failureOf(runner.run({ x: Float32Array.of(1, 2) }))).code, body).toBe('PROTOCOL_ERROR');
    }
    const { runner } = await scripted(mlflowClient(), () => new Response('{"predictions": [[1, 2]]}'), {
      maxResponseBytes: 8,
    });
    expect((await failureOf(runner.run({ x: Float32Array.of(1, 2) }))).code).toBe('LIMIT_EXCEEDED');
  });

  it('take the error of a container out of what a gateway put around it', async () => {
    const inner = JSON.stringify({ error: 'bad row', code: 'INVALID_INPUT', field: 'x' });
    const wrapped = { ErrorCode: 'CLIENT_ERROR_FROM_MODEL', OriginalStatusCode: 400, OriginalMessage: inner };
    const sage = await scripted(sageMakerClient(), () => Response.json(wrapped, { status: 424 }));
    const run = { x: Float32Array.of(1, 2) };
    const refused = { code: 'INVALID_INPUT', details: { status: 400, field: 'x' } };
    expect(await failureOf(sage.runner.run(run))).toMatchObject(refused);
    const headers = { 'ms-azureml-model-error-statuscode': '400' };
    const azure = await scripted(azureClient(), () => new Response(inner, { status: 424, headers }));
    expect(await failureOf(azure.runner.run(run))).toMatchObject(refused);
    for (const body of ['<html>', '[]', '{"OriginalStatusCode": 99}', '{"OriginalStatusCode": "400"}']) {
      const odd = await scripted(sageMakerClient(), () => new Response(body, { status: 424 }));
      expect(await failureOf(odd.runner.run(run))).toMatchObject({ code: 'REMOTE_FAILED', details: { status: 424 } });
    }
  });
});

describe('signing a request', () => {
  const secret = 'AWS4-HMAC-SHA256 Credential=very-secret';
  const run = { x: Float32Array.of(1, 2) };

  it('sees what is sent, and adds headers, but those of the transport', async () => {
    const seen: SignableRequest[] = [];
    const sign = async (request: SignableRequest) => {
      seen.push(request);
      return { ...request.headers, Authorization: secret, host: 'elsewhere', 'X-Amz-Date': '20261126T000000Z' };
    };
    const { runner, asked } = await scripted(sageMakerClient({ sign }), () => new Response('[[2, 4]]'));
    await runner.run(run);
    const request = asked.at(-1) as Request;
    expect(seen[0]).toMatchObject({ method: 'POST', url: request.url, body: '{"instances":[[1,2]]}' });
    for (const [name, value] of Object.entries(seen[0]?.headers ?? {})) expect(request.headers.get(name)).toBe(value);
    expect(request.headers.get('authorization')).toBe(secret);
    expect(request.headers.get('x-amz-date')).toBe('20261126T000000Z');
    expect(request.headers.get('host')).not.toBe('elsewhere');
  });

  it('keeps its headers out of every error', async () => {
    const sign = async () => ({ authorization: secret });
    const echo = () => new Response(`you sent ${secret}`, { status: 400 });
    const { runner } = await scripted(sageMakerClient({ sign }), echo);
    const failure = await failureOf(runner.run(run));
    expect(failure.message).toContain('you sent ***');
    expect(failure.message).not.toContain('secret');
  });

  it('that fails, answers nothing, or hangs ends the request', async () => {
    const failing = await scripted(
      sageMakerClient({ sign: () => Promise.reject(new Error('no key')) }),
      () => new Response(),
    );
    expect(await failureOf(failing.runner.run(run))).toMatchObject({
      code: 'REMOTE_FAILED',
      details: { field: 'sign' },
    });
    const silentSigner = await scripted(
      sageMakerClient({ sign: async () => undefined as never }),
      () => new Response(),
    );
    expect((await failureOf(silentSigner.runner.run(run))).code).toBe('INVALID_OPTION');
    const hanging = await scripted(sageMakerClient({ sign: () => new Promise(() => {}) }), () => new Response());
    const controller = new AbortController();
    const waiting = failureOf(hanging.runner.run(run, { signal: controller.signal }));
    controller.abort();
    expect((await waiting).code).toBe('ABORTED');
    expect(hanging.asked).toHaveLength(0);
  });
});
