import * as z from 'zod/mini';
import type { Clock } from '../clock';
import { FairleadError } from '../errors';
import type { EventListeners } from '../events';
import type { CallOptions } from '../lifecycle';
import type { Logger } from '../logger';
import type { SampledFailures } from '../resilience/circuit';
import { clockField, listenersField, loggerField } from '../resilience/options';
import type { RetryBudgetOptions } from '../resilience/with-retry';
import type { ModelRunner } from '../runner/runner';
import type { AnySignature } from '../signature';
import type { PoolEventMap } from './result';

/** A runner that a pool connects to, and connects to again when that failed. */
export interface PoolEndpoint<S extends AnySignature = AnySignature> {
  /** How events, metrics and `describe()` name it; another one for each endpoint. */
  readonly name: string;
  /**
   * Makes the runner, for example `() => remote({ url, model })`. It is asked again, after a second and then ever longer,
   * until it succeeds.
   */
  connect(options: CallOptions): ModelRunner<S> | Promise<ModelRunner<S>>;
}

/** When a slow endpoint gets company. */
export interface HedgeOptions {
  /**
   * A request that takes longer than this quantile of the last 256 answers is sent to a second endpoint too. Above 0,
   * below 1. @default 0.95
   */
  readonly quantile?: number;
  /** Most hedges for each request of the last ten seconds, 0 to 1. @default 0.05 */
  readonly share?: number;
}

/** When an endpoint that fails is left alone. */
export interface PoolCircuitOptions {
  /** So many failures in a row (1 or more), or a share of the last requests. @default 5 */
  readonly failures?: number | SampledFailures;
  /** Milliseconds until it is tried again, by a copy of a request that another endpoint answers. More than 0. @default 5000 */
  readonly halfOpenAfterMs?: number;
}

/** When an endpoint that does worse than the others is put aside. */
export interface OutlierOptions {
  /** Requests of ten seconds, of it and of the others each, before they are compared. 1 or more. @default 20 */
  readonly minimumRequests?: number;
  /** By how much its share of failures must exceed that of the others. Above 0, at most 1. @default 0.2 */
  readonly failureGap?: number;
  /** How many times as long as in the middle of the others its answers must take. More than 1. @default 5 */
  readonly slowness?: number;
  /** Milliseconds for which it is put aside the first time; twice as many each further time, up to 32 times. @default 10000 */
  readonly ejectMs?: number;
  /** Most endpoints that may be put aside at once, as a share of all. 0 to 1, rounded down. @default 0.5 */
  readonly maxShare?: number;
}

/** Options of {@link createPool}. */
export interface PoolOptions<S extends AnySignature = AnySignature> {
  /** The runners to choose from, or what connects to them: one or more, with the same signature. */
  readonly endpoints: readonly (ModelRunner<S> | PoolEndpoint<S>)[];
  /** Attempts of one request, the first one included, each on another endpoint while there is one. 1 to 100. @default 3 */
  readonly maxAttempts?: number;
  /** Bounds the retries of all requests together. @default a share of 0.2, and 1 a second */
  readonly retryBudget?: RetryBudgetOptions;
  /** `false`: no request is sent twice unless it failed. @default quantile 0.95, share 0.05 */
  readonly hedge?: HedgeOptions | false;
  readonly circuit?: PoolCircuitOptions;
  /** `false`: no endpoint is put aside for doing worse than the others. */
  readonly outliers?: OutlierOptions | false;
  /** Ends the first connecting early; it has no effect afterwards. */
  readonly signal?: AbortSignal;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<PoolEventMap>;
  /** Is warned when an endpoint is lost and nobody listens. @default the console */
  readonly logger?: Logger;
  /** Where time comes from; that of the endpoints. @default the clock of the process */
  readonly clock?: Clock;
  /** Numbers of [0, 1), for the choice. @default Math.random */
  readonly random?: () => number;
}

const positive = z.number().check(z.gt(0));
const share = z.number().check(z.gte(0), z.lte(1));

