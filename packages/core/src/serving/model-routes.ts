import { createAdmission } from './admission';
import { type Catalog, isRunnerReady, notFound } from './catalog';
import { jsonResponse } from './http-error';
import { type InferContext, infer } from './infer';
import { binaryExtension } from './open-inference/binary';
import { classificationExtension } from './open-inference/classification';
import { encodeConfig } from './open-inference/config';
import { encodeMetadata } from './open-inference/metadata';
import type { ServiceSettings } from './options';
import type { RouteTable } from './routes';

/** The extensions that these routes offer, as the server's metadata names them. */
export const modelExtensions: readonly string[] = [
  binaryExtension,
  classificationExtension,
  'model_configuration',
  'parameters',
  'schedule_policy',
  'statistics',
];

/** Adds what is asked of one model, with and without its version. */
export function addModelRoutes(routes: RouteTable, catalog: Catalog, settings: ServiceSettings): void {
  const { basePath, isReady, maxBodyBytes, maxTensorElements, clock } = settings;
  const admission = createAdmission(settings.maxConcurrentRequests, settings.maxConcurrentBodyBytes);
  const context: InferContext = { catalog, admission, maxBodyBytes, maxTensorElements, clock };
  for (const path of [`${basePath}/v2/models/:model`, `${basePath}/v2/models/:model/versions/:version`]) {
    routes.add('GET', path, (_request, { model, version }) => {
      if (isStatisticsOfAll(catalog, model as string, version)) return jsonResponse(200, writeStatistics(catalog));
      const { name, runner } = catalog.find(model as string, version);
      return jsonResponse(200, encodeMetadata(name, runner.model, runner.signature));
    });
    routes.add('GET', `${path}/ready`, (_request, { model, version }) => {
      const served = catalog.find(model as string, version);
      const ready = isReady() && isRunnerReady(served);
      return jsonResponse(ready ? 200 : 503, JSON.stringify({ name: served.name, ready }));
    });
    routes.add('GET', `${path}/config`, (_request, { model, version }) => {
      const { name, runner } = catalog.find(model as string, version);
      return jsonResponse(200, encodeConfig(name, runner.signature, { maxBodyBytes, maxTensorElements }));
    });
    routes.add('GET', `${path}/stats`, (_request, { model, version }) =>
      jsonResponse(200, writeStatistics(catalog, model as string, version)),
    );
    routes.add('POST', `${path}/infer`, (request, { model, version }) =>
      infer(context, model as string, version, request),
    );
  }
}

/** `/v2/models/stats` tells of all models, but where one is called so. */
function isStatisticsOfAll(catalog: Catalog, name: string, version: string | undefined): boolean {
  return name === 'stats' && version === undefined && !catalog.all().some((model) => model.name === name);
}

function writeStatistics(catalog: Catalog, name?: string, version?: string): string {
  const models = name === undefined ? catalog.all() : [catalog.find(name)];
  const stats = models.flatMap((model) => model.statistics.write(model.name, model.runner.model, version));
  if (version !== undefined && stats.length === 0) {
    throw notFound(
      'version',
      version,
      `no request that it answered, and "${models[0]?.runner.model.version}" answers now`,
    );
  }
  return JSON.stringify({ model_stats: stats });
}
