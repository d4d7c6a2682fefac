import type { ModelSignature } from '../../signature';
import { arraySchema, bytesBody, jsonBody, objectSchema, readiness, stringSchema } from '../description/bodies';
import {
  exampleTensors,
  exampleValue,
  givenSchema,
  haveExamples,
  haveRows,
  listSchema,
  rowSchema,
  valueSchema,
  wholeSchema,
  zeros,
} from '../description/tensors';
import type { ServedModel } from '../host/catalog';
import type { JsonSchema, RouteDescription, RouteEntry } from '../protocol';

const errorSchema = objectSchema({
  code: { type: 'integer', description: 'The status.' },
  type: stringSchema('The kind of failure.'),
  message: stringSchema('What went wrong, and what to do.'),
});

const descriptionSchema = arraySchema(
  objectSchema({
    modelName: stringSchema(),
    modelVersion: stringSchema(),
    minWorkers: { type: 'integer' },
    maxWorkers: { type: 'integer' },
    workers: arraySchema(objectSchema({ id: stringSchema(), status: { enum: ['READY', 'UNLOADING'] } })),
    jobQueueStatus: objectSchema({ pendingRequests: { type: 'integer' } }),
  }),
);

/** Describes the protocol's routes. */
export function describeTorchServe({ path }: RouteEntry, model: ServedModel | undefined): RouteDescription {
  if (path === '/ping') {
    return {
      summary: 'Whether every model would answer',
      ...readiness(jsonBody(objectSchema({ status: { enum: ['Healthy', 'Unhealthy'] } }))),
    };
  }
  if (path === '/models') {
    const number = { type: 'integer', minimum: 0 };
    return {
      summary: 'Names of the models, in pages',
      parameters: [
        { name: 'limit', in: 'query', description: 'Models on a page', schema: { ...number, minimum: 1 } },
        { name: 'next_page_token', in: 'query', description: 'The token that the page before had', schema: number },
      ],
      response: jsonBody(
        objectSchema(
          {
            models: arraySchema(objectSchema({ modelName: stringSchema(), modelUrl: stringSchema() })),
            nextPageToken: stringSchema(),
          },
          ['nextPageToken'],
        ),
      ),
      errorSchema,
    };
  }
  if (path.startsWith('/models/')) {
    return { summary: 'Version, workers and queue of a model', response: jsonBody(descriptionSchema), errorSchema };
  }
  if (path.startsWith('/explanations/')) {
    return {
      summary: 'No explanation: models have no explainer here',
      isAnswered: false,
      errors: { '501': { description: 'There is no explainer' } },
      errorSchema,
    };
  }
  return { summary: 'Outputs of the model for whole tensors, or for one row', ...predictBodies(model), errorSchema };
}

function predictBodies(model: ServedModel | undefined): Pick<RouteDescription, 'request' | 'response'> {
  if (model === undefined) return { request: jsonBody({}), response: jsonBody({}) };
  const { signature } = model.runner;
  const { inputs } = signature;
  const [only] = inputs;
  const isText = inputs.length === 1 && only?.dtype === 'string';
  return {
    request: {
      ...jsonBody(requestSchema(signature), exampleOf(signature)),
      ...(inputs.length === 1 &&
        !isText &&
        bytesBody('application/octet-stream', 'The elements of the one input, little-endian.')),
      ...(isText && { 'text/plain': { schema: stringSchema('The one string.') } }),
    },
    response: jsonBody(responseSchema(signature)),
  };
}

/** Whether a request may be one row, which is told by its having an axis less. */
function mayBeRow({ inputs, batchAxis }: ModelSignature): boolean {
  return batchAxis === 0 && haveRows(inputs);
}

/** An object is one of tensors by name, so that the only input has its name there or stands alone. */
function requestSchema(signature: ModelSignature): JsonSchema {
  const { inputs, outputs } = signature;
  const whole = givenSchema(inputs, (spec) => wholeSchema(spec));
  const forms = [
    ...(mayBeRow(signature) ? [givenSchema(inputs, (spec) => rowSchema(spec))] : []),
    whole,
    ...(haveRows(inputs) && haveRows(outputs) ? [envelopeOf(signature)] : []),
  ];
  return forms.length === 1 ? whole : { anyOf: forms };
}

function envelopeOf({ inputs }: ModelSignature): JsonSchema {
  return objectSchema({
    instances: listSchema(
      inputs,
      givenSchema(inputs, (spec) => rowSchema(spec)),
    ),
  });
}

function responseSchema(signature: ModelSignature): JsonSchema {
  const { inputs, outputs } = signature;
  const whole = valueSchema(outputs, (spec) => wholeSchema(spec));
  if (!haveRows(inputs) || !haveRows(outputs)) return whole;
  const row = valueSchema(outputs, (spec) => rowSchema(spec));
  return { anyOf: [...(mayBeRow(signature) ? [row] : []), whole, objectSchema({ predictions: arraySchema(row) })] };
}

function exampleOf(signature: ModelSignature): unknown {
  const { inputs } = signature;
  if (!haveExamples(inputs)) return undefined;
  return mayBeRow(signature)
    ? exampleValue(inputs, (spec) => zeros(spec, spec.shape.slice(1)))
    : exampleTensors(inputs);
}
