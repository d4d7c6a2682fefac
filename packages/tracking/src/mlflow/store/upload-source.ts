import { FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256, platformFiles } from '#files';
import { checkSize, checkSource, piecesOf, wrongSize } from '../../artifacts/pieces';
import type { BlobInfo, PutOptions } from '../../store/artifact-store';
import type { ArtifactBody } from '../artifact-proxy';

/** Bytes of a stream that are held in memory, at most, where their digest must be known before they are sent. */
const mostOfStream = 256 * 1024 * 1024;

/** A source as it is sent, and what was sent in the end. */
export interface Upload {
  readonly body: ArtifactBody;
  /** Called once it is there. */
  sent(): BlobInfo;
}

/** The digest of what can be read twice. */
export async function hashSource(source: Uint8Array | string, { signal, size }: PutOptions): Promise<BlobInfo> {
  const hash = createSha256();
  let length = 0;
  for await (const piece of piecesOf(source, platformFiles.stream)) {
    throwIfAborted(signal, 'Reading the artifact');
    hash.update(piece);
    length += piece.byteLength;
  }
  if (size !== undefined && size !== length) throw wrongSize(`${length} bytes`, size);
  return { digest: hash.hex(), size: length };
}

/** A stream that can be read twice. @throws FairleadError `LIMIT_EXCEEDED` */
export async function holdStream(
  source: AsyncIterable<Uint8Array>,
  { signal }: PutOptions,
  most = mostOfStream,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of piecesOf(source, platformFiles.stream)) {
    throwIfAborted(signal, 'Reading the artifact');
    size += piece.byteLength;
    if (size > most) {
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `A stream without a place in a run is held in memory before it is sent, and this one has more than ${most} bytes. Give a file.`,
        {
          details: { field: 'source', expected: `at most ${most} bytes, or a file`, given: 'a longer stream' },
        },
      );
    }
    pieces.push(piece.slice());
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

/** Something whose digest is known, as it is sent. */
export function uploadOf(source: Uint8Array | string, { size }: BlobInfo, options: PutOptions): ArtifactBody {
  return {
    size,
    async *read(from, to) {
      let at = from;
      for await (const piece of piecesOf(source, platformFiles.stream, from)) {
        const part = piece.subarray(0, to - at);
        at += part.byteLength;
        yield part;
        options.onProgress?.({ sentBytes: at, totalBytes: size });
        if (at >= to) return;
      }
      if (at < to) throw wrongSize(`${at} bytes`, to);
    },
  };
}

/** A stream as it is sent, hashed on its way. It can be read once. */
export function streamUpload(source: AsyncIterable<Uint8Array>, options: PutOptions): Upload {
  const { size, onProgress } = options;
  checkSource(source);
  checkSize(size);
  const hash = createSha256();
  let sentBytes = 0;
  let isBegun = false;
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    if (isBegun) {
      throw new FairleadError(
        'REMOTE_FAILED',
        'The upload broke off, and a stream cannot be read a second time. Log the artifact again, as bytes or as a file.',
        { details: { field: 'source', expected: 'bytes or a file, which are sent again', given: 'a stream' } },
      );
    }
    isBegun = true;
    for await (const piece of piecesOf(source, platformFiles.stream)) {
      hash.update(piece);
      sentBytes += piece.byteLength;
      if (size !== undefined && sentBytes > size) throw wrongSize(`more than ${size} bytes`, size);
      yield piece;
      onProgress?.({ sentBytes, ...(size === undefined ? {} : { totalBytes: size }) });
    }
    // Before the request has ended, so that nothing is kept.
    if (size !== undefined && sentBytes !== size) throw wrongSize(`${sentBytes} bytes`, size);
  }
  return { body, sent: () => ({ digest: hash.hex(), size: sentBytes }) };
}
