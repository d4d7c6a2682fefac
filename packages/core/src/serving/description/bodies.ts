import type { BodyDescription, JsonSchema, RouteDescription } from '../protocol';

/** Bodies by media type. */
export type Bodies = Readonly<Record<string, BodyDescription>>;

/** A body of JSON. */
export function jsonBody(schema: JsonSchema, example?: unknown): Bodies {
  return { 'application/json': { schema, ...(example !== undefined && { example }) } };
}

/** A body of plain text. */
export function textBody(description?: string): Bodies {
  return { 'text/plain': { schema: { type: 'string', ...(description !== undefined && { description }) } } };
}

/** A body of bytes. */
export function bytesBody(mediaType: string, description: string): Bodies {
  return { [mediaType]: { schema: { description } } };
}

/** An object of which each property is given; others may come. */
export function objectSchema(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema {
  return {
    type: 'object',
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    properties,
  };
}

/** @param description what it is, where its name does not say */
export function stringSchema(description?: string): JsonSchema {
  return { type: 'string', ...(description !== undefined && { description }) };
}

/** A list of items of one kind. */
export function arraySchema(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

/** What most health routes answer. */
export const readySchema: JsonSchema = objectSchema({ ready: { type: 'boolean' } });

/** Routes that tell whether something is ready answer the same whether it is or not, but for the status. */
export function readiness(response: Bodies): Pick<RouteDescription, 'response' | 'errors'> {
  return { response, errors: { '503': { description: 'Not ready', response } } };
}
