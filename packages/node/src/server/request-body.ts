import type { IncomingMessage } from 'node:http';
import { FairleadError } from '@fairlead/core';
import { bodyTooLarge } from '@fairlead/core/serving';

/** Whether a request declares more than a limit. */
export function declaresMoreThan(request: IncomingMessage, maxBytes: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > maxBytes;
}

/**
 * Reads the body of a request, and gives up as soon as it passes the limit, declared or not; the rest then stays unread.
 *
 * @param onBytes told how many bytes are held so far; what it throws ends the reading, and is thrown
 * @throws FairleadError `LIMIT_EXCEEDED`; `ABORTED` when the client goes away before its body is whole
 */
export function readRequestBody(
  request: IncomingMessage,
  maxBytes: number,
  onBytes?: (bytes: number) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (declaresMoreThan(request, maxBytes)) {
      reject(bodyTooLarge(maxBytes));
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    let isOver = false;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      try {
        if (size > maxBytes) throw bodyTooLarge(maxBytes);
        onBytes?.(size);
        chunks.push(chunk);
      } catch (error) {
        release();
        request.pause();
        reject(error);
      }
    };
    // The listeners of a body that was read to its end go with the request.
    const onEnd = (): void => {
      isOver = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    };
    const onBroken = (cause?: unknown): void => {
      if (isOver) return;
      release();
      reject(new FairleadError('ABORTED', 'The client went away before its body was whole.', { cause }));
    };
    const release = (): void => {
      isOver = true;
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    };
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  });
}
