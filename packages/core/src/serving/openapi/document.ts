import { contextHeader, keyHeader } from '../host/assignment';
import type { Guard, Operation } from '../host/call';
import type { ServedModel } from '../host/catalog';
import { decisionHeader, type ServedRollout } from '../host/served-rollout';
import type {
  BodyDescription,
  ErrorDescription,
  JsonSchema,
  ParameterDescription,
  ProtocolContext,
  RouteDescription,
  RouteDescriptions,
  RouteEntry,
} from '../protocol';

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
  /** The model that it asks; undefined where the path leaves it open, or asks none. */
  readonly model: ServedModel | undefined;
  readonly description: RouteDescription;
  /** Whether a caller has to show who he is. */
  readonly isGuarded: boolean;
}

/** What a route is for, where its protocol says no more. */
const purposes: Readonly<Record<Operation, RouteDescription>> = {
  health: { summary: 'Whether the server or a model would answer' },
  metadata: { summary: 'What a model is' },
  list: { summary: 'Which models there are' },
  infer: { summary: 'An answer of a model' },
  reward: { summary: 'What decisions of a rollout earned' },
  load: { summary: 'Loads a model' },
  unload: { summary: 'Takes a model out of service' },
  metrics: {
    summary: 'Metrics for a scraper',
    response: {
      'text/plain': { schema: { type: 'string' } },
      'application/openmetrics-text': { schema: { type: 'string' } },
    },
  },
  documentation: { summary: 'Documentation' },
};

/** Statuses of errors that any route with a path, a query or a body to be read may answer, and those of a model besides. */
const [commonErrors, modelErrors, guardErrors] = [
  { '400': 'The request is wrong: the body says what', '404': 'There is no such model or version' },
  {
    '413': 'The body, or a tensor, is past a limit',
    '415': 'The body is packed or written in a way that is not read here',
    '429': 'The model or the server is full; Retry-After says when to ask again',
    '503': 'The server cannot answer at present; Retry-After says when to ask again',
    '504': 'The time that the caller gave ran out',
  },
  {
    '401': 'The caller has not shown who he is; WWW-Authenticate says how he may',
    '403': 'The caller may not do this',
    '429': 'The caller, or the server, has too much to do; Retry-After says when to ask again',
  },
] as const;

/** The routes as they are documented, in the order in which they were added. */
export async function documentedRoutes({
  host,
  protocols,
  routes,
}: ProtocolContext): Promise<readonly DocumentedRoute[]> {
  const models = host.catalog.all();
  const byName = new Map(protocols.map((protocol) => [protocol.name, protocol]));
  const describe = async (route: RouteEntry, model: ServedModel | undefined): Promise<readonly RouteDescription[]> => {
    const found = (await byName.get(route.protocol)?.describe?.(route, model)) ?? purposes[route.operation];
    return isList(found) ? found : [found];
  };
  const documented = answering(routes).flatMap((route): Promise<DocumentedRoute[]>[] => {
    const hasModel = /:model(?!\w)/.test(route.path);
    const document = async (asked: ServedModel | undefined, own: ServedModel | undefined): Promise<DocumentedRoute[]> =>
      (await describe(route, asked)).map((given) => {
        const description =
          route.operation === 'infer' && asked?.rollout ? withAssignment(given, asked.rollout) : given;
        const template = description.path ?? templateOf(route.path);
        const path = own === undefined ? template : template.replace('{model}', () => encodeURIComponent(own.name));
        const isGuarded = needsCredentials(host.guard, route, hasModel || asked !== undefined);
        return { route, path: path || '/', model: own ?? meantOf(route, asked), description, isGuarded };
      });
    if (asksModel(route) && hasModel && !/:(version|label)\b/.test(route.path))
      return models.map((model) => document(model, model));
    const meant = route.meant?.();
    const asked = meant === undefined ? undefined : models.find(({ name }) => name === meant);
    return [document(asked ?? (hasModel && models.length === 1 ? models[0] : undefined), undefined)];
  });
  return (await Promise.all(documented)).flat();
}

function asksModel({ operation }: RouteEntry): boolean {
  return operation === 'infer' || operation === 'reward';
}

/** Whatever the protocol, a rollout's requests are assigned by the same headers, and answers name the decision. */
function withAssignment(description: RouteDescription, { reward }: ServedRollout): RouteDescription {
  const own: readonly ParameterDescription[] = [
    { name: keyHeader, in: 'header', description: 'The unit by which the rollout assigns: the same key, the same arm' },
    {
      name: contextHeader,
      in: 'header',
      description: 'What a contextual bandit chooses by: numbers with commas between',
    },
  ];
  return {
    ...description,
    parameters: [...(description.parameters ?? []), ...own],
    ...(reward && {
      responseHeaders: { ...description.responseHeaders, [decisionHeader]: 'Names the decision, for its reward' },
    }),
  };
}

function isList(found: RouteDescriptions): found is readonly RouteDescription[] {
  return Array.isArray(found);
}

function meantOf(route: RouteEntry, asked: ServedModel | undefined): ServedModel | undefined {
  return route.meant === undefined ? undefined : asked;
}

