/** A request as a command shows it. */
export interface CurlRequest {
  readonly method: string;
  /** Origin, path and query. */
  readonly url: string;
  /** Media type of the body; undefined for none. */
  readonly contentType: string | undefined;
  /** The body as text, or the name of a file that has it. */
  readonly body: { readonly text: string } | { readonly file: string } | undefined;
  /** Header that carries credentials; undefined where none are needed. */
  readonly credentialHeader: string | undefined;
}

/** Longer bodies are read from a file. */
export const mostCurlCharacters = 1200;

/** The command that sends a request with curl, for a shell of POSIX. Credentials stand in a variable. */
export function curlOf({ method, url, contentType, body, credentialHeader }: CurlRequest): string {
  const parts = [`curl ${isPlain(method, body) ? '' : `-X ${method} `}${quoted(url)}`];
  if (credentialHeader !== undefined) {
    const scheme = credentialHeader.toLowerCase() === 'authorization' ? 'Bearer ' : '';
    parts.push(`-H "${credentialHeader}: ${scheme}$TOKEN"`);
  }
  if (contentType !== undefined) parts.push(`-H ${quoted(`content-type: ${contentType}`)}`);
  if (body !== undefined) parts.push(`--data-binary ${dataOf(body)}`);
  return parts.join(' \\\n  ');
}

/** curl chooses GET without a body and POST with one. */
function isPlain(method: string, body: CurlRequest['body']): boolean {
  return body === undefined ? method === 'GET' : method === 'POST';
}

function dataOf(body: NonNullable<CurlRequest['body']>): string {
  if ('file' in body) return `@${body.file}`;
  return body.text.length > mostCurlCharacters ? '@body' : quoted(body.text);
}

/** JSON on one line: what it breaks at is white space, since its texts have none of these. */
export function joinLines(json: string): string {
  return json.trim().replace(/\s*\n\s*/g, ' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
