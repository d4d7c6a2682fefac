import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createRunner } from '../runner/create-runner';
import { createHandler, type ServiceOptions, tensorflowServing } from '../serving/index';
import type { ModelSignature } from '../signature';
import { allocateData, type DType, dtypes } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import { createMockBackend, createVirtualClock, type MockBackendOptions, mockModel } from '../testing/index';
import { type RemoteOptions, type TensorflowClientOptions, tensorflowClient } from './index';
import { type Answer, closeAll, connect, failureOf, keep, recorded, silent } from './remote.fixture';

afterEach(closeAll);

const x = Float32Array.of(1, 2, 3, 4);

/** A remote runner over our server over a local runner, without a socket between them. */
async function setUp(
  mock: MockBackendOptions = {},
  options: Partial<RemoteOptions> = {},
  client: TensorflowClientOptions = {},
  serving: ServiceOptions = {},
) {
  const backend = createMockBackend(mock);
  const local = keep(await createRunner({ model: mockModel('1'), backend, warmUp: false, logger: silent }));
  const protocols = [tensorflowServing({ versionLabels: { mock: { stable: '1' } } })];
  const { answer, requests } = recorded(createHandler(local, { protocols, logger: silent, ...serving }));
  return { runner: await connect(tensorflowClient(client), answer, options), local, backend, requests };
}

/** A server as TensorFlow Serving is one, which the test scripts. */
async function setUpServer(answer: Answer, options: Partial<RemoteOptions> = {}, client: TensorflowClientOptions = {}) {
  const tensor = (name: string, size: string) => ({
    dtype: 'DT_FLOAT',
    tensor_shape: {
      dim: [
        { size: '-1', name: '' },
        { size, name: '' },
      ],
      unknown_rank: false,
    },
    name: `${name}:0`,
  });
  const definition = {
    inputs: { x: tensor('x', '2') },
    outputs: { y: tensor('y', '2') },
    method_name: 'p',
    defaults: {},
  };
  const metadata = {
    model_spec: { name: 'mock', signature_name: '', version: '123' },
    metadata: { signature_def: { signature_def: { serving_default: definition, other: definition } } },
  };
  return connect(
    tensorflowClient(client),
    (request) => (request.url.endsWith('/metadata') ? Response.json(metadata) : answer(request)),
    options,
  );
}

