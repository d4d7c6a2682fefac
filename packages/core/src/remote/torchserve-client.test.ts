import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createRunner } from '../runner/create-runner';
import { createHandler, type ServiceOptions, torchServe } from '../serving/index';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { createMockBackend, mockModel } from '../testing/index';
import { type RemoteOptions, remote, type TorchServeClientOptions, torchServeClient } from './index';
import { closeAll, connect, failureOf, keep, recorded, silent } from './remote.fixture';

afterEach(closeAll);

const spec = (name: string) => ({ name, dtype: 'float32', shape: ['batch', 2] }) as const;
const one: ModelSignature = { inputs: [spec('x')], outputs: [spec('y')], batchAxis: 0 };
const tag = { name: 'tag', dtype: 'string', shape: ['batch'] } as const;
const several: ModelSignature = { inputs: [spec('x'), tag], outputs: [spec('x'), tag], batchAxis: 0 };
const x = Float32Array.of(1, 2, 3, 4);

async function setUp(
  signature: ModelSignature,
  client: TorchServeClientOptions = {},
  options: Partial<RemoteOptions> = {},
  serving: ServiceOptions = {},
) {
  const mock = signature === one ? {} : { signature, compute: (inputs: Tensors) => inputs };
  const backend = createMockBackend(mock);
  const local = keep(await createRunner({ model: mockModel('1.0'), backend, warmUp: false, logger: silent }));
  const protocols = [torchServe()];
  const { answer, requests } = recorded(createHandler({ mock: local }, { protocols, logger: silent, ...serving }));
  return { runner: await connect(torchServeClient(client), answer, { signature, ...options }), requests };
}

/** A healthy server, as TorchServe is one, which the test scripts. */
const setUpServer = (
  answer: () => Response,
  client: TorchServeClientOptions = {},
  options: Partial<RemoteOptions> = {},
) =>
  connect(
    torchServeClient(client),
    (request) => (request.method === 'GET' ? Response.json({ status: 'Healthy' }) : answer()),
    { signature: one, ...options },
  );

describe('a model on a TorchServe server', () => {
  it('takes and answers tensors, alone or in the envelope', async () => {
    for (const [envelope, body] of [
      ['none', '[[1.0,2.0],[3.0,4.0]]'],
      ['instances', '{"instances":[[1.0,2.0],[3.0,4.0]]}'],
    ] as const) {
      const { runner, requests } = await setUp(one, { envelope }, { version: '1.0' });
      const { outputs, model } = await runner.run({ x });
      expect(outputs.y).toEqual({ dtype: 'float32', shape: [2, 2], data: Float32Array.of(2, 4, 6, 8) });
      expect(model).toEqual({ name: 'mock', version: '1.0', digest: '' });
      const last = requests.at(-1) as Request;
      expect([last.method, last.url, await last.text()]).toEqual(['POST', 'http://test/predictions/mock/1.0', body]);
      expect(last.headers.get('x-request-timeout-ms')).not.toBeNull();
    }
  });

  it.each(['none', 'instances'] as const)('several of any values come back as they went: %s', async (envelope) => {
    const { runner } = await setUp(several, { envelope });
    const row = fc.tuple(fc.float(), fc.float(), fc.string({ unit: 'grapheme' }));
    const property = fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 4 }), async (rows) => {
      const inputs: Tensors = {
        x: {
          dtype: 'float32',
          shape: [rows.length, 2],
          data: Float32Array.from(rows.flatMap((each) => each.slice(0, 2) as number[])),
        },
        tag: { dtype: 'string', shape: [rows.length], data: rows.map(([, , text]) => text) },
      };
      const { outputs } = await runner.run(inputs);
      expect({ ...outputs }).toEqual(inputs);
    });
    await fc.assert(property, { numRuns: 200 });
  });

  it('what Python writes is read', async () => {
    const runner = await setUpServer(() => new Response('[\n  [\n    2,\n    NaN\n  ]\n]'));
    const { outputs, model } = await runner.run({ x: x.slice(0, 2) });
    expect(outputs.y?.data).toEqual(Float32Array.of(2, Number.NaN));
    expect(model.version).toBe('');
  });

  it('ready is what ping says', async () => {
    let isReady = true;
    const { runner } = await setUp(one, {}, {}, { isReady: () => isReady });
    expect((await runner.checkHealth()).ready).toBe(true);
    isReady = false;
    for (let index = 0; index < 3; index++) await runner.checkHealth();
    expect(runner.health().ready).toBe(false);
    expect((await failureOf(setUp(one, {}, {}, { isReady: () => false }))).code).toBe('OVERLOADED');
  });
});

