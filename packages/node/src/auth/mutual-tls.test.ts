import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRunner, type Logger } from '@fairlead/core';
import { createMockBackend } from '@fairlead/core/testing';
import { expect, it } from 'vitest';
import { createAuditLog, verifyAuditLog } from '../audit/index';
import { createAuthority, type TestCertificate } from '../server/certificates.fixture';
import { type Server, serve } from '../server/index';
import { anyOf, apiKeys, clientCertificates, createApiKey } from './index';

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const authority = createAuthority('test authority');
const infer = '/v2/models/mock/infer';
const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });

function ask(
  server: Server,
  client: Partial<TestCertificate> = {},
  path = infer,
  authorization?: string,
): Promise<number> {
  const { cert, key } = client;
  return new Promise((resolve, reject) => {
    const options = { method: path === infer ? 'POST' : 'GET', ca: authority.cert, cert, key, agent: new Agent() };
    const headers = authorization === undefined ? {} : { authorization };
    const sent = request(server.url + path, { ...options, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject).end(path === infer ? body : undefined);
  });
}

it('serves who proves a certificate or has a key, each what he may do, and records who it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-mutual-'));
  const file = join(folder, 'audit.jsonl');
  const own = authority.issue({ commonName: 'server', names: ['IP:127.0.0.1'] });
  const shop = authority.issue({ commonName: 'a', names: ['URI:spiffe://shop/checkout'] });
  const bank = authority.issue({ commonName: 'b', names: ['URI:spiffe://bank/ledger'] });
  const stranger = createAuthority('test authority').issue({ commonName: 'a', names: ['URI:spiffe://shop/checkout'] });
  const { key, record } = createApiKey({ principal: 'script' });
  const audit = await createAuditLog({ file, sync: false, logger });
  const runner = await createRunner({
    model: '1',
    backend: createMockBackend(),
    warmUp: false,
    lanes: 'inline',
    logger,
  });
  const server = await serve(runner, {
    port: 0,
    drainDelayMs: 0,
    logger,
    tls: {
      cert: { pem: own.cert },
      key: { pem: own.key },
      ca: { pem: authority.cert },
      requestClientCertificate: 'optional',
    },
    guard: anyOf(
      clientCertificates({
        scopesOf: (name) => (name.startsWith('spiffe://shop/') ? { operations: ['infer'] } : undefined),
      }),
      apiKeys({ keys: [record] }),
    ),
    observers: [audit],
  });
  expect(await ask(server, shop)).toBe(200);
  expect(await ask(server, shop, '/v2/models/mock')).toBe(403);
  expect(await ask(server, bank)).toBe(403);
  expect(await ask(server, stranger)).toBe(401);
  expect(await ask(server)).toBe(401);
  expect(await ask(server, bank, infer, `Bearer ${key}`)).toBe(200);
  expect(await ask(server, {}, '/v2/health/ready')).toBe(200);
  await server.close();
  await audit.close();
  await runner.close();
  const rows = (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(
    rows.filter(({ kind }) => kind === 'call').map(({ outcome, principal, scheme }) => [outcome, principal, scheme]),
  ).toEqual([
    ['ok', 'spiffe://shop/checkout', 'client-certificate'],
    ['FORBIDDEN', 'spiffe://shop/checkout', 'client-certificate'],
    ['FORBIDDEN', 'spiffe://bank/ledger', 'client-certificate'],
    ['UNAUTHENTICATED', undefined, undefined],
    ['UNAUTHENTICATED', undefined, undefined],
    ['ok', 'script', 'api-key'],
  ]);
  expect(await verifyAuditLog(file)).toMatchObject({ ok: true, calls: 6, closed: true });
  await rm(folder, { recursive: true });
});
