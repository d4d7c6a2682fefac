import type { ErrorCode } from '../../errors';
import type { ModelInfo, RunResult } from '../../runner/runner';

/**
 * What a request wants of the service; guards allow by it.
 *
 * - `health`: whether the server or a model is alive or ready
 * - `metadata`: what a model is: tensors, configuration, statistics
 * - `list`: which models there are
 * - `infer`: an answer of a model
 * - `reward`: what a decision of a rollout earned, which changes who answers later
 * - `load`, `unload`: a change of what is served
 * - `metrics`: the page of a scraper
 * - `documentation`: pages that tell about the service
 */
export type Operation =
  | 'health'
  | 'metadata'
  | 'list'
  | 'infer'
  | 'reward'
  | 'load'
  | 'unload'
  | 'metrics'
  | 'documentation';

/** Who calls, as far as the transport knows. */
export interface Peer {
  /** Address of the other end of the connection, which may be a proxy. */
  readonly address?: string;
  /** The certificate that the client proved to own, where the transport asked for one and found it good. */
  readonly certificate?: PeerCertificate;
}

/** A client's certificate whose chain was verified. */
export interface PeerCertificate {
  /** Fields of the subject, for example `CN`. */
  readonly subject: Readonly<Record<string, string>>;
  /** SHA-256 of the certificate, as lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** Names for which it was made, as `DNS:…`, `URI:…` or `IP Address:…`. */
  readonly alternativeNames: readonly string[];
}

/** What the process around the service does to a request: a busy event loop reads late. */
export interface Delay {
  /** Milliseconds that passed before it could be read. It counts as if it had arrived so much sooner. */
  readonly beforeMs: number;
  /**
   * Whether more comes than can be answered, and enough of it was just read: a request with a deadline is then refused, though it might be
   * answered in time, unless it has high priority. @default false
   */
  readonly isTooMuch?: boolean;
}

/** Whom a guard took the caller for. */
export interface Principal {
  /** Names the caller in logs and audits; holds no secret. */
  readonly id: string;
  /** How it was proved, for example `api-key` or `jwt`. */
  readonly scheme: string;
}

/** One request as it arrived, before anybody has looked into its body. */
export interface Arrival {
  /** Name of the protocol that it speaks. */
  readonly protocol: string;
  readonly operation: Operation;
  /** The model that it names; undefined where it names none. */
  readonly model: string | undefined;
  /** The version that must answer; undefined for whichever does. */
  readonly version: string | undefined;
  /** A header's value (in gRPC: of the metadata) by its lower-case name. */
  readonly header: (name: string) => string | null | undefined;
  readonly peer: Peer | undefined;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal | undefined;
  /** What the transport itself takes of its time, where it knows. */
  readonly delay?: Delay | undefined;
}

/**
 * One request from its arrival to its end. A transport begins it (`host.begin`), lets the guard look at it (`admit`), has it answered,
 * and ends it once.
 */
export interface Call extends Arrival {
  /** When it came, in milliseconds of the host's clock. */
  readonly arrivedAt: number;
  /** Whom the guard took the caller for; undefined without a guard, and before `admit`. */
  readonly principal: Principal | undefined;
  /** The decision of a rollout that the answer came of; undefined before there is one, and where none is remembered. */
  readonly decisionId: string | undefined;
  /**
   * Asks the guard. Without one everybody may do everything.
   * @throws FairleadError `UNAUTHENTICATED`, `FORBIDDEN`, `OVERLOADED`, or whatever else the guard throws
   */
  admit(): void | Promise<void>;
  /** Keeps for the observers that a model is served under the name that the call gave; `host.run` does it by itself. */
  reach(served: string): void;
  /** Keeps the decision of a rollout, for the transport to tell; `host.run` does it by itself. */
  decide(decisionId: string): void;
  /** Whether an observer waits for its end. */
  readonly isWatched: boolean;
  /** Keeps what is known of an answer for the observers; `host.run` does it by itself. */
  note(facts: CallFacts): void;
  /** Does a part of the call's work in the context that observers gave it; `host.run` does all of its own there. */
  within<T>(work: () => T): T;
  /** Tells the observers how it ended; only the first time counts. */
  end(error?: unknown): void;
}

/** What the answer of a model tells about itself. */
export interface CallFacts {
  readonly model: ModelInfo;
  /** Rows of the request. */
  readonly rows: number;
  readonly timing: RunResult['timing'];
  /** Rows of the batch in which it was computed. */
  readonly batchSize: number;
  readonly moments: CallMoments;
}

/** Where the time of a call went, as the end of each part in milliseconds after the arrival. */
export interface CallMoments {
  /** The body was whole. */
  readonly receivedMs: number;
  /** Its tensors were read, and the runner was asked. */
  readonly readMs: number;
  /** The runner had answered. */
  readonly answeredMs: number;
  /** The answer was written. */
  readonly writtenMs: number;
}

/** How a call ended. */
export interface CallOutcome {
  /** Why it failed; undefined when it was answered. An error that is none of Fairlead's is `RUN_FAILED`. */
  readonly code: ErrorCode | undefined;
  /** What was thrown, which the client may not have been told. */
  readonly error: unknown;
  readonly principal: Principal | undefined;
  /**
   * The name of the model, once it was found among those that are served; absent before. What a client calls it may be anything, so that
   * metrics by model go by this.
   */
  readonly served: string | undefined;
  /** Absent where no model answered. */
  readonly facts: CallFacts | undefined;
  /** Milliseconds from the arrival to the end. */
  readonly durationMs: number;
}

/** Told of every call: for traces, access logs, request metrics and audits. What it throws goes to the logger. */
export interface CallObserver {
  /**
   * A call has arrived; it is not admitted yet.
   * @returns who is told how it ended; undefined for nobody
   */
  begin(call: Arrival): CallWatch | undefined;
}

/** Waits for the end of one call. */
export interface CallWatch {
  /** Does the call's work in a context of the observer's, such as that of an active span; it must call `work`, and answer what that answers. */
  within?<T>(work: () => T): T;
  end(outcome: CallOutcome): void;
}

/** Decides who may do what. */
export interface Guard {
  /**
   * Called before anything of a body is read.
   * @returns whom it took the caller for; undefined for a caller without a name who may do this nevertheless
   * @throws FairleadError `UNAUTHENTICATED` for one who has not shown who he is, `FORBIDDEN` for one who may not do this,
   * `OVERLOADED` for one who has done it too often
   */
  admit(call: Arrival): Principal | undefined | Promise<Principal | undefined>;
  /**
   * How a caller may show who he is, for the documentation: security schemes of OpenAPI by name, of which any one does.
   * @default none is told of
   */
  readonly securitySchemes?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Operations that need no credentials where the path names no model, for the documentation. @default [] */
  readonly openOperations?: readonly Operation[];
}
