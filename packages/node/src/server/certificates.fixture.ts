import { createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';

/*
 * Certificates for tests, made here so that none of them ever expires in the repository and no binary is needed: X.509 v3 by P-256, in
 * the few pieces of DER that it takes.
 */

/** A certificate and its key, as PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  /** SHA-256, as lower-case hexadecimal digits. */
  readonly fingerprint: string;
  readonly serial: number;
}

/** An authority that signs others. */
export interface TestAuthority extends TestCertificate {
  issue(wanted: CertificateWish): TestCertificate;
  /** A list of what it has taken back. */
  revoke(...revoked: readonly TestCertificate[]): string;
}

/** What a certificate is to say. */
export interface CertificateWish {
  readonly commonName: string;
  /** `DNS:…`, `URI:…` or `IP:127.0.0.1`. @default [] */
  readonly names?: readonly string[];
  /** @default a day from now */
  readonly notAfter?: Date;
}

const day = 86_400_000;
let serials = 1000;

export function createAuthority(commonName: string): TestAuthority {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = certify({ commonName }, pair.privateKey, commonName, pair.privateKey, true);
  return {
    ...own,
    issue: (wanted) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return certify(wanted, privateKey, commonName, pair.privateKey, false);
    },
    revoke: (...revoked) => listRevoked(revoked, commonName, pair.privateKey),
  };
}

const ecdsaWithSha256 = sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

function certify(
  { commonName, names = [], notAfter = new Date(Date.now() + day) }: CertificateWish,
  key: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  isAuthority: boolean,
): TestCertificate {
  const serial = serials++;
  const extensions = [
    extension([0x55, 0x1d, 0x13], sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : [])), true),
    ...(names.length === 0 ? [] : [extension([0x55, 0x1d, 0x11], sequence(...names.map(alternativeName)), false)]),
  ];
  const body = sequence(
    der(0xa0, integer(2)),
    integer(serial),
    ecdsaWithSha256,
    nameOf(issuer),
    sequence(time(new Date(Date.now() - day)), time(notAfter)),
    nameOf(commonName),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const cert = toPem('CERTIFICATE', signed(body, issuerKey));
  return {
    cert,
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    fingerprint: new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase(),
    serial,
  };
}

function listRevoked(revoked: readonly TestCertificate[], issuer: string, key: KeyObject): string {
  const now = Date.now();
  const entries = revoked.map(({ serial }) => sequence(integer(serial), time(new Date(now - 1000))));
  const body = sequence(
    integer(1),
    ecdsaWithSha256,
    nameOf(issuer),
    time(new Date(now - day)),
    time(new Date(now + day)),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  );
  return toPem('X509 CRL', signed(body, key));
}

function signed(body: Buffer, key: KeyObject): Buffer {
  return sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, key)])));
}

function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function objectId(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

/** Below 2^15. */
function integer(value: number): Buffer {
  return der(0x02, Buffer.from(value < 128 ? [value] : [value >> 8, value & 255]));
}

function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text));
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(objectId(0x55, 0x04, 0x03), der(0x0c, Buffer.from(commonName)))));
}

function extension(id: readonly number[], value: Buffer, isCritical: boolean): Buffer {
  return sequence(objectId(...id), ...(isCritical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
}

function alternativeName(name: string): Buffer {
  const [, kind, value] = /^(DNS|URI|IP):(.*)$/s.exec(name) ?? [];
  if (kind === 'IP') return der(0x87, Buffer.from((value ?? '').split('.').map(Number)));
  return der(kind === 'DNS' ? 0x82 : 0x86, Buffer.from(value ?? ''));
}

function toPem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
