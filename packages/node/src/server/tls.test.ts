import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { Agent, type RequestOptions, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { createRunner, type FairleadError, type Logger, type ModelRunner } from '@fairlead/core';
import type { Peer } from '@fairlead/core/serving';
import { createMockBackend, createVirtualClock } from '@fairlead/core/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAuthority } from './certificates.fixture';
import { type ServeOptions, type Server, serve, type TlsOptions } from './index';
import { splitNames } from './peer';

const authority = createAuthority('test authority');
const others = createAuthority('some other authority');
const names = ['IP:127.0.0.1', 'DNS:localhost'];
const own = authority.issue({ commonName: 'server', names });
const logged: string[] = [];
const logger: Logger = {
  debug() {},
  info: (_details, message) => void logged.push(message),
  warn: (_details, message) => void logged.push(message),
  error: (_details, message) => void logged.push(message),
};
const open: Server[] = [];
let folder: string;
let runner: ModelRunner;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-tls-'));
  runner = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false, lanes: 'inline', logger });
});
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
  logged.length = 0;
});
afterAll(async () => {
  await runner.close();
  await rm(folder, { recursive: true, force: true });
});

const pem = { cert: { pem: own.cert }, key: { pem: own.key } };

async function start(tls: TlsOptions, options: ServeOptions = {}): Promise<Server> {
  const server = await serve(runner, { port: 0, drainDelayMs: 0, drainTimeoutMs: 1000, logger, tls, ...options });
  open.push(server);
  return server;
}

/** Asks for the model; resolves with the status, or the code of what went wrong. */
function ask(server: Server, options: RequestOptions = {}): Promise<number | string> {
  return new Promise((resolve) => {
    const url = `${server.url}/v2/models/mock`;
    const sent = request(url, { ca: authority.cert, agent: new Agent(), ...options }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)).end();
  });
}

