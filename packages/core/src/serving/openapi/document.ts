import type { Operation } from '../host/call';
import type { ServedModel } from '../host/catalog';
import type { BodyDescription, JsonSchema, ProtocolContext, RouteDescription, RouteEntry } from '../protocol';

/** What the operator says about the service. */
export interface About {
  readonly title: string;
  readonly version: string;
  readonly description: string | undefined;
}

/** A route as it stands in the document: those that ask a model once a model. */
export interface DocumentedRoute {
  readonly route: RouteEntry;
  /** In the document's form: `/v2/models/digits/infer`, `/v2/models/{model}`. */
  readonly path: string;
  /** The model whose tensors the description has; undefined where the path leaves it open, or names none. */
  readonly model: ServedModel | undefined;
  readonly description: RouteDescription;
}

/** What a route is for, where its protocol says no more. */
const purposes: Readonly<Record<Operation, string>> = {
  health: 'Whether the server or a model would answer',
  metadata: 'What a model is',
  list: 'Which models there are',
  infer: 'An answer of a model',
  load: 'Loads a model',
  unload: 'Takes a model out of service',
  metrics: 'Metrics for a scraper',
  documentation: 'Documentation',
};

/** Statuses of errors that any route may answer, and those of a model besides. */
const [commonErrors, modelErrors] = [
  { '400': 'The request is wrong: the body says what', '404': 'There is no such model or version' },
  {
    '413': 'The body, or a tensor, is past a limit',
    '415': 'The body is packed or written in a way that is not read here',
    '429': 'The model or the server is full; Retry-After says when to ask again',
    '503': 'The server cannot answer at present; Retry-After says when to ask again',
    '504': 'The time that the caller gave ran out',
  },
] as const;

/** The routes as they are documented, in the order in which they were added. */
export function documentedRoutes({ host, protocols, routes }: ProtocolContext): readonly DocumentedRoute[] {
  const models = host.catalog.all();
  const byName = new Map(protocols.map((protocol) => [protocol.name, protocol]));
  return routes.flatMap((route): DocumentedRoute[] => {
    const describe = (model: ServedModel | undefined): RouteDescription =>
      byName.get(route.protocol)?.describe?.(route, model) ?? { summary: purposes[route.operation] };
    const isOfModel =
      route.operation === 'infer' && /\/:model(?![\w])/.test(route.path) && !/:version\b/.test(route.path);
    if (!isOfModel)
      return [{ route, path: templateOf(route.path), model: undefined, description: describe(undefined) }];
    return models.map((model) => {
      const path = templateOf(route.path.replace(/:model(?![\w])/, () => encodeURIComponent(model.name)));
      return { route, path, model, description: describe(model) };
    });
  });
}

/** The OpenAPI 3.1 document of a service. */
export function makeDocument({ title, version, description }: About, context: ProtocolContext): JsonSchema {
  const { basePath, host } = context;
  const modelNames = host.catalog.all().map(({ name }) => name);
  const paths: Record<string, Record<string, unknown>> = Object.create(null);
  for (const documented of documentedRoutes(context)) {
    const methods = paths[documented.path] ?? {};
    paths[documented.path] = methods;
    // Where two routes fit, the first that was added answers.
    methods[documented.route.method.toLowerCase()] ??= operationOf(documented, modelNames);
  }
  return {
    openapi: '3.1.0',
    info: { title, version, ...(description !== undefined && { description }) },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    tags: [...new Set(context.routes.map(({ protocol }) => protocol))].map((name) => ({ name })),
    paths: { ...paths },
    components: {
      schemas: { Error: errorSchema },
    },
  };
}

const errorSchema: JsonSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: { type: 'string', description: 'What went wrong, and what to do.' },
    code: { type: 'string', description: 'The kind of failure, for programs.' },
    field: { type: 'string' },
    expected: { type: 'string' },
    given: { type: 'string' },
  },
};

function operationOf({ route, path, description }: DocumentedRoute, modelNames: readonly string[]): JsonSchema {
  const { summary, request, response } = description;
  const errors = route.operation === 'infer' ? { ...commonErrors, ...modelErrors } : commonErrors;
  const parameters = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'model' && modelNames.length > 0 ? { type: 'string', enum: modelNames } : { type: 'string' },
  }));
  return {
    operationId: `${route.method.toLowerCase()}_${route.protocol}${path}`
      .replace(/[^A-Za-z0-9]+/g, '_')
      .replace(/_$/, ''),
    summary,
    tags: [route.protocol],
    ...(parameters.length > 0 && { parameters }),
    ...(request && { requestBody: { required: true, content: contentOf(request) } }),
    responses: {
      '200': { description: 'The answer', ...(response && { content: contentOf(response) }) },
      ...Object.fromEntries(Object.entries(errors).map(([status, text]) => [status, errorAnswer(text)])),
    },
  };
}

function contentOf(bodies: Readonly<Record<string, BodyDescription>>): JsonSchema {
  return Object.fromEntries(
    Object.entries(bodies).map(([type, { schema, example }]) => [
      type,
      { schema, ...(example !== undefined && { example }) },
    ]),
  );
}

function errorAnswer(description: string): JsonSchema {
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
}

/** `:name` as OpenAPI writes it; a pattern behind it and a wildcard are parameters too. */
function templateOf(path: string): string {
  return path.replace(/:(\w+)(\{[^}]*\})?\??/g, '{$1}').replace(/\*$/, '{rest}');
}
