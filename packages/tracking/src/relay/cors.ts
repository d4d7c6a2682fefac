import { refusal } from './answers';

/** Which pages of other origins may send. */
export interface RelayCors {
  /** Their origins, such as `https://app.example.com`. Those of the server itself may always. */
  readonly origins: readonly string[];
  /** Whether their cookies come along. @default false */
  readonly credentials?: boolean;
}

/** Methods and headers that a page needs. */
const allowed = {
  'access-control-allow-methods': 'POST, PUT, HEAD',
  'access-control-max-age': '600',
};

/** The host of an origin with its port; `undefined` where it is none, such as `null` of a sandboxed frame. */
function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

/** Whether the origin of a request is the server's own. A proxy in front may have taken its TLS away, so the host decides. */
function isOwn(request: Request, origin: string): boolean {
  const host = request.headers.get('host') ?? new URL(request.url).host;
  return hostOf(origin) === host.toLowerCase();
}

/**
 * The headers that let the page which sent a request read the answer; none for a page of the server itself, and for what is
 * no page.
 * @throws FairleadError where a page of another origin may not send
 */
export function checkOrigin(request: Request, cors: RelayCors | undefined): Readonly<Record<string, string>> {
  const origin = request.headers.get('origin');
  if (origin === null || isOwn(request, origin)) return {};
  if (cors?.origins.includes(origin)) {
    return {
      'access-control-allow-origin': origin,
      vary: 'Origin',
      ...(cors.credentials === true ? { 'access-control-allow-credentials': 'true' } : {}),
    };
  }
  throw refusal(
    403,
    'UNSUPPORTED',
    `Pages of ${origin} may not send here. Name the origin in cors.origins of createRelayHandler.`,
    {
      field: 'origin',
      expected: cors === undefined ? 'a page of this server' : `one of ${cors.origins.join(', ')}`,
      given: origin,
    },
  );
}

/** The answer to a browser that asks before it sends. */
export function answerPreflight(request: Request, headers: Readonly<Record<string, string>>): Response {
  const asked = request.headers.get('access-control-request-headers');
  return new Response(null, {
    status: 204,
    headers: { ...headers, ...allowed, ...(asked === null ? {} : { 'access-control-allow-headers': asked }) },
  });
}
