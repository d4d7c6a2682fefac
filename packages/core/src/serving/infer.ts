import type { Clock } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { FairleadError } from '../errors';
import type { RunOptions } from '../runner/runner';
import type { ModelSignature } from '../signature';
import { readJson } from '../tensor/json/lenient-json';
import type { Tensors } from '../tensor/tensor';
import type { Admission, Place } from './admission';
import { readEncoded } from './body';
import { type Catalog, notFound, type ServedModel } from './catalog';
import type { ServiceRequest, ServiceResponse } from './exchange';
import { jsonResponse } from './http-error';
import { joinBody, jsonLengthHeader, splitBody } from './open-inference/binary';
import { classify } from './open-inference/classification';
import { encodeInferResponse, type InferRequest } from './open-inference/messages';
import { decodeRawRequest } from './open-inference/raw-request';
import { headerDeadline } from './request-deadline';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What infer needs of the service. */
export interface InferContext {
  readonly catalog: Catalog;
  readonly admission: Admission;
  readonly maxBodyBytes: number;
  readonly maxTensorElements: number;
  readonly clock: Clock;
}

/**
 * Answers `POST /v2/models/M[/versions/V]/infer`.
 *
 * @throws FairleadError `NOT_FOUND`, `INVALID_INPUT`, `INVALID_ARGUMENT`, `PROTOCOL_ERROR`, `LIMIT_EXCEEDED`,
 * `UNSUPPORTED`, `OVERLOADED`, and whatever the runner rejects with
 */
export async function infer(
  context: InferContext,
  modelName: string,
  version: string | undefined,
  request: ServiceRequest,
): Promise<ServiceResponse> {
  const { catalog, admission, clock } = context;
  const arrivedAt = clock.now();
  catalog.find(modelName, version);
  const outerDeadline = headerDeadline(request.header, arrivedAt);
  const place = admission.enter();
  try {
    const body = await readBody(request, context.maxBodyBytes, place);
    // Asked again: while the body came, the model may have been loaded anew, and the runner before be closing.
    const model = catalog.find(modelName, version);
    const startedAt = clock.now();
    try {
      return await answer(context, model, version, request, body, { arrivedAt, startedAt, outerDeadline });
    } catch (error) {
      model.statistics.failed(model.runner.model, clock.now() - startedAt);
      throw error;
    }
  } finally {
    place.leave();
  }
}

interface Moments {
  readonly arrivedAt: number;
  /** When its body was whole. */
  readonly startedAt: number;
  readonly outerDeadline: number;
}

async function answer(
  context: InferContext,
  model: ServedModel,
  version: string | undefined,
  { header, signal }: ServiceRequest,
  body: Uint8Array,
  { arrivedAt, startedAt, outerDeadline }: Moments,
): Promise<ServiceResponse> {
  const { clock } = context;
  const { runner } = model;
  const message = readMessage(context, model, body, header(jsonLengthHeader));
  const { id, inputs, timeoutMs, priority, wantsBinary, classes } = message;
  const deadline = timeoutMs === undefined ? outerDeadline : Math.min(outerDeadline, arrivedAt + timeoutMs);
  const readAt = clock.now();
  const options: RunOptions = { priority, ...(signal && { signal }), ...timeLeft(deadline, readAt) };
  const result = await runner.run(inputs, options);
  if (version !== undefined && result.model.version !== version) {
    // The runner swapped between the look-up and the run: an answer of another version would break the pin.
    throw notFound('version', version, `"${result.model.version}" of "${model.name}"`);
  }
  const writtenFrom = clock.now();
  const names = message.outputs ?? model.outputNames;
  const outputs = classes.size === 0 ? result.outputs : classify(result.outputs, classes, runner.signature.batchAxis);
  const parts: Uint8Array[] = [];
  const json = encodeInferResponse(model.name, result.model, id, names, outputs, { wants: wantsBinary, parts });
  const response = parts.length === 0 ? jsonResponse(200, json) : binaryResponse(json, parts);
  const endedAt = clock.now();
  model.statistics.succeeded(result, rowsOf(inputs, runner.signature), {
    totalMs: endedAt - startedAt,
    inputMs: readAt - startedAt,
    outputMs: endedAt - writtenFrom,
  });
  return response;
}

function readMessage(
  { maxTensorElements }: InferContext,
  { decode, runner }: ServedModel,
  body: Uint8Array,
  jsonLength: string | null | undefined,
): InferRequest {
  const { json, binary } = splitBody(body, jsonLength);
  // A body without any JSON is the one input's elements and nothing else.
  if (binary !== undefined && json.byteLength === 0)
    return decodeRawRequest(binary, runner.signature, maxTensorElements);
  return readJson(decodeText(json), (message) => decode(message, binary));
}

function binaryResponse(json: string, parts: readonly Uint8Array[]): ServiceResponse {
  const { body, jsonLength } = joinBody(json, parts);
  const headers = { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(jsonLength) };
  return { status: 200, headers, body };
}

/** Rows of a request, 1 where they cannot be joined. Inputs fit the signature, or the run had failed. */
function rowsOf(inputs: Tensors, { inputs: specs, batchAxis }: ModelSignature): number {
  const [first] = specs;
  return (batchAxis === null || first === undefined ? undefined : inputs[first.name]?.shape[batchAxis]) ?? 1;
}

/** The runner may count on another clock, so it gets what is left. */
function timeLeft(deadline: number, now: number): { timeoutMs?: number } {
  if (deadline === noDeadline) return {};
  const timeoutMs = deadline - now;
  if (timeoutMs <= 0) throw deadlineError('before its body had arrived');
  return { timeoutMs };
}

async function readBody(request: ServiceRequest, maxBytes: number, place: Place): Promise<Uint8Array> {
  const encoding = request.header('content-encoding') ?? 'identity';
  if (!['identity', 'gzip', 'deflate'].includes(encoding)) {
    const message = `This server does not read content-encoding ${encoding}. Send the body as it is, or by gzip or deflate.`;
    throw new FairleadError('UNSUPPORTED', message, {
      details: { field: 'content-encoding', expected: 'identity, gzip or deflate', given: encoding },
    });
  }
  // What is declared is waited for, so it counts from now on; past the limit it is refused before it comes.
  const declared = Number(request.header('content-length') ?? 0);
  if (declared <= maxBytes) place.hold(declared);
  const body = await request.body(maxBytes, place.hold);
  place.hold(body.byteLength);
  if (encoding === 'identity') return body;
  return readEncoded(body, encoding as 'gzip' | 'deflate', maxBytes, (bytes) => place.hold(body.byteLength + bytes));
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new FairleadError('PROTOCOL_ERROR', 'The body is no UTF-8. Send JSON encoded as UTF-8.', { cause: error });
  }
}
