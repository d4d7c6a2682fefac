import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FairleadError, Logger } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { admitted, bearer, refusal } from './arrival.fixture';
import { type ApiKeysOptions, anyOf, apiKeys, clientCertificates, createApiKey } from './index';
import { allows } from './scope';

let folder: string;
const logged: string[] = [];
const logger: Logger = {
  debug() {},
  info() {},
  warn: (_details, message) => void logged.push(message),
  error: (_details, message) => void logged.push(message),
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-keys-'));
});
beforeEach(() => {
  logged.length = 0;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('API keys', () => {
  it('are kept as hashes, and let in who has one', async () => {
    const { key, record } = createApiKey({ principal: 'checkout' });
    expect(key).toMatch(/^fl_[0-9a-f]{16}_[\w-]{43}$/);
    expect(JSON.stringify(record)).not.toContain(key.slice(20));
    expect(record).toEqual({
      id: key.slice(3, 19),
      hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      createdAt: expect.any(String),
      principal: 'checkout',
    });
    expect(createApiKey().key).not.toBe(createApiKey().key);
    const guard = apiKeys({ keys: [record, createApiKey().record] });
    expect(await admitted(guard, bearer(key))).toBe('api-key checkout');
    expect(await admitted(guard, { authorization: `bearer   ${key} ` })).toBe('api-key checkout');
    const nameless = createApiKey();
    expect(await admitted(apiKeys({ keys: [nameless.record] }), bearer(nameless.key))).toBe(
      `api-key ${nameless.record.id}`,
    );
    const header = apiKeys({ keys: [record], header: 'x-api-key' });
    expect(await admitted(header, { 'x-api-key': key })).toBe('api-key checkout');
    expect(await admitted(header, bearer(key))).toBe('UNAUTHENTICATED');
    expect((await refusal(header)).details.challenge).toBe('ApiKey header="x-api-key"');
  });

  it('refuses what is no key, in the same words whether its id is known or not', async () => {
    const { key, record } = createApiKey();
    const guard = apiKeys({ keys: [record] });
    const last = key.at(-1) === 'A' ? 'B' : 'A';
    const wrong = [
      key.slice(0, -1) + last,
      createApiKey().key,
      `${key}A`,
      key.slice(0, -1),
      ` ${key.toUpperCase()}`,
      'x',
      '',
    ];
    for (const each of wrong) expect(await admitted(guard, bearer(each))).toBe('UNAUTHENTICATED');
    const known = await refusal(guard, bearer(key.slice(0, -1) + last));
    const unknown = await refusal(guard, bearer(createApiKey().key));
    expect([known.message, known.details]).toEqual([unknown.message, { challenge: 'Bearer' }]);
    for (const value of [key, `Basic ${key}`, `Bearer ${key} ${key}`]) {
      expect(await admitted(guard, { authorization: value })).toBe('UNAUTHENTICATED');
    }
    expect((await refusal(guard)).message).toContain('Authorization: Bearer KEY');
  });

  it('stop at expiry, and when they are revoked', async () => {
    const clock = createVirtualClock(Date.parse('2030-01-01T00:00:00Z'));
    const { key, record } = createApiKey({ lifetimeMs: 1000, clock });
    expect(record.expiresAt).toBe('2030-01-01T00:00:01.000Z');
    const guard = apiKeys({ keys: [record], clock });
    expect(await admitted(guard, bearer(key))).toBe(`api-key ${record.id}`);
    await clock.advance(1000);
    expect(await refusal(guard, bearer(key))).toMatchObject({
      message: 'This API key has expired. Ask for another.',
      details: { challenge: 'Bearer', principal: { id: record.id, scheme: 'api-key' } },
    });
    const later = apiKeys({
      keys: [{ ...record, revokedAt: '2030-01-01T00:00:02Z', expiresAt: '2031-01-01T00:00:00Z' }],
      clock,
    });
    expect(await admitted(later, bearer(key))).toContain('api-key');
    await clock.advance(1000);
    expect((await refusal(later, bearer(key))).message).toContain('revoked');
  });

  it('allow what their scope names, and by default no change of what is served', async () => {
    const { key, record } = createApiKey();
    const guard = apiKeys({ keys: [record] });
    for (const operation of ['infer', 'metadata', 'list', 'health', 'documentation'] as const) {
      expect(await admitted(guard, bearer(key), { operation })).toContain('api-key');
    }
    for (const operation of ['load', 'unload', 'metrics'] as const) {
      expect(await admitted(guard, bearer(key), { operation })).toBe('FORBIDDEN');
    }
    const narrow = createApiKey({ models: ['digits', 'team-*'], operations: ['infer', 'list', 'load'] });
    const scoped = apiKeys({ keys: [narrow.record] });
    const may = (operation: 'infer' | 'list' | 'load' | 'metadata', model: string | undefined) =>
      admitted(scoped, bearer(narrow.key), { operation, model });
    expect(await may('infer', 'digits')).toContain('api-key');
    expect(await may('load', 'team-a')).toContain('api-key');
    for (const model of ['digits2', 'Digits', 'steam-a', 'digits/../other', '../digits', '', 'digits\0', undefined]) {
      expect(await may('infer', model)).toBe('FORBIDDEN');
    }
    expect(await may('list', undefined)).toBe('FORBIDDEN');
    expect(await may('metadata', 'digits')).toBe('FORBIDDEN');
    const error = await refusal(scoped, bearer(narrow.key), { operation: 'infer', model: 'secret-model' });
    expect(error.message).toBe(
      'These credentials do not allow "infer" with this model. Ask for others, or for a wider scope.',
    );
  });

  it('have rates of their own, on the clock', async () => {
    const clock = createVirtualClock();
    const one = createApiKey({ rateLimit: { requestsPerSecond: 2, burst: 3 }, principal: 'same' });
    const other = createApiKey({ principal: 'same' });
    const guard = apiKeys({ keys: [one.record, other.record], rateLimit: { requestsPerSecond: 0.5 }, clock });
    const ask = (key: string, times: number) =>
      Promise.all(Array.from({ length: times }, () => admitted(guard, bearer(key))));
    expect(await ask(one.key, 4)).toEqual([...new Array(3).fill('api-key same'), 'OVERLOADED']);
    expect((await refusal(guard, bearer(one.key))).details.retryAfterMs).toBe(500);
    expect(await ask(other.key, 2)).toEqual(['api-key same', 'OVERLOADED']);
    expect((await refusal(guard, bearer(other.key))).details.retryAfterMs).toBe(2000);
    await clock.advance(500);
    expect(await ask(one.key, 2)).toEqual(['api-key same', 'OVERLOADED']);
    await clock.advance(60_000);
    expect(await ask(one.key, 4)).toEqual([...new Array(3).fill('api-key same'), 'OVERLOADED']);
    // What is refused for another reason costs nothing.
    expect(await admitted(guard, bearer(other.key), { operation: 'load' })).toBe('FORBIDDEN');
    expect(await admitted(guard, bearer(other.key))).toBe('api-key same');
  });

  it('are not asked for by what is open, which names no model', async () => {
    const { key, record } = createApiKey();
    const guard = apiKeys({ keys: [record] });
    expect(await admitted(guard, {}, { operation: 'health', model: undefined })).toBe('anybody');
    expect(await admitted(guard, {}, { operation: 'health', model: 'digits' })).toBe('UNAUTHENTICATED');
    expect(await admitted(guard, {}, { operation: 'metrics', model: undefined })).toBe('UNAUTHENTICATED');
    const scraped = apiKeys({ keys: [record], open: ['metrics'] });
    expect(await admitted(scraped, {}, { operation: 'metrics', model: undefined })).toBe('anybody');
    expect(await admitted(scraped, {}, { operation: 'health', model: undefined })).toBe('UNAUTHENTICATED');
    expect(await admitted(scraped, bearer(key), { operation: 'health', model: undefined })).toContain('api-key');
  });
});

describe('what guards tell the documentation', () => {
  const { record } = createApiKey();
  const bearerScheme = { type: 'http', scheme: 'bearer', description: 'An API key of this server.' };

  it('is how a caller may show who he is, and what is open', () => {
    const guard = apiKeys({ keys: [record] });
    expect(guard.securitySchemes).toEqual({ apiKey: bearerScheme });
    expect(guard.openOperations).toEqual(['health']);
    const header = apiKeys({ keys: [record], header: 'x-api-key', open: ['metrics'] });
    expect(header.securitySchemes).toEqual({
      apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'An API key of this server.' },
    });
    expect(header.openOperations).toEqual(['metrics']);
    expect(clientCertificates().securitySchemes).toMatchObject({ clientCertificate: { type: 'mutualTLS' } });
  });

  it('is all of them where any one does, by names of their own', () => {
    const both = anyOf(
      apiKeys({ keys: [record] }),
      apiKeys({ keys: [record], header: 'x-api-key', open: ['documentation'] }),
      apiKeys({ keys: [record], open: [] }),
      { admit: () => undefined },
    );
    expect(Object.keys(both.securitySchemes ?? {})).toEqual(['apiKey', 'apiKey2']);
    expect(both.openOperations).toEqual(['health', 'documentation']);
  });
});

describe('a file of API keys', () => {
  it('is read again when it has changed, and kept while it is broken', async () => {
    const file = join(folder, 'keys.jsonl');
    const clock = createVirtualClock();
    const one = createApiKey();
    const two = createApiKey();
    await writeFile(file, `${JSON.stringify(one.record)}\n\n`);
    const guard = apiKeys({ file, clock, logger });
    expect(await admitted(guard, bearer(one.key))).toContain('api-key');
    expect(await admitted(guard, bearer(two.key))).toBe('UNAUTHENTICATED');
    await writeFile(file, `${JSON.stringify(two.record)}\n`);
    expect(await admitted(guard, bearer(one.key))).toContain('api-key');
    await clock.advance(1000);
    expect(await Promise.all([admitted(guard, bearer(one.key)), admitted(guard, bearer(two.key))])).toEqual([
      'UNAUTHENTICATED',
      `api-key ${two.record.id}`,
    ]);
    const broken = [
      `${JSON.stringify(one.record)}\n${two.key}\n`,
      '{"id":',
      JSON.stringify({ ...one.record, hash: one.key }),
    ];
    for (const text of broken) {
      await writeFile(file, text);
      await clock.advance(1000);
      expect(await admitted(guard, bearer(two.key))).toContain('api-key');
    }
    await rm(file);
    for (let index = 0; index < 2; index++) {
      await clock.advance(1000);
      expect(await admitted(guard, bearer(two.key))).toContain('api-key');
    }
    expect(logged).toEqual([
      expect.stringContaining('line 2 of'),
      expect.stringContaining('line 1 of'),
      expect.stringContaining('"hash" is wrong'),
      expect.stringContaining('ENOENT'),
    ]);
    for (const { key } of [one, two]) expect(logged.join('\n')).not.toContain(key.slice(20));
    await writeFile(file, '');
    await clock.advance(1000);
    expect(await admitted(guard, bearer(two.key))).toBe('UNAUTHENTICATED');
  });

  it('and options that cannot be used are refused, without a word of a key', async () => {
    const { key, record } = createApiKey();
    const refused = (options: unknown) => {
      try {
        apiKeys(options as ApiKeysOptions);
        return 'made';
      } catch (error) {
        return `${(error as FairleadError).code} ${(error as Error).message} ${JSON.stringify((error as FairleadError).details)}`;
      }
    };
    expect(refused({})).toContain('INVALID_OPTION apiKeys: expected option "keys" or "file"');
    expect(refused({ file: join(folder, 'none.jsonl') })).toContain('create-key --file');
    expect(refused({ keys: [key] })).toContain('option "keys[0]" is no record');
    expect(refused({ keys: key })).toBe(
      'INVALID_OPTION apiKeys: option "keys" is wrong: expected a list of records that createApiKey() made. ' +
        '{"field":"keys","expected":"a list of records that createApiKey() made"}',
    );
    expect(refused({ keys: [{ ...record, hash: key }] })).toContain('"hash" is wrong');
    expect(refused({ keys: [record, record] })).toContain('two keys with the id');
    expect(refused({ keys: [], rateLimit: { requestsPerSecond: 0 } })).toContain('rateLimit.requestsPerSecond');
    expect(refused({ keys: [], open: ['infer'] })).toContain('"open.0"');
    expect(refused({ keys: [], header: 'X-Key' })).toContain('"header"');
    for (const keys of [[key], [{ ...record, hash: key }], [{ ...record, key }], key]) {
      expect(refused({ keys })).toMatch(/^INVALID_OPTION/);
      expect(refused({ keys: Array.isArray(keys) ? keys : [keys] })).not.toContain(key.slice(20));
    }
  });
});

describe('several guards', () => {
  const one = createApiKey({ principal: 'one', models: ['digits'] });
  const certificate = { subject: { CN: 'two' }, fingerprint: 'f', alternativeNames: [] };
  const guard = anyOf(
    apiKeys({ keys: [one.record] }),
    clientCertificates({ scopesOf: () => ({ operations: ['load'] }) }),
  );

  it('let in whom one of them lets in', async () => {
    const peer = { certificate };
    expect(await admitted(guard, bearer(one.key))).toBe('api-key one');
    expect(await admitted(guard, {}, { operation: 'load', peer })).toBe('client-certificate two');
    expect(await admitted(guard, bearer(one.key), { operation: 'load', peer })).toBe('client-certificate two');
    expect(await admitted(guard, bearer(one.key), { operation: 'load' })).toBe('FORBIDDEN');
    expect(await admitted(guard, bearer('x'), { peer })).toBe('FORBIDDEN');
    expect(await admitted(guard, {}, { operation: 'health', model: undefined })).toBe('anybody');
    const error = await refusal(guard, {});
    expect([error.code, error.details.challenge]).toEqual(['UNAUTHENTICATED', 'Bearer, Certificate']);
    expect(error.message).toContain(' Or: ');
    const broken = anyOf({ admit: () => Promise.reject(new Error('down')) }, guard);
    await expect(broken.admit({} as never)).rejects.toThrow('down');
    expect(() => anyOf()).toThrow('one guard or more');
  });

  it('of certificates take the names that are proved', async () => {
    const named = (alternativeNames: readonly string[], CN?: string) =>
      admitted(
        clientCertificates(),
        {},
        { peer: { certificate: { subject: CN === undefined ? {} : { CN }, fingerprint: 'f', alternativeNames } } },
      );
    expect(await named(['DNS:a', 'URI:spiffe://b'], 'c')).toBe('client-certificate spiffe://b');
    expect(await named(['DNS:a'], 'c')).toBe('client-certificate a');
    expect(await named([], 'c')).toBe('client-certificate c');
    expect(await named([])).toBe('UNAUTHENTICATED');
    expect(await named([], 'c\nd')).toBe('UNAUTHENTICATED');
    const failing = clientCertificates({
      scopesOf: () => {
        throw new Error('database gone');
      },
      logger,
    });
    expect(await admitted(failing, {}, { peer: { certificate } })).toBe('FORBIDDEN');
    expect(logged).toEqual([expect.stringContaining('database gone')]);
  });
});

describe('patterns of models', () => {
  it('fit as a regular expression would, for 500 cases', () => {
    const letters = (extra: string) => fc.string({ unit: fc.constantFrom(...'ab/.-', ...extra), maxLength: 8 });
    fc.assert(
      fc.property(
        letters('***').filter((text) => text !== ''),
        letters('*'),
        (pattern, name) => {
          const parts = pattern.split('*').map((part) => part.replace(/[/.-]/g, '\\$&'));
          const fits = new RegExp(`^${parts.join('[^]*')}$`).test(name);
          expect(allows({ models: [pattern] }, 'infer', name)).toBe(fits);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('take no time that grows faster than both their lengths', () => {
    const pattern = `${'*a'.repeat(127)}*b`;
    expect(allows({ models: [pattern] }, 'infer', 'a'.repeat(1024))).toBe(false);
    expect(allows({ models: ['a*'] }, 'infer', 'a'.repeat(100_000))).toBe(false);
  });
});
