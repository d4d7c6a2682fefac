import type { IncomingMessage } from 'node:http';
import { abortedError, type Clock, type ClockTimer, FairleadError } from '@fairlead/core';
import { bodyTooLarge, boundPieces, joinChunks } from '@fairlead/core/serving';
import { declaresMoreThan } from './request-body';

/** How the body of a request is read in pieces. */
export interface RequestStreamSettings {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds that a client may let pass without sending anything, while it is waited for. */
  readonly idleTimeoutMs: number;
}

/** Bytes, and chunks, after which no more is read before somebody has taken what there is. */
const mostHeld = { bytes: 64 * 1024, chunks: 1024 };

/**
 * Reads the body of a request in pieces, as they come; what came at once is one piece. While nobody takes them, the connection is not read.
 * What is left of a body that is given up stays unread.
 *
 * @throws FairleadError while reading: `LIMIT_EXCEEDED`, declared or not, and for too many chunks (`boundPieces`), behind what came before;
 * `ABORTED` by the signal and when the client goes away; `DEADLINE_EXCEEDED` when it sends nothing for too long
 */
export function streamRequestBody(
  request: IncomingMessage,
  maxBytes: number,
  { clock, signal, idleTimeoutMs }: RequestStreamSettings,
): AsyncIterableIterator<Uint8Array, undefined> {
  let chunks: Buffer[] = [];
  let held = 0;
  let size = 0;
  const countChunk = boundPieces(clock);
  let isOpen = false;
  let isDone = false;
  let failure: FairleadError | undefined;
  /** Why no more is taken; what was taken before is given out first. */
  let refusal: FairleadError | undefined;
  let wake: (() => void) | undefined;

  const onData = (chunk: Buffer): void => {
    size += chunk.byteLength;
    try {
      if (size > maxBytes) throw bodyTooLarge(maxBytes);
      countChunk(size);
      chunks.push(chunk);
      held += chunk.byteLength;
      // Whatever else the connection has read comes in the same turn, and with it.
      if (held >= mostHeld.bytes || chunks.length >= mostHeld.chunks) request.pause();
      wake?.();
    } catch (error) {
      refusal = error as FairleadError;
      request.pause();
      onEnd();
    }
  };
  const onEnd = (): void => {
    isDone = true;
    release();
    wake?.();
  };
  const fail = (error: FairleadError): void => {
    failure ??= error;
    onEnd();
  };
  const onBroken = (cause?: unknown): void =>
    fail(
      signal.aborted
        ? abortedError(signal, 'The request')
        : new FairleadError('ABORTED', 'The client went away before its body was whole.', { cause }),
    );
  const onAbort = (): void => onBroken();
  const release = (): void => {
    if (!isOpen) return;
    isOpen = false;
    request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    signal.removeEventListener('abort', onAbort);
  };
  const open = (): void => {
    if (signal.aborted) onBroken();
    else if (declaresMoreThan(request, maxBytes)) fail(bodyTooLarge(maxBytes));
    else if (request.readableEnded) onEnd();
    else {
      isOpen = true;
      request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
      signal.addEventListener('abort', onAbort);
      request.pause();
    }
  };
  /** Resolves with the next event, or when none comes. */
  const waitForMore = async (): Promise<void> => {
    let timer: ClockTimer | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = clock.setTimer(() => {
        const message = `The client sent nothing of its body for ${idleTimeoutMs} ms.`;
        fail(new FairleadError('DEADLINE_EXCEEDED', message, { details: { idleTimeoutMs } }));
      }, idleTimeoutMs);
      request.resume();
    });
    timer?.clear();
    wake = undefined;
    if (!isDone) request.pause();
  };

  return {
    async next() {
      if (!isOpen && !isDone) open();
      while (chunks.length === 0 && !isDone) await waitForMore();
      if (failure === undefined && chunks.length > 0) {
        const value = joinChunks(chunks, held);
        chunks = [];
        held = 0;
        return { done: false, value };
      }
      const error = failure ?? refusal;
      if (error === undefined) return { done: true, value: undefined };
      chunks = [];
      request.pause();
      throw error;
    },
    async return() {
      if (!isDone) request.pause();
      chunks = [];
      onEnd();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
