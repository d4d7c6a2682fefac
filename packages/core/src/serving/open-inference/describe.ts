import type { ModelSignature, TensorSpec } from '../../signature';
import { elementCount } from '../../tensor/tensor';
import { arraySchema, jsonBody, objectSchema, readiness, readySchema, stringSchema } from '../description/bodies';
import { plainElement, zeroOf } from '../description/elements';
import { exampleSizes, haveExamples } from '../description/tensors';
import type { ServedModel } from '../host/catalog';
import type { JsonSchema, RouteDescription, RouteDescriptions, RouteEntry } from '../protocol';
import { datatypeOf } from './datatypes';

/** Describes the protocol's routes; those of a version are those of its model. A model that takes no rewards has no route for them. */
export function describeRoute(route: RouteEntry, model: ServedModel | undefined): RouteDescriptions | undefined {
  const path = route.path.replace('/versions/:version', '');
  if (route.operation === 'infer')
    return { summary: 'Outputs of the model for one row or more', ...describeInfer(model) };
  if (route.operation === 'reward') return model?.rollout?.reward === undefined ? [] : rewards;
  return descriptions[path];
}

const describeInfer = (model: ServedModel | undefined): Pick<RouteDescription, 'request' | 'response'> => {
  const signature = model?.runner.signature;
  return {
    request: {
      ...jsonBody(requestSchema(signature?.inputs, model?.rollout !== undefined), signature && exampleOf(signature)),
      'application/octet-stream': {
        schema: {
          description:
            'The JSON, with parameters.binary_data_size in place of data, and the elements behind it, little-endian. Header inference-header-content-length says how long the JSON is.',
        },
      },
    },
    response: jsonBody(responseSchema(signature?.outputs)),
  };
};

/** @param isAssigned whether a rollout assigns the request */
function requestSchema(specs: readonly TensorSpec[] | undefined, isAssigned: boolean): JsonSchema {
  return {
    type: 'object',
    required: ['inputs'],
    properties: {
      id: stringSchema('Comes back with the answer.'),
      inputs: tensorsSchema(specs),
      outputs: {
        type: 'array',
        description: 'Outputs to answer; all where it is absent.',
        items: objectSchema({ name: stringSchema() }),
      },
      parameters: {
        type: 'object',
        properties: {
          timeout: { type: 'number', minimum: 0, description: 'Microseconds that the caller waits; 0 for ever.' },
          priority: { type: 'integer', minimum: 0, description: '1 is the highest, 2 is normal.' },
          binary_data_output: { type: 'boolean', description: 'Whether outputs are answered behind the JSON.' },
          ...(isAssigned && {
            key: { type: 'string', maxLength: 256, description: 'As header x-fairlead-key, of any letters.' },
            context: stringSchema('As header x-fairlead-context.'),
          }),
        },
      },
    },
  };
}

function responseSchema(specs: readonly TensorSpec[] | undefined): JsonSchema {
  return objectSchema(
    {
      model_name: stringSchema(),
      model_version: stringSchema(),
      id: stringSchema(),
      parameters: { type: 'object' },
      outputs: tensorsSchema(specs),
    },
    ['model_version', 'id', 'parameters'],
  );
}

function tensorsSchema(specs: readonly TensorSpec[] | undefined): JsonSchema {
  if (specs === undefined) return arraySchema(anyTensor);
  return { type: 'array', maxItems: specs.length, items: { anyOf: specs.map(tensorSchema) } };
}

const shapeSchema: JsonSchema = arraySchema({ type: 'integer', minimum: 0 });

const anyTensor: JsonSchema = objectSchema(
  { name: stringSchema(), shape: shapeSchema, datatype: stringSchema(), data: { type: 'array' } },
  ['data'],
);

function tensorSchema(spec: TensorSpec): JsonSchema {
  const { name, dtype, shape } = spec;
  const axes = shape.map((size) =>
    typeof size === 'number' ? { const: size } : { type: 'integer', minimum: 0, title: size },
  );
  return {
    title: name,
    ...objectSchema({
      name: { const: name },
      shape: {
        ...shapeSchema,
        minItems: shape.length,
        maxItems: shape.length,
        ...(axes.length > 0 && { prefixItems: axes }),
      },
      datatype: { const: datatypeOf(dtype) },
      data: {
        type: 'array',
        description: 'Flat in row-major order, or nested like the shape.',
        items: { anyOf: [plainElement(spec), { type: 'array' }] },
      },
    }),
  };
}

/** One row of zeros; open sizes are 1. Undefined where it would be long. */
function exampleOf({ inputs }: ModelSignature): object | undefined {
  if (!haveExamples(inputs)) return undefined;
  return {
    inputs: inputs.map(({ name, dtype, shape: sizes }) => {
      const shape = exampleSizes(sizes);
      return { name, shape, datatype: datatypeOf(dtype), data: new Array(elementCount(shape)).fill(zeroOf(dtype)) };
    }),
  };
}

const rewardSchema: JsonSchema = {
  ...objectSchema(
    {
      decision_id: stringSchema('Header x-fairlead-decision-id, or parameter decision_id, of the answer.'),
      value: { type: 'number', description: 'What it earned, in the range that the strategy takes.' },
      at: {
        type: 'number',
        description: 'When it was earned, in milliseconds since 1970-01-01 UTC; now where absent.',
      },
    },
    ['at'],
  ),
  additionalProperties: false,
};
const outcomeSchema = objectSchema({
  outcome: {
    enum: ['counted', 'accepted', 'duplicate', 'late', 'gone'],
    description:
      'Whether it counts, here or, accepted, as soon as the replicas agree that it is the first; or why it does not.',
  },
});

