import type { Result } from 'hono/router';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import { FairleadError } from '../errors';
import type { ServiceRequest, ServiceResponse } from './exchange';

/** Parameters of a path, decoded. */
export type PathParameters = Readonly<Record<string, string>>;

/** Answers the requests of one route. */
export type RouteHandler = (
  request: ServiceRequest,
  parameters: PathParameters,
) => ServiceResponse | Promise<ServiceResponse>;

/** Finds the handler of a path. */
export interface RouteTable {
  add(method: 'GET' | 'POST', path: string, handler: RouteHandler): void;
  /** The handler bound to its parameters; undefined when no route fits method and path. */
  match(
    method: string,
    path: string,
  ): { readonly handler: RouteHandler; readonly parameters: PathParameters } | undefined;
  /** The methods that a path can be asked with. */
  methodsOf(path: string): readonly string[];
}

/** A table on Hono's own routers, without the application around them: the adapters need no Request to find a route. */
export function createRouteTable(): RouteTable {
  const router = new SmartRouter<RouteHandler>({ routers: [new RegExpRouter(), new TrieRouter()] });
  const match = (method: string, path: string) => {
    const result: Result<RouteHandler> = router.match(method, path);
    const found = result[0][0];
    if (found === undefined) return undefined;
    const [handler, indexes] = found;
    return { handler, parameters: decodeParameters(indexes, result[1]) };
  };
  return {
    add: (method, path, handler) => router.add(method, path, handler),
    match,
    methodsOf: (path) => ['GET', 'POST'].filter((method) => router.match(method, path)[0].length > 0),
  };
}

/** Hono answers parameters by name, or indexes into a stash of them. */
function decodeParameters(
  found: Record<string, string | number>,
  stash: readonly string[] | undefined,
): PathParameters {
  const parameters: Record<string, string> = {};
  for (const [name, value] of Object.entries(found)) {
    const text = typeof value === 'number' ? stash?.[value] : value;
    if (text !== undefined) parameters[name] = decodeSegment(text);
  }
  return parameters;
}

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new FairleadError('INVALID_ARGUMENT', 'The path has a percent sign that encodes nothing.', { cause: error });
  }
}
