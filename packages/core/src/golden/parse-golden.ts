import { FairleadError, messageOf } from '../errors';
import { isDType } from '../tensor/dtype';
import { decodeData, decodeShape } from '../tensor/json/decode-data';
import { describeGiven } from '../tensor/json/describe-given';
import { readJson } from '../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../tensor/tensor';
import { type GoldenTolerance, goldenFormat, goldenLimits, goldenVersion } from './golden-file';

/** Golden rows, ready to be computed. */
export interface Golden {
  /** Of the model that answered, where the file tells. */
  readonly sha256: string | undefined;
  readonly tolerance: ReadonlyMap<string, GoldenTolerance>;
  readonly cases: readonly { readonly inputs: Tensors; readonly outputs: Tensors }[];
}

/**
 * Reads a file with golden rows. Nothing is believed: format, sizes, shapes and every element are checked.
 *
 * @param owner whose they are, for messages
 * @throws FairleadError `STORE_CORRUPT` for what is no such file or contradicts itself; `UNSUPPORTED` for a later version
 * of the format; `LIMIT_EXCEEDED`
 */
export function parseGolden(bytes: Uint8Array, owner: string): Golden {
  if (bytes.byteLength > goldenLimits.bytes) throw tooMuch(owner, goldenLimits.bytes, bytes.byteLength, 'bytes');

  const decode = (plain: unknown): Golden => {
    if (!isRecord(plain) || plain.format !== goldenFormat) {
      throw wrong('format', `"${goldenFormat}"`, isRecord(plain) ? plain.format : plain);
    }
    const { version, sha256, tolerance, cases } = plain;
    if (Number.isInteger(version) && (version as number) > goldenVersion) throw laterVersion(owner, version as number);
    if (version !== goldenVersion) throw wrong('version', String(goldenVersion), version);
    if (sha256 !== undefined && typeof sha256 !== 'string') throw wrong('sha256', 'a string', sha256);
    if (!Array.isArray(cases) || cases.length === 0) throw wrong('cases', 'an array of at least one case', cases);
    if (cases.length > goldenLimits.cases) throw tooMuch(owner, goldenLimits.cases, cases.length, 'cases');
    return {
      sha256,
      tolerance: decodeTolerance(tolerance),
      cases: cases.map((given: unknown, index) => {
        const field = `cases[${index}]`;
        if (!isRecord(given)) throw wrong(field, 'an object {inputs, outputs}', given);
        const outputs = decodeTensors(given.outputs, `${field}.outputs`);
        if (Object.keys(outputs).length === 0) throw unfit(`${field}.outputs`, 'at least one output', 'none');
        return { inputs: decodeTensors(given.inputs, `${field}.inputs`), outputs };
      }),
    };
  };

  try {
    return readJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), decode);
  } catch (error) {
    throw asCorrupt(error, owner);
  }
}

function decodeTolerance(plain: unknown): ReadonlyMap<string, GoldenTolerance> {
  if (plain === undefined) return new Map();
  if (!isRecord(plain)) throw wrong('tolerance', 'an object by output', plain);
  return new Map(Object.entries(plain).map(([name, given]) => [name, checkTolerance(given, `tolerance.${name}`)]));
}

/**
 * Checks one tolerance.
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkTolerance(given: unknown, field: string): GoldenTolerance {
  if (!isRecord(given)) throw wrong(field, 'an object {absolute, relative}', given);
  for (const [key, value] of Object.entries(given)) {
    if (key !== 'absolute' && key !== 'relative') throw wrong(`${field}.${key}`, 'no such key', value);
    const fits = typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY;
    if (!fits) throw wrong(`${field}.${key}`, 'a number, 0 or more', value);
  }
  return given;
}

function decodeTensors(plain: unknown, field: string): Tensors {
  if (!isRecord(plain)) throw wrong(field, 'an object of tensors by name', plain);
  return Object.fromEntries(Object.entries(plain).map(([name, given]) => [name, decodeOne(given, `${field}.${name}`)]));
}

function decodeOne(given: unknown, field: string): Tensor {
  if (!isRecord(given)) throw wrong(field, 'an object {dtype, shape, data}', given);
  const { dtype } = given;
  if (!isDType(dtype)) throw wrong(`${field}.dtype`, 'a dtype such as "float32"', dtype);
  const shape = decodeShape(given.shape, field);
  return { dtype, shape, data: decodeData(dtype, shape, given.data, field, { nullIsNaN: false }) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(field: string, expected: string, value: unknown): FairleadError {
  return unfit(field, expected, describeGiven(value));
}

/** What the decoders of elements throw, so that one place says whose rows they are. */
function unfit(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

function asCorrupt(error: unknown, owner: string): unknown {
  if (FairleadError.isInstance(error) && error.code !== 'INVALID_INPUT' && error.code !== 'PROTOCOL_ERROR')
    return error;
  const { field = 'golden', expected = 'JSON in UTF-8', given } = FairleadError.isInstance(error) ? error.details : {};
  const what = given === undefined ? messageOf(error) : `${field}: expected ${expected}, given ${given}.`;
  return new FairleadError(
    'STORE_CORRUPT',
    `The golden rows of ${owner} cannot be read: ${what} Record them anew with recordGolden.`,
    { details: { field, expected, ...(given === undefined ? {} : { given }) }, cause: error },
  );
}

function laterVersion(owner: string, version: number): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `The golden rows of ${owner} are of version ${version}; this release reads version ${goldenVersion}. Update @fairlead/core.`,
    { details: { field: 'version', expected: String(goldenVersion), given: String(version) } },
  );
}

function tooMuch(owner: string, most: number, given: number, unit: 'bytes' | 'cases'): FairleadError {
  const message = `The golden rows of ${owner} have ${given} ${unit}; allowed are ${most}. A handful of rows is enough.`;
  return new FairleadError('LIMIT_EXCEEDED', message, {
    details: { field: 'golden', expected: `at most ${most} ${unit}`, given: `${given} ${unit}` },
  });
}
