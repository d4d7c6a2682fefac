import { type Clock, consoleLogger, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { Registry } from '@fairlead/core/metrics';
import * as z from 'zod/mini';
import { findCores } from '../machine/cores';

/** Options of {@link startCluster}. */
export interface ClusterOptions {
  /**
   * Processes that serve, beside the one that supervises them. 1 to 256.
   * @default as many as this process has cores: its affinity, cut by the quota of its control groups
   */
  readonly processes?: number;
  /** Milliseconds that a process may take to start. 1 or more. @default 300000 */
  readonly startTimeoutMs?: number;
  /**
   * Milliseconds that a process may take to end once it was asked to, after which it is killed: more than the `drainDelayMs` and
   * `drainTimeoutMs` of what it serves. 1 or more. @default 60000
   */
  readonly closeTimeoutMs?: number;
  /**
   * How often one of the processes is started again within `restartWindowMs`. When it dies once more the rest is closed, and
   * this process ends with status 1. 0 or more. @default 5
   */
  readonly maxRestarts?: number;
  /** Milliseconds for which a death counts. 1 or more. @default 60000 */
  readonly restartWindowMs?: number;
  /**
   * Whether SIGTERM and SIGINT close the cluster. This process then ends by that signal, unless somebody else listens to it
   * too; a second one ends all at once. Workers listen to them in any case. @default true
   */
  readonly handleSignals?: boolean;
  /** Metrics of this process itself, added to those of the workers. @default none */
  readonly registry?: Registry;
  /** Milliseconds that a worker has to answer a scrape before that goes on without it. 1 or more. @default 1000 */
  readonly scrapeTimeoutMs?: number;
  /** Hears of processes that die, are started again, or are left out of a scrape. @default consoleLogger */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export type ClusterSettings = Required<Omit<ClusterOptions, 'registry'>> & Pick<ClusterOptions, 'registry'>;

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const milliseconds = z.optional(z.number().check(z.gte(1), z.lte(2 ** 31 - 1)));

const schema = z.strictObject({
  processes: z.optional(z.int().check(z.gte(1), z.lte(256))),
  startTimeoutMs: milliseconds,
  closeTimeoutMs: milliseconds,
  maxRestarts: z.optional(z.int().check(z.gte(0))),
  restartWindowMs: milliseconds,
  handleSignals: z.optional(z.boolean()),
  registry: z.optional(z.custom<Registry>(object, 'a metrics registry')),
  scrapeTimeoutMs: milliseconds,
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseClusterOptions(options: ClusterOptions | undefined): ClusterSettings {
  const parsed = parseOptions(schema, options, 'startCluster');
  return {
    processes: parsed.processes ?? Math.min(256, findCores().count),
    startTimeoutMs: parsed.startTimeoutMs ?? 300_000,
    closeTimeoutMs: parsed.closeTimeoutMs ?? 60_000,
    maxRestarts: parsed.maxRestarts ?? 5,
    restartWindowMs: parsed.restartWindowMs ?? 60_000,
    handleSignals: parsed.handleSignals ?? true,
    scrapeTimeoutMs: parsed.scrapeTimeoutMs ?? 1000,
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
    ...(parsed.registry !== undefined && { registry: parsed.registry }),
  };
}
