import { type ClockTimer, FairleadError } from '@fairlead/core';
import { boundPieces, type ModelHost, type Place } from '@fairlead/core/serving';
import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { Answers } from './answers';
import { streamOf } from './call-stream';
import { failureOf } from './status';
import { boundUnpacking } from './unpack';

/** A call whose message is still coming, or has come and is not being answered yet. */
export interface Arriving {
  /** Gives its place in the host up, since the request that was read takes one of its own. */
  leave(): void;
}

/** What a frame takes at least: grpc-js keeps each as it came until their message is whole. */
const frameBytes = 128;

/** Bounds what arrives: grpc-js tells of a message when it is whole, and until then holds it whatever others hold. */
export interface Arrivals {
  readonly interceptor: ServerInterceptor;
  /** What is known of the call that has these metadata. */
  of(metadata: Metadata): Arriving | undefined;
}

/**
 * @param answers told of what goes the other way
 * @param requestTimeoutMs milliseconds that a message may take to arrive
 */
export function createArrivals(host: ModelHost, answers: Answers, requestTimeoutMs: number): Arrivals {
  const known = new WeakMap<Metadata, Arriving>();

  const interceptor: ServerInterceptor = (method, call) => {
    let place: Place | undefined;
    let bytes = 0;
    /** Of all messages of the call. */
    let received = 0;
    const countFrame = boundPieces(host.clock);
    let timer: ClockTimer | undefined;
    /** What comes after the end of a call is dropped, and takes no place. */
    let isOver = false;
    let isWhole = false;
    const leave = (): void => {
      bytes = 0;
      place?.leave();
      place = undefined;
    };
    const stopWaiting = (): void => {
      timer?.clear();
      timer = undefined;
    };
    const end = (): void => {
      isOver = true;
      stopWaiting();
      leave();
    };
    const refuse = (error: FairleadError): void => {
      end();
      call.sendStatus(failureOf(error));
    };
    const wait = (): void => {
      timer ??= host.clock.setTimer(() => refuse(tooSlow(requestTimeoutMs)), requestTimeoutMs);
    };
    const stream = streamOf(call);
    stream?.on('data', (chunk) => {
      if (isOver) return;
      try {
        if (method.requestStream) wait();
        place ??= host.admission.enter();
        received += chunk.byteLength;
        countFrame(received);
        bytes += Math.max(frameBytes, chunk.byteLength);
        place.hold(bytes);
      } catch (error) {
        refuse(error as FairleadError);
      }
    });
    boundUnpacking(call, host.limits.maxBodyBytes, (unpacked) => {
      if (isOver) throw gone();
      place ??= host.admission.enter();
      place.hold(bytes + unpacked);
    });
    if (!method.requestStream) wait();

    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            known.set(metadata, { leave });
            pass(metadata);
          },
          onReceiveMessage: (message, pass) => {
            if (method.requestStream) stopWaiting();
            pass(message);
          },
          onReceiveHalfClose: (pass) => {
            isWhole = true;
            stopWaiting();
            pass();
          },
          // Comes at the end of every call, whoever has ended it.
          onCancel: () => {
            end();
            if (stream !== undefined) answers.end(stream, isWhole);
          },
        }),
      sendMessage: (message, next) => {
        // Behind the status of a call that was refused, another answer would break its stream, and its client would hear of neither.
        if (isOver) return;
        if (stream !== undefined) answers.follow(stream);
        next(message);
      },
      sendStatus: (status, next) => {
        end();
        next(status);
      },
    });
  };

  return { interceptor, of: (metadata) => known.get(metadata) };
}

function tooSlow(requestTimeoutMs: number): FairleadError {
  return new FairleadError(
    'DEADLINE_EXCEEDED',
    `The message did not arrive within ${requestTimeoutMs} ms. Send less at once, or by a faster connection.`,
    { details: { field: 'message', expected: `all of it within ${requestTimeoutMs} ms` } },
  );
}

function gone(): FairleadError {
  return new FairleadError('ABORTED', 'The call ended before its message was unpacked.');
}
