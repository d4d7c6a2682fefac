import { type Clock, consoleLogger, FairleadError, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { Reference } from '@fairlead/core/monitoring';
import type { PredictionClasses, TelemetryPrivacy } from '@fairlead/core/telemetry';
import * as z from 'zod/mini';

/** What protects the people behind the counts, and who is asked. */
export interface TelemetryPrivacyOptions extends TelemetryPrivacy {
  /**
   * Asked before each batch and each request whether the user agrees. After a no, what was counted and what waits is deleted.
   * @default yes: whoever calls `startTelemetry` has asked
   */
  readonly consent?: () => boolean;
  /**
   * Whether Global Privacy Control of the browser (`navigator.globalPrivacyControl`) is a no.
   * @default true
   */
  readonly respectGlobalPrivacyControl?: boolean;
}

/** When windows end. */
export interface TelemetrySchedule {
  /** Milliseconds of a window, after which it is reported. 1000 to 86,400,000. @default 600000 (10 minutes) */
  readonly everyMs?: number;
  /**
   * Least milliseconds between two reports that are made since the page was hidden, as happens at each change of the tab; a
   * page that goes away reports in any case. 0 or more. @default 30000
   */
  readonly minHiddenIntervalMs?: number;
}

/** Where reports wait that could not be sent. */
export interface TelemetryQueueOptions {
  /** Queues of one name are one queue, in all tabs of the origin. Lower-case letters, digits and hyphens. @default 'default' */
  readonly name?: string;
  /** @default 'indexeddb', and memory, aloud, where there is none */
  readonly storage?: 'indexeddb' | 'memory';
  /** Bytes of all that wait; the oldest is dropped first. 1024 to 67,108,864. @default 1048576 (1 MiB) */
  readonly maxBytes?: number;
  /** Milliseconds after which a report is dropped that could not be sent. 1000 or more. @default 259200000 (3 days) */
  readonly maxAgeMs?: number;
}

/** How often a failed request is tried again. */
export interface TelemetryRetry {
  /** Milliseconds until the first try; each further one takes twice as long. 1 or more. @default 5000 */
  readonly firstDelayMs?: number;
  /** Most milliseconds between two tries. @default 300000 (5 minutes) */
  readonly maxDelayMs?: number;
}

/** Options of `startTelemetry`. */
export interface StartTelemetryOptions {
  /** Where a `createTelemetryHandler` answers, for example `/telemetry`. */
  readonly endpoint: string;
  /**
   * What lets this page report: a token that your server made by `createTelemetryToken`, or a function that fetches one, which
   * is asked before each request. Tokens are short-lived, so a page that is open for long needs the function.
   */
  readonly token: string | (() => string | Promise<string>);
  /** The training distribution, for models that bring none. @default the model's sidecar `reference` */
  readonly reference?: Reference;
  /** Which predictions are counted, by class. The handler must know the same classes. @default none */
  readonly predictions?: PredictionClasses;
  /** Which form of the model runs, such as `fp16`. @default 'default' */
  readonly variant?: string;
  /** What it runs on. @default what the runner says */
  readonly device?: string;
  readonly privacy?: TelemetryPrivacyOptions;
  readonly schedule?: TelemetrySchedule;
  readonly queue?: TelemetryQueueOptions;
  readonly retry?: TelemetryRetry;
  /** Rows that are counted between two reports; further ones are not. 1 to 1,000,000. @default 100000 */
  readonly maxRowsPerWindow?: number;
  /** Most of the time that counting may take. Above 0, at most 1. @default 0.02 */
  readonly maxCpuShare?: number;
  /** What fetches. @default the platform's `fetch` */
  readonly fetch?: typeof fetch;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the system's clock */
  readonly clock?: Clock;
}

const object = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);
const callable = <T>() => z.custom<T>((value) => typeof value === 'function', 'a function');
const ms = (least: number, most: number) => z.number().check(z.minimum(least), z.maximum(most));
const longestTimerMs = 2 ** 31 - 1;

const schema = z.strictObject({
  endpoint: z.string().check(z.minLength(1)),
  token: z.custom<StartTelemetryOptions['token']>(
    (value) => typeof value === 'function' || (typeof value === 'string' && value.length > 0),
    'a token, or a function that fetches one',
  ),
  // What the recorder is given, it checks itself.
  reference: z.optional(object<Reference>('a reference, as fitReference makes it')),
  predictions: z.optional(object<PredictionClasses>('an object { output, classes }')),
  variant: z.optional(z.string()),
  device: z.optional(z.string()),
  privacy: z.optional(object<TelemetryPrivacyOptions>('an object')),
  schedule: z._default(
    z.strictObject({
      everyMs: z._default(ms(1000, 86_400_000), 600_000),
      minHiddenIntervalMs: z._default(ms(0, longestTimerMs), 30_000),
    }),
    { everyMs: 600_000, minHiddenIntervalMs: 30_000 },
  ),
  queue: z._default(
    z.strictObject({
      name: z._default(
        z.custom<string>(
          (value) => typeof value === 'string' && /^[a-z0-9-]{1,64}$/.test(value),
          'up to 64 lower-case letters, digits and hyphens',
        ),
        'default',
      ),
      storage: z._default(z.enum(['indexeddb', 'memory']), 'indexeddb'),
      maxBytes: z._default(z.int().check(z.minimum(1024), z.maximum(64 << 20)), 1 << 20),
      maxAgeMs: z._default(ms(1000, Number.MAX_SAFE_INTEGER), 3 * 86_400_000),
    }),
    { name: 'default', storage: 'indexeddb', maxBytes: 1 << 20, maxAgeMs: 3 * 86_400_000 },
  ),
  retry: z._default(
    z.strictObject({
      firstDelayMs: z._default(ms(1, longestTimerMs), 5000),
      maxDelayMs: z._default(ms(1, longestTimerMs), 300_000),
    }),
    { firstDelayMs: 5000, maxDelayMs: 300_000 },
  ),
  maxRowsPerWindow: z.optional(z.number()),
  maxCpuShare: z.optional(z.number()),
  fetch: z.optional(callable<typeof fetch>()),
  logger: z._default(object<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(object<Clock>('a clock'), systemClock),
});

const privacySchema = z.object({
  consent: z.optional(callable<() => boolean>()),
  respectGlobalPrivacyControl: z._default(z.boolean(), true),
});

/**
 * Checks the options and completes them.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseStartOptions(options: StartTelemetryOptions) {
  const owner = 'startTelemetry';
  const parsed = parseOptions(schema, options, owner);
  const { consent, respectGlobalPrivacyControl, ...privacy } = parsed.privacy ?? {};
  const asked = parseOptions(privacySchema, { consent, respectGlobalPrivacyControl }, owner);
  try {
    new URL(parsed.endpoint, globalThis.location?.href ?? 'http://page/');
  } catch (cause) {
    const details = { field: 'endpoint', expected: 'a URL, or a path on this site', given: parsed.endpoint };
    const message = `${owner}: option "endpoint" is wrong: expected ${details.expected}, given "${details.given}".`;
    throw new FairleadError('INVALID_OPTION', message, { cause, details });
  }
  return {
    ...parsed,
    privacy,
    consent: asked.consent,
    respectGlobalPrivacyControl: asked.respectGlobalPrivacyControl,
    // Looked up when it is called, since a page may wrap it later; and called without an owner, as browsers want it.
    fetch: parsed.fetch ?? ((url: RequestInfo | URL, init?: RequestInit) => fetch(url, init)),
  };
}

/** The options with their defaults. */
export type StartSettings = ReturnType<typeof parseStartOptions>;
