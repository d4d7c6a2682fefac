import { jsonBody, objectSchema, readiness, textBody } from '../description/bodies';
import type { ServedModel } from '../host/catalog';
import type { RouteDescription, RouteEntry } from '../protocol';
import { csvBody, messageBody, predictionsSchema } from '../scoring/describe';
import type { ScoringDialect } from '../scoring/scoring-message';

/** Describes the protocol's routes. */
export function describeMlflow(
  { operation, path }: RouteEntry,
  model: ServedModel | undefined,
  dialect: ScoringDialect,
): RouteDescription {
  if (operation === 'health') {
    return { summary: 'Whether every model would answer', ...readiness(textBody('An empty line.')) };
  }
  if (path === '/version') return { summary: 'The version of the server', response: textBody() };
  const signature = model?.runner.signature;
  return {
    summary: 'Predictions for rows, as a data frame or as tensors',
    request: { ...messageBody(signature, dialect), ...csvBody(signature, true) },
    response: jsonBody(objectSchema({ predictions: predictionsSchema(signature) })),
  };
}
