import { createSecureContext } from 'node:tls';
import { FairleadError, messageOf } from '@fairlead/core';
import { ServerCredentials } from '@grpc/grpc-js';
import type { GrpcTlsOptions } from './options';

const fields: readonly string[] = ['cert', 'key', 'ca', 'requireClientCertificate'] satisfies (keyof GrpcTlsOptions)[];

/**
 * The credentials of a server. What is wrong is told here, with its field, and not when the first client comes.
 * @throws FairleadError `INVALID_OPTION`, which quotes nothing of a key
 */
export function credentialsOf(tls: GrpcTlsOptions | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  if (typeof tls !== 'object' || tls === null) throw wrong('', 'an object {cert, key, …}');
  const unknown = Object.keys(tls).find((name) => !fields.includes(name));
  if (unknown !== undefined) throw wrong(unknown, `no such option, but ${fields.join(', ')}`);
  const { requireClientCertificate = false } = tls;
  if (typeof requireClientCertificate !== 'boolean') throw wrong('requireClientCertificate', 'true or false');
  for (const field of ['cert', 'key'] as const)
    if (tls[field] === undefined) throw wrong(field, 'a certificate and its private key, in PEM');
  const cert = pemOf(tls.cert, 'cert', 'CERTIFICATE');
  const key = pemOf(tls.key, 'key', 'PRIVATE KEY');
  const ca = tls.ca === undefined ? undefined : pemOf(tls.ca, 'ca', 'CERTIFICATE');
  try {
    createSecureContext({ cert, key, ca });
    return ServerCredentials.createSsl(ca ?? null, [{ cert_chain: cert, private_key: key }], requireClientCertificate);
  } catch (cause) {
    const expected = `a certificate and its own private key, in PEM, but they cannot be used: ${messageOf(cause)}`;
    throw wrong('cert', expected, cause);
  }
}

/** PEM as bytes. A path, which `serve` takes, would be read as PEM that has nothing in it. */
function pemOf(given: unknown, field: string, label: string): Buffer {
  const expected = `PEM itself, as a text or as what readFile(path) gives, with a ${label}`;
  if (typeof given !== 'string' && !(given instanceof Uint8Array)) throw wrong(field, expected);
  const bytes = Buffer.from(given);
  if (!bytes.includes('-----BEGIN ') || !bytes.includes(`${label}-----`)) throw wrong(field, expected);
  return bytes;
}

function wrong(part: string, expected: string, cause?: unknown): FairleadError {
  const field = part === '' ? 'tls' : `tls.${part}`;
  return new FairleadError('INVALID_OPTION', `serveGrpc: option "${field}" is wrong: expected ${expected}.`, {
    cause,
    details: { field, expected },
  });
}
