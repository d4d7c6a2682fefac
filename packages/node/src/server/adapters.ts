import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, consoleLogger, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { Service } from '@fairlead/core/serving';
import * as z from 'zod/mini';
import { optionError } from '../option-error';
import { createListener, type Listener } from './listener';

/** Options of {@link toNodeListener} and {@link fastifyPlugin}. */
export interface NodeListenerOptions {
  /**
   * Milliseconds that may pass without a client's reading any more of its answer; past it, the connection is cut and the logger
   * told. 1 or more. @default 30000
   */
  readonly answerTimeoutMs?: number;
  /** Milliseconds that may pass without a client's sending any more of a body that is read in pieces. 1 or more. @default 60000 */
  readonly requestTimeoutMs?: number;
  /** Told of clients that were cut off. @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** Answers requests of `node:http`, and of every framework whose handlers take them, such as Express. */
export interface NodeListener {
  (request: IncomingMessage, response: ServerResponse): void;
  /** Requests that were accepted and not yet answered in full. */
  readonly inFlight: number;
  /** Resolves when nothing is under way: before a runner is closed. */
  whenIdle(): Promise<void>;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const milliseconds = z.optional(z.number().check(z.gte(1), z.lte(2 ** 31 - 1)));
const schema = z.strictObject({
  answerTimeoutMs: milliseconds,
  requestTimeoutMs: milliseconds,
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

function listenerOf(service: Service, options: NodeListenerOptions | undefined, owner: string): Listener {
  const parsed = parseOptions(schema, options, owner);
  // What has no such method would bring the process down at the first request.
  if (typeof (service as Partial<Service> | undefined)?.handle !== 'function')
    throw optionError(owner, 'service', 'what createService() makes, and no handler or runner', service);
  return createListener(service, {
    answerTimeoutMs: parsed.answerTimeoutMs ?? 30_000,
    requestTimeoutMs: parsed.requestTimeoutMs ?? 60_000,
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  });
}

/**
 * Makes a service the listener of a server that is yours: `createServer(toNodeListener(service))`, or in Express
 * `app.use('/ml', toNodeListener(service))`. Express takes the path that it is mounted at off the target, so the service needs no
 * `basePath` there.
 *
 * Mount it before what parses bodies. A body that was parsed before is taken as it is left: bytes, text, and JSON, unless it
 * holds a number that the parser has rounded.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function toNodeListener(service: Service, options?: NodeListenerOptions): NodeListener {
  const listener = listenerOf(service, options, 'toNodeListener');
  const listen = (request: IncomingMessage, response: ServerResponse): void => listener(request, response);
  const whenIdle = (): Promise<void> => listener.whenIdle();
  return Object.defineProperty(Object.assign(listen, { whenIdle }), 'inFlight', {
    get: () => listener.inFlight,
  }) as NodeListener;
}

/** What of Fastify is used, so that no version of it is needed here. */
export interface FastifyScope {
  readonly prefix: string;
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: Error | null, body?: unknown) => void) => void,
  ): unknown;
  all(
    path: string,
    handler: (
      request: { readonly raw: IncomingMessage },
      reply: { readonly raw: ServerResponse; hijack(): unknown },
    ) => void,
  ): unknown;
}

/**
 * Makes a service a plugin of Fastify: `app.register(fastifyPlugin(service), { prefix: '/ml' })`. Everything below the prefix is the
 * service's, which needs no `basePath` there. Fastify's parsers and its limit of bodies do not count there; hooks do.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function fastifyPlugin(
  service: Service,
  options?: NodeListenerOptions,
): (scope: FastifyScope, options: unknown, done: () => void) => void {
  const listener = listenerOf(service, options, 'fastifyPlugin');
  return (scope, _options, done) => {
    const { prefix } = scope;
    scope.removeAllContentTypeParsers();
    // Leaves the body in the socket, for the service to read.
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    scope.all('/*', ({ raw }, reply) => {
      reply.hijack();
      listener(raw, reply.raw, below(raw.url ?? '/', prefix));
    });
    done();
  };
}

/** What is left of a target behind a prefix, which may have parameters, so that its parts are counted and not its letters. */
function below(target: string, prefix: string): string {
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  const parts = prefix.split('/').filter((part) => part !== '');
  let at = 0;
  for (let part = 0; part < parts.length && at !== -1; part++) at = path.indexOf('/', at + 1);
  const rest = at === -1 ? '/' : path.slice(at);
  return question === -1 ? rest : rest + target.slice(question);
}
