import {
  type Clock,
  consoleLogger,
  type EventListeners,
  FairleadError,
  type Logger,
  type ModelSignature,
  parseOptions,
  type RunnerEventMap,
  systemClock,
} from '@fairlead/core';
import { checkHeaders, type RemoteHeaders } from '@fairlead/core/remote';
import * as z from 'zod/mini';

/** How a client trusts a server, and shows who it is. All are PEM. */
export interface GrpcClientTlsOptions {
  /** Authorities that are trusted. @default those that Node trusts */
  readonly ca?: string | Uint8Array;
  /** The client's own certificate, for a server that asks for one. */
  readonly cert?: string | Uint8Array;
  /** Its private key. */
  readonly key?: string | Uint8Array;
  /** Name for which the server's certificate must be made, where it is not that of the address. */
  readonly serverName?: string;
}

/** Options of {@link remoteGrpc}. */
export interface RemoteGrpcOptions {
  /**
   * Where the server is: `127.0.0.1:8001`, or with a scheme, of which `grpcs` and `https` encrypt and `grpc` and `http` do not.
   */
  readonly url: string;
  /** Name of the model on the server. */
  readonly model: string;
  /** Version that must answer; without it, whichever the server serves. */
  readonly version?: string;
  /**
   * What the server speaks: the Open Inference Protocol v2 (Fairlead, Triton, KServe, MLServer) or TensorFlow Serving's.
   * @default 'open-inference'
   */
  readonly protocol?: 'open-inference' | 'tensorflow';
  /** Which of a TensorFlow model's signatures is meant. @default 'serving_default' */
  readonly signatureName?: string;
  /** @default what the scheme of `url` says, with the authorities that Node trusts */
  readonly tls?: GrpcClientTlsOptions;
  /**
   * Connections that requests are spread over, each to where the fewest are under way. One carries as many requests at once as the
   * server allows (100 and more); several help where messages are so large that one waits behind another. 1 to 64. @default 1
   */
  readonly connections?: number;
  /**
   * Milliseconds that a request may take when its caller gives neither `timeoutMs` nor `deadline`, and that fetching the
   * metadata may take. More than 0. @default 30000
   */
  readonly timeoutMs?: number;
  /** Requests in flight at once; one more is refused with `OVERLOADED`. 1 or more. @default 1024 */
  readonly maxConcurrent?: number;
  /** Bytes that an answer may have. 1 or more. @default 67108864 (64 MiB) */
  readonly maxResponseBytes?: number;
  /**
   * Metadata of every call, for example an authorization; a function is asked before each, for a token that expires.
   * Their values are never logged and stand in no error. @default {}
   */
  readonly headers?: RemoteHeaders;
  /** The model's signature, for a server whose metadata does not describe the tensors. @default what the server says */
  readonly signature?: ModelSignature;
  /** Ends the fetching of the metadata early; it has no effect on the runner. */
  readonly signal?: AbortSignal;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<RunnerEventMap>;
  /** @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface RemoteGrpcSettings {
  /** Host and port, as grpc-js takes them. */
  readonly address: string;
  readonly isEncrypted: boolean;
  readonly model: string;
  readonly version: string | undefined;
  readonly protocol: 'open-inference' | 'tensorflow';
  readonly signatureName: string;
  readonly tls: GrpcClientTlsOptions;
  readonly connections: number;
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  readonly maxResponseBytes: number;
  readonly headers: RemoteHeaders;
  readonly signature: ModelSignature | undefined;
  readonly signal: AbortSignal | undefined;
  readonly on: EventListeners<RunnerEventMap>;
  readonly logger: Logger;
  readonly clock: Clock;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const pem = z.custom<string | Uint8Array>(
  (value) => (typeof value === 'string' && value !== '') || value instanceof Uint8Array,
  'PEM, as a string or bytes',
);

const schema = z.strictObject({
  url: z.string(),
  model: z.string().check(z.minLength(1)),
  version: z.optional(z.string().check(z.minLength(1))),
  protocol: z.optional(z.enum(['open-inference', 'tensorflow'])),
  signatureName: z.optional(z.string().check(z.minLength(1))),
  tls: z.optional(
    z.strictObject({
      ca: z.optional(pem),
      cert: z.optional(pem),
      key: z.optional(pem),
      serverName: z.optional(z.string().check(z.minLength(1))),
    }),
  ),
  connections: z.optional(z.int().check(z.gte(1), z.lte(64))),
  timeoutMs: z.optional(z.number().check(z.gt(0))),
  maxConcurrent: z.optional(z.int().check(z.gte(1))),
  maxResponseBytes: z.optional(z.int().check(z.gte(1), z.lte(2 ** 31 - 1))),
  // Looked at by checkHeaders, whose messages tell no values.
  headers: z.optional(z.unknown()),
  signature: z.optional(z.custom<ModelSignature>(object, 'a signature {inputs, outputs, batchAxis}')),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
  on: z.optional(z.custom<EventListeners<RunnerEventMap>>(object, 'an object of listeners')),
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseRemoteGrpcOptions(options: RemoteGrpcOptions): RemoteGrpcSettings {
  const parsed = parseOptions(schema, options, 'remoteGrpc');
  const { address, isEncrypted } = readUrl(parsed.url, parsed.tls !== undefined);
  const { cert, key } = parsed.tls ?? {};
  if ((cert === undefined) !== (key === undefined))
    throw invalid('tls', 'a "cert" and its "key", or neither', 'one of them');
  return {
    address,
    isEncrypted,
    model: parsed.model,
    version: parsed.version,
    protocol: parsed.protocol ?? 'open-inference',
    signatureName: parsed.signatureName ?? 'serving_default',
    tls: (parsed.tls ?? {}) as GrpcClientTlsOptions,
    connections: parsed.connections ?? 1,
    timeoutMs: parsed.timeoutMs ?? 30_000,
    maxConcurrent: parsed.maxConcurrent ?? 1024,
    maxResponseBytes: parsed.maxResponseBytes ?? 64 * 1024 * 1024,
    headers: typeof options.headers === 'function' ? options.headers : checkHeaders(options.headers ?? {}),
    signature: parsed.signature,
    signal: parsed.signal,
    on: parsed.on ?? {},
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  };
}

const schemes: Readonly<Record<string, boolean>> = { grpc: false, http: false, grpcs: true, https: true };

function readUrl(url: string, hasTls: boolean): { readonly address: string; readonly isEncrypted: boolean } {
  const [, scheme, rest = ''] = /^(?:([a-z]+):\/\/)?([^/]*)\/?$/.exec(url) ?? [];
  const isEncrypted = scheme === undefined ? hasTls : schemes[scheme];
  const isAddress = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/.test(rest);
  if (isEncrypted === undefined || !isAddress) {
    // What stands before an @ may be a password, and nothing of such an address is told.
    const given = url.includes('@')
      ? 'one with a name or password; give them by the option "headers"'
      : JSON.stringify(url);
    throw invalid('url', 'an address such as "127.0.0.1:8001" or "grpcs://models.example:443"', given);
  }
  if (hasTls && !isEncrypted) throw invalid('tls', 'a url that encrypts, such as "grpcs://…"', 'one that does not');
  return { address: rest, isEncrypted };
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `remoteGrpc: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
