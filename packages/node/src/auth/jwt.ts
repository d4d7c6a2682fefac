import { createHash } from 'node:crypto';
import { FairleadError, messageOf } from '@fairlead/core';
import type { Arrival, Guard, Principal } from '@fairlead/core/serving';
import type { JWK, JWTPayload, JWTVerifyOptions } from 'jose';
import { askUser, scopeOf } from './grant';
import { loadJose } from './jose';
import { createJwks, type FindKey } from './jwks';
import { type JwtOptions, type JwtSettings, parseJwtOptions } from './jwt-options';
import { credentialOf, describeGuard, headerScheme, isOpen, isPrincipalId, permit, unauthenticated } from './permit';
import { createRateLimiter } from './rate-limiter';

const challenge = 'Bearer';
const invalidChallenge = 'Bearer error="invalid_token"';

/** Three parts, none of them empty: an unsigned token has no third. */
const form = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * A guard that lets in who shows a JSON Web Token of an issuer, by the package `jose`, which is loaded when the first token comes.
 *
 * ```ts
 * const guard = jwt({
 *   issuer: 'https://login.example.com/',
 *   audience: 'models',
 *   jwks: 'https://login.example.com/.well-known/jwks.json',
 *   scopesOf: ({ models }) => ({ models: models as string[] }),
 * });
 * ```
 *
 * @returns rejects calls with `UNAUTHENTICATED` (no token, or one that is forged, expired or not for this service), `FORBIDDEN` (outside
 * its scope), `OVERLOADED` (past its rate), `REMOTE_FAILED` (the issuer's keys cannot be had) and `BACKEND_UNAVAILABLE` (no jose)
 * @throws FairleadError `INVALID_OPTION`
 */
export function jwt(options: JwtOptions): Guard {
  const settings = parseJwtOptions(options);
  const { header, open, rateLimit, clock, maxTokenLength, logger, principalOf, scopesOf } = settings;
  const limiter = createRateLimiter(clock);
  const verify = rememberVerified(createVerify(settings), settings);

  const decide = async (call: Arrival, token: string): Promise<Principal> => {
    const claims = await verify(token);
    const id = askUser('jwt: "principalOf"', logger, () => principalOf(claims));
    if (!isPrincipalId(id)) throw refused('does not say who its owner is');
    const principal = { id, scheme: 'jwt' };
    const scope = scopeOf('jwt: "scopesOf"', logger, principal, () => scopesOf(claims));
    return permit(call, principal, scope, () => limiter.take(id, scope.rateLimit ?? rateLimit));
  };

  return {
    ...describeGuard('jwt', headerScheme(header, 'A JSON Web Token of the issuer.', 'JWT'), open),
    admit(call) {
      if (isOpen(call, open)) return undefined;
      const token = credentialOf(call, header);
      if (token === undefined) {
        const how = header === 'authorization' ? 'as "Authorization: Bearer TOKEN"' : `in header "${header}"`;
        throw unauthenticated(`This needs a token. Send it ${how}.`, challenge);
      }
      if (token.length > maxTokenLength) throw refused(`is longer than ${maxTokenLength} characters`);
      if (!form.test(token)) throw refused('is no signed JSON Web Token');
      return decide(call, token);
    },
  };
}

type Verify = (token: string) => Promise<JWTPayload>;

function createVerify(settings: JwtSettings): Verify {
  const { source, issuer, audience, algorithms, requiredClaims, type, maxTokenAgeMs, clockSkewMs } = settings;
  const { clock, logger } = settings;
  const findKey: FindKey = 'jwks' in source ? createJwks(jwksSettings(settings, source.jwks)) : findAmong(source.keys);
  const fixed: JWTVerifyOptions = {
    issuer: [...issuer],
    audience: [...audience],
    algorithms: [...algorithms],
    requiredClaims: [...requiredClaims],
    clockTolerance: clockSkewMs / 1000,
    ...(type === undefined ? {} : { typ: type }),
    ...(maxTokenAgeMs === undefined ? {} : { maxTokenAge: maxTokenAgeMs / 1000 }),
  };
  return async (token) => {
    const { jwtVerify } = await loadJose();
    try {
      const { payload } = await jwtVerify(token, findKey, { ...fixed, currentDate: new Date(clock.epochMs()) });
      return payload;
    } catch (error) {
      if (FairleadError.isInstance(error)) throw error;
      const code = (error as { code?: unknown } | undefined)?.code;
      // An error that is none of jose's is about a key of the issuer: too short, or broken.
      if (typeof code !== 'string' || !code.startsWith('ERR_J')) {
        logger.warn({ error }, `A key of the issuer of tokens cannot be used: ${messageOf(error)}`);
      }
      throw refused(reasonOf(code, error));
    }
  };
}

/** Tokens that are remembered at once. */
const maxRemembered = 10_000;

/** Verifies a token anew only when that was a while ago, since a signature costs more than a small model. Remembered are hashes alone. */
function rememberVerified(verify: Verify, { clock, rememberMs, maxTokenAgeMs }: JwtSettings): Verify {
  const known = new Map<string, { readonly claims: JWTPayload; readonly until: number }>();
  return async (token) => {
    const hash = createHash('sha256').update(token).digest('base64');
    const found = known.get(hash);
    if (found !== undefined && clock.epochMs() < found.until) return found.claims;
    known.delete(hash);
    const claims = await verify(token);
    const { exp = 0, iat = 0 } = claims;
    const oldest = maxTokenAgeMs === undefined ? Number.POSITIVE_INFINITY : iat * 1000 + maxTokenAgeMs;
    const until = Math.min(clock.epochMs() + rememberMs, exp * 1000, oldest);
    if (until > clock.epochMs()) known.set(hash, { claims, until });
    if (known.size > maxRemembered) known.delete(known.keys().next().value as string);
    return claims;
  };
}

function jwksSettings(settings: JwtSettings, url: string) {
  const { fetch, clock, logger } = settings;
  const { jwksTimeoutMs: timeoutMs, jwksMaxAgeMs: maxAgeMs } = settings;
  const { jwksMaxStaleMs: maxStaleMs, jwksCooldownMs: cooldownMs } = settings;
  return { url, fetch, timeoutMs, maxAgeMs, maxStaleMs, cooldownMs, clock, logger };
}

/** Keys that were given: those of the token's name, or, where it has none, the only one that its algorithm fits. */
function findAmong(keys: Extract<JwtSettings['source'], { keys: unknown }>['keys']): FindKey {
  let find: FindKey | undefined;
  return async (header, token) => {
    if (find === undefined) {
      const { createLocalJWKSet, importJWK } = await loadJose();
      const secrets = keys.filter(({ kty }) => kty === 'oct');
      find =
        secrets.length === 0
          ? createLocalJWKSet({ keys: keys as JWK[] })
          : async ({ kid, alg }) => {
              const fitting = secrets.filter((key) => kid === undefined || key.kid === kid);
              if (fitting.length !== 1) throw refused('names no key that is known here');
              return importJWK(fitting[0] as JWK, alg) as never;
            };
    }
    return find(header, token);
  };
}

/** Why a token is refused, in words that quote nothing of it. */
function reasonOf(code: unknown, error: unknown): string {
  const claim = (error as { claim?: unknown }).claim;
  switch (code) {
    case 'ERR_JWT_EXPIRED':
      return 'has expired';
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return `is not meant for this: its "${claim}" is missing or wrong`;
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
      return 'is signed by an algorithm that is not taken here';
    case 'ERR_JWKS_NO_MATCHING_KEY':
    case 'ERR_JWKS_MULTIPLE_MATCHING_KEYS':
      return 'names no key that is known here';
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'has a signature that is not its issuer’s';
    default:
      return 'is no JSON Web Token that can be read here';
  }
}

function refused(why: string): FairleadError {
  return unauthenticated(`The token ${why}. Get a new one from its issuer.`, invalidChallenge);
}
