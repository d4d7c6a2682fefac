import { type Closeable, closeable, FairleadError, messageOf } from '@fairlead/core';
import { isHexName } from '../embedded/batch-codec';
import { checkArtifactName } from '../names';
import { storeOfTracker } from '../store-of-tracker';
import { answer, answerError, refusal, statusOfError } from './answers';
import { answerPreflight, checkOrigin } from './cors';
import { batchType, decodeMessage } from './message';
import { createRateLimit } from './rate-limit';
import { parseRelayOptions, type RelayHandlerOptions } from './relay-options';
import { createRelayedRuns } from './relayed-runs';
import { readBatch, streamArtifact } from './request-body';

/** Answers what pages send; `close()` it before the tracker. */
export interface RelayHandler extends Closeable {
  (request: Request): Promise<Response>;
}

function methodRefused(method: string, allow: string): Response {
  const message = `${method} is not answered here. Send ${allow}.`;
  const error = { code: 'UNSUPPORTED', message, details: { field: 'method', expected: allow, given: method } };
  return answer(405, { error }, { allow });
}

function checkPrincipal(principal: unknown): asserts principal is string {
  if (principal === undefined) {
    throw refusal(401, 'UNSUPPORTED', 'Nobody is known by what the request carries. Sign in again.', {
      field: 'authorization',
    });
  }
  if (
    typeof principal === 'string' &&
    principal.length > 0 &&
    principal.length <= 250 &&
    !/[\p{Cc}\p{Cs}]/u.test(principal)
  )
    return;
  throw new TypeError('authorize must answer a text of 1 to 250 characters, or undefined');
}

function checkType(request: Request, expected: string): void {
  const given = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? 'none';
  // A form of another site can send the types that need no asking, and the user's cookie with them.
  if (given !== expected) {
    throw refusal(415, 'PROTOCOL_ERROR', `The content type must be ${expected}; given ${given}.`, {
      field: 'content-type',
      expected,
      given,
    });
  }
}

/**
 * Answers what pages with `openTracker({ relay })` send, and keeps it in the store of a tracker: batches of runs at
 * `<anything>/batch`, the bytes of artifacts at `<anything>/artifacts/<sha256>`. Each batch is kept once, however often it
 * is sent and whatever crashes; what a page sends is checked as what is logged to the tracker itself.
 *
 * One process a folder: two that take batches of the same run at the same moment do not see each other.
 *
 * @example
 * const relay = createRelayHandler({ tracker, authorize: (request) => userOf(request)?.id });
 * createServer(toNodeHandler(relay)).listen(8080);
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createRelayHandler(options: RelayHandlerOptions): RelayHandler {
  const { tracker, authorize, limits, cors, logger, clock } = parseRelayOptions(options);
  const store = storeOfTracker(tracker, 'createRelayHandler');
  const runs = createRelayedRuns(store, clock, logger);
  const waitOf = createRateLimit(clock, limits.requestsPerSecond);

  const identify = async (request: Request): Promise<string> => {
    const principal = await authorize(request);
    checkPrincipal(principal);
    const retryAfterMs = waitOf(principal);
    if (retryAfterMs === 0) return principal;
    throw refusal(
      429,
      'OVERLOADED',
      `More than ${limits.requestsPerSecond} requests a second. Wait and send it again.`,
      { retryAfterMs },
    );
  };

  const takeBatch = async (request: Request): Promise<Response> => {
    if (request.method !== 'POST') return methodRefused(request.method, 'POST');
    checkType(request, batchType);
    const principal = await identify(request);
    const message = decodeMessage(await readBatch(request, limits.batchBytes));
    return answer(200, await runs.take(principal, message));
  };

  const takeArtifact = async (request: Request, url: URL, digest: string): Promise<Response> => {
    const isQuestion = request.method === 'HEAD';
    if (request.method !== 'PUT' && !isQuestion) return methodRefused(request.method, 'PUT or HEAD');
    const principal = await identify(request);
    const run = url.searchParams.get('run');
    const name = url.searchParams.get('name');
    if (!isHexName(run))
      throw refusal(400, 'INVALID_ARGUMENT', 'The query must name the run of the artifact.', { field: 'run' });
    checkArtifactName(name);
    await runs.checkOwner(principal, run);
    if (isQuestion) return answer((await store.artifacts.stat({ digest })) === undefined ? 404 : 200, {});
    checkType(request, 'application/octet-stream');
    if (limits.artifactBytes === 0) {
      throw refusal(
        413,
        'LIMIT_EXCEEDED',
        'This relay takes no artifacts: see limits.artifactBytes of createRelayHandler.',
        { field: 'artifactBytes' },
      );
    }
    const said = request.headers.get('content-length');
    const size = said === null ? {} : { size: Number(said) };
    const kept = await store.artifacts.put(streamArtifact(request, limits.artifactBytes, digest), {
      place: { run, name },
      ...(size.size !== undefined && Number.isSafeInteger(size.size) ? size : {}),
    });
    return answer(200, kept);
  };

  const route = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const path = url.pathname;
    if (path.endsWith('/batch')) return takeBatch(request);
    const digest = /\/artifacts\/([0-9a-f]{64})$/.exec(path)?.[1];
    if (digest !== undefined) return takeArtifact(request, url, digest);
    throw refusal(404, 'UNSUPPORTED', 'The relay answers <its address>/batch and <its address>/artifacts/<sha256>.', {
      field: 'path',
      given: path,
    });
  };

  const handle = async (request: Request): Promise<Response> => {
    let headers: Readonly<Record<string, string>> = {};
    let response: Response;
    try {
      headers = checkOrigin(request, cors);
      if (request.method === 'OPTIONS') return answerPreflight(request, headers);
      response = await route(request);
    } catch (error) {
      response = answerError(error);
      if (statusOfError(error) >= 500 && !FairleadError.isInstance(error, 'CLOSED')) {
        logger.error({ error }, `The relay could not answer: ${messageOf(error)}`);
      }
    }
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    return response;
  };

  return Object.assign(
    handle,
    closeable(() => runs.close()),
  );
}