/** An endpoint as the pool holds it: a runner is one that is connected from the start. */
export interface NamedEndpoint {
  readonly name: string;
  readonly runner?: ModelRunner;
  readonly connect?: (options: CallOptions) => ModelRunner | Promise<ModelRunner>;
}

const isEndpoint = (value: unknown): boolean => {
  const { run, connect, name } = (value ?? {}) as Partial<Record<'run' | 'connect' | 'name', unknown>>;
  return typeof run === 'function' || (typeof connect === 'function' && typeof name === 'string' && name !== '');
};

export const poolSchema = z.strictObject({
  endpoints: z
    .array(z.custom<ModelRunner | PoolEndpoint>(isEndpoint, 'a runner, or { name, connect }'))
    .check(z.minLength(1)),
  maxAttempts: z._default(z.int().check(z.gte(1), z.lte(100)), 3),
  retryBudget: z._default(
    z.strictObject({ share: z._default(share, 0.2), perSecond: z._default(z.number().check(z.gte(0)), 1) }),
    { share: 0.2, perSecond: 1 },
  ),
  hedge: z._default(
    z.union([
      z.literal(false),
      z.strictObject({
        quantile: z._default(z.number().check(z.gt(0), z.lt(1)), 0.95),
        share: z._default(share, 0.05),
      }),
    ]),
    { quantile: 0.95, share: 0.05 },
  ),
  circuit: z._default(
    z.strictObject({
      failures: z._default(
        z.union([
          z.int().check(z.gte(1)),
          z
            .strictObject({
              share: z.number().check(z.gt(0), z.lt(1)),
              windowRequests: z.int().check(z.gte(1), z.lte(100_000)),
              minimumRequests: z.optional(z.int().check(z.gte(1))),
            })
            .check(
              z.refine(({ minimumRequests = 1, windowRequests }) => minimumRequests <= windowRequests, {
                path: ['minimumRequests'],
                error: 'at most windowRequests',
              }),
            ),
        ]),
        5,
      ),
      halfOpenAfterMs: z._default(positive, 5000),
    }),
    { failures: 5, halfOpenAfterMs: 5000 },
  ),
  outliers: z._default(
    z.union([
      z.literal(false),
      z.strictObject({
        minimumRequests: z._default(z.int().check(z.gte(1)), 20),
        failureGap: z._default(z.number().check(z.gt(0), z.lte(1)), 0.2),
        slowness: z._default(z.number().check(z.gt(1)), 5),
        ejectMs: z._default(positive, 10_000),
        maxShare: z._default(share, 0.5),
      }),
    ]),
    { minimumRequests: 20, failureGap: 0.2, slowness: 5, ejectMs: 10_000, maxShare: 0.5 },
  ),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
  on: listenersField<PoolEventMap>(),
  logger: loggerField,
  clock: clockField,
  random: z._default(
    z.custom<() => number>((value) => typeof value === 'function', 'a function like Math.random'),
    () => Math.random,
  ),
});

export type PoolSettings = z.output<typeof poolSchema>;

/**
 * Gives each endpoint its name: runners are numbered from 1.
 * @throws FairleadError `INVALID_OPTION` for a name that two have
 */
export function namedEndpoints(endpoints: readonly (ModelRunner | PoolEndpoint)[]): NamedEndpoint[] {
  const named = endpoints.map((endpoint, index): NamedEndpoint => {
    if ('run' in endpoint) return { name: `endpoint-${index + 1}`, runner: endpoint };
    return { name: endpoint.name, connect: (options) => endpoint.connect(options) };
  });
  const names = new Set<string>();
  for (const { name } of named) {
    if (names.has(name)) {
      const expected = 'another name for each endpoint';
      throw new FairleadError(
        'INVALID_OPTION',
        `createPool: option "endpoints" is wrong: expected ${expected}, given "${name}" twice.`,
        { details: { field: 'endpoints', expected, given: name } },
      );
    }
    names.add(name);
  }
  return named;
}
