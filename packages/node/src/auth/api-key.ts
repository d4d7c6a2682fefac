import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Clock, parseOptions, systemClock } from '@fairlead/core';
import * as z from 'zod/mini';
import { isPrincipalId } from './permit';
import { type Scope, scopeFields } from './scope';

/** What is kept of an API key: everything but the key. */
export interface ApiKeyRecord extends Scope {
  /** Stands in the key in the clear, and finds the record: 16 hexadecimal digits. */
  readonly id: string;
  /** `sha256:` and the 64 hexadecimal digits of the whole key's SHA-256. */
  readonly hash: string;
  /** Whose key it is; names the caller in logs and audits. Several keys may have the same. @default the record's `id` */
  readonly principal?: string;
  /** When it was made, in ISO 8601. */
  readonly createdAt?: string;
  /** From when on it is refused, in ISO 8601. @default never */
  readonly expiresAt?: string;
  /** From when on it is refused, since somebody took it back, in ISO 8601. @default never */
  readonly revokedAt?: string;
}

/** Options of {@link createApiKey}. */
export interface CreateApiKeyOptions extends Scope {
  /** Whose key it is. @default the record's `id` */
  readonly principal?: string;
  /** Milliseconds for which it is good. 1 or more. @default for ever */
  readonly lifetimeMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** A key that was just made. */
export interface CreatedApiKey {
  /** For its owner alone, and shown this once: `fl_<id>_<secret>`, with 256 random bits. */
  readonly key: string;
  /** For the server. */
  readonly record: ApiKeyRecord;
}

const form = /^fl_([0-9a-f]{16})_[\w-]{43}$/;

const principal = z.optional(z.string().check(z.refine(isPrincipalId, 'a name of 1 to 256 printable characters')));
const instant = z.optional(
  z.string().check(z.refine((text) => !Number.isNaN(Date.parse(text)), 'a time such as 2030-01-31T00:00:00Z')),
);

const optionsSchema = z.strictObject({
  ...scopeFields,
  principal,
  lifetimeMs: z.optional(z.number().check(z.gte(1), z.lte(1e13))),
  clock: z.optional(z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'a clock')),
});

/** A record, as it stands in a file. */
export const recordSchema = z.strictObject({
  ...scopeFields,
  id: z.string().check(z.regex(/^[0-9a-f]{16}$/, '16 hexadecimal digits')),
  hash: z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, '"sha256:" and 64 hexadecimal digits')),
  principal,
  createdAt: instant,
  expiresAt: instant,
  revokedAt: instant,
});

/**
 * Makes an API key. Only its hash is kept: a key has 256 random bits, so that a fast hash tells nothing of it.
 *
 * ```ts
 * const { key, record } = createApiKey({ principal: 'checkout', models: ['digits'] });
 * ```
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createApiKey(options?: CreateApiKeyOptions): CreatedApiKey {
  const { clock = systemClock, lifetimeMs, ...rest } = parseOptions(optionsSchema, options, 'createApiKey');
  const id = randomBytes(8).toString('hex');
  const key = `fl_${id}_${randomBytes(32).toString('base64url')}`;
  const now = clock.epochMs();
  const expiry = lifetimeMs === undefined ? {} : { expiresAt: new Date(now + lifetimeMs).toISOString() };
  const hash = `sha256:${digestOf(key).toString('hex')}`;
  const record = { id, hash, createdAt: new Date(now).toISOString(), ...expiry, ...rest } as ApiKeyRecord;
  return { key, record };
}

/** The id in a key; undefined for what has not the form of one. */
export function idOfKey(key: string): string | undefined {
  return form.exec(key)?.[1];
}

/** The bytes of a record's hash. */
export function bytesOfHash(record: ApiKeyRecord): Buffer {
  return Buffer.from(record.hash.slice('sha256:'.length), 'hex');
}

/** Whether a key has a hash; takes the same time whether it has or not. */
export function hasHash(key: string, hash: Buffer): boolean {
  return timingSafeEqual(digestOf(key), hash);
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
