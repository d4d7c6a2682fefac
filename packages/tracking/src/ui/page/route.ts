/* Where the page is: in the fragment of its address, so that one file without a server has the same addresses. */

/** A place of the page. */
export interface Route {
  /** Decoded parts: `['runs']`, `['run', id]`, `['models', name]`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // Somebody typed it; it leads nowhere, which the page says.
  }
}

/** The place that a fragment names. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = splitOnce(hash.replace(/^#\/?/, ''), '?');
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decode),
    query: new URLSearchParams(query),
  };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** The fragment of a place. */
export function toHash(path: readonly string[], query?: URLSearchParams): string {
  const text = query?.toString() ?? '';
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

/** The place of one run. */
export function runHash(id: string): string {
  return toHash(['run', id]);
}

/** The place where runs are compared. */
export function compareHash(ids: readonly string[]): string {
  return toHash(['compare'], new URLSearchParams(ids.map((id) => ['run', id])));
}

/** The place of one model. */
export function modelHash(name: string): string {
  return toHash(['models', name]);
}
