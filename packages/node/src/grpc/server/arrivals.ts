import { type ClockTimer, FairleadError } from '@fairlead/core';
import type { ModelHost, Place } from '@fairlead/core/serving';
import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { failureOf } from './status';

/** A call whose message is still coming, or has come and is not being answered yet. */
export interface Arriving {
  /** Gives its place in the host up, since the request that was read takes one of its own. */
  leave(): void;
}

/** Bounds what arrives: grpc-js tells of a message when it is whole, and until then holds it whatever others hold. */
export interface Arrivals {
  readonly interceptor: ServerInterceptor;
  /** What is known of the call that has these metadata. */
  of(metadata: Metadata): Arriving | undefined;
}

/** The part of Node's HTTP/2 stream that is looked at. */
interface ByteSource {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
}

/**
 * @param requestTimeoutMs milliseconds that a message may take to arrive
 */
export function createArrivals(host: ModelHost, requestTimeoutMs: number): Arrivals {
  const known = new WeakMap<Metadata, Arriving>();

  const interceptor: ServerInterceptor = (method, call) => {
    let place: Place | undefined;
    let bytes = 0;
    let timer: ClockTimer | undefined;
    /** What comes after the end of a call is dropped, and takes no place. */
    let isOver = false;
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
    // Nothing else tells of a message that is on its way. Where this field is gone one day, whole messages alone are counted.
    const { stream } = call as unknown as { readonly stream?: ByteSource };
    stream?.on('data', (chunk) => {
      if (isOver) return;
      try {
        if (method.requestStream) wait();
        place ??= host.admission.enter();
        bytes += chunk.byteLength;
        place.hold(bytes);
      } catch (error) {
        refuse(error as FairleadError);
      }
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
            stopWaiting();
            pass();
          },
          onCancel: end,
        }),
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
