import { abortedError, FairleadError } from '../errors';

/** The error for a body past its limit. */
export function bodyTooLarge(maxBytes: number): FairleadError {
  return new FairleadError('LIMIT_EXCEEDED', `The body is larger than ${maxBytes} bytes. Send fewer rows at once.`, {
    details: { field: 'body', expected: `at most ${maxBytes} bytes` },
  });
}

/** Refuses a body by the size that its sender declares, before any of it is read. */
export function checkDeclaredLength(contentLength: string | null | undefined, maxBytes: number): void {
  if (contentLength && Number(contentLength) > maxBytes) throw bodyTooLarge(maxBytes);
}

/**
 * Reads a stream of bytes, and gives up as soon as it passes the limit, whatever length was declared.
 *
 * @param onBytes told how many bytes are held so far, and may throw to end the reading
 * @throws FairleadError `LIMIT_EXCEEDED`; `ABORTED` when the stream breaks because `signal` was aborted
 */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array(0);
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let joined = 0;
  let size = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.byteLength;
      if (size > maxBytes) throw bodyTooLarge(maxBytes);
      onBytes?.(size);
      chunks.push(part.value);
      joined = joinSmall(chunks, joined);
    }
  } catch (error) {
    // The stream is of no more use, and why it broke is already known.
    reader.cancel(error).catch(ignore);
    throw signal?.aborted ? abortedError(signal, 'The request') : error;
  }
  return joinChunks(chunks, size);
}

/**
 * Unpacks a compressed body, and gives up as soon as what comes out passes the limit, however little went in.
 *
 * @param onBytes told how many bytes came out so far, and may throw to end the reading
 * @throws FairleadError `LIMIT_EXCEEDED`, `PROTOCOL_ERROR` for bytes that are not packed so, `UNSUPPORTED` where the runtime
 * has no DecompressionStream
 */
export async function readEncoded(
  body: Uint8Array,
  encoding: 'gzip' | 'deflate',
  maxBytes: number,
  onBytes?: (bytes: number) => void,
): Promise<Uint8Array> {
  if (typeof DecompressionStream !== 'function') {
    throw new FairleadError('UNSUPPORTED', `This runtime cannot unpack ${encoding}. Send the body uncompressed.`);
  }
  const packed = new Blob([body as Uint8Array<ArrayBuffer>]).stream();
  try {
    return await readStream(packed.pipeThrough(new DecompressionStream(encoding)), maxBytes, undefined, onBytes);
  } catch (cause) {
    if (FairleadError.isInstance(cause)) throw cause;
    throw new FairleadError('PROTOCOL_ERROR', `The body is not packed by ${encoding}, as its content-encoding says.`, {
      cause,
      details: { field: 'content-encoding', given: encoding },
    });
  }
}

/** Pieces that are held as they came; more are joined. */
const mostLoose = 1024;

/**
 * Joins the pieces of a body while it comes, where they are very many: one of a single byte takes the memory of a hundred, and of such a client
 * could send millions without passing any limit. Each byte is copied once at most.
 *
 * @param pieces what has come; its end may be replaced
 * @param joined how many pieces at its beginning were joined before
 * @returns how many are now
 */
export function joinSmall(pieces: Uint8Array[], joined: number): number {
  if (pieces.length - joined < mostLoose) return joined;
  const loose = pieces.splice(joined);
  const size = loose.reduce((sum, { byteLength }) => sum + byteLength, 0);
  pieces.push(joinChunks(loose, size));
  return joined + 1;
}

/** One array of several; the only one is returned as it is. */
export function joinChunks(chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const joined = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return joined;
}

function ignore(): void {}
