import { afterEach, describe, expect, it } from 'vitest';
import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import type { ModelRunner, RunResult } from '../../runner/runner';
import type { ModelSignature, TensorSpec } from '../../signature';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { createMockBackend, createVirtualClock, type MockBackendOptions, mockModel } from '../../testing/index';
import { createHandler, createModelRepository, openInference, type ServiceOptions, tensorflowServing } from '../index';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

async function runnerOf(options: MockBackendOptions & { version?: string } = {}): Promise<ModelRunner> {
  const { version = '1', ...mock } = options;
  const runner = await createRunner({
    model: mockModel(version),
    backend: createMockBackend(mock),
    warmUp: false,
    logger: silent,
    ...(mock.clock && { clock: mock.clock }),
  });
  open.push(runner);
  return runner;
}

const protocols = [tensorflowServing({ versionLabels: { mock: { stable: '1', next: '2', '1': '1' } } })];

async function serverOf(mock: MockBackendOptions = {}, options: ServiceOptions = {}) {
  const runner = await runnerOf(mock);
  const handle = createHandler({ mock: runner }, { protocols, logger: silent, ...options });
  const ask = async (path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const init =
      body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
    const response = await handle(new Request(`http://test/v1/models/${path}`, { ...init, headers }));
    const text = await response.text();
    return { status: response.status, text, headers: response.headers };
  };
  return { ask, handle, runner };
}

const json = async (answer: Promise<{ status: number; text: string }>) => {
  const { status, text } = await answer;
  return { status, body: JSON.parse(text) as Record<string, unknown> };
};

/** A signature of the mock backend's kind, and what computes it. */
const scoring = {
  signature: {
    inputs: [
      { name: 'age', dtype: 'float32', shape: ['batch'] },
      { name: 'name', dtype: 'string', shape: ['batch'] },
    ],
    outputs: [
      { name: 'classes', dtype: 'string', shape: ['batch', 2] },
      { name: 'scores', dtype: 'float32', shape: ['batch', 2] },
      { name: 'outputs', dtype: 'float32', shape: ['batch', 1] },
    ],
    batchAxis: 0,
  } satisfies ModelSignature,
  compute({ age, name }: Tensors, rows: number): Tensors {
    const ages = [...((age as Tensor).data as Float32Array)];
    const names = (name as Tensor).data as string[];
    return {
      classes: { dtype: 'string', shape: [rows, 2], data: names.flatMap((each) => [each, `not ${each}`]) },
      scores: { dtype: 'float32', shape: [rows, 2], data: Float32Array.from(ages.flatMap((each) => [each / 8, 1])) },
      outputs: { dtype: 'float32', shape: [rows, 1], data: Float32Array.from(ages, (each) => each / 2) },
    };
  },
};

/*
 * A driver of the published contract: what a client of TensorFlow Serving sends, and what it goes by in the answer.
 */
