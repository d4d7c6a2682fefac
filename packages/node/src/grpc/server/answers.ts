import { constants } from 'node:http2';
import type { Clock, ClockTimer, Logger } from '@fairlead/core';
import type { CallStream } from './call-stream';

/** Bounds how long what was answered may lie here because its client does not read it. */
export interface Answers {
  /** A message was handed over, and none before it is left. */
  follow(stream: CallStream): void;
  /**
   * The call is over.
   * @param isWhole whether its client has said that it sends no more; if not, the stream would stay open as long as that client likes
   */
  end(stream: CallStream, isWhole: boolean): void;
  close(): void;
}

/** How long a client that was refused while it sends has to read why. */
const lingerMs = 1000;

/** @param answerTimeoutMs milliseconds that a client may take to read a message */
export function createAnswers(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  answerTimeoutMs: number,
): Answers {
  /** When the last message of each stream was handed over. One timer looks at all: most are read at once. */
  const unread = new Map<CallStream, number>();
  let timer: ClockTimer | undefined;

  const look = (): void => {
    timer = undefined;
    const now = clock.now();
    for (const [stream, since] of unread) {
      if (stream.writableLength === 0) unread.delete(stream);
      else if (now - since >= answerTimeoutMs) cutOff(stream);
    }
    if (unread.size > 0) wait();
  };
  const wait = (): void => {
    timer ??= clock.setTimer(look, Math.max(1, answerTimeoutMs / 4));
  };
  const cutOff = (stream: CallStream): void => {
    unread.delete(stream);
    const details = { answerTimeoutMs, bytesLeft: stream.writableLength };
    logger.warn(details, `A client did not read its answer within ${answerTimeoutMs} ms, and its call was cut off.`);
    stream.close(constants.NGHTTP2_CANCEL);
  };

  return {
    follow(stream) {
      unread.set(stream, clock.now());
      wait();
    },
    end(stream, isWhole) {
      unread.delete(stream);
      if (isWhole || stream.closed) return;
      const lingering = clock.setTimer(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
      stream.once('close', () => lingering.clear());
    },
    close() {
      timer?.clear();
      unread.clear();
    },
  };
}
