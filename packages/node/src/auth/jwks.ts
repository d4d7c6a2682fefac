import { type Clock, describeValue, FairleadError, type Logger, messageOf } from '@fairlead/core';
import type { CryptoKey, FlattenedJWSInput, JWK, JWSHeaderParameters } from 'jose';
import { loadJose } from './jose';

/** Finds the key that a token's header names. */
export type FindKey = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** How keys are fetched. */
export interface JwksSettings {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  readonly maxAgeMs: number;
  readonly maxStaleMs: number;
  readonly cooldownMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Bytes that a set of keys may have, and keys. */
const maxBytes = 256 * 1024;
const maxKeys = 100;

interface KeySet {
  readonly find: FindKey;
  readonly fetchedAt: number;
}

/**
 * Keys at an address. They are fetched when first needed, again when they are old or a token names one that is not among them, and by
 * one request at a time with a pause after each: neither a flood of made-up names nor a server that hangs makes more of them. Where
 * a refresh fails, the keys before are used for `maxStaleMs` more.
 *
 * @returns rejects with `REMOTE_FAILED` where there are no keys to be had, and with jose's error where none of them fits
 */
export function createJwks(settings: JwksSettings): FindKey {
  const { clock, logger, url, maxAgeMs, maxStaleMs, cooldownMs } = settings;
  let keys: KeySet | undefined;
  let fetching: Promise<KeySet> | undefined;
  /** When the last request ended, whatever it brought. */
  let askedAt = Number.NEGATIVE_INFINITY;
  let failure: unknown;

  const refresh = (): Promise<KeySet> => {
    fetching ??= fetchKeys(settings)
      .then(
        (find) => {
          failure = undefined;
          keys = { find, fetchedAt: clock.now() };
          return keys;
        },
        (error: unknown) => {
          failure = error;
          // What follows the question mark may be a secret.
          const [address] = url.split('?');
          logger.error({ error, address }, `The keys at ${address} could not be had: ${messageOf(error)}`);
          throw error;
        },
      )
      .finally(() => {
        askedAt = clock.now();
        fetching = undefined;
      });
    return fetching;
  };

  const mayAsk = (): boolean => fetching !== undefined || clock.now() - askedAt >= cooldownMs;

  const current = async (): Promise<KeySet> => {
    const age = keys === undefined ? Number.POSITIVE_INFINITY : clock.now() - keys.fetchedAt;
    if (keys !== undefined && age < maxAgeMs) return keys;
    const usable = age < maxAgeMs + maxStaleMs ? keys : undefined;
    if (mayAsk()) return usable === undefined ? refresh() : refresh().catch(() => usable);
    if (usable !== undefined) return usable;
    throw failure;
  };

  return async (header, token) => {
    const set = await current();
    try {
      return await set.find(header, token);
    } catch (error) {
      if (!isUnknown(error) || !mayAsk()) throw error;
    }
    // A name that nobody knows: the keys may have changed since.
    const next = await refresh().catch(() => set);
    return next.find(header, token);
  };
}

function isUnknown(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 'ERR_JWKS_NO_MATCHING_KEY';
}

/** Fetches a set, within a time and a size, following no redirect. */
async function fetchKeys({ url, fetch, timeoutMs, clock }: JwksSettings): Promise<FindKey> {
  const controller = new AbortController();
  const timer = clock.setTimer(() => {
    controller.abort(failed(`it did not answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  // It also rejects when nobody waits for it any more.
  aborted.catch(() => {});
  try {
    return await Promise.race([aborted, readKeys(url, fetch, controller.signal)]);
  } catch (error) {
    throw FairleadError.isInstance(error) ? error : failed(messageOf(error), error);
  } finally {
    timer.clear();
  }
}

async function readKeys(url: string, get: typeof fetch, signal: AbortSignal): Promise<FindKey> {
  const response = await get(url, { headers: { accept: 'application/json' }, redirect: 'error', signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw failed(`it answered with ${response.status}`);
  }
  return keysOf(parseSet(await readText(response)));
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw failed(`it answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseSet(text: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw failed('it answered with what is no JSON', cause);
  }
  const keys = (parsed as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw failed('it answered with what is no set of keys');
  return keys;
}

/** @throws FairleadError `REMOTE_FAILED` where none of them can be used */
async function keysOf(given: readonly unknown[]): Promise<FindKey> {
  const keys = given.filter(isPublicKey).slice(0, maxKeys);
  if (keys.length === 0) throw failed('there is no public key in its answer');
  const { createLocalJWKSet } = await loadJose();
  return createLocalJWKSet({ keys: [...keys] });
}

/** Whether something is a key that verifies and cannot sign: a shared secret or a private key in public is none. */
export function isPublicKey(value: unknown): value is JWK {
  if (typeof value !== 'object' || value === null) return false;
  const { kty, d, k } = value as Record<string, unknown>;
  return typeof kty === 'string' && kty !== 'oct' && d === undefined && k === undefined;
}

function failed(why: string, cause?: unknown): FairleadError {
  return new FairleadError('REMOTE_FAILED', `The server with the keys of tokens failed: ${describe(why)}.`, { cause });
}

function describe(why: string): string {
  return why.length > 200 ? describeValue(why) : why;
}
