import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createRunner, type Logger, type ModelRunner } from '@fairlead/core';
import { createMockBackend } from '@fairlead/core/testing';
import fc from 'fast-check';
import { base64url, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditLog, createAuditLog, verifyAuditLog } from '../audit/index';
import { type Server, serve } from '../server/index';
import { anyOf, apiKeys, createApiKey, jwt } from './index';

/*
 * A server with keys, tokens and an audit log, and who wants in without any: 200 cases for each kind. Each gets 401, 403 or another 4xx
 * and never an answer; and in the end nothing that was said, logged or recorded holds a key or a token.
 */

const runs = { numRuns: 200 };
const path = '/v2/models/mock/infer';
const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });
/** Everything that leaves the process, but the lines of the audit log. */
const said: string[] = [];
const keep = (details: object, message: string) => void said.push(message, inspect(details, { depth: 8 }));
const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };

const good = createApiKey({ principal: 'checkout', models: ['mock'] });
const expired = createApiKey({ lifetimeMs: 1, clock: { epochMs: () => 1000 } as never });
const other = createApiKey({ models: ['other-*'] });
let folder: string;
let keyServer: HttpServer;
const keyPaths: string[] = [];
let jwk: JWK;
let pem: string;
let token: string;
let sign: (claims?: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
let runner: ModelRunner;
let audit: AuditLog;
let server: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-hostile-'));
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256' };
  pem = await exportSPKI(publicKey);
  keyServer = createServer((request, response) => {
    keyPaths.push(request.url ?? '');
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => void keyServer.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}`;
  sign = (claims = {}, header = {}) =>
    new SignJWT({ iss: issuer, aud: 'models', sub: 'customer', exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
      .sign(privateKey);
  token = await sign();

  await writeFile(
    join(folder, 'keys.jsonl'),
    [good, expired, other].map(({ record }) => `${JSON.stringify(record)}\n`).join(''),
  );
  audit = await createAuditLog({ file: join(folder, 'audit.jsonl'), sync: false, logger });
  runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, lanes: 'inline', logger });
  server = await serve(runner, {
    port: 0,
    drainDelayMs: 0,
    drainTimeoutMs: 1000,
    logger,
    guard: anyOf(
      apiKeys({ file: join(folder, 'keys.jsonl'), logger }),
      jwt({ issuer, audience: 'models', jwks: `${issuer}/keys`, logger }),
    ),
    observers: [audit],
    metrics: { render: () => ({ contentType: 'text/plain', body: 'up 1\n' }) },
  });
});

afterAll(async () => {
  await server.close();
  await audit.close();
  await runner.close();
  keyServer.close();
  await rm(folder, { recursive: true, force: true });
});

/** The status of an answer, which is kept for the search at the end. */
async function ask(authorization: string | undefined, to = path, method = 'POST'): Promise<number> {
  const response = await fetch(server.url + to, {
    method,
    ...(authorization !== undefined && { headers: { authorization } }),
    ...(method === 'POST' && { body }),
  });
  said.push(await response.text(), inspect([...response.headers]));
  return response.status;
}

/** Sends bytes as they are, which ask to close; resolves with the status of the answer, 0 where the connection was cut. */
function askRaw(head: Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(server.port, '127.0.0.1', () => socket.write(head));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      said.push(answer);
      resolve(Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? 0));
    });
  });
}

async function stillWell(): Promise<void> {
  expect(await ask(`Bearer ${good.key}`)).toBe(200);
  expect(await ask(`Bearer ${token}`)).toBe(200);
}

describe('who has a key or a token', () => {
  it('is let in, and everybody else is told what is missing', async () => {
    await stillWell();
    expect(await ask(undefined)).toBe(401);
    expect((await fetch(server.url + path, { method: 'POST', body })).headers.get('www-authenticate')).toBe('Bearer');
    expect(await ask(`Bearer ${expired.key}`)).toBe(401);
    expect(await ask(`Bearer ${other.key}`)).toBe(403);
    for (const open of ['/v2/health/live', '/v2/health/ready']) expect(await ask(undefined, open, 'GET')).toBe(200);
    for (const shut of ['/v2', '/v2/models/mock', '/v2/models/mock/ready', '/v2/models/stats', '/metrics']) {
      expect(await ask(undefined, shut, 'GET')).toBe(401);
    }
    expect(await ask(`Bearer ${token}`, '/metrics', 'GET')).toBe(403);
    expect(await ask(`Bearer ${good.key}`, '/v2/models/stats', 'GET')).toBe(403);
    expect(await ask(`Bearer ${token}`, '/v2/models/stats', 'GET')).toBe(200);
  });
});

describe('who has not', () => {
  it('sends any text for a credential', async () => {
    const text = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 200,
    });
    const scheme = fc.constantFrom('Bearer ', 'bearer\t', 'Basic ', '', 'Bearer fl_', 'Bearer eyJ');
    const property = fc.asyncProperty(scheme, text, async (before, rest) => {
      expect(await ask(before + rest)).toBe(401);
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('sends any bytes for a credential, on the socket itself', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (bytes) => {
      const start = Buffer.from(`POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer `);
      const end = Buffer.from(`\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      const status = await askRaw(Buffer.concat([start, bytes, end]));
      if (status !== 0) expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('changes a key by a letter, cuts it, or adds to it', async () => {
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-'];
    const property = fc.asyncProperty(
      fc.nat({ max: good.key.length - 1 }),
      fc.constantFrom(...letters),
      fc.nat({ max: 2 }),
      async (at, letter, how) => {
        const kept = good.key.slice(0, at);
        const forged = [kept + letter + good.key.slice(at + 1), kept, kept + letter + good.key.slice(at)][
          how
        ] as string;
        fc.pre(forged !== good.key);
        expect(await ask(`Bearer ${forged}`)).toBe(401);
      },
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('changes a token by a letter that means other bits, in any of its parts', async () => {
    const property = fc.asyncProperty(fc.nat({ max: token.length - 2 }), async (at) => {
      const letter = token[at] as string;
      // The last letter of a part has bits that mean nothing.
      fc.pre(letter !== '.' && token[at + 1] !== '.');
      const forged = token.slice(0, at) + (letter === 'A' ? 'Q' : 'A') + token.slice(at + 1);
      expect(await ask(`Bearer ${forged}`)).toBe(401);
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('writes a header of his own: no algorithm, the public key as a secret, keys of his own, names that are paths', async () => {
    const [, payload, signature] = token.split('.') as [string, string, string];
    const mine = await generateKeyPair('RS256', { extractable: true });
    const mineJwk = await exportJWK(mine.publicKey);
    const alg = fc.constantFrom(
      'none',
      'None',
      'NONE',
      'nOnE',
      '',
      'HS256',
      'HS512',
      'RS256',
      'RS1',
      'ES256',
      'A128KW',
      'dir',
      null,
      0,
      ['RS256'],
    );
    const kid = fc.oneof(
      fc.constantFrom(
        'one',
        '../../../../dev/null',
        '/etc/passwd',
        "one' OR '1'='1",
        'one\0',
        '|id',
        '$' + '{jndi:ldap://x}',
        '%00',
        'http://169.254.169.254/',
      ),
      fc.string(),
      fc.constantFrom(null, 1, {}, ['one'], undefined),
    );
    const more = fc.constantFrom<object>(
      {},
      { jwk: mineJwk },
      { jku: 'http://127.0.0.1:1/keys' },
      { x5u: 'file:///etc/passwd' },
      { x5c: ['AAAA'] },
      { crit: ['exp'], exp: 0 },
      { b64: false, crit: ['b64'] },
      { __proto__: null, constructor: 1 },
      { zip: 'DEF', enc: 'A128GCM' },
    );
    const property = fc.asyncProperty(alg, kid, more, fc.nat({ max: 4 }), async (name, key, rest, how) => {
      const header = base64url.encode(JSON.stringify({ alg: name, kid: key, ...rest }));
      const signed = `${header}.${payload}`;
      const hmac = async (hash: string, secret: Uint8Array) => {
        const imported = await crypto.subtle.importKey('raw', secret.slice(), { name: 'HMAC', hash }, false, ['sign']);
        return base64url.encode(
          new Uint8Array(await crypto.subtle.sign('HMAC', imported, new TextEncoder().encode(signed))),
        );
      };
      const own = async () =>
        base64url.encode(
          new Uint8Array(
            await crypto.subtle.sign('RSASSA-PKCS1-v1_5', mine.privateKey, new TextEncoder().encode(signed)),
          ),
        );
      const signatures = [
        async () => '',
        async () => signature,
        () => hmac('SHA-256', new TextEncoder().encode(pem)),
        () => hmac('SHA-256', new TextEncoder().encode(JSON.stringify(jwk))),
        own,
      ];
      const forged = `${signed}.${await signatures[how]?.()}`;
      fc.pre(forged !== token);
      expect(await ask(`Bearer ${forged}`)).toBe(401);
    });
    await fc.assert(property, runs);
    // Whatever tokens named, one address was asked.
    expect(new Set(keyPaths)).toEqual(new Set(['/keys']));
    expect(keyPaths.length).toBeLessThanOrEqual(2);
    await stillWell();
  });

  it('has a token of another time, service or issuer, or with claims of other types', async () => {
    const now = Math.floor(Date.now() / 1000);
    const odd = fc.constantFrom<unknown>(null, '', 'x', -1, 0, 1e300, true, [], {}, ['x'], { $gt: '' });
    const claims = fc.oneof(
      fc.integer({ min: 31, max: 1_000_000 }).map((seconds) => ({ exp: now - seconds })),
      fc.integer({ min: 300, max: 1_000_000 }).map((seconds) => ({ nbf: now + seconds })),
      odd.map((iss) => ({ iss })),
      odd.map((aud) => ({ aud })),
      fc.constantFrom<unknown>(null, '', 'x', -1, 0, true, [], {}).map((exp) => ({ exp })),
      fc.constantFrom<unknown>(null, '', 5, [], {}, 'a\u0000b', 'x'.repeat(300)).map((sub) => ({ sub })),
    );
    const property = fc.asyncProperty(claims, async (given) => {
      expect(await ask(`Bearer ${await forge(given)}`)).toBe(401);
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  /** Signed by the issuer's own key, which signs anything here. */
  function forge(claims: Record<string, unknown>): Promise<string> {
    return sign(claims as Record<string, never>).catch(() => 'not.a.token');
  }

  it('sends tokens as long as a head may be, and longer', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 40_000 }),
      fc.constantFrom('a', '.', 'a.b.', 'eyJ'),
      async (length, unit) => {
        const long = unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
        const head = `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${long}\r\ncontent-length: 0\r\n\r\n`;
        // A head past the limit may be cut while its sender still writes.
        expect(length > 15_000 ? [401, 431, 0] : [401]).toContain(await askRaw(Buffer.from(head)));
      },
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('asks with a key for another model, by names that climb', async () => {
    const piece = fc.constantFrom(
      'mock',
      'other-',
      'other-a',
      '..',
      '.',
      '/',
      '%2f',
      '%2F',
      '%2e%2e',
      '%00',
      '%25',
      '*',
      ';',
      '%',
      '\\',
      ' ',
    );
    const name = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
    const property = fc.asyncProperty(name, async (model) => {
      const head = `POST /v2/models/${model}/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${other.key}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      expect([400, 403, 404, 405]).toContain(await askRaw(Buffer.from(head)));
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('puts a key where a name belongs, and nothing that was said, logged or recorded has it or another', async () => {
    await ask(`Bearer ${good.key}`, `/v2/models/${good.key}/infer`);
    await ask(`Bearer ${token}`, `/v2/models/${token}/versions/${good.key}/infer`);
    await fetch(server.url + path, { method: 'POST', body, headers: { 'x-request-id': `Bearer ${token}` } });
    await audit.flush();
    const rows = await readFile(join(folder, 'audit.jsonl'), 'utf8');
    const [, payload, signature] = token.split('.') as [string, string, string];
    const secrets = [good.key, expired.key, other.key].map((key) => key.slice(20)).concat(payload, signature);
    const leaked = secrets.filter((secret) => rows.includes(secret));
    expect(leaked).toEqual([]);
    // A path that leads nowhere is said back to who asked for it, and to nobody else.
    const echoed = said.filter(
      (text) => !text.includes('Nothing is served') && secrets.some((secret) => text.includes(secret)),
    );
    expect(echoed).toEqual([]);
    expect(rows).toContain('"outcome":"UNAUTHENTICATED"');
    expect(rows).toContain('"principal":"checkout"');
    expect(rows).toContain('"principal":"customer"');
    expect(rows).not.toContain('[1,2]');
    const report = await verifyAuditLog(join(folder, 'audit.jsonl'));
    expect(report).toMatchObject({ ok: true, dropped: 0, torn: 0 });
    expect(report.calls).toBeGreaterThan(1000);
    expect(said.filter((text) => text.includes(' at ') && text.includes('.ts:'))).toEqual([]);
  });
});
