import { version as packageVersion } from '../../../package.json';
import { jsonResponse } from '../http-error';
import type { ProtocolContext, ProtocolRoutes, ServingProtocol } from '../protocol';
import { binaryExtension } from './binary';
import { classificationExtension } from './classification';
import { addModelRoutes } from './model-routes';
import { addRepositoryRoutes } from './repository-routes';

/** The extensions that the routes of models offer, as the server's metadata names them. */
const modelExtensions: readonly string[] = [
  binaryExtension,
  classificationExtension,
  'model_configuration',
  'parameters',
  'schedule_policy',
  'statistics',
];

/** What the server's metadata names while a model takes rewards. */
const rewardsExtension = 'rewards';

/**
 * The Open Inference Protocol v2 over REST, which clients of KServe, Triton and MLServer speak.
 *
 * - `GET /v2`, `/v2/health/live`, `/v2/health/ready`
 * - `GET /v2/models/M[/versions/V]` and `…/ready`; a version is known while it is the one that answers
 * - `GET …/config` and `…/stats`, and `GET /v2/models/stats` of all, as Triton's clients read them
 * - `POST /v2/models/M[/versions/V]/infer` with JSON, or with tensors behind the JSON by Triton's binary tensor data extension,
 *   or with the one input's bytes alone; packed by gzip or deflate if the client likes
 * - `POST /v2/models/M/rewards`: what decisions of a rollout earned; an extension of Fairlead's
 * - `POST /v2/repository/index` and `…/models/M/load`, `…/unload`, where there is a repository
 */
export function openInference(): ServingProtocol {
  return {
    name: 'open-inference',
    addRoutes(routes, context) {
      addServerRoutes(routes, context);
      addModelRoutes(routes, context);
      const { catalog, repository } = context.host;
      if (repository !== undefined) addRepositoryRoutes(routes, catalog, repository);
    },
    describe: async (route, model) => (await import('./describe')).describeRoute(route, model),
  };
}

function addServerRoutes(routes: ProtocolRoutes, { host, isReady }: ProtocolContext): void {
  const { catalog, repository } = host;
  const extensionsNow = (): readonly string[] => [
    ...modelExtensions,
    ...(repository === undefined ? [] : ['model_repository']),
    ...(catalog.all().some(({ rollout }) => rollout?.reward !== undefined) ? [rewardsExtension] : []),
  ];
  const server = () => JSON.stringify({ name: 'fairlead', version: packageVersion, extensions: extensionsNow() });
  routes.add('GET', '/v2', 'metadata', () => jsonResponse(200, server()));
  routes.add('GET', '/v2/health/live', 'health', () => jsonResponse(200, '{"live":true}'));
  // The text of the protocol contradicts itself on the body; every client goes by the status.
  routes.add('GET', '/v2/health/ready', 'health', () => {
    const ready = isReady();
    return jsonResponse(ready ? 200 : 503, JSON.stringify({ ready }));
  });
}
