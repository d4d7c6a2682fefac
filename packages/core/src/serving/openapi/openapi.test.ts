import { Validator } from '@seriousme/openapi-schema-validator';
import { afterEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import { createRunner } from '../../runner/create-runner';
import type { ModelRunner } from '../../runner/runner';
import type { ModelSignature } from '../../signature';
import { createMockBackend, mockModel } from '../../testing/index';
import {
  createHandler,
  createModelRepository,
  openApi,
  openInference,
  type ServiceOptions,
  type ServingProtocol,
} from '../index';
import { formatJson } from './format-json';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

async function runnerOf(signature?: ModelSignature): Promise<ModelRunner> {
  const backend = createMockBackend(signature && { signature, compute: () => ({}) });
  const runner = await createRunner({ model: mockModel('1'), backend, warmUp: false });
  open.push(runner);
  return runner;
}

const everyDtype: ModelSignature = {
  inputs: [
    { name: 'image', dtype: 'uint8', shape: ['batch', 'height', 'width', 3] },
    { name: 'text', dtype: 'string', shape: ['batch', 1] },
    { name: 'flag', dtype: 'bool', shape: ['batch'] },
    { name: 'half', dtype: 'float16', shape: ['batch', 2] },
  ],
  outputs: [
    { name: 'id', dtype: 'int64', shape: ['batch'] },
    { name: 'score', dtype: 'float64', shape: ['batch', 4] },
  ],
  batchAxis: 0,
};

interface Document {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
}

interface DocumentedOperation {
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: unknown; readonly example?: unknown }> };
  readonly responses: Record<string, unknown>;
}

async function documentOf(
  runners: Parameters<typeof createHandler>[0],
  options: ServiceOptions = {},
  base = '',
): Promise<Document> {
  const handle = createHandler(runners, { protocols: [openInference(), openApi()], ...options });
  const response = await handle(new Request(`http://test${base}/openapi.json`));
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json');
  const document = await response.json();
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
  return document as Document;
}

const load = new Request('http://test/v2/repository/models/digits/load', { method: 'POST' });

describe('GET /openapi.json', () => {
  it('is a valid OpenAPI 3.1 document of every route', async () => {
    const document = await documentOf(
      { mock: await runnerOf() },
      { metrics: { render: () => ({ contentType: 'text/plain', body: '' }) } },
    );
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual([
      '/v2',
      '/v2/health/live',
      '/v2/health/ready',
      '/v2/models/stats',
      '/v2/models/{model}',
      '/v2/models/{model}/ready',
      '/v2/models/{model}/config',
      '/v2/models/{model}/stats',
      '/v2/models/mock/infer',
      '/v2/models/{model}/versions/{version}',
      '/v2/models/{model}/versions/{version}/ready',
      '/v2/models/{model}/versions/{version}/config',
      '/v2/models/{model}/versions/{version}/stats',
      '/v2/models/{model}/versions/{version}/infer',
      '/openapi.json',
      '/docs',
      '/metrics',
    ]);
    expect(document.paths['/v2/models/{model}']?.get?.parameters).toEqual([
      { name: 'model', in: 'path', required: true, schema: { type: 'string', enum: ['mock'] } },
    ]);
  });

  it('has the tensors of each model, whatever they hold, and an example that the model takes', async () => {
    const runner = await runnerOf(everyDtype);
    const document = await documentOf({ every: runner, mock: await runnerOf() });
    const infer = document.paths['/v2/models/every/infer']?.post;
    const schema = JSON.stringify(infer?.requestBody?.content['application/json']?.schema);
    for (const { name } of everyDtype.inputs) expect(schema).toContain(`"const":"${name}"`);
    expect(schema).toContain(
      '"prefixItems":[{"type":"integer","minimum":0,"title":"batch"},{"type":"integer","minimum":0,"title":"height"}',
    );
    expect(Object.keys(infer?.responses ?? {})).toEqual(['200', '400', '404', '413', '415', '429', '503', '504']);

    const handle = createHandler({ mock: open[1] as ModelRunner });
    const example = document.paths['/v2/models/mock/infer']?.post?.requestBody?.content['application/json']?.example;
    const answer = await handle(
      new Request('http://test/v2/models/mock/infer', { method: 'POST', body: JSON.stringify(example) }),
    );
    expect(answer.status).toBe(200);
  });

  it('gives no example where one row would be long', async () => {
    const [input] = everyDtype.inputs;
    const signature: ModelSignature = {
      ...everyDtype,
      inputs: [{ ...(input as typeof input & object), shape: ['batch', 224, 224, 3] }],
    };
    const document = await documentOf({ image: await runnerOf(signature) });
    const body = document.paths['/v2/models/image/infer']?.post?.requestBody?.content['application/json'];
    expect(body).toBeDefined();
    expect(body).not.toHaveProperty('example');
  });

  it('encodes a name that no path could bear, so that the path leads to the model', async () => {
    const document = await documentOf({ 'a/b {c} é': await runnerOf() }, { basePath: '/ml' }, '/ml');
    const path = Object.keys(document.paths).find((each) => each.endsWith('/infer') && !each.includes('version')) ?? '';
    expect(document.servers).toEqual([{ url: '/ml' }]);
    const handle = createHandler({ 'a/b {c} é': open[0] as ModelRunner }, { basePath: '/ml' });
    const example = document.paths[path]?.post?.requestBody?.content['application/json']?.example;
    const answer = await handle(
      new Request(`http://test/ml${path}`, { method: 'POST', body: JSON.stringify(example) }),
    );
    expect(answer.status).toBe(200);
  });

  it('follows what is loaded', async () => {
    const repository = createModelRepository({ digits: () => runnerOf() });
    const options = { repository, protocols: [openInference(), openApi()] };
    const handle = createHandler({}, options);
    const paths = async () =>
      Object.keys(((await (await handle(new Request('http://test/openapi.json'))).json()) as Document).paths);
    expect(await paths()).not.toContain('/v2/models/digits/infer');
    expect((await handle(load)).status).toBe(200);
    expect(await paths()).toContain('/v2/models/digits/infer');
    await repository.close();
  });

  it('lists routes of a protocol that describes none by what they are for', async () => {
    const plain: ServingProtocol = {
      name: 'plain',
      addRoutes(routes) {
        routes.add('POST', '/predict/:model', 'infer', () => ({ status: 200, headers: {}, body: '' }));
        routes.add('GET', '/files/:name{.+}', 'metadata', () => ({ status: 200, headers: {}, body: '' }));
      },
    };
    const document = await documentOf({ mock: await runnerOf() }, { protocols: [plain, openApi({ page: false })] });
    expect(Object.keys(document.paths)).toEqual(['/predict/mock', '/files/{name}', '/openapi.json']);
    expect(document.paths['/predict/mock']?.post?.summary).toBe('An answer of a model');
  });

  it('asks the guard for documentation', async () => {
    const asked: string[] = [];
    const guard = {
      admit({ operation }: { operation: string }) {
        asked.push(operation);
        throw new FairleadError('FORBIDDEN', 'Not for you.');
      },
    };
    const handle = createHandler({ mock: await runnerOf() }, { guard, protocols: [openInference(), openApi()] });
    for (const path of ['/openapi.json', '/docs'])
      expect((await handle(new Request(`http://test${path}`))).status).toBe(403);
    expect(asked).toEqual(['documentation', 'documentation']);
  });

  it.each([[{ title: '' }], [{ version: 2 }], [{ page: 'yes' }], [{ titel: 'x' }], [{ description: null }]])(
    'refuses options %j',
    (options) => {
      expect(() => openApi(options as never)).toThrow(FairleadError);
    },
  );
});

