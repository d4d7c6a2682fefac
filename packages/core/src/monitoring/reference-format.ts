import { describeValue } from '../config';
import { FairleadError, messageOf } from '../errors';
import { checkReference } from './check-reference';
import { type Reference, referenceLimits } from './reference';

const format = 'fairlead-reference';
const version = 1;

/**
 * Writes a reference as bytes: JSON in UTF-8 that carries its format's name and version. Numbers come back bit for bit.
 * A reference of 64 features takes about 20 KB.
 */
export function serializeReference(reference: Reference): Uint8Array {
  const { rows, rowsRead, inputs, features, seasons } = reference;
  return new TextEncoder().encode(JSON.stringify({ format, version, rows, rowsRead, inputs, features, seasons }));
}

/**
 * Reads the bytes that {@link serializeReference} wrote. Nothing is believed: sizes, counts, the order of edges and
 * sums are checked.
 *
 * @throws FairleadError `STORE_CORRUPT` when the bytes are no reference or contradict themselves; `UNSUPPORTED` for a
 * later version of the format; `LIMIT_EXCEEDED` above 64 MiB
 */
export function parseReference(bytes: Uint8Array): Reference {
  if (bytes.byteLength > referenceLimits.bytes) {
    const given = `${bytes.byteLength} bytes`;
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `reference: expected at most ${referenceLimits.bytes} bytes, given ${given}.`,
      {
        details: { field: 'reference', expected: `at most ${referenceLimits.bytes} bytes`, given },
      },
    );
  }
  let plain: unknown;
  try {
    plain = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt('reference', 'JSON in UTF-8', messageOf(cause), cause);
  }
  refuseOtherFormat(plain);
  const { format: _format, version: _version, ...reference } = plain as Record<string, unknown>;
  return checkReference(reference, corrupt);
}

function refuseOtherFormat(plain: unknown): void {
  const head = (plain ?? {}) as { format?: unknown; version?: unknown };
  if (head.format !== format) throw corrupt('reference.format', `"${format}"`, describeValue(head.format));
  if (Number.isInteger(head.version) && (head.version as number) > version) {
    throw new FairleadError(
      'UNSUPPORTED',
      `reference.version: this release reads version ${version}, given ${head.version}. Update @fairlead/core.`,
      { details: { field: 'reference.version', expected: String(version), given: String(head.version) } },
    );
  }
  if (head.version !== version) throw corrupt('reference.version', String(version), describeValue(head.version));
}

function corrupt(field: string, expected: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'STORE_CORRUPT',
    `${field}: expected ${expected}, given ${given}. Fit the reference again with fitReference.`,
    { details: { field, expected, given }, ...(cause === undefined ? {} : { cause }) },
  );
}
