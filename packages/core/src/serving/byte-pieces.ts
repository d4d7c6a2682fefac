import { abortedError, FairleadError } from '../errors';
import { bodyTooLarge } from './body';

/*
 * Bodies that pass through piece by piece: nobody reads ahead of who takes the pieces, so whoever is slow slows down the
 * sender, and what is held does not grow with the body.
 */

/**
 * The pieces of a stream, as they come. Leaving the loop cancels the stream.
 *
 * @param maxBytes in all
 * @throws FairleadError while reading: `LIMIT_EXCEEDED`; `ABORTED` by the signal, also while the stream says nothing, and when
 * the stream breaks
 */
export async function* readPieces(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, undefined> {
  if (stream === null) return;
  const reader = stream.getReader();
  let size = 0;
  let isWhole = false;
  // A read that waits is thereby answered.
  const onAbort = (): void => void reader.cancel(signal?.reason).catch(ignore);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      if (signal?.aborted) throw abortedError(signal, 'The request');
      const part = await nextPart(reader, signal);
      if (signal?.aborted) throw abortedError(signal, 'The request');
      if (part.done) break;
      size += part.value.byteLength;
      if (size > maxBytes) throw bodyTooLarge(maxBytes);
      yield part.value;
    }
    isWhole = true;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!isWhole) reader.cancel().catch(ignore);
  }
}

async function nextPart(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal | undefined) {
  try {
    return await reader.read();
  } catch (cause) {
    if (FairleadError.isInstance(cause)) throw cause;
    if (signal?.aborted) throw abortedError(signal, 'The request');
    throw new FairleadError('ABORTED', 'The client went away before its body was whole.', { cause });
  }
}

/**
 * Unpacks compressed pieces, and gives up as soon as what comes out passes the limit, however little went in.
 *
 * @throws FairleadError `UNSUPPORTED` where the runtime has no DecompressionStream; while reading `LIMIT_EXCEEDED`,
 * `PROTOCOL_ERROR` for bytes that are not packed so, and what the pieces throw
 */
export function unpackPieces(
  pieces: AsyncIterable<Uint8Array>,
  encoding: 'gzip' | 'deflate',
  maxBytes: number,
): AsyncIterable<Uint8Array> {
  if (typeof DecompressionStream !== 'function') {
    throw new FairleadError('UNSUPPORTED', `This runtime cannot unpack ${encoding}. Send the body uncompressed.`);
  }
  return unpacked(pieces, encoding, maxBytes);
}

async function* unpacked(pieces: AsyncIterable<Uint8Array>, encoding: 'gzip' | 'deflate', maxBytes: number) {
  let failure: unknown;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of pieces) yield piece;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  const packed = readableOf(watched()) as ReadableStream<Uint8Array<ArrayBuffer>>;
  const stream = packed.pipeThrough(new DecompressionStream(encoding));
  try {
    yield* readPieces(stream, maxBytes);
  } catch (thrown) {
    if (failure !== undefined) throw failure;
    if (FairleadError.isInstance(thrown, 'LIMIT_EXCEEDED')) throw thrown;
    const cause = FairleadError.isInstance(thrown) ? thrown.cause : thrown;
    throw new FairleadError('PROTOCOL_ERROR', `The body is not packed by ${encoding}, as its content-encoding says.`, {
      cause,
      details: { field: 'content-encoding', given: encoding },
    });
  }
}

/** A stream of pieces that asks for one only when it is read; cancelling it closes them. */
export function readableOf(pieces: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  let iterator: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        iterator ??= pieces[Symbol.asyncIterator]();
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await (iterator ?? pieces[Symbol.asyncIterator]()).return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** The same pieces; `onEnd` is called when they end in whatever way, with what they threw. */
export function watchPieces(
  pieces: AsyncIterable<Uint8Array>,
  onEnd: (error?: unknown) => void,
): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = pieces[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const step = await iterator.next();
            if (step.done) onEnd();
            return step;
          } catch (error) {
            onEnd(error);
            throw error;
          }
        },
        async return() {
          try {
            await iterator.return?.();
          } finally {
            onEnd();
          }
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** Whether a body comes in pieces. */
export function isInPieces(body: string | Uint8Array | AsyncIterable<Uint8Array>): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

function ignore(): void {}
