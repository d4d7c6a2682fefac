import type { Result } from 'hono/router';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import { FairleadError } from '../errors';
import type { Method, PathParameters, RouteHandler, RouteUse } from './protocol';

/** One route: whose it is, what for, and who answers. */
export interface Route {
  readonly protocol: string;
  readonly use: RouteUse;
  readonly handler: RouteHandler;
}

/** The route of a path, and what stands in the path for its parameters. */
export interface Found {
  readonly route: Route;
  readonly parameters: PathParameters;
}

/** Finds the route of a path. */
export interface RouteTable {
  add(method: Method, path: string, route: Route): void;
  /** The route and its parameters; undefined when none fits method and path. Of several, the first that was added. */
  match(method: string, path: string): Found | undefined;
  /** The methods that a path can be asked with, and the route that answers each. */
  routesAt(path: string): readonly { readonly method: Method; readonly route: Route }[];
}

const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'];

/** Paths whose route is remembered, and how long one may be: clients ask for a few again and again, and others must not fill the memory. */
const [mostKnown, longestKnown] = [256, 256];

/** A table on Hono's own routers, without the application around them: the adapters need no Request to find a route. */
export function createRouteTable(): RouteTable {
  const router = new SmartRouter<Route>({ routers: [new RegExpRouter(), new TrieRouter()] });
  const known = new Map<string, Map<string, Found>>();
  const remember = (method: string, path: string, found: Found): void => {
    if (path.length > longestKnown) return;
    const paths = known.get(method) ?? new Map<string, Found>();
    if (paths.size >= mostKnown) paths.clear();
    known.set(method, paths.set(path, found));
  };
  return {
    add: (method, path, route) => router.add(method, path, route),
    match(method, path) {
      const before = known.get(method)?.get(path);
      if (before !== undefined) return before;
      const result: Result<Route> = router.match(method, path);
      const found = result[0][0];
      if (found === undefined) return undefined;
      const [route, indexes] = found;
      const matched = { route, parameters: Object.freeze(decodeParameters(indexes, result[1])) };
      remember(method, path, matched);
      return matched;
    },
    routesAt: (path) =>
      methods.flatMap((method) => {
        const found = (router.match(method, path) as Result<Route>)[0][0];
        return found === undefined ? [] : [{ method, route: found[0] }];
      }),
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
