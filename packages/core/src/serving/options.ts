import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { parseOptions } from '../config';
import { consoleLogger, type Logger } from '../logger';
import { type CrossOrigin, type CrossOriginOptions, checkOrigins, createCrossOrigin } from './cross-origin';
import type { ModelRepository } from './repository/model-repository';

/** What answers `/metrics`; a metrics registry bound to its renderer fits. */
export interface MetricsRenderer {
  /**
   * The page is compressed for clients that want it.
   * @param accept the request's Accept header, by which a format is chosen; undefined when there is none
   */
  render(accept: string | undefined): MetricsPage | Promise<MetricsPage>;
}

/** The text that a scraper reads. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/** Options of {@link createHandler} and {@link createService}. */
export interface ServiceOptions {
  /**
   * Path in front of every route, for a handler that is mounted below the root: `/ml` serves `/ml/v2/models/…`.
   * @default ''
   */
  readonly basePath?: string;
  /** Bytes that a body may have, declared or not. 1 or more. @default 33554432 (32 MiB) */
  readonly maxBodyBytes?: number;
  /** Elements that one input tensor may have, checked on its shape. 1 or more. @default 16777216 */
  readonly maxTensorElements?: number;
  /**
   * Infer requests that may be under way at once, from the first byte of the body to the answer; past it, 429. What waits
   * for a model is bounded by its runner besides. 1 or more. @default 4096
   */
  readonly maxConcurrentRequests?: number;
  /**
   * Bytes of all infer bodies together that may be held, arrived or declared; past it, 429. A request that is alone is always
   * taken. 1 or more. @default 536870912 (512 MiB)
   */
  readonly maxConcurrentBodyBytes?: number;
  /**
   * Models that clients may list, load and unload (`POST /v2/repository/…`), made by `createModelRepository`. It stays its maker's,
   * who closes it after the service. Whoever reaches the service can load and unload: put what keeps strangers out in
   * front of it. @default none, and these paths answer 404
   */
  readonly repository?: ModelRepository;
  /** What `/metrics` answers; without it there is no such page. */
  readonly metrics?: MetricsRenderer;
  /** Lets pages of other origins ask, and read the answers. @default none */
  readonly crossOrigin?: CrossOriginOptions;
  /**
   * Asked by `/v2/health/ready` and the `ready` of each model, so that a server which drains can send its balancer away
   * while it still answers. The `health()` of the runners is asked besides: of all of them, or of the one that is meant.
   * @default always ready
   */
  readonly isReady?: () => boolean;
  /** Told of every answer with a status of 500 and above, with the error that the client does not see. @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface ServiceSettings {
  readonly basePath: string;
  readonly maxBodyBytes: number;
  readonly maxTensorElements: number;
  readonly maxConcurrentRequests: number;
  readonly maxConcurrentBodyBytes: number;
  readonly repository: ModelRepository | undefined;
  readonly metrics: MetricsRenderer | undefined;
  readonly crossOrigin: CrossOrigin | undefined;
  readonly isReady: () => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;

function isRepository(value: unknown): boolean {
  return object(value) && typeof (value as Partial<ModelRepository>).list === 'function';
}

/** The fields of the schema, for factories whose options extend these. */
export const serviceFields = {
  basePath: z.optional(z.string().check(z.regex(/^(\/[A-Za-z0-9._~-]+)*$/, 'a path such as "/ml", or ""'))),
  maxBodyBytes: z.optional(z.int().check(z.gte(1))),
  maxTensorElements: z.optional(z.int().check(z.gte(1))),
  maxConcurrentRequests: z.optional(z.int().check(z.gte(1))),
  maxConcurrentBodyBytes: z.optional(z.int().check(z.gte(1))),
  repository: z.optional(z.custom<ModelRepository>(isRepository, 'a repository by createModelRepository')),
  metrics: z.optional(z.custom<MetricsRenderer>(object, 'an object {render}')),
  crossOrigin: z.optional(
    z.strictObject({
      origins: z.union([z.literal('*'), z.array(z.string())], { error: 'an array of origins, or "*"' }),
      maxAgeSeconds: z._default(z.int().check(z.gte(0), z.lte(86_400)), 600),
    }),
  ),
  isReady: z.optional(z.custom<() => boolean>((value) => typeof value === 'function', 'a function')),
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
};

const schema = z.strictObject(serviceFields);

/** @throws FairleadError `INVALID_OPTION` */
export function parseServiceOptions(options: ServiceOptions | undefined, owner: string): ServiceSettings {
  const parsed = parseOptions(schema, options, owner);
  const { crossOrigin } = parsed;
  if (crossOrigin !== undefined) checkOrigins(crossOrigin.origins, owner);
  return {
    basePath: parsed.basePath ?? '',
    maxBodyBytes: parsed.maxBodyBytes ?? 32 * 1024 * 1024,
    maxTensorElements: parsed.maxTensorElements ?? 16 * 1024 * 1024,
    maxConcurrentRequests: parsed.maxConcurrentRequests ?? 4096,
    maxConcurrentBodyBytes: parsed.maxConcurrentBodyBytes ?? 512 * 1024 * 1024,
    repository: parsed.repository,
    metrics: parsed.metrics,
    crossOrigin: crossOrigin && createCrossOrigin(crossOrigin),
    isReady: parsed.isReady ?? (() => true),
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  };
}
