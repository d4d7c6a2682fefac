import { describeValue } from '../../config';
import { FairleadError, messageOf } from '../../errors';
import { checkSchema } from './check-schema';
import { type DataSchema, schemaLimits } from './schema';

const format = 'fairlead-data-schema';
const version = 1;

/**
 * Writes a schema as bytes: JSON in UTF-8 that carries its format's name and version, fit to be read and edited.
 *
 * @throws FairleadError `INVALID_ARGUMENT` when the schema contradicts itself
 */
export function serializeSchema(schema: DataSchema): Uint8Array {
  const { rows, inputs, fields, additionalFields } = checkSchema(schema, wrongSchema);
  return new TextEncoder().encode(
    `${JSON.stringify({ format, version, rows, inputs, additionalFields, fields }, null, 1)}\n`,
  );
}

/**
 * Reads the bytes that {@link serializeSchema} wrote. Nothing is believed: sizes, names, bounds and shares are checked.
 *
 * @throws FairleadError `STORE_CORRUPT` when the bytes are no schema or contradict themselves; `UNSUPPORTED` for a later
 * version of the format; `LIMIT_EXCEEDED` above 64 MiB
 */
export function parseSchema(bytes: Uint8Array): DataSchema {
  if (!(bytes instanceof Uint8Array)) {
    throw wrongSchema('schema', 'the bytes that serializeSchema wrote', describeValue(bytes));
  }
  if (bytes.byteLength > schemaLimits.bytes) {
    const expected = `at most ${schemaLimits.bytes} bytes`;
    const given = `${bytes.byteLength} bytes`;
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `schema: expected ${expected}, given ${given}. Keep fewer fields or categories.`,
      {
        details: { field: 'schema', expected, given },
      },
    );
  }
  let plain: unknown;
  try {
    plain = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt('schema', 'JSON in UTF-8', messageOf(cause), cause);
  }
  const head = (plain ?? {}) as { format?: unknown; version?: unknown };
  if (head.format !== format) throw corrupt('schema.format', `"${format}"`, describeValue(head.format));
  if (Number.isInteger(head.version) && (head.version as number) > version) {
    throw new FairleadError(
      'UNSUPPORTED',
      `schema.version: this release reads version ${version}, given ${head.version}. Update @fairlead/core.`,
      { details: { field: 'schema.version', expected: String(version), given: String(head.version) } },
    );
  }
  if (head.version !== version) throw corrupt('schema.version', String(version), describeValue(head.version));
  const { format: _format, version: _version, ...schema } = plain as Record<string, unknown>;
  return checkSchema(schema, corrupt);
}

/** The error for a schema that a caller gave and that is wrong. */
export function wrongSchema(field: string, expected: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'INVALID_ARGUMENT',
    `${field}: expected ${expected}, given ${given}. Infer a schema with inferSchema, or correct this one.`,
    { details: { field, expected, given }, ...(cause === undefined ? {} : { cause }) },
  );
}

function corrupt(field: string, expected: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'STORE_CORRUPT',
    `${field}: expected ${expected}, given ${given}. Infer the schema again with inferSchema.`,
    { details: { field, expected, given }, ...(cause === undefined ? {} : { cause }) },
  );
}