describe('the contract of TensorFlow Serving', () => {
  it('status: whichever version answers, a version, a label', async () => {
    const { ask } = await serverOf();
    for (const path of ['mock', 'mock/versions/1', 'mock/labels/stable', 'mock/']) {
      expect(await json(ask(path))).toEqual({
        status: 200,
        body: {
          model_version_status: [{ version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } }],
        },
      });
    }
  });

  it('metadata: the same three', async () => {
    const { ask } = await serverOf();
    for (const path of ['mock', 'mock/versions/1', 'mock/labels/stable']) {
      expect(await json(ask(`${path}/metadata`))).toMatchObject({
        status: 200,
        body: {
          model_spec: { name: 'mock', version: '1' },
          metadata: { signature_def: { signature_def: { serving_default: { inputs: { x: { dtype: 'DT_FLOAT' } } } } } },
        },
      });
    }
  });

  it('predict: rows are answered by predictions, columns by outputs', async () => {
    const { ask } = await serverOf();
    for (const path of ['mock', 'mock/versions/1', 'mock/labels/stable', 'mock/labels/1']) {
      const rows = await ask(`${path}:predict`, {
        instances: [
          [1, 2],
          [3, 4.25],
        ],
      });
      expect(rows).toMatchObject({ status: 200, text: '{"predictions":[[2.0,4.0],[6.0,8.5000000]]}' });
      expect(rows.headers.get('content-type')).toBe('application/json');
    }
    expect(await ask('mock:predict', { inputs: [[1, 2]] })).toMatchObject({ text: '{"outputs":[[2.0,4.0]]}' });
    expect(await ask('mock:predict', { inputs: { x: [[1, 2]] }, signature_name: 'serving_default' })).toMatchObject({
      text: '{"outputs":[[2.0,4.0]]}',
    });
    expect(await ask('mock%3Apredict', { instances: [[1, 2]] })).toMatchObject({ status: 200 });
  });

  it('predict: the tokens of Python go in and come out', async () => {
    const { ask } = await serverOf();
    expect(await ask('mock:predict', '{"instances": [[NaN, Infinity], [-Infinity, -0.0]]}')).toMatchObject({
      status: 200,
      text: '{"predictions":[[NaN,Infinity],[-Infinity,-0.0]]}',
    });
  });

  it('predict: several inputs and outputs by name, in rows and columns', async () => {
    const { ask } = await serverOf(scoring);
    const instances = [
      { age: 4, name: 'a' },
      { age: 8, name: { b64: 'Yg==' } },
    ];
    expect(await json(ask('mock:predict', { instances }))).toEqual({
      status: 200,
      body: {
        predictions: [
          { classes: ['a', 'not a'], scores: [0.5, 1], outputs: [2] },
          { classes: ['b', 'not b'], scores: [1, 1], outputs: [4] },
        ],
      },
    });
    expect(await json(ask('mock:predict', { inputs: { age: [4], name: ['a'] } }))).toEqual({
      status: 200,
      body: { outputs: { classes: [['a', 'not a']], scores: [[0.5, 1]], outputs: [[2]] } },
    });
  });

  it('classify and regress: examples with a context are answered by results', async () => {
    const { ask } = await serverOf(scoring);
    const body = { context: { name: 'cat' }, examples: [{ age: 4 }, { age: [8] }] };
    expect(await ask('mock:classify', body)).toMatchObject({
      status: 200,
      text: '{"results":[[["cat",0.500000000],["not cat",1.0]],[["cat",1.0],["not cat",1.0]]]}',
    });
    const regress = { ...body, signature_name: 'tensorflow/serving/regress' };
    expect(await ask('mock/versions/1:regress', regress)).toMatchObject({ status: 200, text: '{"results":[2.0,4.0]}' });
  });

  it('a model that answers no classes says so', async () => {
    const int = (name: string): TensorSpec => ({ name, dtype: 'int32', shape: ['batch'] });
    const { ask } = await serverOf({
      signature: { inputs: [int('n')], outputs: [int('n')], batchAxis: 0 },
      compute: ({ n }) => ({ n: n as Tensor }),
    });
    for (const verb of ['classify', 'regress']) {
      const { status, body } = await json(ask(`mock:${verb}`, { examples: [{ n: 1 }] }));
      expect(status).toBe(400);
      expect(body.error).toContain(`cannot ${verb}`);
    }
    expect(await ask('mock:predict', { instances: [1, 2] })).toMatchObject({ text: '{"predictions":[1,2]}' });
  });
});

