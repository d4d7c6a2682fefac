import { type Clock, consoleLogger, FairleadError, type Logger, parseOptions, systemClock } from '@fairlead/core';
import type { Operation } from '@fairlead/core/serving';
import * as z from 'zod/mini';
import { headerField } from './api-keys';
import { isPublicKey } from './jwks';
import type { GuardOptions } from './permit';
import type { RateLimit } from './rate-limiter';
import { openField, type Scope, scopeFields } from './scope';

/** Claims of a token that was verified. */
export interface JwtClaims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | string[];
  /** Seconds since 1970, as `nbf` and `iat`. */
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
  readonly [name: string]: unknown;
}

/** A public key, or a shared secret, as a JSON Web Key (RFC 7517). */
export interface JsonWebKey {
  /** `RSA`, `EC`, `OKP` or `oct`. */
  readonly kty?: string;
  /** Its name, by which tokens mean it. */
  readonly kid?: string;
  /** The algorithm that it is for. */
  readonly alg?: string;
  readonly [name: string]: unknown;
}

/** Algorithms of signatures by a private key. */
export type PublicKeyAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519';

/** Algorithms of signatures by a secret that both sides have. */
export type SecretAlgorithm = 'HS256' | 'HS384' | 'HS512';

/** Options of {@link jwt}: `jwks` or `keys`. */
export interface JwtOptions extends GuardOptions {
  /** Who issues the tokens: claim `iss` is this, or one of these. */
  readonly issuer: string | readonly string[];
  /** For whom they are: claim `aud` is or has this, or one of these. A token for another service is good for nothing here. */
  readonly audience: string | readonly string[];
  /** Where the issuer publishes its keys: `https://…`, or `http://` on this machine. */
  readonly jwks?: string;
  /** The issuer's keys: public ones, or, for `HS…` alone, secrets of 32 bytes or more. */
  readonly keys?: readonly JsonWebKey[];
  /**
   * Algorithms that are taken; all of public keys, or all of secrets. `none` is not among them.
   * @default ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']
   */
  readonly algorithms?: readonly PublicKeyAlgorithm[] | readonly SecretAlgorithm[];
  /** Milliseconds by which the issuer's clock and this one may differ. 0 to 600000. @default 30000 */
  readonly clockSkewMs?: number;
  /** Claims that must be there beside `iss`, `aud`, `exp` and, without `principalOf`, `sub`. @default [] */
  readonly requiredClaims?: readonly string[];
  /** The header `typ` that tokens must have, such as `at+jwt`. @default any */
  readonly type?: string;
  /** Milliseconds since `iat` after which a token is refused, whatever its `exp`; `iat` must then be there. @default as long as `exp` says */
  readonly maxTokenAgeMs?: number;
  /** Milliseconds for which a token that was verified is not verified again, and never beyond its `exp`; 0 for each time. @default 30000 */
  readonly rememberMs?: number;
  /** Characters that a token may have. 100 or more. @default 8192 */
  readonly maxTokenLength?: number;
  /** Who it is; undefined refuses the token. @default `sub`, and with several issuers `iss` and `sub` */
  readonly principalOf?: (claims: JwtClaims) => string | undefined;
  /** What he may do; undefined refuses. @default all models, and the operations that a {@link Scope} has when it names none */
  readonly scopesOf?: (claims: JwtClaims) => Scope | undefined;
  /** The header with the token: `authorization` as `Bearer TOKEN`, any other as the token alone. @default 'authorization' */
  readonly header?: string;
  /** Milliseconds for which fetched keys are good. @default 600000 */
  readonly jwksMaxAgeMs?: number;
  /** Milliseconds for which they are used beyond that while a fetch fails. @default 86400000 (a day) */
  readonly jwksMaxStaleMs?: number;
  /** Milliseconds between two fetches, whatever tokens name and however they end. @default 30000 */
  readonly jwksCooldownMs?: number;
  /** Milliseconds that a fetch may take. @default 5000 */
  readonly jwksTimeoutMs?: number;
  /** Fetches the keys. @default the global `fetch` */
  readonly fetch?: typeof fetch;
  /** Told when keys cannot be fetched or used. @default console */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface JwtSettings {
  readonly issuer: readonly string[];
  readonly audience: readonly string[];
  readonly source: { readonly jwks: string } | { readonly keys: readonly JsonWebKey[] };
  readonly algorithms: readonly string[];
  readonly isSecret: boolean;
  readonly clockSkewMs: number;
  readonly requiredClaims: readonly string[];
  readonly type: string | undefined;
  readonly maxTokenAgeMs: number | undefined;
  readonly rememberMs: number;
  readonly maxTokenLength: number;
  readonly principalOf: (claims: JwtClaims) => string | undefined;
  readonly scopesOf: (claims: JwtClaims) => Scope | undefined;
  readonly header: string;
  readonly jwksMaxAgeMs: number;
  readonly jwksMaxStaleMs: number;
  readonly jwksCooldownMs: number;
  readonly jwksTimeoutMs: number;
  readonly fetch: typeof fetch;
  readonly rateLimit: RateLimit | undefined;
  readonly open: readonly Operation[] | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const publicAlgorithms: readonly PublicKeyAlgorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const secretAlgorithms: readonly SecretAlgorithm[] = ['HS256', 'HS384', 'HS512'];
const usualAlgorithms: readonly PublicKeyAlgorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isFunction = (value: unknown): boolean => typeof value === 'function';
const text = z.string().check(z.minLength(1));
const names = z.union([text, z.array(text).check(z.minLength(1))], { error: 'a name, or an array of names' });
const milliseconds = (lowest: number, highest = 2 ** 31 - 1) =>
  z.optional(z.number().check(z.gte(lowest), z.lte(highest)));

const schema = z.strictObject({
  issuer: names,
  audience: names,
  jwks: z.optional(z.string().check(z.refine(isSafeUrl, 'an https:// address, or http:// of this machine'))),
  // Checked apart, so that no secret is quoted.
  keys: z.optional(z.custom<readonly JsonWebKey[]>()),
  algorithms: z.optional(z.array(z.enum([...publicAlgorithms, ...secretAlgorithms])).check(z.minLength(1))),
  clockSkewMs: milliseconds(0, 600_000),
  requiredClaims: z.optional(z.array(text)),
  type: z.optional(text),
  maxTokenAgeMs: milliseconds(1),
  rememberMs: milliseconds(0),
  maxTokenLength: z.optional(z.int().check(z.gte(100), z.lte(1_000_000))),
  principalOf: z.optional(z.custom<JwtSettings['principalOf']>(isFunction, 'a function')),
  scopesOf: z.optional(z.custom<JwtSettings['scopesOf']>(isFunction, 'a function')),
  header: headerField,
  jwksMaxAgeMs: milliseconds(0),
  jwksMaxStaleMs: milliseconds(0),
  jwksCooldownMs: milliseconds(0),
  jwksTimeoutMs: milliseconds(1),
  fetch: z.optional(z.custom<typeof fetch>(isFunction, 'a function')),
  rateLimit: scopeFields.rateLimit,
  open: openField,
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** @throws FairleadError `INVALID_OPTION` */
export function parseJwtOptions(options: JwtOptions): JwtSettings {
  const parsed = parseOptions(schema, withoutKeys(options), 'jwt');
  const issuer = [parsed.issuer].flat();
  const algorithms: readonly string[] = parsed.algorithms ?? usualAlgorithms;
  const isSecret = algorithms.some((name) => name.startsWith('HS'));
  if (isSecret && !algorithms.every((name) => name.startsWith('HS'))) {
    throw wrong(
      'algorithms',
      'either HS… or algorithms of public keys: with both, a public key could pass for a secret',
    );
  }
  const requiredClaims = [
    'exp',
    ...(parsed.principalOf === undefined ? ['sub'] : []),
    ...(parsed.requiredClaims ?? []),
  ];
  return {
    issuer,
    audience: [parsed.audience].flat(),
    source: sourceOf(options, isSecret),
    algorithms,
    isSecret,
    clockSkewMs: parsed.clockSkewMs ?? 30_000,
    requiredClaims,
    type: parsed.type,
    maxTokenAgeMs: parsed.maxTokenAgeMs,
    rememberMs: parsed.rememberMs ?? 30_000,
    maxTokenLength: parsed.maxTokenLength ?? 8192,
    principalOf: parsed.principalOf ?? (issuer.length === 1 ? ({ sub }) => sub : ({ iss, sub }) => `${iss} ${sub}`),
    scopesOf: parsed.scopesOf ?? (() => ({})),
    header: parsed.header ?? 'authorization',
    jwksMaxAgeMs: parsed.jwksMaxAgeMs ?? 600_000,
    jwksMaxStaleMs: parsed.jwksMaxStaleMs ?? 86_400_000,
    jwksCooldownMs: parsed.jwksCooldownMs ?? 30_000,
    jwksTimeoutMs: parsed.jwksTimeoutMs ?? 5_000,
    fetch: parsed.fetch ?? fetch,
    rateLimit: parsed.rateLimit,
    open: parsed.open,
    logger: parsed.logger ?? consoleLogger,
    clock: parsed.clock ?? systemClock,
  };
}

function withoutKeys(options: JwtOptions): unknown {
  if (!object(options)) return options;
  const { keys: _keys, ...rest } = options;
  return rest;
}

function sourceOf({ jwks, keys }: JwtOptions, isSecret: boolean): JwtSettings['source'] {
  if ((jwks === undefined) === (keys === undefined)) throw wrong('jwks', 'either option "jwks" or option "keys"');
  if (jwks !== undefined) {
    if (isSecret) throw wrong('algorithms', 'no HS…: what is published at "jwks" is no secret');
    return { jwks };
  }
  if (!Array.isArray(keys) || keys.length === 0) throw wrong('keys', 'an array of JSON Web Keys, at least one');
  const fits = isSecret ? isSecretKey : isPublicKey;
  const expected = isSecret ? 'secrets (kty "oct") of 32 bytes or more' : 'public keys, without their private part';
  if (!keys.every(fits)) throw wrong('keys', expected);
  return { keys };
}

function isSecretKey(value: unknown): boolean {
  if (!object(value)) return false;
  const { kty, k } = value as Record<string, unknown>;
  return kty === 'oct' && typeof k === 'string' && Buffer.from(k, 'base64url').byteLength >= 32;
}

/** Says nothing of what was given: it may be a secret. */
function wrong(field: string, expected: string): FairleadError {
  return new FairleadError('INVALID_OPTION', `jwt: option "${field}" is wrong: expected ${expected}.`, {
    details: { field, expected },
  });
}

function isSafeUrl(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, username, password } = new URL(address);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname));
}
