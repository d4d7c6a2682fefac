import { FairleadError, noDeadline } from '@fairlead/core';
import {
  type Arrival,
  type Call,
  createFailureLog,
  decisionHeader,
  type ModelHost,
  type ModelRequest,
  type Operation,
  type ServedModel,
} from '@fairlead/core/serving';
import { Metadata } from '@grpc/grpc-js';
import type { MessageType } from '../wire/index';
import type { Arrivals } from './arrivals';
import { type PeerSource, peerOf } from './peer';
import { failureOf, type GrpcFailure, isServersOwn, rootOf } from './status';

/** What a request is for, by which the guard decides. */
export interface Asked {
  readonly protocol: string;
  readonly operation: Operation;
  readonly model?: string | undefined;
  /** '' for whichever version answers. */
  readonly version?: string | undefined;
}

/** An answer: the message, and metadata that go before it. */
export interface Answer {
  readonly message: Buffer;
  readonly metadata?: Metadata;
}

/** What answers one request. */
export interface Exchange {
  readonly call: Call;
  /**
   * Has the request answered by the model that it names.
   * @param read reads it as a request to the model
   */
  run(read: (model: ServedModel) => ModelRequest<Answer>): Promise<Answer>;
}

/** A method: what its requests are, what they are for, and how they are answered. */
export interface Method<T> {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly type: MessageType<T>;
  asks(request: T): Asked;
  answer(request: T, exchange: Exchange): Answer | Promise<Answer>;
}

/** What is known of the call that a message came by. */
export interface Incoming {
  readonly metadata: Metadata;
  /** Milliseconds since 1970, as grpc-js counts it; infinite for none. */
  readonly deadlineEpochMs: number;
  readonly peer: PeerSource;
  readonly signal: AbortSignal;
}

/** Answers messages. */
export interface Answerer {
  /** @throws the failure to send; what went wrong is logged, and told to the observers */
  answer<T>(method: Method<T>, bytes: Buffer, incoming: Incoming): Promise<Answer>;
  /** The failure of a call that never came to a message, or of its transport. */
  fail(thrown: unknown, path: string): GrpcFailure;
}

/** The way of every message: read, looked at by the guard, answered, told to the observers. */
export function createAnswerer(host: ModelHost, arrivals: Arrivals): Answerer {
  const { clock, limits, logger } = host;
  const logFailure = createFailureLog(logger, clock);

  const fail = (thrown: unknown, path: string): GrpcFailure => {
    const failure = failureOf(thrown);
    if (isServersOwn(failure)) {
      logFailure(rootOf(thrown), { method: 'gRPC', path, status: failure.code });
    }
    return failure;
  };

  const answer = async <T>(method: Method<T>, bytes: Buffer, incoming: Incoming): Promise<Answer> => {
    const { metadata, signal, deadlineEpochMs } = incoming;
    const arrival = (asked: Asked): Arrival => ({
      protocol: asked.protocol,
      operation: asked.operation,
      model: asked.model === '' ? undefined : asked.model,
      version: asked.version === '' ? undefined : asked.version,
      header: (name) => {
        const value = metadata.get(name)[0];
        return value === undefined ? undefined : String(value);
      },
      peer: peerOf(incoming.peer),
      signal,
    });
    const leftMs = deadlineEpochMs - Date.now();
    let call: Call | undefined;
    try {
      const request = method.type.decode(bytes, limits.maxTensorElements);
      const begun = host.begin(arrival(method.asks(request)));
      call = begun;
      // Nothing is awaited where nobody has to be: it would cost a turn each.
      const admitting = begun.admit();
      if (admitting !== undefined) await admitting;
      const deadline = deadlineEpochMs === Number.POSITIVE_INFINITY ? noDeadline : begun.arrivedAt + leftMs;
      const exchange: Exchange = {
        call: begun,
        run: (read) => {
          arrivals.of(metadata)?.leave();
          return host.run(begun, {
            deadline,
            receive: (place) => {
              place.hold(bytes.byteLength);
            },
            read: (_body, model) => read(model),
          });
        },
      };
      const answered = await method.answer(request, exchange);
      begun.end();
      return begun.decisionId === undefined ? answered : withDecision(answered, begun.decisionId);
    } catch (thrown) {
      arrivals.of(metadata)?.leave();
      // A message that could not be read names no model; observers hear of it all the same.
      call ??= host.begin(arrival({ protocol: protocolOf(method.path), operation: 'infer' }));
      call.end(rootOf(thrown));
      throw fail(thrown, method.path);
    }
  };

  return { answer, fail };
}

function withDecision(answer: Answer, decisionId: string): Answer {
  const metadata = answer.metadata ?? new Metadata();
  metadata.set(decisionHeader, decisionId);
  return { ...answer, metadata };
}

function protocolOf(path: string): string {
  return path.startsWith('/tensorflow.') ? 'tensorflow-serving' : 'open-inference';
}

/** The error of a call that names no model where it has to. */
export function noModel(field: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `Request ${field}: expected the name of a model, given nothing.`, {
    details: { field, expected: 'the name of a model', given: 'nothing' },
  });
}