describe('what it refuses', () => {
  it.each<[what: string, path: string, body: unknown, status: number, says: string]>([
    ['an unknown model', 'nope:predict', { instances: [[1, 2]] }, 404, 'No model "nope"'],
    ['an unknown model by label', 'nope/labels/stable:predict', { instances: [[1, 2]] }, 404, 'No model "nope"'],
    ['another version', 'mock/versions/2:predict', { instances: [[1, 2]] }, 404, 'No version "2"'],
    ['a label of another version', 'mock/labels/next:predict', { instances: [[1, 2]] }, 404, 'No version "2"'],
    ['an unknown label', 'mock/labels/other:predict', { instances: [[1, 2]] }, 404, 'No label "other"'],
    ['a name that climbs', '..%2f..%2fetc:predict', { instances: [[1, 2]] }, 404, 'No model'],
    ['no verb', 'mock', { instances: [[1, 2]] }, 404, '":predict", ":classify", ":regress"'],
    ['another verb', 'mock:train', { instances: [[1, 2]] }, 404, '":predict"'],
    ['a verb with nothing before it', ':predict', { instances: [[1, 2]] }, 404, 'No model ""'],
    ['a percent sign', 'mock%:predict', { instances: [[1, 2]] }, 400, 'percent'],
    ['no JSON', 'mock:predict', '{"instances": [[1, 2]', 400, 'no JSON'],
    ['an empty body', 'mock:predict', '', 400, 'no JSON'],
    ['both formats', 'mock:predict', { instances: [[1, 2]], inputs: [[1, 2]] }, 400, 'given both'],
    ['a row too short for the model', 'mock:predict', { instances: [[1]] }, 400, 'x'],
    ['ragged rows', 'mock:predict', { instances: [[1, 2], [3]] }, 400, 'nested like shape [2, 2]'],
    ['another signature', 'mock:predict', { instances: [[1, 2]], signature_name: 'train' }, 400, 'serving_default'],
    ['too many elements', 'mock:predict', { instances: new Array(51).fill([1, 2]) }, 413, 'at most 100 elements'],
    ['too long a body', 'mock:predict', `{"instances":[[1,2]],"x":"${'x'.repeat(5000)}"}`, 413, 'larger than 5000'],
    ['examples for predict', 'mock:predict', { examples: [{ x: [1, 2] }] }, 400, 'given neither'],
    ['instances for classify', 'mock:classify', { instances: [[1, 2]] }, 400, 'examples'],
  ])('%s', async (_what, path, body, status, says) => {
    const { ask } = await serverOf({}, { maxTensorElements: 100, maxBodyBytes: 5000 });
    const answer = await json(ask(path, body));
    expect(answer.status).toBe(status);
    expect(answer.body.error).toContain(says);
  });

  it.each([
    ['another method', 'DELETE', 'mock', 405],
    ['another method of a verb', 'PUT', 'mock:predict', 405],
    ['an unknown version', 'GET', 'mock/versions/9', 404],
    ['the metadata of an unknown label', 'GET', 'mock/labels/x/metadata', 404],
    ['something else about a model', 'GET', 'mock/stats', 404],
  ])('%s', async (_what, method, path, status) => {
    const { handle } = await serverOf();
    expect((await handle(new Request(`http://test/v1/models/${path}`, { method }))).status).toBe(status);
  });

  it('outputs without rows in row format, which can be had by column', async () => {
    const scalar: MockBackendOptions = {
      signature: {
        inputs: [{ name: 'x', dtype: 'float32', shape: [1, 2] }],
        outputs: [{ name: 'sum', dtype: 'float32', shape: [] }],
        batchAxis: null,
      },
      compute: () => ({ sum: { dtype: 'float32', shape: [], data: Float32Array.of(3) } }),
    };
    const { ask } = await serverOf(scalar);
    expect(await json(ask('mock:predict', { instances: [[1, 2]] }))).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('"inputs" in place of "instances"') },
    });
    expect(await ask('mock:predict', { inputs: [[1, 2]] })).toMatchObject({ text: '{"outputs":3.0}' });
  });

  it('wrong options', () => {
    const wrong: [field: string, options: unknown][] = [
      ['labels', { labels: {} }],
      ['versionLabels', { versionLabels: 'stable' }],
      ['versionLabels.digits', { versionLabels: { digits: '3' } }],
      ['versionLabels.digits.stable', { versionLabels: { digits: { stable: 3 } } }],
    ];
    for (const [field, options] of wrong) {
      expect(() => tensorflowServing(options as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
      );
    }
  });
});

