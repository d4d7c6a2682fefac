import { checkDeclaredLength, readStream } from './body';
import { isInPieces, readableOf, readPieces } from './byte-pieces';
import type { ServedRunners } from './catalog';
import type { ServiceRequest, ServiceResponse } from './exchange';
import type { ServiceOptions } from './options';
import { createService } from './service';

/** Answers a request; never rejects. */
export type Handler = (request: Request) => Promise<Response>;

/**
 * Puts one runner, or several by model name, behind the Open Inference Protocol v2 over REST, as a plain function that
 * every runtime and framework with `Request` and `Response` can mount.
 *
 * - `GET /v2`, `/v2/health/live`, `/v2/health/ready`, `/metrics` (with the option)
 * - `GET /v2/models/M[/versions/V]` and `…/ready`; a version is known while it is the one that answers
 * - `GET …/config` and `…/stats`, and `GET /v2/models/stats` of all, as Triton's clients read them
 * - `POST /v2/models/M[/versions/V]/infer` with JSON, or with tensors behind the JSON by Triton's binary tensor data extension,
 *   or with the one input's bytes alone; packed by gzip or deflate if the client likes
 * - `POST /v2/repository/index` and `…/models/M/load`, `…/unload`, with the option `repository`
 *
 * A client gives its time in header `x-request-timeout-ms` (milliseconds; an Envoy proxy's
 * `x-envoy-expected-rq-timeout-ms` is read too) or in parameter `timeout` (microseconds): the earliest counts, and what
 * is left of it goes to the runner together with the request's `signal`.
 *
 * Errors are `{"error": string, "code": string}` with 400 for what the caller sent, 404, 413 past a limit, 415, 429 with
 * Retry-After when the runner or the service is full, 503 with Retry-After when it cannot answer at all, 504 past the deadline, and 500,
 * whose cause goes to the logger and never to the client.
 *
 * NaN and the infinities, which JSON lacks, are written as the strings "NaN", "Infinity" and "-Infinity"; read are those
 * strings and the bare tokens that Python and Triton write. Integers past 2^53 are written as numbers with all their
 * digits, and read as numbers or strings of digits, without loss.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createHandler(runners: ServedRunners, options?: ServiceOptions): Handler {
  const service = createService(runners, options);
  return async (request) => toResponse(request, await service.handle(fromRequest(request)));
}

function fromRequest(request: Request): ServiceRequest {
  const { method, headers } = request;
  const { pathname } = new URL(request.url);
  return {
    method,
    path: pathname,
    header: (name) => headers.get(name),
    body: async (maxBytes, onBytes) => {
      checkDeclaredLength(headers.get('content-length'), maxBytes);
      return readStream(request.body, maxBytes, request.signal, onBytes);
    },
    async *stream(maxBytes) {
      checkDeclaredLength(headers.get('content-length'), maxBytes);
      yield* readPieces(request.body, maxBytes, request.signal);
    },
    signal: request.signal,
  };
}

function toResponse(request: Request, { status, headers, body }: ServiceResponse): Response {
  const content = request.method === 'HEAD' || status === 204 ? null : isInPieces(body) ? readableOf(body) : body;
  return new Response(content as BodyInit | null, { status, headers });
}
