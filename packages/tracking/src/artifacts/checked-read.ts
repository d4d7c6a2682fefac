import { FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import type { ArtifactRef, ArtifactStreamOptions, BlobInfo } from '../store/artifact-store';
import { checkOffset, damagedArtifact } from './pieces';

/** The digest that a reader asks for. @throws FairleadError `UNSUPPORTED` when he knows none */
export function digestOf({ digest, place }: ArtifactRef): string {
  if (digest !== undefined) return digest;
  const given = place === undefined ? 'no digest' : `only the name "${place.name}"`;
  throw new FairleadError('UNSUPPORTED', `This store finds artifacts by their SHA-256 alone; given ${given}.`, {
    details: { field: 'digest', expected: 'a SHA-256 in lower-case hex', given },
  });
}

/** Checks what was found against what a reader knows. @throws FairleadError `DIGEST_MISMATCH` */
export function checkFound(ref: ArtifactRef, found: BlobInfo): BlobInfo {
  if (ref.size === undefined || ref.size === found.size) return found;
  throw damagedArtifact(found.digest, `${found.size} bytes`, `${ref.size} bytes`);
}

/** Streams an artifact that was found, and checks it at the end. */
export async function* streamChecked(
  found: BlobInfo,
  options: ArtifactStreamOptions,
  readFrom: (offset: number) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { offset = 0, signal } = options;
  checkOffset(offset, found);
  const hash = offset === 0 ? createSha256() : undefined;
  let at = offset;
  for await (const piece of readFrom(offset)) {
    throwIfAborted(signal, 'Reading an artifact');
    hash?.update(piece);
    at += piece.byteLength;
    yield piece;
  }
  if (at !== found.size) throw damagedArtifact(found.digest, `${at} bytes`, `${found.size} bytes`);
  const given = hash?.hex() ?? found.digest;
  if (given !== found.digest) throw damagedArtifact(found.digest, `the SHA-256 ${given}`, found.digest);
}

/** Gathers a stream of known size. */
export async function gather(size: number, pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  const bytes = new Uint8Array(Math.max(size, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
