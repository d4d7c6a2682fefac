import type { ModelSignature, TensorSpec } from '../../signature';
import type { DType } from '../../tensor/dtype';
import { elementCount } from '../../tensor/tensor';
import type { ServedModel } from '../host/catalog';
import type { JsonSchema, RouteDescription, RouteEntry } from '../protocol';
import { datatypeOf } from './datatypes';

/** Larger examples would only make the document long. */
const mostExampleElements = 4096;

const summaries: Readonly<Record<string, string>> = {
  '/v2': 'Name, version and extensions of the server',
  '/v2/health/live': 'Whether the server is up',
  '/v2/health/ready': 'Whether every model would answer',
  '/v2/models/:model': 'Tensors and versions of a model',
  '/v2/models/:model/ready': 'Whether a model would answer',
  '/v2/models/:model/config': 'Names, types and sizes, as Triton’s configuration has them',
  '/v2/models/:model/stats': 'Requests, rows, batches and where their time went',
  '/v2/models/:model/infer': 'Outputs of the model for one row or more',
  '/v2/repository/index': 'Models that can be loaded, and how they stand',
  '/v2/repository/models/:model/load': 'Loads a model, or loads it anew',
  '/v2/repository/models/:model/unload': 'Takes a model out of service',
};

/** Describes the protocol's routes; those of a version are those of its model. */
export function describeRoute(route: RouteEntry, model: ServedModel | undefined): RouteDescription | undefined {
  const summary = summaries[route.path.replace('/versions/:version', '')];
  if (summary === undefined) return undefined;
  if (route.operation !== 'infer') return { summary, response: { 'application/json': { schema: { type: 'object' } } } };
  return { summary, ...describeInfer(model?.runner.signature) };
}

function describeInfer(signature: ModelSignature | undefined): Pick<RouteDescription, 'request' | 'response'> {
  const example = signature && exampleOf(signature);
  return {
    request: {
      'application/json': { schema: requestSchema(signature?.inputs), ...(example && { example }) },
      'application/octet-stream': {
        schema: {
          description:
            'The JSON, with parameters.binary_data_size in place of data, and the elements behind it, little-endian. Header inference-header-content-length says how long the JSON is.',
        },
      },
    },
    response: { 'application/json': { schema: responseSchema(signature?.outputs) } },
  };
}

function requestSchema(specs: readonly TensorSpec[] | undefined): JsonSchema {
  return {
    type: 'object',
    required: ['inputs'],
    properties: {
      id: { type: 'string', description: 'Comes back with the answer.' },
      inputs: tensorsSchema(specs),
      outputs: {
        type: 'array',
        description: 'Outputs to answer; all where it is absent.',
        items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
      },
      parameters: {
        type: 'object',
        properties: {
          timeout: { type: 'number', minimum: 0, description: 'Microseconds that the caller waits; 0 for ever.' },
          priority: { type: 'integer', minimum: 0, description: '1 is the highest, 2 is normal.' },
          binary_data_output: { type: 'boolean', description: 'Whether outputs are answered behind the JSON.' },
        },
      },
    },
  };
}

function responseSchema(specs: readonly TensorSpec[] | undefined): JsonSchema {
  return {
    type: 'object',
    required: ['model_name', 'outputs'],
    properties: {
      model_name: { type: 'string' },
      model_version: { type: 'string' },
      id: { type: 'string' },
      parameters: { type: 'object' },
      outputs: tensorsSchema(specs),
    },
  };
}

function tensorsSchema(specs: readonly TensorSpec[] | undefined): JsonSchema {
  if (specs === undefined) return { type: 'array', items: anyTensor };
  return { type: 'array', maxItems: specs.length, items: { anyOf: specs.map(tensorSchema) } };
}

const shapeSchema: JsonSchema = { type: 'array', items: { type: 'integer', minimum: 0 } };

const anyTensor: JsonSchema = {
  type: 'object',
  required: ['name', 'shape', 'datatype'],
  properties: { name: { type: 'string' }, shape: shapeSchema, datatype: { type: 'string' }, data: { type: 'array' } },
};

function tensorSchema({ name, dtype, shape }: TensorSpec): JsonSchema {
  const axes = shape.map((size) =>
    typeof size === 'number' ? { const: size } : { type: 'integer', minimum: 0, title: size },
  );
  return {
    type: 'object',
    title: name,
    required: ['name', 'shape', 'datatype', 'data'],
    properties: {
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
        items: { anyOf: [elementSchema(dtype), { type: 'array' }] },
      },
    },
  };
}

function elementSchema(dtype: DType): JsonSchema {
  if (dtype === 'string') return { type: 'string' };
  if (dtype === 'bool') return { type: 'boolean' };
  if (dtype.startsWith('float')) return { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] };
  return { type: 'integer', ...(dtype.startsWith('u') && { minimum: 0 }) };
}

/** One row of zeros; open sizes are 1. Undefined where it would be long. */
function exampleOf({ inputs }: ModelSignature): object | undefined {
  const shapes = inputs.map(({ shape }) => shape.map((size) => (typeof size === 'number' ? size : 1)));
  if (shapes.reduce((sum, shape) => sum + elementCount(shape), 0) > mostExampleElements) return undefined;
  return {
    inputs: inputs.map(({ name, dtype }, index) => {
      const shape = shapes[index] as number[];
      return { name, shape, datatype: datatypeOf(dtype), data: new Array(elementCount(shape)).fill(zeroOf(dtype)) };
    }),
  };
}

function zeroOf(dtype: DType): unknown {
  if (dtype === 'string') return '';
  return dtype === 'bool' ? false : 0;
}
