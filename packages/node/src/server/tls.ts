import { constants, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ServerOptions } from 'node:https';
import { createSecureContext, type SecureContextOptions, type Server as TlsServer } from 'node:tls';
import { type Clock, type ClockTimer, FairleadError, type Logger, messageOf, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';

/** PEM: the path of a file, which is read again when it changes, or the text itself. */
export type PemSource = string | { readonly pem: string | Uint8Array };

/** Option `tls` of {@link serve}. */
export interface TlsOptions {
  /** The server's certificate, and those between it and its authority. */
  readonly cert: PemSource;
  /** Its private key. */
  readonly key: PemSource;
  /** Of a key that is encrypted. @default none */
  readonly passphrase?: string;
  /** Authorities whose client certificates are good. Needed where `requestClientCertificate` asks for them. @default none */
  readonly ca?: PemSource;
  /** Lists of certificates that these authorities have taken back. @default none */
  readonly crl?: PemSource;
  /**
   * Whether clients are asked for a certificate: `required` lets none connect without a good one; with `optional` a client without one, or
   * with one that is not good, connects as nobody. `clientCertificates()` of `@fairlead/node/auth` decides what each may do.
   * @default 'never'
   */
  readonly requestClientCertificate?: 'never' | 'optional' | 'required';
  /** @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Ciphers of TLS 1.2 and 1.3, as OpenSSL names them. @default Node's */
  readonly ciphers?: string;
  /** Milliseconds between two looks at the files. 100 or more. @default 10000 */
  readonly checkFilesMs?: number;
}

/** What a server over TLS is made with, and how its certificates are followed. */
export interface TlsSource {
  readonly server: ServerOptions;
  /**
   * Has a server take certificates that have changed; connections that are open go on. Files that cannot be used change nothing, and the
   * logger is told.
   * @returns stops it
   */
  follow(server: TlsServer): () => void;
}

const pem = z.union([
  z.string().check(z.minLength(1)),
  z.strictObject({ pem: z.union([z.string(), z.instanceof(Uint8Array)]) }),
]);

const schema = z.strictObject({
  cert: z.custom<PemSource>((value) => pem.safeParse(value).success, 'the path of a PEM file, or {pem}'),
  key: z.custom<PemSource>((value) => pem.safeParse(value).success, 'the path of a PEM file, or {pem}'),
  ca: z.optional(pem),
  crl: z.optional(pem),
  requestClientCertificate: z.optional(z.enum(['never', 'optional', 'required'])),
  minVersion: z.optional(z.enum(['TLSv1.2', 'TLSv1.3'])),
  ciphers: z.optional(z.string().check(z.minLength(1))),
  checkFilesMs: z.optional(z.number().check(z.gte(100), z.lte(2 ** 31 - 1))),
});

const parts = ['cert', 'key', 'ca', 'crl'] as const;
type Part = (typeof parts)[number];
type Material = Readonly<Partial<Record<Part, Buffer>>>;

/**
 * Reads what a server over TLS needs.
 * @throws FairleadError `INVALID_OPTION`, which quotes nothing of a key
 */
export function openTls(options: TlsOptions, clock: Clock, logger: Logger): TlsSource {
  const { passphrase, ...rest } = checkShape(options);
  const parsed = parseOptions(schema, rest, 'serve: tls');
  const { requestClientCertificate: request = 'never', checkFilesMs = 10_000 } = parsed;
  if (request !== 'never' && parsed.ca === undefined) {
    throw wrong('ca', 'the authorities of client certificates, since "requestClientCertificate" asks for them');
  }
  const sources: Readonly<Partial<Record<Part, PemSource | undefined>>> = parsed as never;
  const contextOf = (material: Material): SecureContextOptions => ({
    ...material,
    ...(passphrase !== undefined && { passphrase }),
    ...(parsed.ciphers !== undefined && { ciphers: parsed.ciphers }),
    minVersion: parsed.minVersion ?? 'TLSv1.2',
    // Whoever a connection belongs to, it belongs to him to its end.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
  const first = readAllNow(sources);
  checkContext(contextOf(first));
  return {
    server: {
      ...contextOf(first),
      requestCert: request !== 'never',
      rejectUnauthorized: request === 'required',
      // HTTP/2 is not spoken here; a client that speaks both takes this.
      ALPNProtocols: ['http/1.1'],
    },
    follow: (server) => follow(server, { sources, contextOf, first, checkFilesMs, clock, logger }),
  };
}

interface Following {
  readonly sources: Readonly<Partial<Record<Part, PemSource | undefined>>>;
  readonly contextOf: (material: Material) => SecureContextOptions;
  readonly first: Material;
  readonly checkFilesMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

function follow(server: TlsServer, { sources, contextOf, first, checkFilesMs, clock, logger }: Following): () => void {
  if (!parts.some((part) => typeof sources[part] === 'string')) return () => {};
  let mark = markOf(first);
  let complaint = '';
  let isStopped = false;

  const check = async (): Promise<void> => {
    try {
      const found = await readAll(sources);
      const now = markOf(found);
      if (now === mark || isStopped) return;
      const context = contextOf(found);
      checkAuthorities(context);
      createSecureContext(context);
      server.setSecureContext(context);
      // Who comes back to a session is not asked for his certificate, which may be one that is no longer good.
      server.setTicketKeys(randomBytes(48));
      mark = now;
      complaint = '';
      logger.info({ files: pathsOf(sources) }, 'New certificates are in use.');
    } catch (error) {
      const message = `The certificates cannot be read again, so those before stay in use: ${messageOf(error)}`;
      if (message !== complaint) logger.error({ error, files: pathsOf(sources) }, message);
      complaint = message;
    }
  };

  const look = (): ClockTimer =>
    clock.setTimer(() => {
      void check().then(() => {
        if (!isStopped) timer = look();
      });
    }, checkFilesMs);
  let timer = look();
  return () => {
    isStopped = true;
    timer.clear();
  };
}

function pathsOf(sources: Following['sources']): readonly string[] {
  return parts.map((part) => sources[part]).filter((source) => typeof source === 'string');
}

function markOf(material: Material): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(material[part] ?? '').update('\0');
  return hash.digest('hex');
}

function readAllNow(sources: Following['sources']): Material {
  const material: Partial<Record<Part, Buffer>> = {};
  for (const part of parts) {
    const source = sources[part];
    if (source === undefined) continue;
    try {
      material[part] = typeof source === 'string' ? readFileSync(source) : Buffer.from(source.pem);
    } catch (cause) {
      throw wrong(part, `the path of a PEM file that can be read: ${messageOf(cause)}`, cause);
    }
  }
  return material;
}

async function readAll(sources: Following['sources']): Promise<Material> {
  const material: Partial<Record<Part, Buffer>> = {};
  for (const part of parts) {
    const source = sources[part];
    if (source !== undefined)
      material[part] = typeof source === 'string' ? await readFile(source) : Buffer.from(source.pem);
  }
  return material;
}

function checkContext(context: SecureContextOptions): void {
  checkAuthorities(context);
  try {
    createSecureContext(context);
  } catch (cause) {
    throw wrong(
      'cert',
      `a certificate in PEM and its own private key, but they cannot be used: ${messageOf(cause)}`,
      cause,
    );
  }
}

/** OpenSSL takes a text without a certificate for a list of none, and then nobody is let in. */
function checkAuthorities({ ca }: SecureContextOptions): void {
  if (Buffer.isBuffer(ca) && !ca.includes('CERTIFICATE-----')) throw wrong('ca', 'one certificate or more, in PEM');
}

/** Looks first at what could be a secret, so that no message quotes it. */
function checkShape(options: TlsOptions): TlsOptions {
  if (typeof options !== 'object' || options === null) throw wrong('', 'an object {cert, key, …}');
  const { passphrase, key } = options;
  const unknown = Object.keys(options).find((name) => name !== 'passphrase' && !(name in schema.shape));
  if (unknown !== undefined) throw wrong(unknown, 'no such option');
  if (passphrase !== undefined && typeof passphrase !== 'string') throw wrong('passphrase', 'a string');
  if (typeof key === 'string' && key.includes('-----BEGIN')) {
    throw wrong('key', 'the path of a PEM file; a key itself is given as {pem: …}');
  }
  return options;
}

function wrong(part: string, expected: string, cause?: unknown): FairleadError {
  const field = part === '' ? 'tls' : `tls.${part}`;
  return new FairleadError('INVALID_OPTION', `serve: option "${field}" is wrong: expected ${expected}.`, {
    cause,
    details: { field, expected },
  });
}
