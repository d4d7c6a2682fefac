import type { ServerInterceptor } from '@grpc/grpc-js';

/** What an interceptor is given to stand on. */
export type LowerCall = Parameters<ServerInterceptor>[1];

/** The part of Node's HTTP/2 stream that is looked at. */
export interface CallStream {
  readonly closed: boolean;
  /** Bytes that were written, and that the client's windows or its connection have not let through yet. */
  readonly writableLength: number;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  close(code: number): void;
}

/**
 * The stream that a call came by. grpc-js tells of messages when they are whole and of answers when they are handed over; nothing else
 * tells of what is on its way. Where this field is gone one day, whole messages alone are bounded.
 */
export function streamOf(call: LowerCall): CallStream | undefined {
  const { stream } = call as unknown as { readonly stream?: CallStream };
  return stream;
}
