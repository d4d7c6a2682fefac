import type { FairleadError, Logger } from '@fairlead/core';
import { createVirtualClock, type VirtualClock } from '@fairlead/core/testing';
import { base64url, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { admitted, bearer, refusal } from './arrival.fixture';
import { type JwtOptions, jwt } from './index';
import { loadJose } from './jose';

interface Signer {
  readonly sign: (claims?: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
  readonly jwk: JWK;
}

const original = crypto.subtle.verify.bind(crypto.subtle);
const start = Date.parse('2030-01-01T00:00:00Z');
const logged: string[] = [];
const logger: Logger = {
  debug() {},
  info() {},
  warn: (_details, message) => void logged.push(message),
  error: (_details, message) => void logged.push(message),
};
let clock: VirtualClock;
let es: Signer;
let rs: Signer;
let next: Signer;

async function signerOf(alg: string, kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg };
  const sign: Signer['sign'] = (claims = {}, header = {}) =>
    new SignJWT({ iss: 'me', aud: 'models', sub: 'checkout', exp: start / 1000 + 60, ...claims })
      .setProtectedHeader({ alg, kid, ...header })
      .sign(privateKey);
  return { sign, jwk };
}

beforeAll(async () => {
  [es, rs, next] = await Promise.all([signerOf('ES256', 'es'), signerOf('RS256', 'rs'), signerOf('ES256', 'next')]);
});
beforeEach(() => {
  logged.length = 0;
  clock = createVirtualClock(start);
});

const guardOf = (options: Partial<JwtOptions> = {}) =>
  jwt({
    issuer: 'me',
    audience: 'models',
    logger,
    clock,
    ...('jwks' in options ? {} : { keys: [es.jwk, rs.jwk] }),
    ...options,
  });

/** Answers that a server with keys gives, in turn; the last again and again. */
function keyServer(...answers: readonly (() => Response | Promise<Response>)[]) {
  const asked: string[] = [];
  const fetch = (async (url: string) => {
    asked.push(url);
    return (answers[Math.min(asked.length, answers.length) - 1] as () => Response)();
  }) as unknown as typeof globalThis.fetch;
  return { asked, options: { fetch, jwks: 'https://login.example/keys' } };
}
const keysOf =
  (...signers: readonly Signer[]) =>
  () =>
    Response.json({ keys: signers.map(({ jwk }) => jwk) });

describe('tokens', () => {
  it('of the issuer let in whom they name', async () => {
    const guard = guardOf();
    expect(await admitted(guard, bearer(await es.sign()))).toBe('jwt checkout');
    expect(await admitted(guard, bearer(await rs.sign({ aud: ['other', 'models'] })))).toBe('jwt checkout');
    expect(await admitted(guard, {})).toBe('UNAUTHENTICATED');
    expect((await refusal(guard, bearer('a.b.'))).details.challenge).toBe('Bearer error="invalid_token"');
    expect(await admitted(guard, {}, { operation: 'health', model: undefined })).toBe('anybody');
    expect(await admitted(guard, bearer(await es.sign()), { operation: 'load' })).toBe('FORBIDDEN');
    const header = guardOf({ header: 'x-token' });
    expect(await admitted(header, { 'x-token': await es.sign() })).toBe('jwt checkout');
    expect([guard, header].map(({ securitySchemes }) => securitySchemes?.jwt)).toEqual([
      { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A JSON Web Token of the issuer.' },
      { type: 'apiKey', in: 'header', name: 'x-token', description: 'A JSON Web Token of the issuer.' },
    ]);
    const two = guardOf({ issuer: ['me', 'you'] });
    expect(await admitted(two, bearer(await es.sign({ iss: 'you' })))).toBe('jwt you checkout');
  });

  it('of another time, issuer, audience, algorithm or type are refused, and told why', async () => {
    const guard = guardOf({ type: 'at+jwt', maxTokenAgeMs: 600_000, requiredClaims: ['tenant'] });
    const good = { tenant: 'a', iat: start / 1000 };
    const typ = { typ: 'at+jwt' };
    expect(await admitted(guard, bearer(await es.sign(good, typ)))).toBe('jwt checkout');
    const why = async (claims: Record<string, unknown>, header: Record<string, unknown> = typ) =>
      (await refusal(guard, bearer(await es.sign({ ...good, ...claims }, header)))).message;
    expect(await why({ exp: start / 1000 - 31 })).toContain('has expired');
    expect(await admitted(guard, bearer(await es.sign({ ...good, exp: start / 1000 - 29 }, typ)))).toBe('jwt checkout');
    expect(await why({ nbf: start / 1000 + 31 })).toContain('"nbf" is missing or wrong');
    expect(await why({ iat: start / 1000 - 700 })).toMatch(/expired|"iat"/);
    expect(await why({ iss: 'you' })).toContain('"iss"');
    expect(await why({ aud: 'other' })).toContain('"aud"');
    expect(await why({ tenant: undefined })).toContain('"tenant"');
    expect(await why({ sub: undefined })).toContain('"sub"');
    expect(await why({ exp: undefined })).toContain('"exp"');
    expect(await why({}, { typ: 'JWT' })).toContain('"typ"');
    expect(await why({ sub: 'a\nb' })).toContain('who its owner is');
    expect((await refusal(guardOf({ algorithms: ['RS256'] }), bearer(await es.sign()))).message).toContain('algorithm');
    expect((await refusal(guardOf({ maxTokenLength: 100 }), bearer(await es.sign()))).message).toContain(
      'longer than 100',
    );
    expect((await refusal(guardOf({ keys: [next.jwk] }), bearer(await es.sign()))).message).toContain('names no key');
    const forged = `${(await es.sign()).slice(0, -4)}AAAA`;
    expect((await refusal(guardOf(), bearer(forged))).message).toContain('signature');
    expect(logged).toEqual([]);
  });

  it('give the scope that is read out of them', async () => {
    const guard = guardOf({
      principalOf: ({ email }) => email as string | undefined,
      scopesOf: ({ models }) =>
        models === undefined ? undefined : { models: models as string[], rateLimit: { requestsPerSecond: 1 } },
    });
    const token = await es.sign({ models: ['digits'], email: 'a@b' });
    expect(await admitted(guard, bearer(token))).toBe('jwt a@b');
    expect(await admitted(guard, bearer(token))).toBe('OVERLOADED');
    expect(await admitted(guard, bearer(token), { model: 'other' })).toBe('FORBIDDEN');
    expect(await admitted(guard, bearer(await es.sign({ email: 'c@d' })))).toBe('FORBIDDEN');
    expect(await admitted(guard, bearer(await es.sign({ models: ['digits'] })))).toBe('UNAUTHENTICATED');
    expect(logged).toEqual([]);
    expect(await admitted(guard, bearer(await es.sign({ email: 'e@f', models: 'digits' })))).toBe('FORBIDDEN');
    expect(logged).toEqual([expect.stringContaining('jwt: "scopesOf" gave no scope')]);
  });

  it('are verified anew when that was a while ago, and never taken beyond their end', async () => {
    let verified = 0;
    const guard = guardOf({ clockSkewMs: 0 });
    const verify = vi.spyOn(crypto.subtle, 'verify').mockImplementation((...args) => {
      verified++;
      return original(...args);
    });
    const token = bearer(await es.sign({ exp: start / 1000 + 45 }));
    for (let index = 0; index < 5; index++) expect(await admitted(guard, token)).toBe('jwt checkout');
    expect(verified).toBe(1);
    await clock.advance(30_000);
    expect(await admitted(guard, token)).toBe('jwt checkout');
    expect(verified).toBe(2);
    await clock.advance(15_000);
    expect(await admitted(guard, token)).toBe('UNAUTHENTICATED');
    verify.mockRestore();
  });

  it('by a shared secret are taken where nothing else is', async () => {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const sign = (header: object = {}) =>
      new SignJWT({ iss: 'me', aud: 'models', sub: 'checkout', exp: start / 1000 + 60 })
        .setProtectedHeader({ alg: 'HS256', ...header })
        .sign(secret);
    const keys = [{ kty: 'oct', k: base64url.encode(secret), kid: 'one' }];
    const guard = guardOf({ algorithms: ['HS256'], keys });
    expect(await admitted(guard, bearer(await sign()))).toBe('jwt checkout');
    expect(await admitted(guard, bearer(await sign({ kid: 'one' })))).toBe('jwt checkout');
    expect(await admitted(guard, bearer(await sign({ kid: 'two' })))).toBe('UNAUTHENTICATED');
    expect(await admitted(guardOf(), bearer(await sign()))).toBe('UNAUTHENTICATED');
  });

  it('refuse options that cannot be used, and quote no key', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const secretJwk = await exportJWK(privateKey);
    const refused = (options: object): string => {
      try {
        jwt({ issuer: 'me', audience: 'models', ...options });
        return 'made';
      } catch (error) {
        const { code, message, details } = error as FairleadError;
        return `${code} ${message} ${JSON.stringify(details)}`;
      }
    };
    const short = { kty: 'oct', k: base64url.encode('short-secret') };
    const wrong: readonly [object, string][] = [
      [{}, 'either option "jwks" or option "keys"'],
      [{ jwks: 'https://x/', keys: [es.jwk] }, 'either option "jwks" or option "keys"'],
      [{ jwks: 'http://login.example/keys' }, '"jwks"'],
      [{ jwks: 'file:///etc/passwd' }, '"jwks"'],
      [{ keys: [secretJwk] }, 'public keys, without their private part'],
      [{ keys: [short] }, 'public keys'],
      [{ keys: [short], algorithms: ['HS256'] }, '32 bytes'],
      [{ keys: [es.jwk], algorithms: ['HS256'] }, 'secrets'],
      [{ keys: [es.jwk], algorithms: ['ES256', 'HS256'] }, 'could pass for a secret'],
      [{ jwks: 'https://x/', algorithms: ['HS256'] }, 'is no secret'],
      [{ keys: [es.jwk], algorithms: ['none'] }, '"algorithms.0"'],
      [{ keys: [es.jwk], issuer: [] }, '"issuer"'],
    ];
    for (const [options, part] of wrong) {
      expect(refused(options)).toMatch(/^INVALID_OPTION/);
      expect(refused(options)).toContain(part);
      expect(refused(options)).not.toContain(secretJwk.d);
    }
    expect(refused({ jwks: 'http://127.0.0.1:1/keys' })).toBe('made');
  });

  it('need jose, and say how to get it', async () => {
    const absent = Object.assign(new Error("Cannot find package 'jose'"), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(loadJose(() => Promise.reject(absent))).rejects.toThrow('npm install jose');
    await expect(loadJose(() => Promise.reject(new Error('broken')))).rejects.toThrow('does not load here: broken');
  });
});

describe('keys at an address', () => {
  it('are fetched when the first token comes, once for all, and again when they are old', async () => {
    const server = keyServer(keysOf(es));
    const guard = guardOf({ ...server.options, rememberMs: 0 });
    expect(await admitted(guard, bearer('x.y.z'))).toBe('UNAUTHENTICATED');
    expect(server.asked).toEqual([]);
    const token = await es.sign({ exp: start / 1000 + 10_000 });
    const all = await Promise.all(Array.from({ length: 10 }, () => admitted(guard, bearer(token))));
    expect(new Set(all)).toEqual(new Set(['jwt checkout']));
    expect(server.asked).toEqual(['https://login.example/keys']);
    await clock.advance(599_000);
    await admitted(guard, bearer(token));
    expect(server.asked).toHaveLength(1);
    await clock.advance(1000);
    expect(await admitted(guard, bearer(token))).toBe('jwt checkout');
    expect(server.asked).toHaveLength(2);
  });

  it('that have changed are fetched when a token names a new one, with a pause between', async () => {
    const server = keyServer(keysOf(es), keysOf(next));
    const guard = guardOf(server.options);
    const old = await es.sign();
    const fresh = await next.sign();
    expect(await admitted(guard, bearer(old))).toBe('jwt checkout');
    expect(await admitted(guard, bearer(fresh))).toBe('UNAUTHENTICATED');
    for (let index = 0; index < 50; index++)
      await admitted(guard, bearer(await es.sign({}, { kid: `made-up-${index}` })));
    expect(server.asked).toHaveLength(1);
    await clock.advance(30_000);
    expect(await admitted(guard, bearer(fresh))).toBe('jwt checkout');
    expect(await admitted(guard, bearer(old))).toBe('UNAUTHENTICATED');
    expect(server.asked).toHaveLength(2);
  });

  it('that cannot be had refuse, without a flood, and those before stay for a day', async () => {
    const down = () => new Response('no', { status: 500 });
    const server = keyServer(down, keysOf(es), down);
    const guard = guardOf({ ...server.options, jwksMaxStaleMs: 3_600_000 });
    const token = await es.sign({ exp: start / 1000 + 100_000 });
    expect(await admitted(guard, bearer(token))).toBe('REMOTE_FAILED');
    expect(await admitted(guard, bearer(token))).toBe('REMOTE_FAILED');
    expect(server.asked).toHaveLength(1);
    await clock.advance(30_000);
    expect(await admitted(guard, bearer(token))).toBe('jwt checkout');
    await clock.advance(700_000);
    expect(await admitted(guard, bearer(token))).toBe('jwt checkout');
    expect(await admitted(guard, bearer(token))).toBe('jwt checkout');
    expect(server.asked).toHaveLength(3);
    await clock.advance(3_600_000);
    expect(await admitted(guard, bearer(token))).toBe('REMOTE_FAILED');
    expect(logged[0]).toContain('it answered with 500');
  });

  it('from a server that hangs are given up, and nobody waits a second time', async () => {
    const server = keyServer(() => new Promise<Response>(() => {}));
    const guard = guardOf(server.options);
    const token = await es.sign();
    const asking = admitted(guard, bearer(token));
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    await clock.advance(5000);
    expect(await asking).toBe('REMOTE_FAILED');
    expect(await admitted(guard, bearer(token))).toBe('REMOTE_FAILED');
    expect(server.asked).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('from a server that hangs in its body are given up too', async () => {
    const endless = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"keys":[')),
    });
    const server = keyServer(() => new Response(endless));
    const guard = guardOf(server.options);
    const asking = admitted(guard, bearer(await es.sign()));
    await vi.waitFor(() => expect(server.asked).toHaveLength(1));
    await clock.advance(5000);
    expect(await asking).toBe('REMOTE_FAILED');
    expect(logged[0]).toContain('within 5000 ms');
  });

  it('that are garbage, too many bytes, secrets or private are no keys', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const garbage = [
      'not json',
      '[]',
      'null',
      '{"keys":{}}',
      '{"keys":[null,1,"x",{}]}',
      JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA', kid: 'es' }] }),
      JSON.stringify({ keys: [await exportJWK(privateKey)] }),
      `{"keys":["${'x'.repeat(300_000)}"]}`,
    ];
    for (const text of garbage) {
      expect(await admitted(guardOf(keyServer(() => new Response(text)).options), bearer(await es.sign()))).toBe(
        'REMOTE_FAILED',
      );
    }
    const unusable = keyServer(() =>
      Response.json({ keys: [{ kty: 'EC', crv: 'P-256', x: '!', y: '', kid: 'es', alg: 'ES256' }] }),
    );
    expect(await admitted(guardOf(unusable.options), bearer(await es.sign()))).toBe('UNAUTHENTICATED');
    expect(logged.at(-1)).toContain('A key of the issuer of tokens cannot be used');
  });

  it('keep what follows the question mark of their address from the log', async () => {
    const server = keyServer(() => new Response('', { status: 404 }));
    await admitted(
      guardOf({ ...server.options, jwks: 'https://login.example/keys?code=hidden' }),
      bearer(await es.sign()),
    );
    expect(server.asked).toEqual(['https://login.example/keys?code=hidden']);
    expect(logged.join()).toContain('https://login.example/keys could not be had');
    expect(logged.join()).not.toContain('hidden');
  });
});
