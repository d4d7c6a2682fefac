import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import type { Logger } from '../logger';
import { type CrossOrigin, type CrossOriginOptions, checkOrigins, createCrossOrigin } from './cross-origin';
import type { ServedRunners } from './host/catalog';
import { hostOptionNames, type ModelHostOptions, objectWith } from './host/host-options';
import { createModelHost, isModelHost, type ModelHost } from './host/model-host';
import { openInference } from './open-inference/protocol';
import type { ServingProtocol } from './protocol';

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

/**
 * Options of {@link createHandler} and {@link createService}. Those of the host (limits, `repository`, `guard`, `observers`) are
 * given to `createModelHost` where a host is served.
 */
export interface ServiceOptions extends ModelHostOptions {
  /** What clients may speak; where two have the same route, the first in the list answers it. @default [openInference()] */
  readonly protocols?: readonly ServingProtocol[];
  /**
   * Path in front of every route, for a handler that is mounted below the root: `/ml` serves `/ml/v2/models/…`.
   * @default ''
   */
  readonly basePath?: string;
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
}

/** The options with their defaults. */
export interface ServiceSettings {
  readonly host: ModelHost;
  readonly protocols: readonly ServingProtocol[];
  readonly basePath: string;
  readonly metrics: MetricsRenderer | undefined;
  readonly crossOrigin: CrossOrigin | undefined;
  readonly isOpen: () => boolean;
  readonly logger: Logger;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const schema = z.strictObject({
  protocols: z.optional(
    z.array(z.custom<ServingProtocol>(objectWith('addRoutes'), 'a protocol, such as openInference()')),
  ),
  basePath: z.optional(z.string().check(z.regex(/^(\/[A-Za-z0-9._~-]+)*$/, 'a path such as "/ml", or ""'))),
  metrics: z.optional(z.custom<MetricsRenderer>(objectWith('render'), 'an object {render}')),
  crossOrigin: z.optional(
    z.strictObject({
      origins: z.union([z.literal('*'), z.array(z.string())], { error: 'an array of origins, or "*"' }),
      maxAgeSeconds: z._default(z.int().check(z.gte(0), z.lte(86_400)), 600),
    }),
  ),
  isReady: z.optional(z.custom<() => boolean>(isFunction, 'a function')),
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseServiceOptions(
  served: ServedRunners | ModelHost,
  options: ServiceOptions | undefined,
  owner: string,
): ServiceSettings {
  const entries = Object.entries(options ?? {});
  const isHosts = ([name]: [string, unknown]): boolean => hostOptionNames.includes(name);
  const hostOptions = Object.fromEntries(entries.filter(isHosts));
  const parsed = parseOptions(schema, Object.fromEntries(entries.filter((entry) => !isHosts(entry))), owner);
  const { crossOrigin } = parsed;
  if (crossOrigin !== undefined) checkOrigins(crossOrigin.origins, owner);
  const host = hostOf(served, hostOptions, owner);
  return {
    host,
    protocols: parsed.protocols ?? [openInference()],
    basePath: parsed.basePath ?? '',
    metrics: parsed.metrics,
    crossOrigin: crossOrigin && createCrossOrigin(crossOrigin),
    // A promise, of a function that is asynchronous by mistake, would always be ready.
    isOpen: parsed.isReady === undefined ? () => true : () => parsed.isReady?.() === true,
    logger: options?.logger ?? host.logger,
  };
}

function hostOf(served: ServedRunners | ModelHost, options: ModelHostOptions, owner: string): ModelHost {
  if (!isModelHost(served)) return createModelHost(served, options, owner);
  const isShared = (name: string): boolean => name === 'logger' || name === 'clock';
  const [field] = Object.entries(options).find(([name, value]) => value !== undefined && !isShared(name)) ?? [];
  if (field === undefined) return served;
  throw new FairleadError('INVALID_OPTION', `${owner}: option "${field}" is the host's. Give it to createModelHost.`, {
    details: { field, expected: 'no such option beside a host' },
  });
}
