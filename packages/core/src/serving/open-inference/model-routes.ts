import type { ServiceResponse } from '../exchange';
import { type Catalog, isRunnerReady, notFound, type ServedModel } from '../host/catalog';
import { jsonResponse } from '../http-error';
import type { ProtocolContext, ProtocolRoutes } from '../protocol';
import { encodeConfig } from './config';
import { createInfer } from './infer';
import { encodeMetadata } from './metadata';

/** Adds what is asked of one model, with and without its version. */
export function addModelRoutes(routes: ProtocolRoutes, { host, isOpen }: ProtocolContext): void {
  const { catalog, limits } = host;
  const infer = createInfer(host);
  addStatisticsOfAll(routes, catalog);
  routes.add('POST', '/v2/models/:model/rewards', 'reward', async (request, _parameters, call) =>
    (await import('./answer-rewards')).answerRewards(host, request, call),
  );
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    routes.add('GET', path, 'metadata', (_request, { model, version }) => {
      return jsonResponse(200, metadataOf(catalog.find(model as string, version)));
    });
    routes.add('GET', `${path}/ready`, 'health', (_request, { model, version }) => {
      const served = catalog.find(model as string, version);
      const ready = isOpen() && isRunnerReady(served);
      return jsonResponse(ready ? 200 : 503, JSON.stringify({ name: served.name, ready }));
    });
    routes.add('GET', `${path}/config`, 'metadata', (_request, { model, version }) => {
      const { name, runner } = catalog.find(model as string, version);
      return jsonResponse(200, encodeConfig(name, runner.signature, limits));
    });
    routes.add('GET', `${path}/stats`, 'metadata', (_request, { model, version }) =>
      statisticsResponse(catalog, model as string, version),
    );
    routes.add('POST', `${path}/infer`, 'infer', (request, _parameters, call) => infer(request, call));
  }
}

/**
 * `/v2/models/stats` tells of all models, but where one is called so. It is no look at one model, so that nobody may have it who may
 * only see some.
 */
function addStatisticsOfAll(routes: ProtocolRoutes, catalog: Catalog): void {
  const path = '/v2/models/stats';
  const named = () => catalog.all().find((model) => model.name === 'stats');
  routes.add('GET', path, { operation: 'list', model: () => named()?.name }, () => {
    const model = named();
    if (model === undefined) return statisticsResponse(catalog);
    return jsonResponse(200, metadataOf(model));
  });
}

function metadataOf({ name, runner, rollout }: ServedModel): string {
  return encodeMetadata(name, runner.model, runner.signature, rollout !== undefined);
}

function statisticsResponse(catalog: Catalog, name?: string, version?: string): ServiceResponse {
  return jsonResponse(200, JSON.stringify({ model_stats: modelStatistics(catalog, name, version) }));
}

/**
 * The statistics of one model, or of all, as Triton writes them.
 * @throws FairleadError `NOT_FOUND`
 */
export function modelStatistics(catalog: Catalog, name?: string, version?: string): readonly object[] {
  const models = name === undefined ? catalog.all() : [catalog.find(name)];
  const stats = models.flatMap((model) => model.statistics.write(model.name, model.runner.model, version));
  if (version === undefined || stats.length > 0) return stats;
  throw notFound(
    'version',
    version,
    `no request that it answered, and "${models[0]?.runner.model.version}" answers now`,
  );
}