describe('GET /docs', () => {
  const page = async (handle: (request: Request) => Promise<Response>, path = '/docs') =>
    handle(new Request(`http://test${path}`));

  it('is a page under a policy that lets nothing but its own script run', async () => {
    const handle = createHandler(
      { mock: await runnerOf() },
      { protocols: [openInference(), openApi({ title: 'A & <b>' })] },
    );
    const [first, second] = [await page(handle), await page(handle)];
    const policy = first.headers.get('content-security-policy') ?? '';
    const [, nonce] = /script-src 'nonce-([0-9a-f-]{36})'/.exec(policy) ?? [];
    expect(policy).toMatch(/^default-src 'none'/);
    expect(policy).not.toContain('unsafe');
    expect(second.headers.get('content-security-policy')).not.toContain(nonce);
    const text = await first.text();
    expect(text).toContain(`<script nonce="${nonce}">`);
    expect(text).toContain('<title>A &amp; &lt;b&gt;</title>');
    expect(text.match(/<(script|link|img|iframe)\b/g)).toEqual(['<script']);
    expect(text).toContain('/v2/models/mock/infer');
  });

  it('sends a path with a slash at its end to the one without, where its links lead somewhere', async () => {
    const handle = createHandler(
      { mock: await runnerOf() },
      { protocols: [openInference(), openApi()], basePath: '/ml' },
    );
    const response = await page(handle, '/ml/docs/');
    expect(response.status).toBe(308);
    expect(new URL(response.headers.get('location') ?? '', 'http://test/ml/docs/').pathname).toBe('/ml/docs');
  });

  it('can be left out', async () => {
    const handle = createHandler(
      { mock: await runnerOf() },
      { protocols: [openInference(), openApi({ page: false })] },
    );
    expect((await page(handle)).status).toBe(404);
  });

  it('says that there is no model while there is none', async () => {
    const repository = createModelRepository({ digits: () => runnerOf() });
    const handle = createHandler({}, { repository, protocols: [openInference(), openApi()] });
    expect(await (await page(handle)).text()).toContain('No model is served at present.');
    await repository.close();
  });
});

describe('formatJson', () => {
  it('puts fields on lines of their own and plain arrays on one, and stays the same JSON', () => {
    const value = { a: [1, 'x', null], b: [{ c: [] }, {}], d: {}, e: true };
    const text = formatJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text.split('\n')).toEqual([
      '{',
      '  "a": [1, "x", null],',
      '  "b": [',
      '    {',
      '      "c": []',
      '    },',
      '    {}',
      '  ],',
      '  "d": {},',
      '  "e": true',
      '}',
    ]);
  });
});
