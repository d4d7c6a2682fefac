import { version as packageVersion } from '../../package.json';
import { FairleadError, messageOf } from '../errors';
import { encodeBody } from '../gzip';
import { describeGiven } from '../tensor/json/describe-given';
import { type Catalog, createCatalog, type ServedRunners } from './catalog';
import type { ServiceRequest, ServiceResponse } from './exchange';
import { errorResponse, jsonResponse } from './http-error';
import { addModelRoutes, modelExtensions } from './model-routes';
import { parseServiceOptions, type ServiceOptions, type ServiceSettings } from './options';
import { addRepositoryRoutes } from './repository/repository-routes';
import { createRouteTable, type RouteTable } from './routes';

/** Runners behind HTTP, without a word about how requests come in: adapters translate. */
export interface Service {
  /** Bytes that a body may have, for adapters that can refuse one before it is sent. */
  readonly maxBodyBytes: number;
  /** Answers any request; failures are answers too, so it never rejects. */
  handle(request: ServiceRequest): Promise<ServiceResponse>;
}

/**
 * Puts runners behind the Open Inference Protocol, for adapters that have no `Request` or would rather not pay for one:
 * on Node, making a `Request` and reading a `Response` costs more than a small model. Everyone else takes
 * {@link createHandler}.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createService(runners: ServedRunners, options?: ServiceOptions): Service {
  const settings = parseServiceOptions(options, 'createService');
  const { repository, clock } = settings;
  const catalog = createCatalog(runners, repository, settings.maxTensorElements, clock, 'createService');
  const routes = createRouteTable();
  addServerRoutes(routes, catalog, settings);
  addModelRoutes(routes, catalog, settings);
  if (repository !== undefined) addRepositoryRoutes(routes, settings.basePath, catalog, repository);

  const answer = (request: ServiceRequest): ServiceResponse | Promise<ServiceResponse> => {
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const path = request.path.length > 1 && request.path.endsWith('/') ? request.path.slice(0, -1) : request.path;
    const route = routes.match(method, path);
    if (route !== undefined) return route.handler(request, route.parameters);
    const allowed = routes.methodsOf(path);
    if (allowed.length === 0) throw noRoute(request);
    const message = `This path answers ${allowed.join(', ')}, not ${describeGiven(request.method)}.`;
    return jsonResponse(405, JSON.stringify({ error: message }), { allow: allowed.join(', ') });
  };

  const answered = async (request: ServiceRequest): Promise<ServiceResponse> => {
    try {
      return await answer(request);
    } catch (error) {
      const response = errorResponse(error);
      if (response.status >= 500) {
        const details = { error, method: request.method, path: request.path, status: response.status };
        settings.logger.error(details, `A request was answered with ${response.status}: ${messageOf(error)}`);
      }
      return response;
    }
  };

  const { crossOrigin, maxBodyBytes } = settings;
  return {
    maxBodyBytes,
    async handle(request) {
      if (crossOrigin === undefined) return answered(request);
      return crossOrigin.preflight(request) ?? crossOrigin.open(request, await answered(request));
    },
  };
}

function addServerRoutes(routes: RouteTable, catalog: Catalog, settings: ServiceSettings): void {
  const { basePath, isReady, metrics, repository } = settings;
  const extensions = [...modelExtensions, ...(repository === undefined ? [] : ['model_repository'])];
  const server = JSON.stringify({ name: 'fairlead', version: packageVersion, extensions });
  routes.add('GET', `${basePath}/v2`, () => jsonResponse(200, server));
  routes.add('GET', `${basePath}/v2/health/live`, () => jsonResponse(200, '{"live":true}'));
  // The text of the protocol contradicts itself on the body; every client goes by the status.
  routes.add('GET', `${basePath}/v2/health/ready`, () => {
    const ready = isReady() && catalog.isReady();
    return jsonResponse(ready ? 200 : 503, JSON.stringify({ ready }));
  });
  if (metrics === undefined) return;
  routes.add('GET', `${basePath}/metrics`, async (request) => {
    const page = await metrics.render(request.header('accept') ?? undefined);
    const { headers, body } = await encodeBody(page.body, request.header('accept-encoding'));
    return {
      status: 200,
      headers: { 'content-type': page.contentType, vary: 'Accept, Accept-Encoding', ...headers },
      body,
    };
  });
}

function noRoute(request: ServiceRequest): FairleadError {
  const message = `Nothing is served at ${describeGiven(request.path)}. Models answer at /v2/models/NAME/infer.`;
  return new FairleadError('NOT_FOUND', message, { details: { field: 'path', given: describeGiven(request.path) } });
}
