import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { describeGiven } from '../../tensor/json/describe-given';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { decodeText } from '../answer-body';
import type { ServiceResponse } from '../exchange';
import { jsonResponse } from '../http-error';
import { toBinary } from '../open-inference/binary';
import { decodeRawRequest } from '../open-inference/raw-request';
import type { MediaType } from '../scoring/media-type';
import { encodePredictionsCsv, encodePredictionValues } from '../scoring/predictions';
import { decodeFormat, decodeScoringMessage, type ScoringDialect, scoringFormats } from '../scoring/scoring-message';
import { readCsvTable } from '../scoring/table';
import { tableToTensors } from '../scoring/table-tensors';
import { castNumeric, decodeNpy, encodeNpy } from './npy';

/** What a body and an answer may be, the preferred one first. */
export const invocationTypes = [
  'application/json',
  'text/csv',
  'application/x-npy',
  'application/octet-stream',
] as const;

/** One of {@link invocationTypes}. */
export type InvocationType = (typeof invocationTypes)[number];

/** A request to a model, and how JSON is answered: a bare list by a bare list. */
export interface InvocationInputs {
  readonly inputs: Tensors;
  readonly isBare: boolean;
}

/** What JSON has. */
export const dialect: ScoringDialect = { formats: scoringFormats, paramsField: 'params' };

/**
 * Checks the type of a body. Nothing is read as JSON, for clients that say nothing.
 *
 * @throws FairleadError `UNSUPPORTED`
 */
export function checkInvocationType({ type, parameters }: MediaType): InvocationType {
  const known = type === '' ? 'application/json' : invocationTypes.find((each) => each === type);
  const charset = parameters.get('charset')?.toLowerCase() ?? 'utf-8';
  if (known !== undefined && charset === 'utf-8') return known;
  const expected = `${invocationTypes.join(', ')}, in UTF-8`;
  throw new FairleadError('UNSUPPORTED', `Header content-type: expected ${expected}, given ${describeGiven(type)}.`, {
    details: { field: 'content-type', expected, given: describeGiven(type) },
  });
}

/**
 * Reads the body of an invocation.
 *
 * @throws FairleadError `INVALID_INPUT`, `PROTOCOL_ERROR`, `LIMIT_EXCEEDED`
 */
export function readInvocation(
  type: InvocationType,
  { parameters }: MediaType,
  body: Uint8Array,
  signature: ModelSignature,
  maxElements: number,
): InvocationInputs {
  switch (type) {
    case 'application/json':
      return readJson(decodeText(body), (message) =>
        Array.isArray(message)
          ? { inputs: decodeFormat('instances', message, signature, maxElements), isBare: true }
          : { inputs: decodeScoringMessage(message, signature, dialect, maxElements), isBare: false },
      );
    case 'text/csv': {
      // SageMaker's own algorithms take lines without a header; RFC 4180 has a parameter that says otherwise.
      const table = readCsvTable(decodeText(body), parameters.get('header') === 'present', maxElements);
      return { inputs: tableToTensors(table, signature, maxElements), isBare: false };
    }
    case 'application/x-npy': {
      const spec = onlyOne(signature.inputs, 'JSON or CSV, since the model has several inputs');
      const tensor = castNumeric(decodeNpy(body, maxElements), spec.dtype, spec.name);
      return { inputs: { [spec.name]: tensor }, isBare: false };
    }
    case 'application/octet-stream':
      return { inputs: decodeRawRequest(body, signature, maxElements).inputs, isBare: false };
  }
}

/**
 * Writes the answer to an invocation.
 *
 * @throws FairleadError `UNSUPPORTED` where the outputs have no form of that type
 */
export function writeInvocation(
  type: InvocationType,
  outputs: Tensors,
  signature: ModelSignature,
  isBare: boolean,
): ServiceResponse {
  switch (type) {
    case 'application/json': {
      const values = encodePredictionValues(outputs, signature);
      return jsonResponse(200, isBare ? values : `{"predictions":${values}}`);
    }
    case 'text/csv':
      return {
        status: 200,
        headers: { 'content-type': 'text/csv; charset=utf-8' },
        body: encodePredictionsCsv(outputs, signature),
      };
    case 'application/x-npy':
      return { status: 200, headers: { 'content-type': type }, body: encodeNpy(onlyOutput(outputs, signature)) };
    case 'application/octet-stream': {
      // A copy, since the tensor may be a view of a batch.
      const body = new Uint8Array(toBinary(onlyOutput(outputs, signature)));
      return { status: 200, headers: { 'content-type': type }, body };
    }
  }
}

function onlyOutput(outputs: Tensors, signature: ModelSignature): Tensor {
  return outputs[onlyOne(signature.outputs, 'JSON or CSV, since the model has several outputs').name] as Tensor;
}

function onlyOne(specs: readonly TensorSpec[], advice: string): TensorSpec {
  const [spec, ...others] = specs;
  if (spec !== undefined && others.length === 0) return spec;
  throw new FairleadError('UNSUPPORTED', `This form holds one tensor. Take ${advice}.`, {
    details: { field: 'content-type', expected: advice },
  });
}
