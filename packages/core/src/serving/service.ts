import { FairleadError } from '../errors';
import { encodeBody } from '../gzip';
import { describeGiven } from '../tensor/json/describe-given';
import { isInPieces, watchPieces } from './byte-pieces';
import type { ServiceRequest, ServiceResponse } from './exchange';
import { createFailureLog } from './failure-log';
import type { Call } from './host/call';
import type { ServedRunners } from './host/catalog';
import type { ModelHost } from './host/model-host';
import { decisionHeader } from './host/served-rollout';
import { errorResponse, jsonResponse, writeError } from './http-error';
import { type MetricsRenderer, parseServiceOptions, type ServiceOptions } from './options';
import type { Method, PathParameters, ProtocolContext, ProtocolRoutes, RouteEntry, RouteUse } from './protocol';
import { createRouteTable, type Route, type RouteTable } from './routes';

/** Runners behind HTTP, without a word about how requests come in: adapters translate. */
export interface Service {
  /** Bytes that a body may have, for adapters that can refuse one before it is sent. */
  readonly maxBodyBytes: number;
  /** Answers any request; failures are answers too, so it never rejects. */
  handle(request: ServiceRequest): Promise<ServiceResponse>;
}

/**
 * Puts runners, or a host of models, behind the protocols that their clients speak, for adapters that have no `Request` or would rather
 * not pay for one: on Node, making a `Request` and reading a `Response` costs more than a small model. Everyone else takes
 * {@link createHandler}.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createService(served: ServedRunners | ModelHost, options?: ServiceOptions): Service {
  const { host, basePath, protocols, isOpen, metrics, crossOrigin, logger } = parseServiceOptions(
    served,
    options,
    'createService',
  );
  const routes = createRouteTable();
  const entries: RouteEntry[] = [];
  const logFailure = createFailureLog(logger, host.clock);
  const context: ProtocolContext = {
    host,
    basePath,
    isOpen,
    isReady: () => isOpen() && host.catalog.isReady(),
    protocols,
    routes: entries,
  };
  const tableOf = (protocol: string): ProtocolRoutes => below(routes, entries, basePath, protocol);
  for (const protocol of protocols) protocol.addRoutes(tableOf(protocol.name), context);
  if (metrics !== undefined) addMetricsRoute(tableOf('metrics'), metrics);

  /** In one function: each that is asynchronous costs a request a turn of the queue of jobs, or three. */
  const answered = async (request: ServiceRequest): Promise<ServiceResponse> => {
    let use: RouteUse | undefined;
    let call: Call | undefined;
    try {
      const method = request.method === 'HEAD' ? 'GET' : request.method;
      const path = request.path.length > 1 && request.path.endsWith('/') ? request.path.slice(0, -1) : request.path;
      const found = routes.match(method, path);
      if (found === undefined) {
        const others = routes.routesAt(path);
        if (others[0] === undefined) throw nothingAt(request.path, basePath, entries);
        use = others[0].route.use;
        return withHeaders(use, request, wrongMethod(request.method, others));
      }
      const { route, parameters } = found;
      use = route.use;
      const begun = beginCall(host, route.protocol, use, request, parameters);
      call = begun;
      const admitting = begun.admit();
      if (admitting !== undefined) await admitting;
      const response = await route.handler(request, parameters, begun);
      const { body } = response;
      if (isInPieces(body))
        return withHeaders(use, request, { ...response, body: watchPieces(body, (error) => begun.end(error)) });
      begun.end();
      const { decisionId } = begun;
      return withHeaders(use, request, decisionId === undefined ? response : withDecision(response, decisionId));
    } catch (error) {
      call?.end(error);
      const response = errorResponse(error, use?.errorBody);
      const { status } = response;
      if (status >= 500) logFailure(error, { method: request.method, path: request.path, status });
      return withHeaders(use, request, response);
    }
  };

  return {
    maxBodyBytes: host.limits.maxBodyBytes,
    handle:
      crossOrigin === undefined
        ? answered
        : async (request) => crossOrigin.preflight(request) ?? crossOrigin.open(request, await answered(request)),
  };
}

/** The table as one protocol sees it. */
function below(routes: RouteTable, entries: RouteEntry[], basePath: string, protocol: string): ProtocolRoutes {
  return {
    add(method, path, use, handler) {
      const uses: RouteUse = typeof use === 'string' ? { operation: use } : use;
      const { operation, meant } = uses;
      entries.push({ protocol, method, path, operation, ...(meant && { meant }) });
      routes.add(method, `${basePath}${path}` || '/', { protocol, use: uses, handler });
    },
  };
}

function beginCall(
  host: ModelHost,
  protocol: string,
  { operation, model, version, meant }: RouteUse,
  request: ServiceRequest,
  parameters: PathParameters,
): Call {
  return host.begin({
    protocol,
    operation,
    model: model === undefined ? (parameters.model ?? meant?.()) : model(request, parameters),
    version: version === undefined ? parameters.version : version(request, parameters),
    header: request.header,
    peer: request.peer,
    signal: request.signal,
    delay: request.delay,
  });
}

function addMetricsRoute(routes: ProtocolRoutes, metrics: MetricsRenderer): void {
  routes.add('GET', '/metrics', 'metrics', async (request) => {
    const page = await metrics.render(request.header('accept') ?? undefined);
    const { headers, body } = await encodeBody(page.body, request.header('accept-encoding'));
    return {
      status: 200,
      headers: { 'content-type': page.contentType, vary: 'Accept, Accept-Encoding', ...headers },
      body,
    };
  });
}

function withDecision(response: ServiceResponse, decisionId: string): ServiceResponse {
  return { ...response, headers: { ...response.headers, [decisionHeader]: decisionId } };
}

function withHeaders(use: RouteUse | undefined, request: ServiceRequest, response: ServiceResponse): ServiceResponse {
  if (use?.headers === undefined) return response;
  return { ...response, headers: { ...response.headers, ...use.headers(request) } };
}

/** Says where models answer: the first such path of each protocol that is spoken. */
function nothingAt(path: string, basePath: string, entries: readonly RouteEntry[]): FairleadError {
  const asking = entries.filter(({ operation }) => operation === 'infer');
  const firsts = asking.filter(
    ({ protocol }, index) => asking.findIndex((each) => each.protocol === protocol) === index,
  );
  const places = new Set(firsts.map((each) => basePath + each.path.replace(/\/:model(?=\/|$)/, '/NAME')));
  const advice = places.size === 0 ? '' : ` Models answer at ${[...places].join(', ')}.`;
  const given = describeGiven(path);
  return new FairleadError('NOT_FOUND', `Nothing is served at ${given}.${advice}`, {
    details: { field: 'path', given },
  });
}

/** The answer to a method that a path does not take. */
function wrongMethod(
  given: string,
  others: readonly { readonly method: Method; readonly route: Route }[],
): ServiceResponse {
  const allowed = others.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  const error = `This path answers ${allowed}, not ${describeGiven(given)}.`;
  const write = others[0]?.route.use.errorBody ?? writeError;
  return jsonResponse(405, write(405, { error }), { allow: allowed });
}
