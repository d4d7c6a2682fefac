import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { readJson } from '../../tensor/json/lenient-json';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Call } from '../host/call';
import type { Catalog } from '../host/catalog';
import type { ModelRepository, RepositoryEntry } from '../host/model-repository';
import { errorResponse, jsonResponse } from '../http-error';
import type { ProtocolRoutes } from '../protocol';

/** Bytes of a body of these routes: a flag or two. */
const maxBytes = 64 * 1024;

const utf8 = new TextDecoder();

/** Adds Triton's model control: what is there, load, unload. */
export function addRepositoryRoutes(routes: ProtocolRoutes, catalog: Catalog, repository: ModelRepository): void {
  routes.add('POST', '/v2/repository/index', 'list', async (request) => {
    const { ready } = await readObject(request);
    if (ready !== undefined && typeof ready !== 'boolean') throw invalid('ready', 'true or false', ready);
    const entries = [...catalog.fixedEntries(), ...repository.list()];
    const shown = ready === true ? entries.filter(({ state }) => state === 'READY') : entries;
    return jsonResponse(200, JSON.stringify(shown.map(toWire)));
  });
  routes.add('POST', '/v2/repository/models/:model/load', 'load', async (request, { model }, call) => {
    checkParameters((await readObject(request)).parameters, 'load', []);
    refuseFixed(catalog, model as string);
    reach(repository, call);
    try {
      await repository.load(model as string);
    } catch (error) {
      // Answered here, and a failure for observers all the same.
      call.end(error);
      return loadFailed(model as string, error);
    }
    return jsonResponse(200, '{}');
  });
  routes.add('POST', '/v2/repository/models/:model/unload', 'unload', async (request, { model }, call) => {
    // No model depends on another here, so none would be left behind.
    checkParameters((await readObject(request)).parameters, 'unload', ['unload_dependents']);
    refuseFixed(catalog, model as string);
    reach(repository, call);
    await repository.unload(model as string);
    return jsonResponse(200, '{}');
  });
}

/** A name that the repository knows is one for observers; what a client makes up is none. */
function reach({ names }: ModelRepository, call: Call): void {
  if (call.model !== undefined && names.includes(call.model)) call.reach(call.model);
}

/** An empty version says that none answers, as Triton writes it. */
function toWire({ name, version, state, reason }: RepositoryEntry): object {
  return { name, version: version ?? '', state, reason };
}

/** What the loader says is the log's; the client is told what kind of failure it was. */
function loadFailed(name: string, error: unknown): ServiceResponse {
  const isCallers = FairleadError.isInstance(error) && ['NOT_FOUND', 'CONFLICT', 'CLOSED'].includes(error.code);
  if (isCallers) return errorResponse(error);
  const code = FairleadError.isInstance(error) ? error.code : undefined;
  const message = `Model "${name}" could not be loaded${code === undefined ? '' : ` (${code})`}. The server's log says why.`;
  return jsonResponse(500, JSON.stringify({ error: message, code }));
}

/** @throws FairleadError `CONFLICT` for a model that is no part of the repository */
export function refuseFixed(catalog: Catalog, name: string): void {
  if (!catalog.isFixed(name)) return;
  throw new FairleadError('CONFLICT', `Model "${name}" is served for good; it is no part of the repository.`, {
    details: { field: 'model', expected: 'a model of the repository', given: name },
  });
}

function checkParameters(value: unknown, what: string, known: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('parameters', 'an object', value);
  refuseParameters(Object.keys(value), what, known);
}

/**
 * Unknown parameters are refused and not passed over: one that changes what is loaded would else do so in silence.
 * @throws FairleadError `INVALID_INPUT`
 */
export function refuseParameters(names: readonly string[], what: string, known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new FairleadError(
    'INVALID_INPUT',
    `This server takes no parameter ${describeGiven(unknown)} for ${what}: models are loaded as it was set up to, never from a request.`,
    { details: { field: `parameters.${unknown}`, expected: 'no such parameter', given: describeGiven(unknown) } },
  );
}

async function readObject(request: ServiceRequest): Promise<Record<string, unknown>> {
  const bytes = await request.body(maxBytes);
  if (bytes.byteLength === 0) return {};
  return readJson(utf8.decode(bytes), (message) => {
    if (typeof message === 'object' && message !== null && !Array.isArray(message))
      return message as Record<string, unknown>;
    throw invalid('the body', 'an object, or nothing', message);
  });
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeGiven(value);
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
