import { FairleadError } from '../../errors';
import type { ModelSignature } from '../../signature';
import { describeGiven } from '../../tensor/json/describe-given';
import type { Tensors } from '../../tensor/tensor';
import { compilePredictDecoder } from '../tensorflow/predict';
import { addParams, readParams, withoutParams } from './params';
import { readRecords, readSplit } from './table';
import { tableToTensors } from './table-tensors';

/** The fields of which a message has exactly one. */
export const scoringFormats = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

/** One of {@link scoringFormats}. */
export type ScoringFormat = (typeof scoringFormats)[number];

/** Where a message has its inputs, and where its parameters. */
export interface ScoringDialect {
  /** Fields for the inputs that a message may have, of which it has exactly one. */
  readonly formats: readonly ScoringFormat[];
  /** Name of the field for parameters. */
  readonly paramsField: string;
}

/**
 * Reads the inputs of a model out of a message of the scoring contracts that MLflow, SageMaker, Vertex AI and Azure ML share in
 * part: a data frame (`dataframe_split`, `dataframe_records`), a list of `instances`, or `inputs` by column, and parameters.
 *
 * @param maxElements elements that one tensor may have
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`; `roundedInteger` when `readJson` must read the text again
 */
export function decodeScoringMessage(
  message: unknown,
  signature: ModelSignature,
  { formats, paramsField }: ScoringDialect,
  maxElements: number,
): Tensors {
  const body = asObject(message, formats);
  const found = formats.filter((format) => body[format] !== undefined);
  const [format, other] = found;
  if (format === undefined || other !== undefined) {
    const given = format === undefined ? namesOf(body) : found.map((each) => `"${each}"`).join(' and ');
    throw invalid('the body', oneOf(formats), given);
  }
  const params = readParams(body[paramsField], signature, paramsField);
  const inputs = decodeFormat(format, body[format], withoutParams(signature, params), maxElements);
  return addParams(inputs, params, signature, maxElements);
}

/** Reads the inputs in one of the formats. */
export function decodeFormat(
  format: ScoringFormat,
  value: unknown,
  signature: ModelSignature,
  maxElements: number,
): Tensors {
  if (format === 'dataframe_split') return tableToTensors(readSplit(value, format), signature, maxElements);
  if (format === 'dataframe_records') return tableToTensors(readRecords(value, format), signature, maxElements);
  if (format === 'instances' && signature.batchAxis !== null && signature.batchAxis !== 0) {
    throw invalid(format, '"inputs", since this model joins rows on another axis than the first', 'a list of rows');
  }
  return compilePredictDecoder(signature, maxElements)({ [format]: value }).inputs;
}

function asObject(value: unknown, formats: readonly ScoringFormat[]): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid('the body', `an object with ${oneOf(formats)}`, describeGiven(value));
}

function oneOf(formats: readonly ScoringFormat[]): string {
  const names = formats.map((format) => `"${format}"`).join(', ');
  return formats.length === 1 ? names : `exactly one of ${names}`;
}

function namesOf(body: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(body);
  if (names.length === 0) return 'none of them';
  const some = names.slice(0, 5).map((name) => `"${name.slice(0, 60)}"`);
  return some.join(', ') + (names.length > some.length ? ', …' : '');
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
