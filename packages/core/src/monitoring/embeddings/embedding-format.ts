import { describeValue } from '../../config';
import { FairleadError, messageOf } from '../../errors';
import {
  checkEmbeddingReference,
  checkEmbeddingSizes,
  type EmbeddingReference,
  embeddingLimits,
} from './embedding-reference';

/** "FLEM", little-endian. */
const magic = 0x4d454c46;
const version = 1;
/** Magic, version, bytes of the head. */
const prefixBytes = 12;

/**
 * Writes an embedding reference as bytes: a head in JSON that carries sizes and the distributions of the projections, then, little-endian,
 * mean and deviation as float64 and the sample as float32. Numbers come back bit for bit. 768 dimensions and a sample of 256 rows
 * take about 800 KB.
 *
 * @throws FairleadError `INVALID_ARGUMENT` when the reference contradicts itself; `LIMIT_EXCEEDED` above 80 MiB
 */
export function serializeEmbeddingReference(reference: EmbeddingReference): Uint8Array {
  const { mean, deviation, sample, ...head } = checkEmbeddingReference(reference, wrongReference);
  const json = new TextEncoder().encode(JSON.stringify(head));
  const length = prefixBytes + json.length + bodyBytes(head.width, head.sampleRows);
  refuseLarge(length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, version, true);
  view.setUint32(8, json.length, true);
  bytes.set(json, prefixBytes);
  let at = prefixBytes + json.length;
  for (const array of [mean, deviation]) for (const value of array) at = write(view, at, value);
  for (let i = 0; i < sample.length; i++) view.setFloat32(at + i * 4, sample[i] as number, true);
  return bytes;
}

/**
 * Reads the bytes that {@link serializeEmbeddingReference} wrote. Nothing is believed: the sizes must fit the limits and the bytes
 * before anything is allocated by them, and every value must be finite.
 *
 * @throws FairleadError `STORE_CORRUPT` when the bytes are no embedding reference or contradict themselves; `UNSUPPORTED` for a later
 * version of the format; `LIMIT_EXCEEDED` above 80 MiB
 */
export function parseEmbeddingReference(bytes: Uint8Array): EmbeddingReference {
  if (!(bytes instanceof Uint8Array)) {
    throw wrongReference('reference', 'the bytes that serializeEmbeddingReference wrote', describeValue(bytes));
  }
  refuseLarge(bytes.length);
  if (bytes.length < prefixBytes) throw corrupt('reference', `at least ${prefixBytes} bytes`, `${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic) {
    throw corrupt('reference', 'bytes that begin with "FLEM"', 'other bytes');
  }
  const given = view.getUint32(4, true);
  if (given > version) {
    throw new FairleadError(
      'UNSUPPORTED',
      `reference.version: this release reads version ${version}, given ${given}. Update @fairlead/core.`,
      { details: { field: 'reference.version', expected: String(version), given: String(given) } },
    );
  }
  if (given !== version) throw corrupt('reference.version', String(version), String(given));
  const headBytes = view.getUint32(8, true);
  if (headBytes > bytes.length - prefixBytes) {
    throw corrupt('reference.head', `at most ${bytes.length - prefixBytes} bytes`, `${headBytes}`);
  }
  const head = parseHead(bytes.subarray(prefixBytes, prefixBytes + headBytes));
  checkEmbeddingSizes(head, corrupt);
  const { width, rows, nonFiniteRows, seed, projectionCount, projections, sampleRows } = head;
  const expected = prefixBytes + headBytes + bodyBytes(width, sampleRows);
  if (bytes.length !== expected) throw corrupt('reference', `${expected} bytes`, `${bytes.length}`);
  let at = prefixBytes + headBytes;
  const mean = Float64Array.from({ length: width }, (_, i) => view.getFloat64(at + i * 8, true));
  at += width * 8;
  const deviation = Float64Array.from({ length: width }, (_, i) => view.getFloat64(at + i * 8, true));
  at += width * 8;
  const sample = new Float32Array(width * sampleRows);
  for (let i = 0; i < sample.length; i++) sample[i] = view.getFloat32(at + i * 4, true);
  return checkEmbeddingReference(
    { width, rows, nonFiniteRows, seed, projectionCount, mean, deviation, projections, sampleRows, sample },
    corrupt,
  );
}

function parseHead(bytes: Uint8Array): Omit<EmbeddingReference, 'mean' | 'deviation' | 'sample'> {
  let plain: unknown;
  try {
    plain = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt('reference.head', 'JSON in UTF-8', messageOf(cause), cause);
  }
  if (typeof plain !== 'object' || plain === null) throw corrupt('reference.head', 'an object', describeValue(plain));
  return plain as Omit<EmbeddingReference, 'mean' | 'deviation' | 'sample'>;
}

function write(view: DataView, at: number, value: number): number {
  view.setFloat64(at, value, true);
  return at + 8;
}

function bodyBytes(width: number, sampleRows: number): number {
  return width * 16 + width * sampleRows * 4;
}

function refuseLarge(length: number): void {
  if (length <= embeddingLimits.bytes) return;
  const expected = `at most ${embeddingLimits.bytes} bytes`;
  throw new FairleadError(
    'LIMIT_EXCEEDED',
    `reference: expected ${expected}, given ${length}. Keep fewer sampleRows.`,
    {
      details: { field: 'reference', expected, given: `${length} bytes` },
    },
  );
}

function wrongReference(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_ARGUMENT',
    `${field}: expected ${expected}, given ${given}. Fit a reference with fitEmbeddingReference.`,
    { details: { field, expected, given } },
  );
}

function corrupt(field: string, expected: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'STORE_CORRUPT',
    `${field}: expected ${expected}, given ${given}. Fit the reference again with fitEmbeddingReference.`,
    { details: { field, expected, given }, ...(cause === undefined ? {} : { cause }) },
  );
}
