import { FairleadError } from '../errors';
import { encodeBody } from '../gzip';
import { describeGiven } from '../tensor/json/describe-given';
import { isInPieces, watchPieces } from './byte-pieces';
import type { ServiceRequest, ServiceResponse } from './exchange';
import { createFailureLog } from './failure-log';
import type { Call } from './host/call';
import type { ServedRunners } from './host/catalog';
import type { ModelHost } from './host/model-host';
import { errorResponse, jsonResponse } from './http-error';
import { type MetricsRenderer, parseServiceOptions, type ServiceOptions } from './options';
import type { PathParameters, ProtocolContext, ProtocolRoutes, RouteEntry, RouteUse } from './protocol';
import { createRouteTable, type RouteTable } from './routes';

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

  const route = async (request: ServiceRequest): Promise<ServiceResponse> => {
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const path = request.path.length > 1 && request.path.endsWith('/') ? request.path.slice(0, -1) : request.path;
    const found = routes.match(method, path);
    if (found === undefined) return refuse(request, routes.methodsOf(path));
    const { protocol, use, handler } = found.route;
    const call = beginCall(host, protocol, use, request, found.parameters);
    try {
      const admitting = call.admit();
      if (admitting !== undefined) await admitting;
      const response = await handler(request, found.parameters, call);
      if (isInPieces(response.body))
        return { ...response, body: watchPieces(response.body, (error) => call.end(error)) };
      call.end();
      return response;
    } catch (error) {
      call.end(error);
      throw error;
    }
  };

  const answered = async (request: ServiceRequest): Promise<ServiceResponse> => {
    try {
      return await route(request);
    } catch (error) {
      const response = errorResponse(error);
      const { status } = response;
      if (status >= 500) logFailure(error, { method: request.method, path: request.path, status });
      return response;
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

function refuse(request: ServiceRequest, allowed: readonly string[]): ServiceResponse {
  if (allowed.length === 0) {
    const message = `Nothing is served at ${describeGiven(request.path)}. Models answer at /v2/models/NAME/infer.`;
    throw new FairleadError('NOT_FOUND', message, { details: { field: 'path', given: describeGiven(request.path) } });
  }
  const message = `This path answers ${allowed.join(', ')}, not ${describeGiven(request.method)}.`;
  return jsonResponse(405, JSON.stringify({ error: message }), { allow: allowed.join(', ') });
}
