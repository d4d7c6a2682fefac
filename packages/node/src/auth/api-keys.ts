import { type Clock, consoleLogger, FairleadError, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { Arrival, Guard, Principal } from '@fairlead/core/serving';
import * as z from 'zod/mini';
import { type ApiKeyRecord, hasHash, idOfKey } from './api-key';
import { checkRecord, indexKeys, type KnownKeys, openKeyFile } from './key-file';
import {
  credentialOf,
  describeGuard,
  type GuardOptions,
  headerScheme,
  isOpen,
  permit,
  unauthenticated,
} from './permit';
import { createRateLimiter } from './rate-limiter';
import { openField, scopeFields } from './scope';

/** Options of {@link apiKeys}: `keys`, `file`, or both. */
export interface ApiKeysOptions extends GuardOptions {
  /** Records that {@link createApiKey} made. */
  readonly keys?: readonly ApiKeyRecord[];
  /**
   * Path of a file with one record in JSON a line, as `npx @fairlead/node create-key --file` writes it. It is read again when it has
   * changed; while it is gone or broken, the keys before stay and the logger is told.
   */
  readonly file?: string;
  /** Milliseconds for which the file is taken to be as it was: a key that is revoked there may be good for so long. 0 or more. @default 1000 */
  readonly fileCheckMs?: number;
  /** The header with the key: `authorization` as `Bearer KEY`, any other as the key alone. Lower-case. @default 'authorization' */
  readonly header?: string;
  /** Told of a file that cannot be read again. @default console */
  readonly logger?: Logger;
  /** Of expiry and rates. @default systemClock */
  readonly clock?: Clock;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** The option `header` of the guards. */
export const headerField = z.optional(
  z.string().check(z.regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, 'a header in lower case')),
);

const schema = z.strictObject({
  keys: z.optional(z.array(z.unknown())),
  file: z.optional(z.string().check(z.minLength(1))),
  fileCheckMs: z.optional(z.number().check(z.gte(0), z.lte(86_400_000))),
  header: headerField,
  rateLimit: scopeFields.rateLimit,
  open: openField,
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** Compared with where no record has the id, so that an answer takes as long. */
const nobody = Buffer.alloc(32);

/**
 * A guard that lets in who shows an API key, for what the key's scope allows. The server keeps hashes alone.
 *
 * ```ts
 * const server = await serve(runners, { guard: apiKeys({ file: 'keys.jsonl' }) });
 * ```
 *
 * @returns rejects calls with `UNAUTHENTICATED` (no key, or one that is unknown, expired or revoked), `FORBIDDEN` (outside its scope) and
 * `OVERLOADED` (past its rate)
 * @throws FairleadError `INVALID_OPTION`
 */
export function apiKeys(options: ApiKeysOptions): Guard {
  checkKeysAreRecords(options);
  const parsed = parseOptions(schema, options, 'apiKeys');
  const { clock = systemClock, logger = consoleLogger, header = 'authorization', open, rateLimit } = parsed;
  const { keys = [], file, fileCheckMs = 1000 } = parsed;
  if (parsed.keys === undefined && file === undefined) {
    throw new FairleadError('INVALID_OPTION', 'apiKeys: expected option "keys" or "file", given neither.', {
      details: { field: 'keys', expected: '"keys" or "file"', given: 'nothing' },
    });
  }
  const records = keys.map((record, index) => checkRecord(record, `option "keys[${index}]"`, 'apiKeys'));
  const given = indexKeys(records, 'option "keys"', 'apiKeys');
  const followed = file === undefined ? undefined : openKeyFile(file, { clock, logger, checkMs: fileCheckMs });
  const limiter = createRateLimiter(clock);
  const challenge = header === 'authorization' ? 'Bearer' : `ApiKey header="${header}"`;

  const decide = (call: Arrival, key: string, inFile: KnownKeys | undefined): Principal => {
    const id = idOfKey(key);
    const known = id === undefined ? undefined : (given.get(id) ?? inFile?.get(id));
    if (!hasHash(key, known?.hash ?? nobody) || known === undefined) {
      throw unauthenticated('This is not one of the API keys of this server.', challenge);
    }
    const { record } = known;
    const principal = { id: record.principal ?? record.id, scheme: 'api-key' };
    const now = clock.epochMs();
    const refuse = (why: string) => unauthenticated(`This API key ${why}. Ask for another.`, challenge, principal);
    if (isPast(record.revokedAt, now)) throw refuse('was revoked');
    if (isPast(record.expiresAt, now)) throw refuse('has expired');
    return permit(call, principal, record, () => limiter.take(record.id, record.rateLimit ?? rateLimit));
  };

  return {
    ...describeGuard('apiKey', headerScheme(header, 'An API key of this server.'), open),
    admit(call) {
      if (isOpen(call, open)) return undefined;
      const key = credentialOf(call, header);
      if (key === undefined) {
        const how = header === 'authorization' ? 'as "Authorization: Bearer KEY"' : `in header "${header}"`;
        throw unauthenticated(`This needs an API key. Send it ${how}.`, challenge);
      }
      const found = followed?.current();
      return found instanceof Promise ? found.then((inFile) => decide(call, key, inFile)) : decide(call, key, found);
    },
  };
}

/** Checked apart, so that no message quotes a key that somebody gave instead of its record. */
function checkKeysAreRecords(options: unknown): void {
  const { keys } = (options ?? {}) as { readonly keys?: unknown };
  if (keys === undefined || Array.isArray(keys)) return;
  const expected = 'a list of records that createApiKey() made';
  throw new FairleadError('INVALID_OPTION', `apiKeys: option "keys" is wrong: expected ${expected}.`, {
    details: { field: 'keys', expected },
  });
}

function isPast(instant: string | undefined, now: number): boolean {
  return instant !== undefined && Date.parse(instant) <= now;
}
