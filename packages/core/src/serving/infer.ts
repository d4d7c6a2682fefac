import type { Clock } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { FairleadError } from '../errors';
import type { RunOptions } from '../runner/runner';
import { readJson } from '../tensor/json/lenient-json';
import { type Catalog, notFound } from './catalog';
import type { ServiceRequest, ServiceResponse } from './exchange';
import { jsonResponse } from './http-error';
import { joinBody, jsonLengthHeader, splitBody } from './open-inference/binary';
import { encodeInferResponse } from './open-inference/messages';
import { headerDeadline } from './request-deadline';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Answers `POST /v2/models/M[/versions/V]/infer`.
 *
 * @throws FairleadError `NOT_FOUND`, `INVALID_INPUT`, `INVALID_ARGUMENT`, `PROTOCOL_ERROR`, `LIMIT_EXCEEDED`,
 * `UNSUPPORTED`, and whatever the runner rejects with
 */
export async function infer(
  catalog: Catalog,
  modelName: string,
  version: string | undefined,
  request: ServiceRequest,
  maxBodyBytes: number,
  clock: Clock,
): Promise<ServiceResponse> {
  const arrivedAt = clock.now();
  const model = catalog.find(modelName, version);
  const outerDeadline = headerDeadline(request.header, arrivedAt);
  refuseEncodings(request);
  const { json, binary } = splitBody(await request.body(maxBodyBytes), request.header(jsonLengthHeader));
  const read = readJson(decodeText(json), (message) => model.decode(message, binary));
  const { id, inputs, outputs, wantsBinary, timeoutMs, priority } = read;
  const deadline = timeoutMs === undefined ? outerDeadline : Math.min(outerDeadline, arrivedAt + timeoutMs);
  const { signal } = request;
  const options: RunOptions = { priority, ...(signal && { signal }), ...timeLeft(deadline, clock) };
  const result = await model.runner.run(inputs, options);
  if (version !== undefined && result.model.version !== version) {
    // The runner swapped between the look-up and the run: an answer of another version would break the pin.
    throw notFound('version', version, `"${result.model.version}" of "${modelName}"`);
  }
  const parts: Uint8Array[] = [];
  const names = outputs ?? model.outputNames;
  const collected = { wants: wantsBinary, parts };
  const answer = encodeInferResponse(modelName, result.model, id, names, result.outputs, collected);
  if (parts.length === 0) return jsonResponse(200, answer);
  const { body, jsonLength } = joinBody(answer, parts);
  const headers = { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(jsonLength) };
  return { status: 200, headers, body };
}

/** The runner may count on another clock, so it gets what is left. */
function timeLeft(deadline: number, clock: Clock): { timeoutMs?: number } {
  if (deadline === noDeadline) return {};
  const timeoutMs = deadline - clock.now();
  if (timeoutMs <= 0) throw deadlineError('before its body had arrived');
  return { timeoutMs };
}

function refuseEncodings(request: ServiceRequest): void {
  const encoding = request.header('content-encoding');
  if (encoding && encoding !== 'identity') {
    throw unsupported(`content-encoding ${encoding}`, 'Send the body uncompressed.');
  }
}

function unsupported(what: string, advice: string): FairleadError {
  return new FairleadError('UNSUPPORTED', `This server does not offer ${what}. ${advice}`);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new FairleadError('PROTOCOL_ERROR', 'The body is no UTF-8. Send JSON encoded as UTF-8.', { cause: error });
  }
}
