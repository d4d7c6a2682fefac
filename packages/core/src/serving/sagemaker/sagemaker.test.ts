import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import type { ModelRunner } from '../../runner/runner';
import { createVirtualClock } from '../../testing/index';
import { createModelRepository, type ModelRepositoryOptions } from '../index';
import { asker, mockRunner, silent, tabularRunner } from '../scoring/serving.fixture';
import { decodeNpy, encodeNpy } from './npy';
import { type SageMakerOptions, sageMaker } from './protocol';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

async function keep(made: Promise<ModelRunner>): Promise<ModelRunner> {
  const runner = await made;
  open.push(runner);
  return runner;
}
const json = { 'content-type': 'application/json' };

describe('sageMaker', () => {
  it('answers JSON, CSV, arrays of NumPy and raw bytes, each as any of them', async () => {
    const ask = asker(await keep(mockRunner()), sageMaker());
    const x = Float32Array.of(1, 2, 3, 4);
    const bodies: [unknown, string][] = [
      [
        {
          instances: [
            [1, 2],
            [3, 4],
          ],
        },
        'application/json',
      ],
      ['1,2\n3,4\n', 'text/csv'],
      ['a,b\n1,2\n3,4\n', 'text/csv; header=present'],
      [encodeNpy({ dtype: 'float32', shape: [2, 2], data: x }), 'application/x-npy'],
      [encodeNpy({ dtype: 'float64', shape: [2, 2], data: Float64Array.from(x) }), 'application/x-npy'],
      [new Uint8Array(x.buffer), 'application/octet-stream'],
    ];
    for (const [body, type] of bodies) {
      const answer = (accept: string) => ask('POST', '/invocations', body, { 'content-type': type, accept });
      expect((await answer('application/json')).body).toEqual({
        predictions: [
          [2, 4],
          [6, 8],
        ],
      });
      expect((await answer('text/csv')).text).toBe('2,4\n6,8\n');
      const y = { dtype: 'float32', shape: [2, 2], data: Float32Array.of(2, 4, 6, 8) };
      expect(decodeNpy((await answer('application/x-npy')).bytes, 4)).toEqual(y);
      expect(new Float32Array((await answer('application/octet-stream')).bytes.buffer)).toEqual(y.data);
    }
    expect((await ask('POST', '/invocations', '[[1, 2]]')).text).toBe('[[2,4]]');
    expect((await ask('POST', '/invocations', '[[1, 2]]', { accept: '*/*' })).status).toBe(200);
  });

  it('sends back custom attributes and the inference id, with refusals too', async () => {
    const ask = asker(await keep(mockRunner()), sageMaker());
    const ids = { 'x-amzn-sagemaker-custom-attributes': 'trace=7; user="a"', 'x-amzn-sagemaker-inference-id': 'id-1' };
    for (const body of [{ instances: [[1, 2]] }, { instances: [] }]) {
      const { headers } = await ask('POST', '/invocations', body, ids);
      for (const [name, value] of Object.entries(ids)) expect(headers.get(name)).toBe(value);
    }
    const long = { 'x-amzn-sagemaker-custom-attributes': 'x'.repeat(1025) };
    expect(await ask('POST', '/invocations', { instances: [[1, 2]] }, long)).toMatchObject({
      status: 400,
      body: { field: 'x-amzn-sagemaker-custom-attributes' },
    });
    const odd = { 'x-amzn-sagemaker-inference-id': 'caf\u00e9' };
    expect((await ask('POST', '/invocations', { instances: [[1, 2]] }, odd)).status).toBe(400);
    const guard = { admit: () => Promise.reject(new FairleadError('FORBIDDEN', 'Not here.')) };
    const guarded = asker(await keep(mockRunner()), sageMaker(), { guard });
    const refused = await guarded('POST', '/invocations', { instances: [[1, 2]] }, ids);
    expect([refused.status, refused.headers.get('x-amzn-sagemaker-inference-id')]).toEqual([403, 'id-1']);
  });

  it('pings by readiness', async () => {
    let isOpen = true;
    const ask = asker(await keep(mockRunner()), sageMaker(), { isReady: () => isOpen });
    expect((await ask('GET', '/ping')).status).toBe(200);
    isOpen = false;
    expect((await ask('GET', '/ping')).status).toBe(503);
  });

  it('computes nothing for an invocation that SageMaker has given up', async () => {
    const clock = createVirtualClock();
    const runner = await keep(mockRunner({ clock, latencyMs: () => 10 }));
    const times: (number | undefined)[] = [];
    const run: ModelRunner['run'] = (inputs, options) => {
      times.push(options?.timeoutMs);
      return runner.run(inputs);
    };
    const ask = asker({ mock: { ...runner, model: runner.model, run } }, sageMaker(), { clock });
    const answering = ask('POST', '/invocations', { instances: [[1, 2]] });
    const shorter = ask('POST', '/invocations', { instances: [[1, 2]] }, { 'x-request-timeout-ms': '50' });
    while (times.length < 2) await clock.advance(1);
    await clock.advance(100);
    expect([(await answering).status, (await shorter).status]).toEqual([200, 200]);
    expect(times[0]).toBeLessThanOrEqual(60_000);
    expect(times[0]).toBeGreaterThan(59_000);
    expect(times[1]).toBeLessThanOrEqual(50);
  });

  it('finds the model that its runtime client means', async () => {
    const [mock, tabular] = [await keep(mockRunner()), await keep(tabularRunner())];
    const ask = asker({ mock, tabular }, sageMaker({ model: 'mock' }));
    const rows = { instances: [{ x: [1, 2], scale: [1] }] };
    const target = { 'x-amzn-sagemaker-target-model': 'tabular' };
    const predictions = [{ total: 3, label: 'yes' }];
    expect((await ask('POST', '/invocations', rows, target)).body).toEqual({ predictions });
    expect((await ask('POST', '/endpoints/tabular/invocations', rows)).body).toEqual({ predictions });
    expect((await ask('POST', '/endpoints/mock/invocations', rows, target)).body).toEqual({ predictions });
    const plain = { instances: [[1, 2]] };
    expect((await ask('POST', '/endpoints/my-endpoint/invocations', plain)).body).toEqual({ predictions: [[2, 4]] });
    const nobody = { 'x-amzn-sagemaker-target-model': '../../etc/passwd' };
    expect((await ask('POST', '/invocations', plain, nobody)).status).toBe(404);
    const csv = await ask('POST', '/invocations', rows, { ...target, accept: 'text/csv' });
    expect(csv.text).toBe('3,yes\n');
    for (const accept of ['application/x-npy', 'application/octet-stream'])
      expect((await ask('POST', '/invocations', rows, { ...target, accept })).status).toBe(415);
  });

  it('refuses what it cannot read or answer, case by case', async () => {
    const ask = asker(await keep(mockRunner()), sageMaker(), { maxTensorElements: 4 });
    const npy = { 'content-type': 'application/x-npy' };
    const bytes = { 'content-type': 'application/octet-stream' };
    const cases: [unknown, Record<string, string>, number, string | undefined][] = [
      ['<a/>', { 'content-type': 'application/xml' }, 415, 'content-type'],
      ['1,2', { 'content-type': 'text/csv; charset=latin-1' }, 415, 'content-type'],
      ['[[1, 2]]', { ...json, accept: 'application/xml' }, 406, 'accept'],
      ['{', json, 400, undefined],
      ['{}', json, 400, 'the body'],
      ['[]', json, 400, 'instances'],
      ['7', json, 400, 'the body'],
      [{ instances: [[1]] }, json, 400, 'x.shape'],
      ['1,2,3', { 'content-type': 'text/csv' }, 400, 'the CSV'],
      ['a,b\n1,2', { 'content-type': 'text/csv' }, 400, 'x.data[0]'],
      ['not numpy', npy, 400, 'body'],
      [encodeNpy({ dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(1n, 2n) }), npy, 400, 'x'],
      [encodeNpy({ dtype: 'float32', shape: [3], data: new Float32Array(3) }), npy, 400, 'x.shape'],
      [encodeNpy({ dtype: 'float32', shape: [3, 2], data: new Float32Array(6) }), npy, 413, 'shape'],
      [new Uint8Array(7), bytes, 400, 'body'],
      [new Uint8Array(24), bytes, 413, 'x.shape'],
    ];
    for (const [body, headers, status, field] of cases) {
      const answer = await ask('POST', '/invocations', body, headers);
      expect([answer.status, (answer.body as { field?: string }).field], answer.text).toEqual([status, field]);
    }
    const refused = (options: unknown) => () => sageMaker(options as SageMakerOptions);
    for (const options of [
      { timeoutMs: 0 },
      { modelRoot: 'models' },
      { modelRoot: '/a/../b' },
      { maxModels: 0 },
      { models: 1 },
    ])
      expect(refused(options)).toThrow('sageMaker: ');
  });
});