/** Connects, and resolves with what was agreed, or the code of what went wrong. */
function shake(server: Server, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: server.port, host: '127.0.0.1', ca: authority.cert, ...options }, () => {
      resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`);
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

describe('serve over TLS', () => {
  it('answers over HTTPS, by TLS 1.2 and 1.3, and HTTP/1.1 alone', async () => {
    const server = await start(pem);
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
    expect(await ask(server)).toBe(200);
    expect(await ask(server, { ca: others.cert })).toMatch(/VERIFY|ISSUER/);
    expect(await shake(server, { ALPNProtocols: ['h2', 'http/1.1'] })).toBe('TLSv1.3 http/1.1');
    expect(await shake(server, { maxVersion: 'TLSv1.2' })).toBe('TLSv1.2 false');
    expect(await shake(server, { ALPNProtocols: ['h2'] })).toContain('NO_APPLICATION_PROTOCOL');
    const strict = await start({ ...pem, minVersion: 'TLSv1.3' });
    expect(await shake(strict, { maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION|ALERT/);
    expect(await ask(strict)).toBe(200);
  });

  it('closes though a client is stuck in its handshake', async () => {
    const server = await start(pem);
    const socket = connectPlain(server.port, '127.0.0.1');
    const ended = new Promise<void>((resolve) => void socket.on('close', () => resolve()).on('error', () => {}));
    await new Promise<void>((resolve) => void socket.once('connect', () => resolve()));
    expect(await ask(server)).toBe(200);
    await server.close();
    await ended;
  });

  it('refuses what it cannot use, and quotes no key', async () => {
    const stranger = others.issue({ commonName: 'stranger' });
    const refused = (tls: unknown) =>
      start(tls as TlsOptions).then(
        () => 'served',
        (error: FairleadError) => `${error.code} ${error.details.field} ${error.message}`,
      );
    expect(await refused({ ...pem, key: { pem: stranger.key } })).toMatch(/^INVALID_OPTION tls\.cert /);
    expect(await refused({ ...pem, cert: join(folder, 'none.pem') })).toMatch(/^INVALID_OPTION tls\.cert .*ENOENT/);
    expect(await refused({ ...pem, requestClientCertificate: 'required' })).toMatch(/^INVALID_OPTION tls\.ca /);
    const authorities = { ca: { pem: 'nobody' }, requestClientCertificate: 'required' };
    expect(await refused({ ...pem, ...authorities })).toMatch(/^INVALID_OPTION tls\.ca .*one certificate or more/);
    expect(await refused({ ...pem, minVersion: 'SSLv3' })).toMatch(/^INVALID_OPTION minVersion /);
    expect(await refused({ ...pem, ciphers: 'none at all' })).toMatch(/^INVALID_OPTION /);
    expect(await refused('yes')).toMatch(/^INVALID_OPTION tls /);
    const wrong = [
      { ...pem, key: own.key },
      { ...pem, key: { pem: 'MY-KEY' } },
      { ...pem, passphrase: 7 },
      { ...pem, kee: own.key },
    ];
    for (const tls of wrong) expect(await refused(tls)).toMatch(/^INVALID_OPTION (?![\s\S]*(MY-KEY|PRIVATE KEY))/);
  });
});

describe('client certificates', () => {
  const client = authority.issue({
    commonName: 'checkout',
    names: ['URI:spiffe://shop/checkout', 'DNS:a, URI:spiffe://shop/admin'],
  });
  const stranger = others.issue({ commonName: 'checkout', names: ['URI:spiffe://shop/checkout'] });
  const expired = authority.issue({ commonName: 'checkout', notAfter: new Date(Date.now() - 1000) });

  it('that are required let none connect without a good one', async () => {
    const server = await start({ ...pem, ca: { pem: authority.cert }, requestClientCertificate: 'required' });
    expect(await ask(server, client)).toBe(200);
    for (const wrong of [{}, stranger, expired]) expect(await ask(server, wrong)).not.toBe(200);
    expect(await ask(server, client)).toBe(200);
  });

  it('that are optional make of a client somebody, and of the others nobody', async () => {
    const peers: (Peer | undefined)[] = [];
    const guard = { admit: ({ peer }: { peer: Peer | undefined }) => void peers.push(peer) };
    const tls: TlsOptions = { ...pem, ca: { pem: authority.cert }, requestClientCertificate: 'optional' };
    const server = await start(tls, { guard: guard as never });
    for (const given of [client, {}, stranger, expired]) expect(await ask(server, given)).toBe(200);
    expect(peers[0]).toEqual({
      address: '127.0.0.1',
      certificate: {
        subject: { CN: 'checkout' },
        fingerprint: client.fingerprint,
        alternativeNames: ['URI:spiffe://shop/checkout', 'DNS:a, URI:spiffe://shop/admin'],
      },
    });
    expect(peers.slice(1)).toEqual(new Array(3).fill({ address: '127.0.0.1' }));
  });

  it('that were taken back are refused', async () => {
    const revoked = authority.issue({ commonName: 'gone' });
    const crl = { pem: authority.revoke(revoked) };
    const server = await start({ ...pem, ca: { pem: authority.cert }, crl, requestClientCertificate: 'required' });
    expect(await ask(server, client)).toBe(200);
    expect(await ask(server, revoked)).not.toBe(200);
  });

  it('have names that cannot pass for several', () => {
    expect(splitNames('')).toEqual([]);
    expect(splitNames('DNS:a, IP Address:127.0.0.1, URI:x:y')).toEqual(['DNS:a', 'IP Address:127.0.0.1', 'URI:x:y']);
    expect(splitNames('DNS:"a, URI:b", URI:"\\"c"')).toEqual(['DNS:a, URI:b', 'URI:"c']);
  });
});

describe('certificates in files', () => {
  it('are read again when they change, and connections that are open go on', async () => {
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ca: join(folder, 'ca.pem') };
    // As whoever renews certificates does: a look at the files is under way, and finds a file as it was or as it is.
    const write = async (name: keyof typeof files, text: string): Promise<void> => {
      await writeFile(`${files[name]}.new`, text);
      await rename(`${files[name]}.new`, files[name]);
    };
    await write('cert', own.cert);
    await write('key', own.key);
    await write('ca', authority.cert);
    const clock = createVirtualClock();
    const server = await start({ ...files, requestClientCertificate: 'required', checkFilesMs: 1000 }, { clock });
    const client = authority.issue({ commonName: 'client' });
    const { cert, key } = client;
    const kept = connect({ port: server.port, host: '127.0.0.1', ca: authority.cert, cert, key });
    const ticket = await new Promise<Buffer>((resolve) => void kept.once('session', resolve));

    // Half of a change: a certificate without its key is not taken.
    const next = authority.issue({ commonName: 'server', names });
    await write('cert', next.cert);
    await clock.advance(1000);
    await vi.waitFor(() => expect(logged).toEqual([expect.stringContaining('those before stay in use')]));
    expect(await fingerprintOf(server, client)).toBe(own.fingerprint);
    await clock.advance(1000);

    // The key comes last: until then the change stays half of one.
    await write('ca', others.cert);
    await write('key', next.key);
    await vi.waitFor(async () => {
      await clock.advance(1000);
      expect(logged.at(-1)).toBe('New certificates are in use.');
    });
    expect(logged).toHaveLength(2);
    const known = others.issue({ commonName: 'client' });
    expect(await fingerprintOf(server, known)).toBe(next.fingerprint);
    expect(await ask(server, client)).not.toBe(200);
    // Nor by the session that it had before.
    expect(await ask(server, { ...client, session: ticket } as RequestOptions)).not.toBe(200);

    let answer = '';
    kept.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
    });
    kept.write('GET /v2/models/mock HTTP/1.1\r\nhost: x\r\n\r\n');
    // The clock has jumped, for which the server may take its event loop to be late, and read no further until time goes on.
    await vi.waitFor(async () => {
      await clock.advance(100);
      expect(answer).toContain('HTTP/1.1 200');
    });
    kept.destroy();
    let isClosed = false;
    void server.close().then(() => {
      isClosed = true;
    });
    await vi.waitFor(async () => {
      await clock.advance(100);
      expect(isClosed).toBe(true);
    });
    expect(clock.pendingTimers).toBe(0);
  });

  /** Of the certificate that the server shows. */
  function fingerprintOf(server: Server, { cert, key }: { cert: string; key: string }): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: server.port, host: '127.0.0.1', ca: authority.cert, cert, key }, () => {
        resolve(socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase());
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }
});
