import { describeValue, FairleadError, parseOptions } from '@fairlead/core';
import { hostOptionNames, type ModelHostOptions } from '@fairlead/core/serving';
import * as z from 'zod/mini';

/** What a gRPC server can speak. */
export type GrpcProtocolName = 'open-inference' | 'tensorflow';

/** The certificate of a server, and whether clients need one. All are PEM. */
export interface GrpcTlsOptions {
  /** The server's certificate, and those between it and its authority. */
  readonly cert: string | Uint8Array;
  /** Its private key. */
  readonly key: string | Uint8Array;
  /** Authorities whose clients are let in, where clients need a certificate. @default those that Node trusts */
  readonly ca?: string | Uint8Array;
  /** Whether a client needs a certificate that one of `ca` has signed (mutual TLS). @default false */
  readonly requireClientCertificate?: boolean;
}

/** Options of {@link serveGrpc}, beside those of `createModelHost`. */
export interface ServeGrpcOptions extends ModelHostOptions {
  /** 0 to 65535; 0 takes a free one, which `port` of the server tells. @default 8001 */
  readonly port?: number;
  /** Address to listen on; `0.0.0.0` for all, as containers need it. @default '127.0.0.1' */
  readonly host?: string;
  /**
   * What clients may speak: `open-inference` is the Open Inference Protocol v2 with Triton's extensions, `tensorflow` TensorFlow Serving's.
   * gRPC's health checking is always answered. @default ['open-inference', 'tensorflow']
   */
  readonly protocols?: readonly GrpcProtocolName[];
  /** @default none, and connections are not encrypted */
  readonly tls?: GrpcTlsOptions;
  /**
   * An extra condition of readiness: `ServerReady` and the health checks say no while it answers false, so that a balancer sends
   * nobody while the server still answers. @default always ready
   */
  readonly isReady?: () => boolean;
  /** Requests of one `ModelStreamInfer` that are computed at once; the next is read when one is done. 1 or more. @default 16 */
  readonly maxStreamRequests?: number;
  /** Calls that one connection may have open; clients hold back further ones. 1 or more. @default 1024 */
  readonly maxConcurrentStreams?: number;
  /** Connections that may be open at once; one more is closed at once. 1 or more. @default as many as the system allows */
  readonly maxConnections?: number;
  /** Milliseconds that a message may take from its first byte to its last; past it, DEADLINE_EXCEEDED. 1 or more. @default 60000 */
  readonly requestTimeoutMs?: number;
  /**
   * Milliseconds that a client may take to read an answer, or a message of a stream; past it, its call is cut off and the logger told.
   * 1 or more. @default 60000
   */
  readonly answerTimeoutMs?: number;
  /** Milliseconds after which a connection without any call is closed; clients open another by themselves. 1 or more. @default 300000 */
  readonly idleTimeoutMs?: number;
  /**
   * Milliseconds after which a silent connection is asked whether anybody is still there; who does not answer within 20 seconds is cut
   * off, and his calls are aborted. 1000 or more. @default 60000
   */
  readonly keepAliveIntervalMs?: number;
  /** Milliseconds that `close()` goes on accepting after readiness has gone, so that balancers leave. 0 or more. @default 100 */
  readonly drainDelayMs?: number;
  /** Milliseconds that `close()` waits for accepted calls before it aborts them. 0 or more. @default 30000 */
  readonly drainTimeoutMs?: number;
  /**
   * Whether SIGTERM and SIGINT close the server. The process then ends by that signal, unless somebody else listens to
   * it too. @default false
   */
  readonly handleSignals?: boolean;
}

/** The server's own options with their defaults; `host` is what a host takes. */
export interface ServeGrpcSettings {
  readonly port: number;
  readonly address: string;
  readonly protocols: readonly GrpcProtocolName[];
  readonly tls: GrpcTlsOptions | undefined;
  readonly isReady: () => boolean;
  readonly maxStreamRequests: number;
  readonly maxConcurrentStreams: number;
  readonly maxConnections: number | undefined;
  readonly requestTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly keepAliveIntervalMs: number;
  readonly drainDelayMs: number;
  readonly drainTimeoutMs: number;
  readonly handleSignals: boolean;
  readonly hostOptions: ModelHostOptions;
}

const milliseconds = (lowest: number) => z.optional(z.number().check(z.gte(lowest), z.lte(2 ** 31 - 1)));
const count = (lowest: number) => z.optional(z.int().check(z.gte(lowest), z.lte(2 ** 31 - 1)));
const schema = z.strictObject({
  port: z.optional(z.int().check(z.gte(0), z.lte(65_535))),
  host: z.optional(z.string().check(z.minLength(1))),
  protocols: z.optional(z.array(z.enum(['open-inference', 'tensorflow'])).check(z.minLength(1))),
  // Checked apart, so that no key is quoted.
  tls: z.optional(z.custom<GrpcTlsOptions>()),
  isReady: z.optional(z.custom<() => boolean>((value) => typeof value === 'function', 'a function')),
  maxStreamRequests: count(1),
  maxConcurrentStreams: count(1),
  maxConnections: count(1),
  requestTimeoutMs: milliseconds(1),
  answerTimeoutMs: milliseconds(1),
  idleTimeoutMs: milliseconds(1),
  keepAliveIntervalMs: milliseconds(1000),
  drainDelayMs: milliseconds(0),
  drainTimeoutMs: milliseconds(0),
  handleSignals: z.optional(z.boolean()),
});

/**
 * Parses what the server takes; the rest goes to the host, which refuses what it does not know.
 * @param hasHost whether there is a host already, which has its options from its maker
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseServeGrpcOptions(options: ServeGrpcOptions | undefined, hasHost: boolean): ServeGrpcSettings {
  const known = new Set(hostOptionNames);
  const given = Object.entries(options ?? {});
  const parsed = parseOptions(schema, Object.fromEntries(given.filter(([name]) => !known.has(name))), 'serveGrpc');
  const hostOptions = given.filter(([name]) => known.has(name));
  const [first] = hostOptions;
  if (hasHost && first !== undefined) {
    const [field, value] = first;
    const expected = 'it at createModelHost, since a host is given';
    throw new FairleadError('INVALID_OPTION', `serveGrpc: option "${field}" is the host's: give ${expected}.`, {
      details: { field, expected, given: describeValue(value) },
    });
  }
  return {
    port: parsed.port ?? 8001,
    address: parsed.host ?? '127.0.0.1',
    protocols: parsed.protocols ?? ['open-inference', 'tensorflow'],
    tls: parsed.tls,
    isReady: parsed.isReady ?? (() => true),
    maxStreamRequests: parsed.maxStreamRequests ?? 16,
    maxConcurrentStreams: parsed.maxConcurrentStreams ?? 1024,
    maxConnections: parsed.maxConnections,
    requestTimeoutMs: parsed.requestTimeoutMs ?? 60_000,
    answerTimeoutMs: parsed.answerTimeoutMs ?? 60_000,
    idleTimeoutMs: parsed.idleTimeoutMs ?? 300_000,
    keepAliveIntervalMs: parsed.keepAliveIntervalMs ?? 60_000,
    drainDelayMs: parsed.drainDelayMs ?? 100,
    drainTimeoutMs: parsed.drainTimeoutMs ?? 30_000,
    handleSignals: parsed.handleSignals ?? false,
    hostOptions: Object.fromEntries(hostOptions),
  };
}
