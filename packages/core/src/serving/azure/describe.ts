import type { ModelSignature } from '../../signature';
import { jsonBody, objectSchema, readiness, textBody } from '../description/bodies';
import { exampleTensors, haveExamples } from '../description/tensors';
import type { ServedModel } from '../host/catalog';
import type { JsonSchema, ParameterDescription, RouteDescription, RouteEntry } from '../protocol';
import { canListRows, columnsSchema, messageSchema, predictionsSchema, splitSchema } from '../scoring/describe';
import type { ScoringDialect } from '../scoring/scoring-message';

const ids: readonly ParameterDescription[] = [
  { name: 'x-request-id', in: 'header', description: 'Comes back with the answer; a new one where it is absent' },
  { name: 'x-ms-client-request-id', in: 'header', description: 'Comes back with the answer' },
];

/** Describes the protocol's routes. */
export function describeAzure(
  { operation }: RouteEntry,
  model: ServedModel | undefined,
  dialect: ScoringDialect,
): RouteDescription {
  if (operation === 'health') {
    return { summary: 'Whether every model would answer', ...readiness(textBody('"Healthy" or "Unhealthy".')) };
  }
  const signature = model?.runner.signature;
  const predictions = predictionsSchema(signature);
  return {
    summary: 'Predictions for rows, as a data frame or as tensors',
    parameters: ids,
    request: jsonBody(
      { anyOf: [...fieldSchemas(signature), messageSchema(signature, dialect)] },
      signature !== undefined && haveExamples(signature.inputs)
        ? { input_data: exampleTensors(signature.inputs) }
        : undefined,
    ),
    response: jsonBody({ anyOf: [objectSchema({ predictions }), predictions] }),
    errors: { '431': { description: 'An id of the request is too long' } },
  };
}

/** `input_data` and `data`, answered by the predictions alone. */
function fieldSchemas(signature: ModelSignature | undefined): readonly JsonSchema[] {
  const value: JsonSchema =
    signature === undefined
      ? {}
      : canListRows(signature)
        ? { anyOf: [columnsSchema(signature), splitSchema(signature.inputs)] }
        : columnsSchema(signature);
  return ['input_data', 'data'].map((field) => ({
    ...objectSchema({ [field]: value, params: { type: 'object' } }, ['params']),
    additionalProperties: false,
  }));
}
