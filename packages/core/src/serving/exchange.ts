import type { Delay, Peer } from './host/call';

/** A request as an adapter hands it over: what a service reads, and nothing that costs when nobody asks. */
export interface ServiceRequest {
  /** Upper-case. */
  readonly method: string;
  /** Path without query, still percent-encoded. */
  readonly path: string;
  /** What follows the question mark of the target, still encoded; '' or absent for nothing. */
  readonly query?: string;
  /** A header's value by its lower-case name. */
  readonly header: (name: string) => string | null | undefined;
  /**
   * Reads the whole body. Called at most once, and not beside `stream`.
   * @param onBytes to be told how many bytes are held so far, and of all before they are given; what it throws ends the reading, and is thrown
   * @throws FairleadError `LIMIT_EXCEEDED` past `maxBytes`, before more than that is held; `ABORTED`
   */
  readonly body: (maxBytes: number, onBytes?: (bytes: number) => void) => Promise<Uint8Array>;
  /** Whether nobody else has the bytes that `body` gave, so that they may be written over; told once it has. @default false */
  readonly ownsBody?: boolean;
  /**
   * Called when nobody needs the bytes any more that `body` gave: their memory may be given back at once. Absent where the adapter
   * leaves that to the runtime.
   */
  readonly release?: () => void;
  /**
   * Reads the body in pieces, as they come. Nothing is read ahead, so whoever takes no piece slows down the client; leaving
   * the loop ends the reading. Called at most once, and not beside `body`.
   * @param maxBytes in all
   * @returns pieces; taking one throws FairleadError `LIMIT_EXCEEDED` past `maxBytes`, declared or not, `ABORTED` when the
   * client goes away or `signal` is aborted, `DEADLINE_EXCEEDED` when the client sends nothing for too long, where the adapter watches that
   */
  readonly stream: (maxBytes: number) => AsyncIterable<Uint8Array>;
  /** Who calls, where the adapter knows. */
  readonly peer?: Peer;
  /** What the adapter itself takes of the request's time, where it knows. */
  readonly delay?: Delay;
  /** Aborted when the client goes away. */
  readonly signal?: AbortSignal;
}

/** The answer, for an adapter to send. */
export interface ServiceResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Pieces are sent as they come, and asked for only as fast as the client reads them. They are closed (`return`) when the client
   * goes away. Whoever gives pieces reports failures in them: when they throw, the connection is cut, so that the client
   * does not take what it has for all there is.
   */
  readonly body: string | Uint8Array<ArrayBuffer> | AsyncIterable<Uint8Array>;
}
