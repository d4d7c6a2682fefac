import { answerBody } from '../answer-body';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Call } from '../host/call';
import type { ServedModel } from '../host/catalog';
import type { ModelHost, ModelRequest } from '../host/model-host';
import { perModel } from '../host/per-model';
import { jsonResponse } from '../http-error';
import { joinBody, jsonLengthHeader, splitBody } from './binary';
import { createBinaryRequestReader } from './binary-requests';
import { classify } from './classification';
import { createJsonRequestReader } from './json-requests';
import { compileRequestDecoder, encodeInferResponse, type InferRequest } from './messages';
import { mayNamePriority } from './names-priority';
import { decodeRawRequest } from './raw-request';

/** Answers `POST /v2/models/M[/versions/V]/infer`. */
export type Infer = (request: ServiceRequest, call: Call) => Promise<ServiceResponse>;

/**
 * @returns a function that throws FairleadError `NOT_FOUND`, `INVALID_INPUT`, `INVALID_ARGUMENT`, `PROTOCOL_ERROR`, `LIMIT_EXCEEDED`,
 * `UNSUPPORTED`, `OVERLOADED`, and whatever the runner rejects with
 */
export function createInfer(host: ModelHost): Infer {
  const { maxTensorElements } = host.limits;
  const readersOf = perModel(({ runner }) => {
    const decode = compileRequestDecoder(runner.signature, maxTensorElements);
    return { readJson: createJsonRequestReader(decode), readBinary: createBinaryRequestReader(decode) };
  });

  const readMessage = (
    body: Uint8Array,
    model: ServedModel,
    jsonLength: string | null | undefined,
    isOwn: boolean,
  ): ModelRequest<ServiceResponse> => {
    const { json, binary } = splitBody(body, jsonLength);
    // A body without any JSON is the one input's elements and nothing else.
    if (binary !== undefined && json.byteLength === 0)
      return modelRequest(decodeRawRequest(binary, model.runner.signature, maxTensorElements), model, false);
    const { readJson, readBinary } = readersOf(model);
    if (binary !== undefined) return modelRequest(readBinary(json, binary, isOwn), model, false);
    return modelRequest(readJson(json), model, true);
  };

  return (request, call) => {
    const jsonLength = request.header(jsonLengthHeader);
    return answerBody(
      host,
      call,
      request,
      (body, model) => readMessage(body, model, jsonLength, request.ownsBody === true),
      (body) => mayNamePriority(splitBody(body, jsonLength).json),
    );
  };
}

function modelRequest(message: InferRequest, model: ServedModel, isCopied: boolean): ModelRequest<ServiceResponse> {
  const { id, inputs, timeoutMs, priority, assignment, wantsBinary, classes } = message;
  return {
    inputs,
    isCopied,
    timeoutMs,
    priority,
    assignment,
    write(result, decisionId) {
      const names = message.outputs ?? model.outputNames;
      const outputs =
        classes.size === 0 ? result.outputs : classify(result.outputs, classes, model.runner.signature.batchAxis);
      const parts: Uint8Array[] = [];
      const binary = { wants: wantsBinary, parts };
      const json = encodeInferResponse(model.name, result.model, id, names, outputs, binary, decisionId);
      return parts.length === 0 ? jsonResponse(200, json) : binaryResponse(json, parts);
    },
  };
}

function binaryResponse(json: string, parts: readonly Uint8Array[]): ServiceResponse {
  const { body, jsonLength } = joinBody(json, parts);
  const headers = { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(jsonLength) };
  return { status: 200, headers, body };
}
