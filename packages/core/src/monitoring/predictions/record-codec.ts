import { describeValue } from '../../config';
import { FairleadError, messageOf } from '../../errors';
import { isDType } from '../../tensor/dtype';
import { decodeData, decodeShape } from '../../tensor/json/decode-data';
import { encodeElements } from '../../tensor/json/encode-elements';
import { readJson } from '../../tensor/json/lenient-json';
import type { LoggedValue, LoggedValues, PredictionRecord, TensorSummary } from './prediction-record';

/*
 * A record as one line of JSON in UTF-8, which every sink keeps:
 *
 *   {"v":1,"id":"…","at":1700000000000,"model":["name","version","digest"],
 *    "inputs":{"x":{"dtype":"float32","shape":[1,2],"data":[1,2]},"y":{"summary":{…}},"z":{"redacted":true}},
 *    "outputs":{…},"decision":…,"propensity":…,"key":"…","tags":{…}}
 *
 * Elements are written so that each reads back as the same element. Absent fields are left out.
 */

/** The version that this code writes; it reads this one only. */
export const recordVersion = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** A record as one line without its end. */
export function encodeRecord(record: PredictionRecord): Uint8Array {
  const { id, at, model, inputs, outputs, decision, propensity, key, tags } = record;
  const head = JSON.stringify({ v: recordVersion, id, at, model: [model.name, model.version, model.digest] }).slice(
    0,
    -1,
  );
  const rest = JSON.stringify({ decision, propensity, key, tags });
  const values = `"inputs":${encodeValues(inputs)},"outputs":${encodeValues(outputs)}`;
  return encoder.encode(`${head},${values}${rest === '{}' ? '}' : `,${rest.slice(1)}`}`);
}

function encodeValues(values: LoggedValues): string {
  return `{${Object.entries(values).map(([name, value]) => `${JSON.stringify(name)}:${encodeValue(value)}`)}}`;
}

function encodeValue(value: LoggedValue): string {
  if (value.form === 'redacted') return '{"redacted":true}';
  if (value.form === 'summary') return JSON.stringify({ summary: value.summary });
  const { dtype, shape } = value.tensor;
  return `{"dtype":"${dtype}","shape":[${shape}],"data":[${encodeElements(value.tensor)}]}`;
}

/**
 * Reads a line.
 * @throws FairleadError `STORE_CORRUPT` for what is no record, `UNSUPPORTED` for a later version
 */
export function decodeRecord(bytes: Uint8Array): PredictionRecord {
  try {
    return readJson(decoder.decode(bytes), decode);
  } catch (error) {
    if (FairleadError.isInstance(error) && ['STORE_CORRUPT', 'UNSUPPORTED'].includes(error.code)) throw error;
    throw new FairleadError('STORE_CORRUPT', `prediction record: ${messageOf(error)}`, { cause: error });
  }
}

function decode(plain: unknown): PredictionRecord {
  if (!isObject(plain)) throw wrong('record', 'an object', plain);
  if (typeof plain.v === 'number' && plain.v > recordVersion) {
    throw new FairleadError('UNSUPPORTED', `A prediction record has version ${plain.v}. Upgrade @fairlead/core.`, {
      details: { field: 'v', expected: String(recordVersion), given: String(plain.v) },
    });
  }
  const { id, at, model, inputs, outputs, decision, propensity, key, tags } = plain;
  if (plain.v !== recordVersion) throw wrong('v', String(recordVersion), plain.v);
  if (typeof id !== 'string' || id === '') throw wrong('id', 'a text', id);
  if (typeof at !== 'number') throw wrong('at', 'milliseconds since 1970', at);
  if (!Array.isArray(model) || model.length !== 3 || !model.every((part) => typeof part === 'string')) {
    throw wrong('model', 'name, version and digest', model);
  }
  const [name, version, digest] = model as [string, string, string];
  return {
    id,
    at,
    model: { name, version, digest },
    inputs: decodeValues(inputs, 'inputs'),
    outputs: decodeValues(outputs, 'outputs'),
    ...(decision === undefined ? {} : { decision: decodeDecision(decision) }),
    ...(propensity === undefined ? {} : { propensity: Number(propensity) }),
    ...(key === undefined ? {} : { key: String(key) }),
    ...(isObject(tags) ? { tags: tags as Record<string, string> } : {}),
  };
}

function decodeDecision(decision: unknown): string | number | boolean {
  if (typeof decision === 'string' || typeof decision === 'number' || typeof decision === 'boolean') return decision;
  throw wrong('decision', 'a text, number or boolean', decision);
}

function decodeValues(plain: unknown, field: string): LoggedValues {
  if (!isObject(plain)) throw wrong(field, 'an object', plain);
  return Object.fromEntries(
    Object.entries(plain).map(([name, value]) => [name, decodeValue(value, `${field}.${name}`)]),
  );
}

function decodeValue(plain: unknown, field: string): LoggedValue {
  if (!isObject(plain)) throw wrong(field, 'an object', plain);
  if (plain.redacted === true) return { form: 'redacted' };
  if (isObject(plain.summary)) return { form: 'summary', summary: decodeSummary(plain.summary, field) };
  const { dtype } = plain;
  if (!isDType(dtype)) throw wrong(`${field}.dtype`, 'a dtype', dtype);
  const shape = decodeShape(plain.shape, field);
  return {
    form: 'full',
    tensor: { dtype, shape, data: decodeData(dtype, shape, plain.data, field, { nullIsNaN: false }) },
  };
}

function decodeSummary(plain: Readonly<Record<string, unknown>>, field: string): TensorSummary {
  const { dtype } = plain;
  if (!isDType(dtype)) throw wrong(`${field}.dtype`, 'a dtype', dtype);
  // A number of many digits comes as text when the line holds large integers elsewhere.
  const numbers = Object.entries(plain).filter(([name]) => name !== 'dtype' && name !== 'shape');
  return {
    dtype,
    shape: decodeShape(plain.shape, field),
    ...(Object.fromEntries(numbers.map(([name, value]) => [name, Number(value)])) as unknown as Omit<
      TensorSummary,
      'dtype' | 'shape'
    >),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError(
    'STORE_CORRUPT',
    `prediction record: "${field}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field, expected, given },
    },
  );
}