/** A list is answered one by one, so that an example is answered whatever its id is. */
const rewards: RouteDescription = {
  summary: 'Tells what decisions of the rollout earned',
  request: jsonBody({ anyOf: [rewardSchema, { ...arraySchema(rewardSchema), maxItems: 256 }] }, [
    { decision_id: 'x-fairlead-decision-id of an answer', value: 1 },
  ]),
  response: jsonBody({
    anyOf: [
      outcomeSchema,
      arraySchema({ anyOf: [outcomeSchema, objectSchema({ error: stringSchema(), code: stringSchema() }, ['code'])] }),
    ],
  }),
  errors: {
    '404': { description: 'The model is not served, or the rollout never gave that id' },
    '409': { description: 'The decision is of a rollout of other models than this replica has: another one takes it' },
    '413': { description: 'The body, or the list, is past a limit' },
    '415': { description: 'The model remembers no decisions, or the body is packed in a way that is not read here' },
    '429': { description: 'The server is full; Retry-After says when to ask again' },
  },
};

const counted = objectSchema({ count: { type: 'integer' }, ns: { type: 'integer' } });
const specification = objectSchema({
  name: stringSchema(),
  datatype: stringSchema(),
  shape: { ...arraySchema({ type: 'integer' }), description: '-1 where any size fits.' },
});
const configured = objectSchema({
  name: stringSchema(),
  data_type: stringSchema(),
  dims: {
    ...arraySchema({ type: 'integer' }),
    description: 'Without the axis of rows where max_batch_size is more than 0.',
  },
});
const unitOfStatistics = objectSchema({
  name: stringSchema(),
  version: stringSchema(),
  last_inference: { type: 'integer', description: 'Milliseconds since 1970; 0 for never.' },
  inference_count: { type: 'integer', description: 'Rows that were answered.' },
  execution_count: { type: 'integer', description: 'Batches in which they were computed.' },
  inference_stats: objectSchema({
    success: counted,
    fail: counted,
    queue: counted,
    compute_input: counted,
    compute_infer: counted,
    compute_output: counted,
  }),
  batch_stats: arraySchema(objectSchema({ batch_size: { type: 'integer' } })),
});

/** What the routes beside infer answer, by their path without a version. */
const descriptions: Readonly<Record<string, RouteDescription>> = {
  '/v2': {
    summary: 'Name, version and extensions of the server',
    response: jsonBody(
      objectSchema({ name: stringSchema(), version: stringSchema(), extensions: arraySchema(stringSchema()) }),
    ),
  },
  '/v2/health/live': {
    summary: 'Whether the server is up',
    response: jsonBody(objectSchema({ live: { type: 'boolean' } })),
  },
  '/v2/health/ready': { summary: 'Whether every model would answer', ...readiness(jsonBody(readySchema)) },
  '/v2/models/:model': {
    summary: 'Tensors and versions of a model',
    response: jsonBody(
      objectSchema({
        name: stringSchema(),
        versions: arraySchema(stringSchema()),
        platform: stringSchema(),
        inputs: arraySchema(specification),
        outputs: arraySchema(specification),
        parameters: { type: 'object' },
      }),
    ),
  },
  '/v2/models/:model/ready': {
    summary: 'Whether a model would answer',
    ...readiness(jsonBody(objectSchema({ name: stringSchema(), ready: { type: 'boolean' } }))),
  },
  '/v2/models/:model/config': {
    summary: 'Names, types and sizes, as Triton’s configuration has them',
    response: jsonBody(
      objectSchema({
        name: stringSchema(),
        platform: stringSchema(),
        max_batch_size: { type: 'integer', description: 'Rows that a request may have; 0 where rows are not joined.' },
        input: arraySchema(configured),
        output: arraySchema(configured),
      }),
    ),
  },
  '/v2/models/:model/stats': {
    summary: 'Requests, rows, batches and where their time went',
    response: jsonBody(objectSchema({ model_stats: arraySchema(unitOfStatistics) })),
  },
  '/v2/models/stats': {
    summary: 'Requests, rows, batches and where their time went, of every model',
    response: jsonBody(objectSchema({ model_stats: arraySchema(unitOfStatistics) })),
  },
  '/v2/repository/index': {
    summary: 'Models that can be loaded, and how they stand',
    request: jsonBody({
      type: 'object',
      properties: { ready: { type: 'boolean', description: 'Whether only models that are ready are listed.' } },
    }),
    isBodyOptional: true,
    response: jsonBody(
      arraySchema(
        objectSchema({
          name: stringSchema(),
          version: stringSchema('Empty while none answers.'),
          state: { enum: ['READY', 'UNAVAILABLE', 'LOADING', 'UNLOADING'] },
          reason: stringSchema('Why it is not ready.'),
        }),
      ),
    ),
  },
  '/v2/repository/models/:model/load': {
    summary: 'Loads a model, or loads it anew',
    response: jsonBody({ type: 'object' }),
    errors: {
      '409': { description: 'The model is served for good, or is being unloaded' },
      '500': { description: 'It could not be loaded' },
    },
  },
  '/v2/repository/models/:model/unload': {
    summary: 'Takes a model out of service',
    response: jsonBody({ type: 'object' }),
    errors: { '409': { description: 'The model is served for good' } },
  },
};
