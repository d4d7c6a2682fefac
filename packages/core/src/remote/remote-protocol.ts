import type { Clock } from '../clock';
import type { RolloutRewardOutcome } from '../rollouts/rewards/rollout-rewards';
import type { Priority } from '../runner/runner';
import type { Assignment } from '../serving/host/assignment';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import type { Exchange, ExchangeAnswer } from './exchange';

/** How long something may take, and who may end it early. */
export interface RemoteCall {
  /** Absolute, on the clock of the connection. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** What a server tells of a model. */
export interface RemoteModel {
  /** Undefined where the server does not describe its tensors; the user gives it then. */
  readonly signature: ModelSignature | undefined;
  /** Empty where the server does not tell it. */
  readonly version: string;
  /** Empty where the server does not tell it. */
  readonly digest: string;
}

/** A request whose inputs fit the signature. */
export interface RemoteInfer extends RemoteCall {
  readonly signature: ModelSignature;
  /** One for each input of the signature, in its order. Its arrays may be reused once `infer` has returned its promise. */
  readonly tensors: readonly Tensor[];
  /** Rows of the request; 1 where they cannot be joined. */
  readonly rows: number;
  readonly priority: Priority;
  /** Milliseconds that are left, more than 0. */
  readonly timeoutMs: number;
  /**
   * What a rollout on the server assigns it by, where the caller said so. A key may be somebody's name: it is for servers that say they
   * assign by it, and for no other.
   */
  readonly assignment?: Assignment;
}

/** What a decision of a rollout on the server earned. */
export interface RemoteReward extends RemoteCall {
  readonly decisionId: string;
  /** A finite number. */
  readonly value: number;
  /** When it was earned, in milliseconds since 1970-01-01 UTC; undefined for now. */
  readonly at: number | undefined;
}

/** An answer to one request. */
export interface RemoteAnswer {
  /** One for each output of the signature. */
  readonly outputs: Tensors;
  /** Undefined where the answer does not name it. */
  readonly modelVersion?: string | undefined;
  /** Undefined where the answer does not name it. */
  readonly digest?: string | undefined;
  /** Names the decision of a rollout; undefined where the answer does not. */
  readonly decisionId?: string | undefined;
}

/** One model on one server, as a protocol reaches it. Its errors are FairleadErrors that hold no credentials. */
export interface RemoteConnection {
  /** Where the model is, for people to read. */
  readonly url: string;
  /** How tensors travel, for people to read: `binary`, `json`. Final once `describe` has answered. */
  readonly encoding: string;
  /** Asks what the model is. Called once, before anything else. */
  describe(call: RemoteCall): Promise<RemoteModel>;
  /** Sends a request. It reads the tensors before its first `await`. */
  infer(request: RemoteInfer): Promise<RemoteAnswer>;
  /** Asks whether the model would answer; rejects when it would not. */
  checkReady(call: RemoteCall): Promise<void>;
  /** Tells what a decision earned. Absent where the protocol has no place for it. */
  reward?(reward: RemoteReward): Promise<RolloutRewardOutcome>;
  /** Gives back what it holds. Called once, when nothing is under way. */
  close?(): void | Promise<void>;
}

/** What a protocol is given to reach a model. */
export interface RemoteTarget {
  /** Where the server is, without a slash at the end. */
  readonly url: string;
  readonly model: string;
  /** Version that must answer. */
  readonly version: string | undefined;
  /** What the user says the model takes and answers. */
  readonly signature: ModelSignature | undefined;
  /** Elements, and bytes, that an answer may have. */
  readonly maxResponseBytes: number;
  readonly clock: Clock;
  /** How messages name the server. */
  readonly what: string;
  /** Sends a request over HTTP with the user's headers, and reads the whole answer; rejects for an error status. */
  send(request: Omit<Exchange, 'what'>): Promise<ExchangeAnswer>;
}

/**
 * What the server of a remote model speaks. A factory makes one for the option `protocol` of `remote`: this is the only file
 * that the author of another one reads.
 */
export interface RemoteProtocol {
  readonly name: string;
  /** @throws FairleadError `INVALID_OPTION` for a target that it cannot reach */
  connect(target: RemoteTarget): RemoteConnection;
}
