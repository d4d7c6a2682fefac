import { describeValue } from '../config';
import { FairleadError } from '../errors';
import type { ServiceRequest, ServiceResponse } from './exchange';
import { decisionHeader } from './host/served-rollout';
import { jsonLengthHeader } from './open-inference/binary';

/** Pages that may ask, though they were loaded from elsewhere (CORS). */
export interface CrossOriginOptions {
  /** Origins such as `https://app.example`, or `*` for every page. */
  readonly origins: readonly string[] | '*';
  /** Seconds for which a page need not ask again whether it may. 0 to 86400. @default 600 */
  readonly maxAgeSeconds?: number;
}

/** What of a request decides whether a page may ask. */
type AskingRequest = Pick<ServiceRequest, 'method' | 'header'>;

/** Answers to pages of other origins. */
export interface CrossOrigin {
  /** The answer to the question that a browser asks before the request; undefined for any other request. */
  preflight(request: AskingRequest): ServiceResponse | undefined;
  /** The same answer, readable for the page that asked where it may. */
  open(request: AskingRequest, response: ServiceResponse): ServiceResponse;
}

/** What a client reads of an answer beside its body. */
const exposed = ['retry-after', 'retry-after-ms', jsonLengthHeader, decisionHeader].join(', ');
/** Names of headers, as a browser lists them. */
const headerList = /^[\w!#$%&'*+.^`|~-]+(, ?[\w!#$%&'*+.^`|~-]+)*$/;

/** Nobody's cookies are meant: who may ask shows it by a header of his own, which a page has to know. */
export function createCrossOrigin({ origins, maxAgeSeconds = 600 }: CrossOriginOptions): CrossOrigin {
  const allowed = origins === '*' ? undefined : new Set(origins);
  const grantOf = (request: AskingRequest): Readonly<Record<string, string>> => {
    const origin = request.header('origin');
    const vary = allowed === undefined ? {} : { vary: 'Origin' };
    if (!origin || allowed?.has(origin) === false) return vary;
    return { ...vary, 'access-control-allow-origin': allowed === undefined ? '*' : origin };
  };
  return {
    preflight(request) {
      if (request.method !== 'OPTIONS' || !request.header('access-control-request-method')) return undefined;
      const grant = grantOf(request);
      if (grant['access-control-allow-origin'] === undefined) return { status: 204, headers: grant, body: '' };
      const wanted = request.header('access-control-request-headers');
      return {
        status: 204,
        headers: {
          ...grant,
          'access-control-allow-methods': 'GET, POST',
          ...(wanted && headerList.test(wanted) ? { 'access-control-allow-headers': wanted } : {}),
          'access-control-max-age': String(maxAgeSeconds),
        },
        body: '',
      };
    },
    open(request, response) {
      const grant = grantOf(request);
      const vary = [response.headers.vary, grant.vary].filter((each) => each !== undefined).join(', ');
      const readable =
        grant['access-control-allow-origin'] === undefined ? {} : { 'access-control-expose-headers': exposed };
      return { ...response, headers: { ...response.headers, ...grant, ...readable, ...(vary === '' ? {} : { vary }) } };
    },
  };
}

/**
 * Checks that origins are written as browsers write them, for another never fits.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkOrigins(origins: readonly string[] | '*', owner: string): void {
  for (const [index, origin] of (origins === '*' ? [] : origins).entries()) {
    let parsed: string | undefined;
    try {
      parsed = new URL(origin).origin;
    } catch {
      // Told below, together with those that have a path.
    }
    if (parsed === origin) continue;
    const field = `crossOrigin.origins.${index}`;
    const expected = 'an origin such as "https://app.example", without a path';
    throw new FairleadError(
      'INVALID_OPTION',
      `${owner}: option "${field}" is wrong: expected ${expected}, given ${describeValue(origin)}.`,
      { details: { field, expected, given: describeValue(origin) } },
    );
  }
}