describe('when it fails', () => {
  const said = (code: number, type: string) => () =>
    Response.json({ code, type, message: 'Something about it' }, { status: code });
  it.each<[what: string, answer: () => Response, code: string]>([
    ['an unknown model', said(404, 'ModelNotFoundException'), 'NOT_FOUND'],
    ['a handler that failed', said(503, 'InternalServerException'), 'REMOTE_FAILED'],
    ['a full queue', said(503, 'ServiceUnavailableException'), 'OVERLOADED'],
    ['a failure', said(500, 'InternalServerException'), 'REMOTE_FAILED'],
    ['a wrong request', said(400, 'BadRequestException'), 'INVALID_INPUT'],
    ['no explainer', said(501, 'NotImplementedException'), 'UNSUPPORTED'],
  ])('%s', async (_what, answer, code) => {
    const runner = await setUpServer(answer);
    const error = await failureOf(runner.run({ x }));
    expect(error.code).toBe(code);
    expect(error.message).toContain('It says: Something about it');
  });

  it.each<[what: string, envelope: 'none' | 'instances', body: string]>([
    ['no JSON', 'none', 'Prediction'],
    ['an object', 'none', '{"class":"cat","probability":0.4}'],
    ['ragged rows', 'none', '[[1,2],[3]]'],
    ['another type', 'none', '[["a","b"]]'],
    ['null', 'none', 'null'],
    ['no envelope', 'instances', '[[1,2]]'],
    ['an empty envelope', 'instances', '{}'],
    ['ragged predictions', 'instances', '{"predictions":[[1,2],[3]]}'],
  ])('%s is a PROTOCOL_ERROR', async (_what, envelope, body) => {
    const runner = await setUpServer(() => new Response(body), { envelope });
    expect((await failureOf(runner.run({ x }))).code).toBe('PROTOCOL_ERROR');
  });

  it('an error of our own server comes back', async () => {
    const { runner } = await setUp(one, {}, {}, { maxTensorElements: 3 });
    expect(await failureOf(runner.run({ x }))).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { status: 413 } });
    const { runner: pinned } = await setUp(one, {}, { version: '9' });
    expect((await failureOf(pinned.run({ x }))).code).toBe('NOT_FOUND');
  });

  it('inputs with rows of their own do not go into an envelope', async () => {
    const loose: ModelSignature = {
      inputs: [spec('x'), { ...spec('z'), shape: [3] }],
      outputs: [spec('y')],
      batchAxis: null,
    };
    const runner = await setUpServer(() => new Response('{}'), { envelope: 'instances' }, { signature: loose });
    const z = { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) } as const;
    const inputs = { x: { dtype: 'float32', shape: [2, 2], data: x } as const, z };
    expect((await failureOf(runner.run(inputs))).code).toBe('INVALID_INPUT');
  });

  it('options are checked', async () => {
    expect(() => torchServeClient({ envelope: 'kserve' } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    const nothing = async () => Response.json({});
    const error = await failureOf(
      remote({ url: 'http://test', model: 'm', protocol: torchServeClient(), fetch: nothing as typeof fetch }),
    );
    expect(error).toMatchObject({ code: 'INVALID_OPTION', details: { field: 'signature' } });
  });
});
