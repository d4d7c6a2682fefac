import { FairleadError } from '../errors';
import { checkDeclaredLength, readStream } from './body';
import { isInPieces, readableOf, readPieces } from './byte-pieces';
import type { ServiceRequest, ServiceResponse } from './exchange';
import type { ServedRunners } from './host/catalog';
import type { ModelHost } from './host/model-host';
import type { ServiceOptions } from './options';
import { createService } from './service';

/** Answers a request; never rejects. */
export type Handler = (request: Request) => Promise<Response>;

/**
 * Puts one runner, or several by model name, or a host of models, behind the protocols that clients of model servers speak
 * ({@link openInference} and the others of this entry), as a plain function that every runtime and framework with `Request` and
 * `Response` can mount. With the option `metrics` it answers `GET /metrics` too.
 *
 * A client gives its time in header `x-request-timeout-ms` (milliseconds; an Envoy proxy's
 * `x-envoy-expected-rq-timeout-ms` is read too) or in parameter `timeout` (microseconds): the earliest counts, and what
 * is left of it goes to the runner together with the request's `signal`.
 *
 * Errors are `{"error": string, "code": string}` with 400 for what the caller sent, 401 and 403 of the guard, 404, 413 past a limit, 415, 429 with
 * Retry-After when the runner or the service is full, 503 with Retry-After when it cannot answer at all, 504 past the deadline, and 500,
 * whose cause goes to the logger and never to the client.
 *
 * NaN and the infinities, which JSON lacks, are written as the strings "NaN", "Infinity" and "-Infinity"; read are those
 * strings and the bare tokens that Python and Triton write. Integers past 2^53 are written as numbers with all their
 * digits, and read as numbers or strings of digits, without loss.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createHandler(served: ServedRunners | ModelHost, options?: ServiceOptions): Handler {
  const service = createService(served, options, 'createHandler');
  return async (request) => toResponse(request, await service.handle(fromRequest(request)));
}

function fromRequest(request: Request): ServiceRequest {
  const { method, headers } = request;
  const { pathname, search } = new URL(request.url);
  return {
    method,
    path: pathname,
    query: search.slice(1),
    header: (name) => headers.get(name),
    body: async (maxBytes, onBytes) => {
      checkUnread(request);
      checkDeclaredLength(headers.get('content-length'), maxBytes);
      return readStream(request.body, maxBytes, request.signal, onBytes);
    },
    async *stream(maxBytes) {
      checkUnread(request);
      checkDeclaredLength(headers.get('content-length'), maxBytes);
      yield* readPieces(request.body, maxBytes, request.signal);
    },
    signal: request.signal,
  };
}

/** A body that somebody has read, such as a middleware that looks into it, would be taken for an empty one. */
function checkUnread({ bodyUsed, body }: Request): void {
  if (!bodyUsed && body?.locked !== true) return;
  throw new FairleadError(
    'INVALID_OPTION',
    'The body was read before the handler. Give it the request unread: read a clone of it (request.clone()) instead.',
    { details: { field: 'body', expected: 'a body that nobody has read' } },
  );
}

function toResponse(request: Request, { status, headers, body }: ServiceResponse): Response {
  const content = request.method === 'HEAD' || status === 204 ? null : isInPieces(body) ? readableOf(body) : body;
  return new Response(content as BodyInit | null, { status, headers });
}