describe('a multi-model endpoint', () => {
  const setUp = (options: SageMakerOptions = {}, given: Partial<ModelRepositoryOptions> = {}) => {
    const opened: string[] = [];
    const repository = createModelRepository(
      {},
      {
        logger: silent,
        open: (folder) => {
          opened.push(folder);
          return mockRunner();
        },
        ...given,
      },
    );
    open.push(repository);
    return { ask: asker({}, sageMaker(options), { repository }), opened, repository };
  };
  const url = (name: string) => `/opt/ml/models/${name}/model`;
  const load = (ask: ReturnType<typeof asker>, name: string) =>
    ask('POST', '/models', { model_name: name, url: url(name) });

  it('loads, lists, tells, asks and unloads', async () => {
    const { ask, opened } = setUp();
    expect((await ask('GET', '/ping')).status).toBe(200);
    expect((await ask('GET', '/models')).body).toEqual({ models: [] });
    expect((await ask('POST', '/models/a1/invoke', '[[1, 2]]')).status).toBe(404);
    expect(await load(ask, 'a1')).toMatchObject({ status: 200, body: { modelName: 'a1', modelUrl: url('a1') } });
    expect((await load(ask, 'a1')).status).toBe(409);
    expect(opened).toEqual([url('a1')]);
    expect((await ask('GET', '/models')).body).toEqual({ models: [{ modelName: 'a1', modelUrl: url('a1') }] });
    expect((await ask('GET', '/models/a1')).body).toEqual({ modelName: 'a1', modelUrl: url('a1') });
    const target = { 'x-amzn-sagemaker-target-model': 'digits.tar.gz', 'content-type': 'text/csv' };
    expect((await ask('POST', '/models/a1/invoke', '1,2', target)).body).toEqual({ predictions: [[2, 4]] });
    expect((await ask('DELETE', '/models/a1')).status).toBe(200);
    expect((await ask('DELETE', '/models/a1')).status).toBe(404);
    expect((await ask('GET', '/models/a1')).status).toBe(404);
    expect((await ask('POST', '/models/a1/invoke', '[[1, 2]]')).status).toBe(404);
    expect((await load(ask, 'a1')).status).toBe(200);
    expect(opened).toHaveLength(2);
  });

  it('lists in pages', async () => {
    const { ask } = setUp();
    for (const name of ['c', 'a', 'b', 'e', 'd']) await load(ask, name);
    const names: string[][] = [];
    for (let token: string | undefined = ''; token !== undefined; ) {
      const { body } = await ask('GET', `/models?limit=2&next_page_token=${token}`);
      const page = body as { models: { modelName: string }[]; nextPageToken?: string };
      names.push(page.models.map(({ modelName }) => modelName));
      token = page.nextPageToken;
    }
    expect(names).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    for (const limit of ['0', '-1', 'x', '1e3']) expect((await ask('GET', `/models?limit=${limit}`)).status).toBe(400);
    expect((await ask('GET', `/models?next_page_token=${'x'.repeat(2000)}`)).status).toBe(400);
  });

  it('says 507 when there is no room, and goes on when there is again', async () => {
    const { ask } = setUp({ maxModels: 2 });
    await load(ask, 'a');
    await load(ask, 'b');
    expect((await load(ask, 'c')).status).toBe(507);
    await ask('DELETE', '/models/a');
    expect((await load(ask, 'c')).status).toBe(200);
    let failure: unknown = new FairleadError('LIMIT_EXCEEDED', 'no memory at /secret');
    const { ask: full, repository } = setUp({}, { open: () => Promise.reject(failure) });
    expect(await load(full, 'a')).toMatchObject({ status: 507, body: { code: 'LIMIT_EXCEEDED' } });
    failure = new FairleadError('MODEL_INVALID', 'bad bytes at /secret');
    const broken = await load(full, 'a');
    expect([broken.status, broken.text.includes('secret')]).toEqual([500, false]);
    expect(repository.names).toEqual([]);
  });

  it('loads what the repository names, wherever SageMaker says that it lies', async () => {
    const repository = createModelRepository({ digits: () => mockRunner() }, { logger: silent });
    open.push(repository);
    const ask = asker({}, sageMaker(), { repository });
    expect((await load(ask, 'digits')).status).toBe(200);
    expect((await ask('POST', '/models/digits/invoke', '[[1, 2]]')).text).toBe('[[2,4]]');
    expect((await load(ask, 'stranger')).status).toBe(404);
    expect((await ask('DELETE', '/models/digits')).status).toBe(200);
    expect(repository.names).toEqual(['digits']);
  });

  it('has none of its paths without a repository', async () => {
    const ask = asker(await keep(mockRunner()), sageMaker());
    expect((await load(ask, 'a')).status).toBe(404);
    expect((await ask('GET', '/models')).status).toBe(404);
  });

  it('refuses names and addresses that lead elsewhere, before anything is opened', async () => {
    const { ask, opened } = setUp();
    const names = [
      '',
      '.',
      '..',
      '../a',
      'a/../b',
      '/a',
      'a/',
      'a//b',
      'a\\b',
      'a b',
      'a\u0000',
      '%2e%2e',
      'a?b',
      'ä',
      'x'.repeat(1025),
      7,
      null,
      ['a'],
    ];
    for (const name of names) {
      const answer = await ask('POST', '/models', { model_name: name, url: url('a') });
      expect([answer.status, (answer.body as { field: string }).field]).toEqual([400, 'model_name']);
    }
    const urls = [
      '',
      'model',
      '/etc/passwd',
      '/opt/ml/models',
      '/opt/ml/models/',
      '/opt/ml/models/../x',
      '/opt/ml/models/a/../../x',
      '/opt/ml/models//a',
      '/opt/ml/models/./a',
      '/opt/ml/modelsx/a',
      'file:///opt/ml/models/a',
      'http://10.0.0.1/a',
      '/opt/ml/models/a\u0000',
      '/opt/ml/models/%2e%2e/x',
      '/opt/ml/models/a\\..\\b',
      7,
      undefined,
    ];
    for (const given of urls) {
      const answer = await ask('POST', '/models', { model_name: 'a', url: given });
      expect([answer.status, (answer.body as { field: string }).field]).toEqual([400, 'url']);
    }
    for (const path of ['/models/..%2fa', '/models/%2e%2e%2fa', '/models/a%00', '/models/%zz'])
      for (const method of ['GET', 'DELETE']) expect([400, 404]).toContain((await ask(method, path)).status);
    for (const body of ['', '[]', '{', '"a"', ' '.repeat(70_000)])
      expect([400, 413]).toContain((await ask('POST', '/models', body)).status);
    expect(opened).toEqual([]);
  });

  it('opens no folder outside its root, whatever comes (400 cases)', async () => {
    const { ask, opened } = setUp({ modelRoot: '/m', maxModels: 100_000 });
    const piece = fc.constantFrom('/m/', '..', '.', '/', 'a', '\\', '%2e', '\u0000', 'b', '//', '~');
    const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    const check = async (name: string, address: string): Promise<void> => {
      const { status } = await ask('POST', '/models', { model_name: name, url: address });
      expect([200, 400, 409]).toContain(status);
    };
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.oneof(
          text,
          text.map((rest) => `/m/${rest}`),
        ),
        check,
      ),
      { numRuns: 400 },
    );
    for (const folder of opened) expect(new URL(`file://${folder}`).pathname).toBe(folder);
    for (const folder of opened) expect(folder).toMatch(/^\/m\/./);
  });
});
