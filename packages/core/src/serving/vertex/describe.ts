import { jsonBody, objectSchema, readiness, readySchema, stringSchema } from '../description/bodies';
import type { ServedModel } from '../host/catalog';
import type { RouteDescription, RouteEntry } from '../protocol';
import { messageBody, predictionsSchema } from '../scoring/describe';
import type { ScoringDialect } from '../scoring/scoring-message';

/** Describes the protocol's routes. */
export function describeVertex(
  { operation }: RouteEntry,
  model: ServedModel | undefined,
  dialect: ScoringDialect,
): RouteDescription {
  if (operation === 'health') {
    return { summary: 'Whether every model would answer', ...readiness(jsonBody(readySchema)) };
  }
  const signature = model?.runner.signature;
  return {
    summary: 'Predictions, one an instance',
    request: messageBody(signature, dialect),
    response: jsonBody(
      objectSchema(
        {
          predictions: predictionsSchema(signature),
          deployedModelId: stringSchema(),
          model: stringSchema(),
          modelVersionId: stringSchema(),
        },
        ['deployedModelId'],
      ),
    ),
  };
}
