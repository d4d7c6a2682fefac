import type { IncomingMessage } from 'node:http';
import { FairleadError } from '@fairlead/core';
import { bodyTooLarge, joinSmall } from '@fairlead/core/serving';
import { freeMemory } from './free-memory';
import { type BodyTaker, ServedRequest } from './served-request';

/** Whether a request declares more than a limit. */
export function declaresMoreThan(request: IncomingMessage, maxBytes: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > maxBytes;
}

/**
 * Reads the body of a request, and gives up as soon as it passes the limit, declared or not; the rest then stays unread.
 *
 * @param onBytes told how many bytes are held so far; what it throws ends the reading, and is thrown
 * @param onOwn told of the bytes where nobody else has them, so that they may be freed: a stream of a framework's may have handed its
 * pieces to others as well
 * @throws FairleadError `LIMIT_EXCEEDED`; `ABORTED` when the client goes away before its body is whole
 */
export function readRequestBody(
  request: IncomingMessage,
  maxBytes: number,
  onBytes?: (bytes: number) => void,
  onOwn?: (bytes: Uint8Array) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (declaresMoreThan(request, maxBytes)) {
      reject(bodyTooLarge(maxBytes));
      return;
    }
    const pieces: Uint8Array[] = [];
    let joined = 0;
    let size = 0;
    let isOwn = false;
    const taker: BodyTaker = {
      onPiece(piece: Buffer): boolean {
        size += piece.length;
        try {
          if (size > maxBytes) throw bodyTooLarge(maxBytes);
          onBytes?.(size);
          pieces.push(piece);
          joined = joinSmall(pieces, joined);
          return true;
        } catch (error) {
          reject(error);
          return false;
        }
      },
      onEnd() {
        const isOne = pieces.length === 1;
        const bytes = isOne ? (pieces[0] as Uint8Array) : Buffer.concat(pieces, size);
        if (isOwn || !isOne) onOwn?.(bytes);
        resolve(bytes);
        if (isOwn && !isOne) for (const piece of pieces) freeMemory(piece);
      },
      onBroken: (cause: unknown) =>
        reject(new FairleadError('ABORTED', 'The client went away before its body was whole.', { cause })),
    };
    if (request instanceof ServedRequest) {
      // Said before, since all of the body may be there.
      isOwn = true;
      if (request.takeBody(taker)) return;
      isOwn = false;
    }
    takeStream(request, taker);
  });
}

/** The same of a request that is a stream and nothing else, as frameworks and their servers have them. */
function takeStream(request: IncomingMessage, taker: BodyTaker): void {
  let isOver = false;
  const onData = (piece: Buffer): void => {
    if (taker.onPiece(piece)) return;
    release();
    request.pause();
  };
  // The listeners of a body that was read to its end go with the request.
  const onEnd = (): void => {
    isOver = true;
    taker.onEnd();
  };
  const onBroken = (cause?: unknown): void => {
    if (isOver) return;
    release();
    taker.onBroken(cause);
  };
  const release = (): void => {
    isOver = true;
    request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
  };
  request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
}
