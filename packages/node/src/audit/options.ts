import { type Clock, consoleLogger, FairleadError, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { Operation } from '@fairlead/core/serving';
import * as z from 'zod/mini';
import type { AuditSigning } from './signing';
import type { AuditSink } from './sink';

/** Options of {@link createAuditLog}: `file` or `sink`. */
export interface AuditLogOptions {
  /** Path of the file. Full ones become `FILE.1`, `FILE.2`, …; none is ever removed. One process at a time writes it. */
  readonly file?: string;
  /** Where lines go instead of a file. */
  readonly sink?: AuditSink;
  /** Bytes that a file may have before another is begun. 65536 or more. @default 67108864 (64 MiB) */
  readonly maxFileBytes?: number;
  /** Whether lines count as safe only when the disk has them, and not when the system has. @default true */
  readonly sync?: boolean;
  /** Milliseconds that a line may wait for others before all are written together. 0 or more. @default 100 */
  readonly flushIntervalMs?: number;
  /**
   * Lines that may wait to be written. Past it calls get none, and a counter, the logger and, later, the log say how many; or,
   * with `requireRoom`, they are refused. 1 or more. @default 10000
   */
  readonly maxWaitingLines?: number;
  /** What is recorded. @default all but 'health' and 'metrics' */
  readonly operations?: readonly Operation[];
  /** The header with the caller's name for his request, lower-case. @default 'x-request-id' */
  readonly requestIdHeader?: string;
  /** Signs where the log ends, and checkpoints in it: what the hashes alone cannot prove against who can write the file. @default none */
  readonly signing?: AuditSigning;
  /** Lines after which a signed checkpoint stands at the latest. 1 or more. @default 1000 */
  readonly checkpointLines?: number;
  /** @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface AuditSettings {
  readonly target: { readonly file: string } | { readonly sink: AuditSink };
  readonly maxFileBytes: number;
  readonly sync: boolean;
  readonly flushIntervalMs: number;
  readonly maxWaitingLines: number;
  readonly operations: ReadonlySet<Operation>;
  readonly requestIdHeader: string;
  readonly signing: AuditSigning | undefined;
  readonly checkpointLines: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

const operations = [
  'health',
  'metadata',
  'list',
  'infer',
  'reward',
  'load',
  'unload',
  'metrics',
  'documentation',
] as const;
const recorded: readonly Operation[] = operations.filter((name) => name !== 'health' && name !== 'metrics');

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isSink = (value: unknown): boolean => object(value) && typeof (value as Partial<AuditSink>).append === 'function';

const schema = z.strictObject({
  file: z.optional(z.string().check(z.minLength(1))),
  sink: z.optional(z.custom<AuditSink>(isSink, 'a sink {open, append, close}')),
  maxFileBytes: z.optional(z.int().check(z.gte(65_536))),
  sync: z.optional(z.boolean()),
  flushIntervalMs: z.optional(z.number().check(z.gte(0), z.lte(3_600_000))),
  maxWaitingLines: z.optional(z.int().check(z.gte(1), z.lte(10_000_000))),
  operations: z.optional(z.array(z.enum(operations))),
  requestIdHeader: z.optional(z.string().check(z.regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, 'a header in lower case'))),
  // Checked apart, so that no secret is quoted.
  signing: z.optional(z.custom<AuditSigning>()),
  checkpointLines: z.optional(z.int().check(z.gte(1))),
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseAuditOptions(options: AuditLogOptions): AuditSettings {
  const parsed = parseOptions(schema, options, 'createAuditLog');
  const { file, sink, signing } = parsed;
  if ((file === undefined) === (sink === undefined)) throw wrong('file', 'either option "file" or option "sink"');
  if (signing !== undefined && !(object(signing) && ('hmac' in signing || 'ed25519' in signing))) {
    throw wrong('signing', 'an object {hmac} or {ed25519}');
  }
  return {
    target: file !== undefined ? { file } : { sink: sink as AuditSink },
    maxFileBytes: parsed.maxFileBytes ?? 64 * 1024 * 1024,
    sync: parsed.sync ?? true,
    flushIntervalMs: parsed.flushIntervalMs ?? 100,
    maxWaitingLines: parsed.maxWaitingLines ?? 10_000,
    operations: new Set(parsed.operations ?? recorded),
    requestIdHeader: parsed.requestIdHeader ?? 'x-request-id',
    signing,
    checkpointLines: parsed.checkpointLines ?? 1000,
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  };
}

function wrong(field: string, expected: string): FairleadError {
  return new FairleadError('INVALID_OPTION', `createAuditLog: option "${field}" is wrong: expected ${expected}.`, {
    details: { field, expected },
  });
}
