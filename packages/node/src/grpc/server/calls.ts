import { FairleadError } from '@fairlead/core';
import type { handleBidiStreamingCall, handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import type { Answerer, Incoming, Method } from './exchange';
import { failureOf, type GrpcFailure } from './status';

/** A call of any kind, as far as all kinds are alike. */
interface AnyCall {
  readonly metadata: Incoming['metadata'];
  readonly cancelled: boolean;
  on(event: 'cancelled', listener: () => void): unknown;
  getDeadline(): Date | number;
  getPeer: Incoming['peer']['getPeer'];
  getAuthContext: Incoming['peer']['getAuthContext'];
}

/** Makes the handlers of grpc-js, and knows which calls are under way. */
export interface Calls {
  readonly inFlight: number;
  unary(method: Method<unknown>): handleUnaryCall<Buffer, Buffer>;
  /**
   * Messages both ways, answered in their order, each a call of its own to guard and observers.
   * @param write turns an answer, or the failure of a message, into a message
   */
  stream(
    method: Method<unknown>,
    writeFailure: (failure: GrpcFailure, request: Buffer) => Buffer,
  ): handleBidiStreamingCall<Buffer, Buffer>;
  /** One message, and what `watch` tells from then on. */
  watch(
    watch: (request: Buffer, tell: (message: Buffer) => void) => () => void,
  ): handleServerStreamingCall<Buffer, Buffer>;
  /** Ends streams when what they have accepted is answered, and takes no further ones; calls of one message go on. */
  sendAway(): void;
  /** Aborts what is under way, which then ends with UNAVAILABLE. */
  abortAll(): void;
}

/** A timer and the clock of the system do not agree to the millisecond: what ends a call this close to its deadline is its deadline. */
const clockGrainMs = 10;

export function createCalls(answerer: Answerer, maxStreamRequests: number): Calls {
  const underWay = new Set<AbortController>();
  /** What ends each stream. */
  const streams = new Set<() => void>();
  let isSendingAway = false;

  /** @returns forgets it */
  const onSendAway = (leave: () => void): (() => void) => {
    if (isSendingAway) leave();
    else streams.add(leave);
    return () => streams.delete(leave);
  };

  /** Follows a call to its end. */
  const follow = (call: AnyCall): { readonly incoming: Incoming; end(): void } => {
    const controller = new AbortController();
    underWay.add(controller);
    const given = call.getDeadline();
    const deadlineEpochMs = typeof given === 'number' ? given : given.getTime();
    call.on('cancelled', () => {
      underWay.delete(controller);
      controller.abort(
        deadlineEpochMs <= Date.now() + clockGrainMs ? tooLate() : new Error('The client cancelled its call.'),
      );
    });
    const { metadata } = call;
    return {
      incoming: { metadata, deadlineEpochMs, peer: call, signal: controller.signal },
      end: () => underWay.delete(controller),
    };
  };

  return {
    get inFlight() {
      return underWay.size;
    },
    unary: (method) => (call, callback) => {
      const { incoming, end } = follow(call);
      answerer.answer(method, call.request, incoming).then(
        ({ message, metadata }) => {
          end();
          if (metadata !== undefined) call.sendMetadata(metadata);
          callback(null, message);
        },
        (failure: GrpcFailure) => {
          end();
          callback(failure);
        },
      );
    },
    stream: (method, writeFailure) => (call) => {
      const { incoming, end } = follow(call);
      const { signal } = incoming;
      let pending = 0;
      let isEnding = false;
      let last: Promise<void> = Promise.resolve();
      const cancelled = new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => resolve(), { once: true }),
      );

      const compute = (request: Buffer): Promise<Buffer> =>
        answerer.answer(method, request, incoming).then(
          ({ message }) => message,
          (failure: GrpcFailure) => writeFailure(failure, request),
        );
      const send = async (answer: Promise<Buffer>): Promise<void> => {
        const message = await answer;
        // A client that is gone reads nothing, and grpc-js then calls nobody back.
        if (!signal.aborted && !call.write(message)) {
          await Promise.race([new Promise<void>((resolve) => void call.once('drain', resolve)), cancelled]);
        }
        pending--;
        if (!isEnding && pending < maxStreamRequests) call.resume();
      };
      let forget = (): void => {};
      const finish = (failure?: FairleadError): void => {
        if (isEnding) return;
        isEnding = true;
        call.pause();
        forget();
        void last.then(() => {
          end();
          if (failure === undefined) call.end();
          else call.emit('error', failureOf(failure));
        });
      };

      call.on('data', (request: Buffer) => {
        if (isEnding) return;
        pending++;
        if (pending >= maxStreamRequests) call.pause();
        const answer = compute(request);
        last = last.then(() => send(answer));
      });
      call.on('end', () => finish());
      call.on('cancelled', () => finish());
      forget = onSendAway(() => finish(closing()));
      signal.addEventListener('abort', () => {
        if (FairleadError.isInstance(signal.reason, 'CLOSED')) finish(signal.reason);
      });
    },
    watch: (watch) => (call) => {
      const { end } = follow(call);
      let stop = (): void => {};
      let forget = (): void => {};
      const finish = (): void => {
        end();
        stop();
        forget();
      };
      try {
        stop = watch(call.request, (message) => void call.write(message));
      } catch (error) {
        end();
        call.emit('error', answerer.fail(error, call.getPath()));
        return;
      }
      forget = onSendAway(() => {
        finish();
        call.end();
      });
      call.on('cancelled', finish);
    },
    sendAway() {
      isSendingAway = true;
      for (const leave of streams) leave();
      streams.clear();
    },
    abortAll() {
      for (const controller of underWay) controller.abort(closing());
    },
  };
}

function closing(): FairleadError {
  return new FairleadError('CLOSED', 'The server closed before this request was done.');
}

function tooLate(): FairleadError {
  return new FairleadError('DEADLINE_EXCEEDED', 'The deadline of the call passed before it was answered.');
}
