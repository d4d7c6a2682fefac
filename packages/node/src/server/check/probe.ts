/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

/** Asks a server. */
export interface Probe {
  get(path: string): Promise<Answer>;
  post(path: string, body: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

/**
 * @param base the server's address, without a slash at the end
 * @param own headers of every request
 */
export function createProbe(base: string, timeoutMs: number, own: Readonly<Record<string, string>> = {}): Probe {
  const ask = async (
    path: string,
    init: RequestInit,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(base + path, { ...init, headers: { ...own, ...headers }, redirect: 'manual', signal });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    return { status: response.status, headers: response.headers, bytes, text, json: parse(text) };
  };
  return {
    get: (path) => ask(path, {}),
    post: (path, body, headers = {}) =>
      ask(
        path,
        { method: 'POST', body: body as string | Uint8Array<ArrayBuffer> },
        { 'content-type': 'application/json', ...headers },
      ),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An answer in a few words. */
export function describe({ status, text }: Answer): string {
  const short = text.replaceAll(/\s+/g, ' ').trim();
  return `${status}${short === '' ? ', no body' : `: ${short.length > 120 ? `${short.slice(0, 117)}...` : short}`}`;
}

/** Whether a value is a plain object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Traces as Node, Python, Java, C++ and Go write them. */
const trace =
  /^\s*at .+:\d+:\d+\)?$|Traceback \(most recent call last\)|^\s+File ".+", line \d+|^\s*at [\w.$]+\(\w+\.java|goroutine \d+ \[/m;

/** What is wrong with an answer that has to refuse: a 4xx with `{"error": string}` and no stack trace. */
export function refusalOf(answer: Answer): true | string {
  const { status, json, text } = answer;
  const message = isObject(json) ? json.error : undefined;
  if (status < 400 || status > 499 || typeof message !== 'string' || message === '') return describe(answer);
  if (trace.test(message) || trace.test(text.replaceAll('\\n', '\n'))) return `a stack trace: ${describe(answer)}`;
  return true;
}