/** Where two routes fit, the first that was added answers. */
function answering(routes: readonly RouteEntry[]): readonly RouteEntry[] {
  const seen = new Set<string>();
  return routes.filter(({ method, path }) => {
    const key = `${method} ${path.replace(/:\w+/g, ':')}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function needsCredentials(guard: Guard | undefined, { operation }: RouteEntry, namesModel: boolean): boolean {
  return guard !== undefined && (namesModel || !(guard.openOperations ?? []).includes(operation));
}

/** The OpenAPI 3.1 document of a service. */
export async function makeDocument(
  { title, version, description }: About,
  context: ProtocolContext,
): Promise<JsonSchema> {
  const { basePath, host } = context;
  const modelNames = host.catalog.all().map(({ name }) => name);
  const schemes = host.guard?.securitySchemes;
  const documented = await documentedRoutes(context);
  const identify = createIdentifier();
  const paths: Record<string, Record<string, unknown>> = Object.create(null);
  for (const each of documented) {
    const methods = paths[each.path] ?? {};
    paths[each.path] = methods;
    methods[each.route.method.toLowerCase()] ??= operationOf(each, modelNames, schemes, identify);
  }
  return {
    openapi: '3.1.0',
    info: { title, version, ...(description !== undefined && { description }) },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    tags: [...new Set(documented.map(({ route }) => route.protocol))].map((name) => ({ name })),
    paths: { ...paths },
    components: {
      schemas: { Error: errorSchema },
      ...(schemes && { securitySchemes: schemes }),
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

/** The errors of a route by status, and what each means. */
export function errorsOf({
  route,
  path,
  description,
  isGuarded,
}: DocumentedRoute): readonly (readonly [status: string, error: ErrorDescription])[] {
  const { operation } = route;
  const { '404': notFound, ...wrong } = commonErrors;
  const isRead = path.includes('{') || description.request !== undefined || description.parameters !== undefined;
  const usual: Record<string, string> = {
    ...(isGuarded && guardErrors),
    ...(operation === 'infer' ? { ...commonErrors, ...modelErrors } : isRead ? wrong : {}),
    ...(path.includes('{') && { '404': notFound }),
  };
  const described = Object.entries(usual).map(([status, text]) => [status, { description: text }] as const);
  return [...new Map<string, ErrorDescription>([...described, ...Object.entries(description.errors ?? {})])].sort(
    ([left], [right]) => Number(left) - Number(right),
  );
}

function operationOf(
  documented: DocumentedRoute,
  modelNames: readonly string[],
  schemes: Guard['securitySchemes'],
  identify: (text: string) => string,
): JsonSchema {
  const { route, path, description, isGuarded } = documented;
  const { summary, request, response, responseHeaders, isBodyOptional = false, isAnswered = true } = description;
  const { parameters: read = [] } = description;
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name as string);
  const parameters = [...names.map((name) => pathParameter(name, modelNames)), ...read.map(readParameter)];
  return {
    operationId: identify(`${route.method.toLowerCase()}_${route.protocol}${path}`),
    summary,
    tags: [route.protocol],
    ...(parameters.length > 0 && { parameters }),
    ...(schemes && { security: isGuarded ? Object.keys(schemes).map((name) => ({ [name]: [] })) : [] }),
    ...(request && { requestBody: { required: !isBodyOptional, content: contentOf(request) } }),
    responses: {
      ...(isAnswered && {
        '200': {
          description: 'The answer',
          ...(responseHeaders && { headers: headersOf(responseHeaders) }),
          ...(response && { content: contentOf(response) }),
        },
      }),
      ...Object.fromEntries(
        errorsOf(documented).map(([status, { description: text, response: bodies }]) => [
          status,
          { description: text, content: contentOf(bodies ?? errorBodies(documented)) },
        ]),
      ),
    },
  };
}

function errorBodies({ description }: DocumentedRoute): Readonly<Record<string, BodyDescription>> {
  return { 'application/json': { schema: description.errorSchema ?? { $ref: '#/components/schemas/Error' } } };
}

function pathParameter(name: string, modelNames: readonly string[]): JsonSchema {
  const isModel = name === 'model' && modelNames.length > 0;
  return {
    name,
    in: 'path',
    required: true,
    schema: isModel ? { type: 'string', enum: modelNames } : { type: 'string' },
  };
}

function headersOf(headers: Readonly<Record<string, string>>): JsonSchema {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

function readParameter({
  name,
  in: place,
  description,
  schema = { type: 'string' },
}: ParameterDescription): JsonSchema {
  return { name, in: place, description, schema };
}

/** Ids that programs may take for names: of letters, digits and underscores, each of them once. */
function createIdentifier(): (text: string) => string {
  const taken = new Set<string>();
  return (text) => {
    const plain = text.replace(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '');
    let id = plain;
    for (let count = 2; taken.has(id); count++) id = `${plain}_${count}`;
    taken.add(id);
    return id;
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

/** `:name` as OpenAPI writes it; a pattern behind it and a wildcard are parameters too. */
function templateOf(path: string): string {
  return path.replace(/:(\w+)(\{[^}]*\})?\??/g, '{$1}').replace(/\*$/, '{rest}');
}
