import { afterEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import type { ModelRunner } from '../../runner/runner';
import type { ModelSignature, TensorSpec } from '../../signature';
import type { DType } from '../../tensor/dtype';
import {
  azureMl,
  batchScoring,
  createHandler,
  createModelRepository,
  type Guard,
  mlflowScoring,
  openApi,
  openInference,
  type ServingProtocol,
  sageMaker,
  tensorflowServing,
  torchServe,
  vertexAi,
} from '../index';
import { closeAll, halved } from '../rollouts.fixture';
import {
  type DescribedOperation,
  operationsOf,
  readDocument,
  refuseAll,
  tryAll,
  zeroRunner,
} from './described.fixture';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

async function runnerOf(signature: ModelSignature): Promise<ModelRunner> {
  const runner = await zeroRunner(signature);
  open.push(runner);
  return runner;
}

const spec = (name: string, dtype: DType, ...shape: (number | string)[]): TensorSpec => ({ name, dtype, shape });

/** What models there are: with rows that are joined and without; one tensor and several; fixed and open sizes. */
const signatures: Readonly<Record<string, ModelSignature>> = {
  matrix: { inputs: [spec('x', 'float32', 'batch', 4)], outputs: [spec('y', 'float32', 'batch', 3)], batchAxis: 0 },
  several: {
    inputs: [spec('age', 'float64', 'batch', 1), spec('city', 'string', 'batch'), spec('member', 'bool', 'batch', 1)],
    outputs: [spec('scores', 'float32', 'batch', 2), spec('classes', 'string', 'batch', 2)],
    batchAxis: 0,
  },
  mixed: {
    inputs: [
      spec('image', 'uint8', 'batch', 'height', 2, 3),
      spec('half', 'float16', 'batch', 2),
      spec('key', 'int64', 'batch'),
    ],
    outputs: [spec('id', 'uint64', 'batch'), spec('text_bytes', 'string', 'batch', 'height')],
    batchAxis: 0,
  },
  text: { inputs: [spec('text', 'string', 'batch', 1)], outputs: [spec('label', 'int64', 'batch')], batchAxis: 0 },
  columns: { inputs: [spec('x', 'int8', 3, 'n')], outputs: [spec('y', 'int32', 2, 'n')], batchAxis: null },
  fixed: { inputs: [spec('x', 'float32', 2, 3)], outputs: [spec('y', 'float32')], batchAxis: null },
  scalar: { inputs: [spec('a', 'float32'), spec('b', 'uint16')], outputs: [spec('sum', 'float64')], batchAxis: null },
  odd: {
    inputs: [spec('constructor', 'float32', 'batch', 2), spec('</script>"\'', 'bool', 'batch')],
    outputs: [spec('toString', 'float32', 'batch')],
    batchAxis: 0,
  },
};

const protocols: Readonly<Record<string, () => ServingProtocol>> = {
  'open-inference': () => openInference(),
  'tensorflow-serving': () => tensorflowServing({ versionLabels: () => '1' }),
  torchserve: () => torchServe(),
  mlflow: () => mlflowScoring({ model: 'model' }),
  sagemaker: () => sageMaker({ model: 'model' }),
  'vertex-ai': () => vertexAi({ model: 'model' }),
  'azure-ml': () => azureMl({ model: 'model' }),
  batch: () => batchScoring(),
};
const names = Object.keys(protocols);

function all(): ServingProtocol[] {
  return [...Object.values(protocols).map((make) => make()), openApi()];
}

const cases = names.flatMap((protocol) => Object.keys(signatures).map((model) => [protocol, model] as const));

describe('what is described is what is answered', () => {
  it.each(cases)('by %s of a model "%s"', async (name, model) => {
    const runner = await runnerOf(signatures[model] as ModelSignature);
    const protocol = protocols[name] as () => ServingProtocol;
    const handle = createHandler({ model: runner }, { protocols: [protocol(), openApi()] });
    const document = await readDocument(handle);
    const { answered, faults } = await tryAll(handle, document);
    expect(faults).toEqual([]);
    expect(await refuseAll(handle, document)).toEqual([]);
    // Vertex AI has rows and nothing else, so that a model without them cannot be asked.
    const hasRows = model !== 'scalar';
    expect(answered.some((each) => each.startsWith('POST'))).toBe(name !== 'vertex-ai' || hasRows);
  });

  it('by all protocols at once, of several models, below a path', async () => {
    const runners = Object.fromEntries(
      await Promise.all(
        Object.entries(signatures).map(async ([name, signature]) => [name, await runnerOf(signature)] as const),
      ),
    );
    const handle = createHandler(
      {
        model: await runnerOf(signatures.matrix as ModelSignature),
        'a/b {c} é\'"<': await runnerOf(signatures.text as ModelSignature),
        ...runners,
      },
      { protocols: all(), basePath: '/ml', metrics: { render: () => ({ contentType: 'text/plain', body: '' }) } },
    );
    const document = await readDocument(handle, '/ml');
    // Every path of SageMaker's is one of MLflow's or TorchServe's too, and the first that has it answers.
    const served = names.filter((name) => name !== 'sagemaker');
    expect(document.tags.map(({ name }) => name)).toEqual([...served, 'openapi', 'metrics']);
    const { answered, faults } = await tryAll(handle, document, '/ml');
    expect(faults).toEqual([]);
    expect(await refuseAll(handle, document, '/ml')).toEqual([]);
    for (const path of [
      '/v2/models/mixed/infer application/json',
      '/v1/models/several:predict application/json',
      '/v1/models/several:classify application/json',
      '/predictions/several application/json',
      '/invocations application/json',
      '/invocations text/csv',
      '/predict application/json',
      '/score application/json',
      '/v1/batch/several application/x-ndjson',
      '/v1/batch/several text/csv',
      "/v2/models/a%2Fb%20%7Bc%7D%20%C3%A9'%22%3C/infer application/json",
    ])
      expect(answered).toContain(`POST ${path}`);
  });
});

const bodyOf = (operation: DescribedOperation | undefined, type = 'application/json') =>
  operation?.requestBody?.content[type];

describe('what a description holds', () => {
  const documentOf = async (protocol: ServingProtocol, signature: ModelSignature) =>
    readDocument(createHandler({ model: await runnerOf(signature) }, { protocols: [protocol, openApi()] }));
  it('names, types and shapes of the tensors', async () => {
    const { paths } = await documentOf(tensorflowServing(), signatures.matrix as ModelSignature);
    const row = {
      type: 'array',
      minItems: 4,
      maxItems: 4,
      items: { anyOf: [{ type: 'number', title: 'float32' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] },
    };
    const named = { type: 'object', required: ['x'], properties: { x: row }, additionalProperties: false };
    expect(bodyOf(paths['/v1/models/model:predict']?.post)?.schema).toMatchObject({
      oneOf: [
        {
          required: ['instances'],
          properties: { instances: { type: 'array', minItems: 1, items: { anyOf: [row, named] } } },
        },
        { required: ['inputs'] },
      ],
    });
    expect(bodyOf(paths['/v1/models/model:predict']?.post)?.example).toEqual({ instances: [[0, 0, 0, 0]] });
  });

  it('classify and regress only of models that can', async () => {
    const verbsOf = async (signature: ModelSignature) =>
      Object.keys((await documentOf(tensorflowServing(), signature)).paths)
        .filter((path) => path.startsWith('/v1/models/model:'))
        .map((path) => path.split(':')[1]);
    expect(await verbsOf(signatures.several as ModelSignature)).toEqual(['predict', 'classify']);
    expect(await verbsOf(signatures.odd as ModelSignature)).toEqual(['predict', 'classify', 'regress']);
    expect(await verbsOf(signatures.text as ModelSignature)).toEqual(['predict']);
  });

  it('the forms that a model has', async () => {
    const typesOf = async (protocol: ServingProtocol, path: string, signature: ModelSignature | undefined) =>
      Object.keys(
        (await documentOf(protocol, signature as ModelSignature)).paths[path]?.post?.requestBody?.content ?? {},
      );
    const { matrix, several, mixed, text } = signatures;
    expect(await typesOf(torchServe(), '/predictions/model', matrix)).toEqual([
      'application/json',
      'application/octet-stream',
    ]);
    expect(await typesOf(torchServe(), '/predictions/model', text)).toEqual(['application/json', 'text/plain']);
    expect(await typesOf(mlflowScoring(), '/invocations', several)).toEqual(['application/json', 'text/csv']);
    expect(await typesOf(mlflowScoring(), '/invocations', mixed)).toEqual(['application/json']);
    expect(await typesOf(sageMaker(), '/invocations', several)).toEqual([
      'application/json',
      'text/csv; header=present',
    ]);
    expect(await typesOf(sageMaker(), '/invocations', matrix)).toEqual([
      'application/json',
      'text/csv',
      'text/csv; header=present',
      'application/x-npy',
      'application/octet-stream',
    ]);
  });

  it('no example where one row would be long, and the schema all the same', async () => {
    const signature = { ...(signatures.matrix as ModelSignature), inputs: [spec('x', 'float32', 'batch', 5000)] };
    for (const make of Object.values(protocols)) {
      const document = await documentOf(make(), signature);
      for (const { operation } of operationsOf(document)) {
        for (const content of Object.values(operation.requestBody?.content ?? {})) {
          expect(content).not.toHaveProperty('example');
          expect(content).toHaveProperty('schema');
        }
      }
    }
  });

  it('the names that clients call columns by', async () => {
    const columns = { model: { x: ['a', 'b', 'c', 'd'] } };
    const handle = createHandler(
      { model: await runnerOf(signatures.matrix as ModelSignature) },
      { protocols: [batchScoring({ columns }), openApi()] },
    );
    const document = await readDocument(handle);
    expect(bodyOf(document.paths['/v1/batch/model']?.post, 'text/csv')?.example).toBe('a,b,c,d\n0,0,0,0\n');
    expect((await tryAll(handle, document)).faults).toEqual([]);
  });

  it('open schemas while it is not clear which model a path means', async () => {
    const loaders = {
      one: () => zeroRunner(signatures.matrix as ModelSignature),
      two: () => zeroRunner(signatures.text as ModelSignature),
    };
    const repository = createModelRepository(loaders);
    await Promise.all([repository.load('one'), repository.load('two')]);
    const handle = createHandler(
      {},
      { repository, protocols: [mlflowScoring(), vertexAi(), azureMl(), sageMaker(), openApi()] },
    );
    const document = await readDocument(handle);
    for (const path of ['/invocations', '/predict', '/score'])
      expect(bodyOf(document.paths[path]?.post)).not.toHaveProperty('example');
    expect(bodyOf(document.paths['/endpoints/one/invocations']?.post)).toHaveProperty('example');
    expect(await refuseAll(handle, document)).toEqual([]);
    // What is managed is described too: of a folder that is none, the refusal.
    const { '/models': models } = document.paths;
    expect(Object.keys(models ?? {}).sort()).toEqual(['get', 'post']);
    expect(Object.keys(models?.post?.responses ?? {})).toEqual(['200', '400', '409', '500', '507']);
    await repository.close();
  });
});

describe('a rollout', () => {
  afterEach(closeAll);

  it('is described with what it is assigned by, its decisions and its rewards, by every protocol', async () => {
    const [rollout, plain] = [await halved({ rewards: {} }), await runnerOf(signatures.matrix as ModelSignature)];
    const protocolsOfIt = [
      openInference(),
      tensorflowServing(),
      torchServe(),
      mlflowScoring({ model: 'rollout' }),
      vertexAi({ model: 'rollout' }),
      azureMl({ model: 'rollout' }),
      openApi(),
    ];
    const handle = createHandler({ rollout, plain }, { protocols: protocolsOfIt });
    const document = await readDocument(handle);
    const { answered, faults } = await tryAll(handle, document);
    expect(faults).toEqual([]);
    expect(answered).toContain('POST /v2/models/rollout/rewards application/json');
    expect(await refuseAll(handle, document)).toEqual([]);
    for (const path of [
      '/v2/models/rollout/infer',
      '/v1/models/rollout:predict',
      '/predictions/rollout',
      '/invocations',
      '/predict',
      '/score',
    ]) {
      const { parameters, responses } = document.paths[path]?.post ?? expect.fail(path);
      expect(parameters?.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['x-fairlead-key', 'x-fairlead-context']),
      );
      expect(responses['200']).toHaveProperty('headers.x-fairlead-decision-id');
    }
    const bodyOfInfer = bodyOf(document.paths['/v2/models/rollout/infer']?.post);
    expect(bodyOfInfer?.schema).toHaveProperty('properties.parameters.properties.key');
    // What assigns nothing has none of it.
    expect(Object.keys(document.paths).filter((path) => path.endsWith('/rewards'))).toEqual([
      '/v2/models/rollout/rewards',
    ]);
    const infer = document.paths['/v2/models/plain/infer']?.post;
    expect(JSON.stringify(infer)).not.toContain('x-fairlead');
    expect(bodyOf(infer)?.schema).not.toHaveProperty('properties.parameters.properties.key');
  });

  it('that remembers nothing has no rewards', async () => {
    const handle = createHandler({ rollout: await halved() }, { protocols: [openInference(), openApi()] });
    const { paths } = await readDocument(handle);
    expect(Object.keys(paths).filter((path) => path.endsWith('/rewards'))).toEqual([]);
    const { parameters, responses } = paths['/v2/models/rollout/infer']?.post ?? expect.fail();
    expect(parameters).toHaveLength(2);
    expect(responses['200']).not.toHaveProperty('headers');
  });

  it('stands on the page, with fields for its headers', async () => {
    const handle = createHandler(
      { rollout: await halved({ rewards: {} }) },
      { protocols: [openInference(), openApi()] },
    );
    const page = await (await handle(new Request('http://test/docs'))).text();
    expect(page).toContain('/v2/models/rollout/rewards');
    expect(page).toContain('x-fairlead-key');
    expect(page).toContain('decision_id');
  });
});

describe('who is asked who he is', () => {
  const refusing = (more: Partial<Guard>): Guard => ({
    ...more,
    admit() {
      throw new FairleadError('UNAUTHENTICATED', 'Who are you?');
    },
  });
  const letIn = (guard: Guard): Guard => ({ ...guard, admit: () => undefined });

  it('stands in the document as security schemes, and what is open needs none', async () => {
    const guard = refusing({
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        token: { type: 'http', scheme: 'bearer' },
      },
      openOperations: ['health'],
    });
    const runners = { model: await runnerOf(signatures.matrix as ModelSignature) };
    const document = await readDocument(createHandler(runners, { protocols: all(), guard: letIn(guard) }));
    expect(document.components.securitySchemes).toEqual(guard.securitySchemes);
    const asked = [{ key: [] }, { token: [] }];
    expect(document.paths['/v2/models/model/infer']?.post?.security).toEqual(asked);
    expect(document.paths['/invocations']?.post?.security).toEqual(asked);
    expect(document.paths['/v2/models/{model}/ready']?.get?.security).toEqual(asked);
    expect(document.paths['/v2/health/ready']?.get?.security).toEqual([]);
    expect(document.paths['/ping']?.get?.security).toEqual([]);
    expect(Object.keys(document.paths['/v2/health/live']?.get?.responses ?? {})).toEqual(['200']);
    // Refusals are as they are described, in the service's own form, whichever protocol was asked.
    const strict = createHandler(runners, { protocols: all(), guard });
    expect(await refuseAll(strict, document)).toEqual([]);
  });

  it('is told by statuses alone where a guard does not say how', async () => {
    const runners = { model: await runnerOf(signatures.matrix as ModelSignature) };
    const document = await readDocument(createHandler(runners, { protocols: all(), guard: letIn(refusing({})) }));
    expect(document.components).not.toHaveProperty('securitySchemes');
    for (const { operation } of operationsOf(document)) {
      expect(operation).not.toHaveProperty('security');
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403']));
    }
  });
});
