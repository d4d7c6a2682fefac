import type { ModelSignature, TensorSpec } from '../../signature';
import {
  arraySchema,
  type Bodies,
  bytesBody,
  jsonBody,
  objectSchema,
  readiness,
  readySchema,
  stringSchema,
} from '../description/bodies';
import type { ServedModel } from '../host/catalog';
import type { ParameterDescription, RouteDescription, RouteEntry } from '../protocol';
import {
  canListRows,
  csvBody,
  instancesSchema,
  messageExample,
  messageSchema,
  predictionsSchema,
} from '../scoring/describe';
import type { ScoringDialect } from '../scoring/scoring-message';

const echoed: readonly ParameterDescription[] = [
  { name: 'x-amzn-sagemaker-custom-attributes', in: 'header', description: 'Comes back with the answer' },
  { name: 'x-amzn-sagemaker-inference-id', in: 'header', description: 'Comes back with the answer' },
];
const target: ParameterDescription = {
  name: 'x-amzn-sagemaker-target-model',
  in: 'header',
  description: 'The model that is asked; the usual one where it is absent',
};

const modelSchema = objectSchema({
  modelName: stringSchema(),
  modelUrl: stringSchema('The folder that it was loaded from.'),
});

/** Describes the protocol's routes. */
export function describeSageMaker(
  route: RouteEntry,
  model: ServedModel | undefined,
  dialect: ScoringDialect,
): RouteDescription {
  const { operation, path } = route;
  if (operation === 'health') {
    return { summary: 'Whether every model would answer', ...readiness(jsonBody(readySchema)) };
  }
  if (operation === 'infer') {
    const { signature } = model?.runner ?? {};
    return {
      summary: 'Predictions, in the form that accept asks for',
      parameters: path.includes(':model') ? echoed : [target, ...echoed],
      request: requestBodies(signature, dialect),
      response: responseBodies(signature),
      errors: { '406': { description: 'None of the forms that accept names is answered here' } },
    };
  }
  return management[operation] ?? { summary: 'Models of a multi-model endpoint' };
}

const management: Readonly<Partial<Record<RouteEntry['operation'], RouteDescription>>> = {
  load: {
    summary: 'Loads a model from a folder',
    request: jsonBody(
      objectSchema({ model_name: stringSchema(), url: stringSchema('A folder among those of the models.') }),
    ),
    response: jsonBody(modelSchema),
    errors: {
      '409': { description: 'It is loaded' },
      '500': { description: 'It could not be loaded' },
      '507': { description: 'There is no room: unload another first' },
    },
  },
  list: {
    summary: 'The models that are loaded, in pages',
    parameters: [
      { name: 'limit', in: 'query', description: 'Models on a page', schema: { type: 'integer', minimum: 1 } },
      { name: 'next_page_token', in: 'query', description: 'The token that the page before had' },
    ],
    response: jsonBody(
      objectSchema({ models: arraySchema(modelSchema), nextPageToken: stringSchema() }, ['nextPageToken']),
    ),
  },
  metadata: { summary: 'Where a loaded model comes from', response: jsonBody(modelSchema) },
  unload: { summary: 'Unloads a model', response: jsonBody({ type: 'object' }) },
};

function requestBodies(signature: ModelSignature | undefined, dialect: ScoringDialect): Bodies {
  const message = messageSchema(signature, dialect);
  const isListed = signature !== undefined && canListRows(signature);
  return {
    ...jsonBody(
      isListed ? { anyOf: [message, instancesSchema(signature)] } : message,
      messageExample(signature, dialect),
    ),
    ...csvBody(signature, false),
    ...withHeader(csvBody(signature, true)),
    ...(signature === undefined || isNumeric(signature.inputs)
      ? bytesBody('application/x-npy', 'An array of NumPy: the one input.')
      : {}),
    ...(signature === undefined || signature.inputs.length === 1
      ? bytesBody('application/octet-stream', 'The elements of the one input, little-endian.')
      : {}),
  };
}

/** A parameter of the media type says that the first line names the columns. */
function withHeader(bodies: Bodies): Bodies {
  return Object.fromEntries(Object.entries(bodies).map(([type, body]) => [`${type}; header=present`, body]));
}

function responseBodies(signature: ModelSignature | undefined): Bodies {
  const predictions = predictionsSchema(signature);
  return {
    ...jsonBody({ anyOf: [objectSchema({ predictions }), predictions] }),
    'text/csv': { schema: { type: 'string', description: 'A line a row, without a header.' } },
    ...(signature === undefined || isNumeric(signature.outputs)
      ? {
          ...bytesBody('application/x-npy', 'An array of NumPy: the one output.'),
          ...bytesBody('application/octet-stream', 'The elements of the one output, little-endian.'),
        }
      : {}),
  };
}

function isNumeric([only, ...others]: readonly TensorSpec[]): boolean {
  return others.length === 0 && only?.dtype !== 'string';
}