describe('a model on a TensorFlow server', () => {
  it('takes and answers what the local runner does', async () => {
    const { runner, local } = await setUp();
    expect(runner.signature).toEqual(local.signature);
    expect(runner.model).toEqual({ name: 'mock', version: '1', digest: '' });
    expect(runner.describe()).toMatchObject({ url: 'http://test/v1/models/mock', encoding: 'json' });
    const there = await runner.run({ x });
    expect(there.outputs).toEqual((await local.run({ x })).outputs);
    expect(there.batchSize).toBe(2);
  });

  it('version, label and signature are asked for by their names', async () => {
    for (const [options, client, path] of [
      [{ version: '1' }, {}, 'mock/versions/1'],
      [{}, { label: 'stable' }, 'mock/labels/stable'],
      [{}, { signatureName: 'serving_default' }, 'mock'],
    ] as const) {
      const { runner, requests } = await setUp({}, options, client);
      await runner.run({ x });
      await runner.checkHealth();
      expect(requests.map(({ url }) => url)).toEqual(
        ['/metadata', ':predict', ''].map((tail) => `http://test/v1/models/${path}${tail}`),
      );
    }
    const bodies: unknown[] = [];
    const answer = async (request: Request) => {
      bodies.push(await request.json());
      return Response.json({ outputs: [[2, 4]] });
    };
    const runner = await setUpServer(answer, { model: 'a b/c' }, { signatureName: 'other' });
    expect(runner.describe().url).toBe('http://test/v1/models/a%20b%2Fc');
    await runner.run({ x: x.slice(0, 2) });
    expect(bodies).toEqual([{ signature_name: 'other', inputs: { x: [[1, 2]] } }]);
    expect((await failureOf(setUpServer(answer, {}, { signatureName: 'none' }))).code).toBe('NOT_FOUND');
  });

  it('whole floats travel as floats, so that no server takes them for integers', async () => {
    const texts: string[] = [];
    const runner = await setUpServer(async (request) => {
      texts.push(await request.text());
      return new Response('{\n    "outputs": [[NaN, -Infinity]\n    ]\n}');
    });
    const { outputs } = await runner.run({ x: Float32Array.of(16777220, -0) });
    expect(texts).toEqual(['{"inputs":{"x":[[16777220.0,-0.0]]}}']);
    expect(outputs.y?.data).toEqual(Float32Array.of(Number.NaN, Number.NEGATIVE_INFINITY));
  });

  it.each(dtypes)('%s comes back bit for bit', async (dtype) => {
    const spec = (name: string) => ({ name, dtype, shape: ['batch', 2] });
    const signature: ModelSignature = {
      inputs: [spec('a'), spec('b_bytes')],
      outputs: [spec('a'), spec('b_bytes')],
      batchAxis: 0,
    };
    const { runner } = await setUp({ signature, compute: ({ a, b_bytes: b }) => ({ a, b_bytes: b }) as Tensors });
    const property = fc.asyncProperty(fc.array(elementOf(dtype), { minLength: 1, maxLength: 6 }), async (values) => {
      const data = allocateData(dtype, values.length * 2) as unknown as unknown[];
      values.forEach((value, index) => {
        data[index] = value;
        data[values.length + index] = value;
      });
      const tensor = { dtype, shape: [values.length, 2], data } as unknown as Tensor;
      const { outputs } = await runner.run({ a: tensor, b_bytes: tensor });
      expect(outputs).toEqual({ a: tensor, b_bytes: tensor });
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it('the option signature serves where the metadata cannot', async () => {
    const spec = { name: 'x', dtype: 'float32', shape: ['batch', 2] } as const;
    const signature: ModelSignature = { inputs: [spec], outputs: [{ ...spec, name: 'y' }], batchAxis: 0 };
    const metadata = { model_spec: { version: '7' }, metadata: { signature_def: {} } };
    const answer = (request: Request) =>
      Response.json(request.method === 'GET' ? metadata : { outputs: { y: [[1, 2]] } });
    expect((await failureOf(connect(tensorflowClient(), answer))).code).toBe('PROTOCOL_ERROR');
    const runner = await connect(tensorflowClient(), answer, { signature });
    expect(runner.model.version).toBe('7');
    expect((await runner.run({ x: x.slice(0, 2) })).outputs.y?.shape).toEqual([1, 2]);
  });
});

function elementOf(dtype: DType): fc.Arbitrary<unknown> {
  switch (dtype) {
    case 'float32':
      return fc.float();
    case 'float64':
      return fc.double();
    case 'float16':
      return fc.integer({ min: 0, max: 0x7c00 });
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'bool':
      return fc.integer({ min: 0, max: 1 });
    case 'string':
      return fc.string({ unit: 'grapheme' });
    default:
      return dtype.startsWith('u') ? fc.integer({ min: 0, max: 255 }) : fc.integer({ min: -128, max: 127 });
  }
}

describe('when it fails', () => {
  it.each<[what: string, answer: () => Response, code: string]>([
    ['400', () => Response.json({ error: 'Missing inputs' }, { status: 400 }), 'INVALID_INPUT'],
    [
      '404',
      () => Response.json({ error: 'Servable not found for request: Latest(mock)' }, { status: 404 }),
      'NOT_FOUND',
    ],
    ['429', () => Response.json({ error: 'full' }, { status: 429 }), 'OVERLOADED'],
    ['500', () => Response.json({ error: 'boom' }, { status: 500 }), 'REMOTE_FAILED'],
    ['501', () => Response.json({ error: 'not here' }, { status: 501 }), 'UNSUPPORTED'],
    ['503', () => Response.json({ error: 'full' }, { status: 503 }), 'OVERLOADED'],
    ['504', () => Response.json({ error: 'late' }, { status: 504 }), 'DEADLINE_EXCEEDED'],
    ['no JSON', () => new Response('<html>'), 'PROTOCOL_ERROR'],
    ['an answer in rows', () => Response.json({ predictions: [[1, 2]] }), 'PROTOCOL_ERROR'],
    ['ragged rows', () => Response.json({ outputs: [[1, 2], [3]] }), 'PROTOCOL_ERROR'],
    ['rows of another size', () => Response.json({ outputs: [[1, 2, 3]] }), 'PROTOCOL_ERROR'],
    ['fewer rows', () => Response.json({ outputs: [[1, 2]] }), 'PROTOCOL_ERROR'],
    ['a scalar', () => Response.json({ outputs: 3 }), 'PROTOCOL_ERROR'],
    ['another type', () => Response.json({ outputs: [['a', 'b']] }), 'PROTOCOL_ERROR'],
    ['another name', () => Response.json({ outputs: { z: [[1, 2]] } }), 'PROTOCOL_ERROR'],
  ])('%s', async (_what, answer, code) => {
    const runner = await setUpServer(answer);
    const error = await failureOf(runner.run({ x }));
    expect(error.code).toBe(code);
    expect(error.message).toContain('The server of model "mock"');
  });

  it('any JSON for an answer is read or a PROTOCOL_ERROR, 1000 cases', async () => {
    let said: unknown;
    const runner = await setUpServer(() => Response.json(said));
    const property = fc.asyncProperty(fc.jsonValue(), fc.boolean(), async (value, wrapped) => {
      said = wrapped ? { outputs: value } : value;
      const error = await failureOf(runner.run({ x }));
      expect(error.code).toBe('PROTOCOL_ERROR');
    });
    await fc.assert(property, { numRuns: 1000 });
  });

  it('errors of our own server keep their code and facts', async () => {
    const { runner } = await setUp({}, {}, {}, { maxTensorElements: 3 });
    expect(await failureOf(runner.run({ x }))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { status: 413, field: 'x.shape' },
    });
    expect((await failureOf(setUp({}, { version: '9' }))).code).toBe('NOT_FOUND');
    expect((await failureOf(setUp({}, {}, { label: 'next' }))).code).toBe('NOT_FOUND');
  });

  it('deadlines end a request here, and travel to the server', async () => {
    const clock = createVirtualClock();
    const headers: (string | null)[] = [];
    const runner = await setUpServer(
      (request) => {
        headers.push(request.headers.get('x-request-timeout-ms'));
        return new Promise((_resolve, reject) => {
          request.signal.addEventListener('abort', () => reject(request.signal.reason));
        });
      },
      { clock },
    );
    const late = failureOf(runner.run({ x }, { timeoutMs: 50 }));
    await clock.advance(50);
    expect((await late).code).toBe('DEADLINE_EXCEEDED');
    expect(headers).toEqual(['50']);
  });

  it('ready is what the status says', async () => {
    const state: { said: unknown } = { said: { model_version_status: [{ state: 'AVAILABLE' }] } };
    const runner = await setUpServer(() => Response.json(state.said));
    expect((await runner.checkHealth()).ready).toBe(true);
    for (const said of [
      { model_version_status: [{ state: 'LOADING' }] },
      { model_version_status: [] },
      { ready: true },
    ]) {
      state.said = said;
      for (let index = 0; index < 3; index++) await runner.checkHealth();
      expect(runner.health()).toMatchObject({ ready: false });
    }
  });

  it.each<[field: string, options: Partial<RemoteOptions>, client: object]>([
    ['label', { version: '1' }, { label: 'stable' }],
    ['label', {}, { label: '' }],
    ['signatureName', {}, { signatureName: 7 }],
  ])('a wrong %s', async (field, options, client) => {
    const failure = failureOf((async () => setUpServer(() => Response.json({}), options, client))());
    expect(await failure).toMatchObject({ code: 'INVALID_OPTION', details: { field } });
  });
});
