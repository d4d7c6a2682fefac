import { FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import { piecesOf, type ReadFile, wrongSize } from '../artifacts/pieces';
import type { ArtifactSource, BlobInfo, PutOptions } from '../store/artifact-store';
import type { S3Requests, SentPart } from './s3-requests';

/** The most parts that S3 takes. */
const maxParts = 10_000;

function base64OfHex(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return btoa(bytes.map((byte) => String.fromCharCode(Number.parseInt(byte, 16))).join(''));
}

/** The SHA-256 of bytes as S3 writes it. */
export function checksumOf(bytes: Uint8Array): string {
  const hash = createSha256();
  hash.update(bytes);
  return base64OfHex(hash.hex());
}

/** Cuts a source into parts of one length; the last may be shorter. */
export async function* partsOf(source: ArtifactSource, readFile: ReadFile, length: number): AsyncGenerator<Uint8Array> {
  let part = new Uint8Array(length);
  let filled = 0;
  for await (const piece of piecesOf(source, readFile)) {
    for (let at = 0; at < piece.byteLength; ) {
      const count = Math.min(length - filled, piece.byteLength - at);
      part.set(piece.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled < length) continue;
      yield part;
      part = new Uint8Array(length);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

/** How long the parts of an artifact are: the same every time, so that an upload can be taken up. */
export function partLengthOf(size: number, partBytes: number): number {
  return Math.max(partBytes, Math.ceil(size / maxParts));
}

/** What an upload in parts goes by. */
export interface PartedUpload {
  readonly requests: S3Requests;
  readonly key: string;
  readonly parts: AsyncIterable<Uint8Array>;
  readonly partLength: number;
  readonly call: PutOptions;
  /** What the source was when it was looked at, where it can be read twice: then what an earlier attempt has sent is used. */
  readonly expected?: BlobInfo;
}

/** Sends a source in parts, and answers what it was. What fails can be taken up where the source can be read twice. */
export async function uploadInParts(upload: PartedUpload): Promise<BlobInfo> {
  const { requests, key, call, expected } = upload;
  const { signal } = call;
  const begun = expected === undefined ? undefined : await requests.findUpload(key, signal);
  const known = begun === undefined ? undefined : await requests.parts(key, begun, signal);
  const id = begun !== undefined && known !== undefined ? begun : await requests.beginUpload(key, signal);
  const hash = createSha256();
  const sent: SentPart[] = [];
  let size = 0;
  try {
    for await (const part of upload.parts) {
      throwIfAborted(signal, 'Logging an artifact');
      const number = sent.length + 1;
      if (number > maxParts) throw tooManyParts(upload.partLength);
      size += part.byteLength;
      if (call.size !== undefined && size > call.size) throw wrongSize('more', call.size);
      hash.update(part);
      const checksum = checksumOf(part);
      const stored = known?.get(number);
      // The key is the digest of the whole, so a part of the right length is of the same content; the server compares checksums at the end.
      if (stored?.size === part.byteLength) sent.push({ number, etag: stored.etag, checksum });
      else sent.push(await requests.sendPart(key, id, number, part, checksum, signal));
      const totalBytes = expected?.size ?? call.size;
      call.onProgress?.({ sentBytes: size, ...(totalBytes === undefined ? {} : { totalBytes }) });
    }
    const digest = hash.hex();
    if (call.size !== undefined && size !== call.size) throw wrongSize(String(size), call.size);
    if (expected !== undefined && digest !== expected.digest) throw sourceChanged(expected.digest, digest);
    await requests.endUpload(key, id, sent, signal);
    return { digest, size };
  } catch (error) {
    if (expected === undefined || FairleadError.isInstance(error, 'DIGEST_MISMATCH'))
      await requests.abortUpload(key, id);
    throw error;
  }
}

function tooManyParts(partLength: number): FairleadError {
  const expected = `at most ${maxParts * partLength} bytes`;
  return new FairleadError(
    'LIMIT_EXCEEDED',
    `A stream may have ${expected} in parts of ${partLength} bytes: raise "partBytes", or log a file, whose size is known.`,
    { details: { field: 'source', expected, given: 'more' } },
  );
}

function sourceChanged(expected: string, given: string): FairleadError {
  return new FairleadError(
    'DIGEST_MISMATCH',
    'The source changed while it was being sent. Log it again once it is whole.',
    {
      details: { field: 'source', expected, given },
    },
  );
}
