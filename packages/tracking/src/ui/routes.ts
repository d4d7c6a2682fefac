import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, FairleadError } from '@fairlead/core';
import type { Tracker } from '../tracker';
import { sendArtifact } from './artifact-response';
import { streamLive } from './live';
import { changeModel, gatesAnswer, modelAnswer, modelsAnswer } from './registry-answers';
import { readJson, sendJson } from './responses';
import {
  changeRun,
  compareAnswer,
  experimentsAnswer,
  historiesAnswer,
  lineageAnswer,
  runAnswer,
  runsAnswer,
} from './run-answers';

/** What answers requests to `/api/…`. */
export interface ApiContext {
  readonly tracker: Tracker;
  readonly clock: Clock;
  /** Streams that are open, so that closing the server ends them. */
  readonly streams: Set<() => void>;
}

/** What a GET answers, where its path and query name something. */
function readerOf(tracker: Tracker, path: readonly string[], query: URLSearchParams) {
  const [head, name, part] = path;
  if (path.length === 1) {
    if (head === 'experiments') return () => experimentsAnswer(tracker);
    if (head === 'runs') return () => runsAnswer(tracker, query);
    if (head === 'histories') return () => historiesAnswer(tracker, query);
    if (head === 'compare') return () => compareAnswer(tracker, query);
    if (head === 'models') return () => modelsAnswer(tracker);
  }
  if (name === undefined) return undefined;
  if (head === 'runs' && path.length === 2) return () => runAnswer(tracker, name);
  if (head === 'runs' && path.length === 3 && part === 'lineage') return () => lineageAnswer(tracker, name);
  if (head === 'models' && path.length === 2) return () => modelAnswer(tracker, name);
  if (head === 'models' && path.length === 3 && part === 'gates') return () => gatesAnswer(tracker, name, query);
  return undefined;
}

/** The parts of a path, each decoded by itself, so that a slash in a name stays part of it. */
function partsOf(pathname: string): string[] {
  try {
    return pathname.split('/').slice(2).map(decodeURIComponent);
  } catch (error) {
    throw new FairleadError('INVALID_ARGUMENT', 'The path is not encoded as a URL is.', {
      cause: error,
      details: { field: 'path', expected: 'percent-encoded UTF-8', given: pathname },
    });
  }
}

/**
 * Answers a request to `/api/…`: `experiments`, `runs`, `runs/<id>`, `runs/<id>/lineage`,
 * `runs/<id>/artifacts/<name>`, `histories`, `compare`,
 * `models`, `models/<name>`, `models/<name>/gates`, and `live/…` before any of these but artifacts for a stream of it. POST to
 * `models/<name>` changes the model, to `runs/<id>` the run's tags.
 * @throws FairleadError
 */
export async function answerApi(
  { tracker, clock, streams }: ApiContext,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const path = partsOf(url.pathname);
  const query = url.searchParams;
  const [head, name, part, file] = path;
  if (request.method === 'POST') {
    const change = head === 'models' ? changeModel : head === 'runs' ? changeRun : undefined;
    if (change === undefined || name === undefined || path.length !== 2) throw unknown(url);
    const type = request.headers['content-type'] ?? '';
    if (!/^application\/json\b/.test(type)) {
      throw new FairleadError('INVALID_ARGUMENT', `A change is sent as application/json; given "${type}".`, {
        details: { field: 'content-type', expected: 'application/json', given: type },
      });
    }
    sendJson(response, 200, await change(tracker, name, await readJson(request)));
    return;
  }
  if (head === 'runs' && part === 'artifacts' && name !== undefined && file !== undefined && path.length === 4) {
    const record = await tracker.getRun(name);
    await sendArtifact(response, record.artifact(file), { download: query.has('download') });
    return;
  }
  const isLive = head === 'live';
  const read = readerOf(tracker, isLive ? path.slice(1) : path, query);
  if (read === undefined) throw unknown(url);
  if (!isLive) {
    sendJson(response, 200, await read());
    return;
  }
  const end = streamLive({ request, response, tracker, clock, answer: read });
  streams.add(end);
  response.on('close', () => streams.delete(end));
}

function unknown(url: URL): FairleadError {
  return new FairleadError('NOT_FOUND', `There is nothing at ${url.pathname}.`, {
    details: { field: 'path', expected: 'a path of this server', given: url.pathname },
  });
}