describe('what holds for every protocol', () => {
  it('deadlines, a full server and failures of the model', async () => {
    const clock = createVirtualClock();
    const { ask, runner } = await serverOf({ clock, latencyMs: () => 100 }, { clock });
    const late = ask('mock:predict', { instances: [[1, 2]] }, { 'x-request-timeout-ms': '20' });
    await clock.advance(100);
    expect(await json(late)).toMatchObject({ status: 504, body: { code: 'DEADLINE_EXCEEDED' } });
    await runner.close();
    expect(await ask('mock:predict', { instances: [[1, 2]] })).toMatchObject({ status: 503 });
    expect(await json(ask('mock'))).toMatchObject({ body: { model_version_status: [{ state: 'END' }] } });
    const { ask: askBroken } = await serverOf({ compute: () => Promise.reject(new Error('/secret/model.onnx')) });
    const broken = await askBroken('mock:predict', { instances: [[1, 2]] });
    expect(broken.status).toBe(500);
    expect(broken.text).not.toContain('secret');
  });

  it('a server that drains says so in the status, and answers', async () => {
    const { ask } = await serverOf({}, { isReady: () => false });
    expect(await json(ask('mock'))).toMatchObject({
      status: 200,
      body: { model_version_status: [{ state: 'UNLOADING' }] },
    });
    expect(await ask('mock:predict', { instances: [[1, 2]] })).toMatchObject({ status: 200 });
  });

  it('it stands beside other protocols, on packed bodies, below a path', async () => {
    const runner = await runnerOf();
    const handle = createHandler(runner, {
      protocols: [...protocols, openInference()],
      basePath: '/ml',
      logger: silent,
    });
    const stream = new Blob(['{"instances":[[1,2]]}']).stream().pipeThrough(new CompressionStream('gzip'));
    const body = await new Response(stream).arrayBuffer();
    const headers = { 'content-encoding': 'gzip' };
    const answer = await handle(
      new Request('http://test/ml/v1/models/mock:predict', { method: 'POST', body, headers }),
    );
    expect(await answer.text()).toBe('{"predictions":[[2.0,4.0]]}');
    expect((await handle(new Request('http://test/ml/v2/models/mock/ready'))).status).toBe(200);
  });

  it('guards and observers hear the model and the version that a label means', async () => {
    const runner = await runnerOf();
    const heard: unknown[] = [];
    const admit = ({ protocol, operation, model, version }: Record<string, unknown>) =>
      void heard.push([protocol, operation, model, version]);
    const handle = createHandler(runner, { protocols, logger: silent, guard: { admit: admit as never } });
    const post = { method: 'POST', body: '{"instances":[[1,2]]}' };
    for (const path of [
      'mock:predict',
      'mock/versions/1:predict',
      'mock/labels/stable:predict',
      'mock/labels/x:predict',
    ]) {
      await handle(new Request(`http://test/v1/models/${path}`, post));
    }
    await handle(new Request('http://test/v1/models/mock/labels/stable/metadata'));
    await handle(new Request('http://test/v1/models/mock'));
    expect(heard).toEqual([
      ['tensorflow-serving', 'infer', 'mock', undefined],
      ['tensorflow-serving', 'infer', 'mock', '1'],
      ['tensorflow-serving', 'infer', 'mock', '1'],
      ['tensorflow-serving', 'infer', 'mock', 'x'],
      ['tensorflow-serving', 'metadata', 'mock', '1'],
      ['tensorflow-serving', 'health', 'mock', undefined],
    ]);
  });

  it('a label pins its version while the runner swaps, and may be a function', async () => {
    const runner = await runnerOf();
    const swapped = {
      ...runner,
      model: runner.model,
      run: async (inputs: never): Promise<RunResult> => {
        const result = await runner.run(inputs);
        return { ...result, model: { ...result.model, version: '2' } };
      },
    } as ModelRunner;
    const aliases = new Map([['stable', '1']]);
    const labelled = tensorflowServing({ versionLabels: (_model, label) => aliases.get(label) });
    const handle = createHandler({ mock: swapped }, { protocols: [labelled], logger: silent });
    const post = { method: 'POST', body: '{"instances":[[1,2]]}' };
    const ask = async (path: string) => (await handle(new Request(`http://test/v1/models/${path}`, post))).status;
    expect(await ask('mock/labels/stable:predict')).toBe(404);
    expect(await ask('mock:predict')).toBe(200);
    aliases.delete('stable');
    expect(await ask('mock/labels/stable:predict')).toBe(404);
  });

  it('a model that is loaded anew answers by its own signature', async () => {
    const wide = { name: 'x', dtype: 'float32', shape: ['batch', 3] } as const;
    const signatures = [[], [{ inputs: [wide], outputs: [wide], batchAxis: 0 }]] as const;
    let loads = 0;
    const repository = createModelRepository(
      {
        m: async () => {
          const [signature] = signatures[loads++] ?? [];
          return runnerOf(signature === undefined ? {} : { signature, compute: ({ x }) => ({ x: x as Tensor }) });
        },
      },
      { logger: silent },
    );
    const handle = createHandler({}, { protocols, repository, logger: silent });
    const ask = async (row: number[]) => {
      const body = JSON.stringify({ instances: [row] });
      return (await handle(new Request('http://test/v1/models/m:predict', { method: 'POST', body }))).status;
    };
    expect(await ask([1, 2])).toBe(404);
    await repository.load('m');
    expect([await ask([1, 2]), await ask([1, 2, 3])]).toEqual([200, 400]);
    await repository.load('m');
    expect([await ask([1, 2]), await ask([1, 2, 3])]).toEqual([400, 200]);
    await repository.close();
  });
});
