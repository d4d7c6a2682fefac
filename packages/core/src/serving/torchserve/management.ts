import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { isRunnerReady, type ServedModel } from '../host/catalog';

/** Models on a page, when nobody says how many. */
const defaultLimit = 100;
/** Models on a page at most. */
const maxLimit = 1000;

/**
 * Writes a page of the list of models: `{"models": [{modelName, modelUrl}], "nextPageToken"}`, the token only where there are more.
 *
 * @param query the request's, `limit` and `next_page_token` in it
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function encodeModelList(models: readonly ServedModel[], query: string): string {
  const parameters = new URLSearchParams(query);
  const limit = Math.min(maxLimit, numberOf(parameters, 'limit', 1) ?? defaultLimit);
  const from = numberOf(parameters, 'next_page_token', 0) ?? 0;
  const page = models.slice(from, from + limit).map(({ name }) => ({ modelName: name, modelUrl: name }));
  const hasMore = from + limit < models.length;
  return JSON.stringify({ ...(hasMore && { nextPageToken: String(from + limit) }), models: page });
}

function numberOf(parameters: URLSearchParams, name: string, least: number): number | undefined {
  const value = parameters.get(name);
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value) && Number(value) >= least) return Number(value);
  const expected = `a whole number, ${least} or more`;
  const given = describeGiven(value);
  throw new FairleadError('INVALID_ARGUMENT', `Query ${name}: expected ${expected}, given ${given}.`, {
    details: { field: name, expected, given },
  });
}

/** Writes the description of a model: a list with its one version. Its workers are the lanes of its runner. */
export function encodeModelDescription(model: ServedModel): string {
  const { name, runner } = model;
  const health = runner.health?.();
  const { alive, total } = health?.lanes ?? { alive: isRunnerReady(model) ? 1 : 0, total: 1 };
  const workers = Array.from({ length: total }, (_, index) => ({
    id: `${name}-${index + 1}`,
    status: index < alive ? 'READY' : 'UNLOADING',
  }));
  const description = {
    modelName: name,
    modelVersion: runner.model.version,
    modelUrl: name,
    engine: 'fairlead',
    runtime: 'fairlead',
    minWorkers: total,
    maxWorkers: total,
    workers,
    jobQueueStatus: { pendingRequests: health?.queue.requests ?? 0 },
  };
  return JSON.stringify([description]);
}
