import { type Clock, consoleLogger, type Logger, parseOptions, systemClock } from '@fairlead/core';
import * as z from 'zod/mini';
import type { Tracker } from '../tracker';
import type { RelayCors } from './cors';

/** What a relay takes at most. */
export interface RelayLimits {
  /** Bytes of a batch. 65,536 to 8,388,608. @default 1048576 (1 MiB) */
  readonly batchBytes?: number;
  /** Bytes of an artifact; 0: none is taken. @default 268435456 (256 MiB) */
  readonly artifactBytes?: number;
  /** Requests a second of one principal; ten seconds' worth may come at once. More than 0. @default 20 */
  readonly requestsPerSecond?: number;
}

/** Options of {@link createRelayHandler}. */
export interface RelayHandlerOptions {
  /** Where runs are kept. The caller closes it, after the handler. */
  readonly tracker: Tracker;
  /**
   * Who sends a request: a name that stays the same for the same user, of 1 to 250 characters, by the session cookie or the
   * token that the request carries. It becomes the tag `relay.principal` of his runs, and nobody else may go on with those.
   * `undefined` refuses the request with 401.
   */
  readonly authorize: (request: Request) => string | undefined | Promise<string | undefined>;
  readonly limits?: RelayLimits;
  /** Which pages of other origins may send. @default none */
  readonly cors?: RelayCors;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

const anObject = <T>() => z.custom<T>((value) => typeof value === 'object' && value !== null, 'an object');

function isOrigin(value: unknown): boolean {
  try {
    return typeof value === 'string' && new URL(value).origin === value;
  } catch {
    return false;
  }
}

const optionsSchema = z.strictObject({
  tracker: anObject<Tracker>(),
  authorize: z.custom<RelayHandlerOptions['authorize']>(
    (value) => typeof value === 'function',
    'a function that says who sends a request, such as (request) => userOf(request)?.id',
  ),
  limits: z._default(
    z.strictObject({
      batchBytes: z._default(z.int().check(z.minimum(65_536), z.maximum(8 << 20)), 1 << 20),
      artifactBytes: z._default(z.int().check(z.minimum(0)), 256 << 20),
      requestsPerSecond: z._default(z.number().check(z.gt(0)), 20),
    }),
    { batchBytes: 1 << 20, artifactBytes: 256 << 20, requestsPerSecond: 20 },
  ),
  cors: z.optional(
    z.strictObject({
      origins: z.array(z.custom<string>(isOrigin, 'an origin such as "https://app.example.com", with no path')),
      credentials: z._default(z.boolean(), false),
    }),
  ),
  logger: z._default(anObject<Logger>(), consoleLogger),
  clock: z._default(anObject<Clock>(), systemClock),
});

/** The options with their defaults. @throws FairleadError `INVALID_OPTION` */
export const parseRelayOptions = (options: RelayHandlerOptions) =>
  parseOptions(optionsSchema, options, 'createRelayHandler');
