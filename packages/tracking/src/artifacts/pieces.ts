import { FairleadError } from '@fairlead/core';
import { invalidArgument } from '../names';
import type { ArtifactSource, BlobInfo } from '../store/artifact-store';

/** Reads the file at a path from an offset on. */
export type ReadFile = (path: string, start: number) => AsyncIterable<Uint8Array>;

/** Bytes in a piece, at most, where the piece is ours to cut. */
export const pieceLength = 1 << 20;

/** Checks what is to be kept. @throws FairleadError `INVALID_ARGUMENT` */
export function checkSource(source: ArtifactSource): void {
  const isStream = typeof (source as AsyncIterable<Uint8Array> | undefined)?.[Symbol.asyncIterator] === 'function';
  if (source instanceof Uint8Array || (typeof source === 'string' && source !== '') || isStream) return;
  throw invalidArgument('source', 'a Uint8Array, the path of a file, or an async iterable of Uint8Array', source);
}

/** Checks the size that a source is said to have. @throws FairleadError `INVALID_ARGUMENT` */
export function checkSize(size: number | undefined): void {
  if (size === undefined || (Number.isSafeInteger(size) && size >= 0)) return;
  throw invalidArgument('size', 'a whole number of bytes, 0 or more', size);
}

/** The bytes of a source from an offset on, in pieces. */
export async function* piecesOf(
  source: ArtifactSource,
  readFile: ReadFile,
  start = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (source instanceof Uint8Array) {
    for (let at = start; at < source.byteLength; at += pieceLength) yield source.subarray(at, at + pieceLength);
    return;
  }
  for await (const piece of typeof source === 'string' ? readFile(source, start) : source) {
    if (!(piece instanceof Uint8Array)) throw invalidArgument('source', 'a stream that yields Uint8Array', piece);
    yield piece;
  }
}

/** The error for a source of another size than was said. */
export function wrongSize(given: string, expected: number): FairleadError {
  return new FairleadError(
    'DIGEST_MISMATCH',
    `The artifact should have ${expected} bytes, and its source has ${given}.`,
    {
      details: { field: 'size', expected: String(expected), given },
    },
  );
}

/** The error for bytes that are not what their digest says. */
export function damagedArtifact(digest: string, given: string, expected: string): FairleadError {
  return new FairleadError(
    'DIGEST_MISMATCH',
    `The artifact ${digest} was changed where it is kept: it has ${given}, and not ${expected}. Log the right bytes ` +
      'again; they replace the damaged ones.',
    { details: { field: 'digest', expected, given } },
  );
}

/** The error for a digest that is not here. */
export function artifactNotKept(digest: string): FairleadError {
  return new FairleadError('NOT_FOUND', `The artifact ${digest} is not in this store. Log its bytes again.`, {
    details: { field: 'digest', expected: 'the SHA-256 of an artifact of this store', given: digest },
  });
}

/** Checks where a stream begins. @throws FairleadError `INVALID_ARGUMENT` */
export function checkOffset(offset: number, { size }: BlobInfo): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= size) return;
  throw invalidArgument('offset', `a whole number from 0 to ${size}, the artifact's size`, offset);
}
