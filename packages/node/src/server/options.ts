import { type Clock, consoleLogger, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { ServiceOptions } from '@fairlead/core/serving';
import * as z from 'zod/mini';
import type { PlatformChoice } from './platform';
import { openTls, type TlsOptions, type TlsSource } from './tls';

/** Options of {@link serve}, beside those of `createHandler`. */
export interface ServeOptions extends ServiceOptions {
  /**
   * The platform whose container this is: SageMaker, Vertex AI or Azure ML. It gives what is left open of `host` (`0.0.0.0`), `port`,
   * `protocols` (its contract alone), `handleSignals` (true), `drainDelayMs` and `drainTimeoutMs` (within its 30 s), and says so by
   * one line of the logger.
   *
   * 'auto' looks for it in `process.env`, by variables that only serving containers have, and does nothing where `port`,
   * `host` or `protocols` are given, but warn of a platform that it sees. 'none' does not look. See {@link readPlatform}.
   * @default 'auto'
   */
  readonly platform?: PlatformChoice;
  /** 0 to 65535; 0 takes a free one, which `port` of the server tells. @default 8080, or the platform's */
  readonly port?: number;
  /** Address to listen on; `0.0.0.0` for all, as containers need it. @default '127.0.0.1', on a platform '0.0.0.0' */
  readonly host?: string;
  /**
   * Milliseconds that `close()` goes on accepting after readiness has gone, so that balancers and clients with open
   * connections leave by themselves: every answer asks them to. 0 or more. @default 100
   */
  readonly drainDelayMs?: number;
  /** Milliseconds that `close()` waits for accepted requests before it aborts them. 0 or more. @default 30000 */
  readonly drainTimeoutMs?: number;
  /** Milliseconds that a client may take to send a request, head and body; past it, 408. 1 or more. @default 60000 */
  readonly requestTimeoutMs?: number;
  /** Milliseconds of these that the head of a request may take; past it, 408. 1 or more. @default 10000 */
  readonly headersTimeoutMs?: number;
  /**
   * Milliseconds that may pass without a client's reading any more of its answer; past it, the connection is cut and the logger
   * told. 1 or more. @default 30000
   */
  readonly answerTimeoutMs?: number;
  /** Bytes that the head of a request may have; past it, 431. 1024 or more. @default 16384 */
  readonly maxHeaderBytes?: number;
  /** Connections that may be open at once; one more is closed at once. 1 or more. @default as many as the system allows */
  readonly maxConnections?: number;
  /** Milliseconds that an idle connection is kept for the next request. 1 or more. @default 5000 */
  readonly keepAliveTimeoutMs?: number;
  /** Serves HTTPS, and with `requestClientCertificate` asks clients for certificates. @default none: plain HTTP */
  readonly tls?: TlsOptions;
  /**
   * Whether SIGTERM and SIGINT close the server. The process then ends by that signal, unless somebody else listens to
   * it too. @default false
   */
  readonly handleSignals?: boolean;
}

/** The options with their defaults; `service` is what the service takes. */
export interface ServeSettings {
  readonly port: number;
  readonly host: string;
  readonly drainDelayMs: number;
  readonly drainTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number | undefined;
  readonly keepAliveTimeoutMs: number;
  readonly tls: TlsSource | undefined;
  readonly handleSignals: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly service: ServiceOptions;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const milliseconds = (lowest: number) => z.optional(z.number().check(z.gte(lowest), z.lte(2 ** 31 - 1)));

const schema = z.object({
  platform: z.optional(z.enum(['auto', 'none', 'sagemaker', 'vertex', 'azure'])),
  port: z.optional(z.int().check(z.gte(0), z.lte(65_535))),
  host: z.optional(z.string().check(z.minLength(1))),
  drainDelayMs: milliseconds(0),
  drainTimeoutMs: milliseconds(0),
  requestTimeoutMs: milliseconds(1),
  headersTimeoutMs: milliseconds(1),
  answerTimeoutMs: milliseconds(1),
  maxHeaderBytes: z.optional(z.int().check(z.gte(1024), z.lte(2 ** 31 - 1))),
  maxConnections: z.optional(z.int().check(z.gte(1))),
  keepAliveTimeoutMs: milliseconds(1),
  // Checked apart, so that no key is quoted.
  tls: z.optional(z.custom<TlsOptions>()),
  handleSignals: z.optional(z.boolean()),
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/**
 * Parses what the server takes; the rest goes to the service, which refuses what it does not know.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseServeOptions(options: ServeOptions | undefined): ServeSettings {
  const parsed = parseOptions(schema, options, 'serve');
  const requestTimeoutMs = parsed.requestTimeoutMs ?? 60_000;
  const { tls, logger = consoleLogger, clock = systemClock } = parsed;
  return {
    port: parsed.port ?? 8080,
    host: parsed.host ?? '127.0.0.1',
    drainDelayMs: parsed.drainDelayMs ?? 100,
    drainTimeoutMs: parsed.drainTimeoutMs ?? 30_000,
    requestTimeoutMs,
    headersTimeoutMs: Math.min(requestTimeoutMs, parsed.headersTimeoutMs ?? 10_000),
    answerTimeoutMs: parsed.answerTimeoutMs ?? 30_000,
    maxHeaderBytes: parsed.maxHeaderBytes ?? 16_384,
    maxConnections: parsed.maxConnections,
    keepAliveTimeoutMs: parsed.keepAliveTimeoutMs ?? 5_000,
    handleSignals: parsed.handleSignals ?? false,
    tls: tls === undefined ? undefined : openTls(tls, clock, logger),
    logger,
    clock,
    service: serviceOptions(options ?? {}),
  };
}

/** What the server does not take itself. */
function serviceOptions(options: ServeOptions): ServiceOptions {
  const own = new Set(Object.keys(schema.shape).filter((name) => name !== 'logger' && name !== 'clock'));
  return Object.fromEntries(Object.entries(options).filter(([name]) => !own.has(name)));
}
