import { type ErrorCode, FairleadError, messageOf } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { readJson } from '../../tensor/json/lenient-json';
import { decodeText } from '../answer-body';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { ModelHost } from '../host/model-host';
import type { ModelRepository } from '../host/model-repository';
import { errorResponse, jsonResponse } from '../http-error';
import type { ProtocolRoutes } from '../protocol';
import { checkModelName, checkModelUrl } from './model-names';

/** How models are loaded and unloaded. */
export interface ModelRouteSettings {
  /** The folder that addresses of models lie in, without a slash at its end. */
  readonly modelRoot: string;
  /** Models that may be loaded at once; one more is answered with 507. */
  readonly maxModels: number;
}

/** Bytes of a body of these routes: a name and a path. */
const maxBytes = 64 * 1024;

/** Models on one page of the list where a request does not say, and at most. */
const pageSize = 100;

/** A loader that fails so has no room for the model: SageMaker unloads others when it is told 507. */
const noRoomCodes: readonly ErrorCode[] = ['LIMIT_EXCEEDED', 'OVERLOADED'];

/**
 * Adds SageMaker's multi-model contract over a repository: `POST /models`, `GET /models`, `GET` and `DELETE /models/N`.
 */
export function addModelRoutes(
  routes: ProtocolRoutes,
  { logger }: ModelHost,
  repository: ModelRepository,
  { modelRoot, maxModels }: ModelRouteSettings,
): void {
  /** Where each model was said to lie, for those who ask. */
  const urls = new Map<string, string>();
  const loadedNames = (): string[] => repository.names.filter((name) => repository.get(name) !== undefined).sort();
  const describe = (name: string) => ({ modelName: name, modelUrl: urls.get(name) ?? '' });

  routes.add('POST', '/models', 'load', async (request, _parameters, call) => {
    const { model_name, url } = await readObject(request);
    const name = checkModelName(model_name);
    const folder = checkModelUrl(url, modelRoot);
    if (repository.get(name) !== undefined) {
      throw new FairleadError('ALREADY_EXISTS', `Model "${name}" is loaded.`, {
        details: { field: 'model_name', expected: 'a model that is not loaded', given: describeGiven(name) },
      });
    }
    if (loadedNames().length >= maxModels) {
      const reason = `${maxModels} models are loaded, and no more may be`;
      call.end(new FairleadError('LIMIT_EXCEEDED', reason));
      return noRoom(reason);
    }
    try {
      await repository.load(name, { reference: folder });
    } catch (error) {
      // Answered here, and a failure for observers all the same.
      call.end(error);
      return loadFailed(name, error, (reason) => logger.warn({ error, model: name }, reason));
    }
    urls.set(name, folder);
    return jsonResponse(200, JSON.stringify(describe(name)));
  });

  routes.add('GET', '/models', 'list', ({ query = '' }) => {
    const { after, limit } = readPage(query);
    const names = loadedNames().filter((name) => after === undefined || name > after);
    const page = names.slice(0, limit);
    const nextPageToken = names.length > page.length ? page.at(-1) : undefined;
    return jsonResponse(200, JSON.stringify({ models: page.map(describe), nextPageToken }));
  });

  routes.add('GET', '/models/:model', 'metadata', (_request, { model }) => {
    const name = checkLoaded(repository, model);
    return jsonResponse(200, JSON.stringify(describe(name)));
  });

  routes.add('DELETE', '/models/:model', 'unload', async (_request, { model }) => {
    const name = checkLoaded(repository, model);
    await repository.unload(name);
    urls.delete(name);
    return jsonResponse(200, '{}');
  });
}

/** @throws FairleadError `INVALID_INPUT`, `NOT_FOUND` */
export function checkLoaded(repository: ModelRepository, given: string | undefined): string {
  const name = checkModelName(given);
  if (repository.get(name) !== undefined) return name;
  throw new FairleadError('NOT_FOUND', `No model ${describeGiven(name)} is loaded.`, {
    details: { field: 'model_name', expected: 'a model that is loaded', given: describeGiven(name) },
  });
}

/** What the loader says is the log's; the client is told what kind of failure it was. */
function loadFailed(name: string, error: unknown, warn: (reason: string) => void): ServiceResponse {
  const code = FairleadError.isInstance(error) ? error.code : undefined;
  if (code === 'NOT_FOUND' || code === 'CONFLICT' || code === 'CLOSED') return errorResponse(error);
  if (code !== undefined && noRoomCodes.includes(code)) {
    warn(`Model "${name}" found no room: ${messageOf(error)}`);
    return noRoom(`there is no room for model "${name}"`);
  }
  const message = `Model "${name}" could not be loaded${code === undefined ? '' : ` (${code})`}. The server's log says why.`;
  return jsonResponse(500, JSON.stringify({ error: message, code }));
}

function noRoom(why: string): ServiceResponse {
  const error = `The model was not loaded: ${why}. Unload another, and try again.`;
  return jsonResponse(507, JSON.stringify({ error, code: 'LIMIT_EXCEEDED' }));
}

interface PageRequest {
  /** Name that the page before ended with. */
  readonly after: string | undefined;
  readonly limit: number;
}

function readPage(query: string): PageRequest {
  const parameters = new URLSearchParams(query);
  const token = parameters.get('next_page_token');
  const limit = parameters.get('limit');
  if (limit !== null && !/^[1-9]\d{0,5}$/.test(limit)) throw invalid('limit', 'a number of models, 1 or more', limit);
  return {
    after: token === null || token === '' ? undefined : checkToken(token),
    limit: limit === null ? pageSize : Math.min(pageSize, Number(limit)),
  };
}

function checkToken(token: string): string {
  if (token.length <= 1024) return token;
  throw invalid('next_page_token', 'the token that a page before had', token);
}

async function readObject(request: ServiceRequest): Promise<Record<string, unknown>> {
  const bytes = await request.body(maxBytes);
  return readJson(decodeText(bytes), (message) => {
    if (typeof message === 'object' && message !== null && !Array.isArray(message))
      return message as Record<string, unknown>;
    throw invalid('the body', 'an object {model_name, url}', message);
  });
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeGiven(value);
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
