import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signWith,
  timingSafeEqual,
  verify as verifyWith,
} from 'node:crypto';
import { FairleadError } from '@fairlead/core';
import type { ChainPosition } from './chain';

/** By what an audit log is signed: a secret that its verifier has too, or a private key, of which he needs the public one alone. */
export type AuditSigning = ({ readonly hmac: string | Uint8Array } | { readonly ed25519: string | KeyObject }) & {
  /** Names the key, for when it is changed; stands in the log. @default none */
  readonly keyId?: string;
};

/** By what signatures are checked: the same secret of 32 bytes or more, or the public key (PEM or a `KeyObject`). */
export type AuditKey = { readonly hmac: string | Uint8Array } | { readonly ed25519: string | KeyObject };

/** A signature of a place in a chain. */
export interface AuditSignature {
  readonly algorithm: 'hmac-sha256' | 'ed25519';
  readonly keyId?: string;
  /** In base64url. */
  readonly signature: string;
}

/** What a signature is of: a line in the log, or what is kept beside it; neither passes for the other. */
type Purpose = 'checkpoint' | 'head';

/** Signs places. */
export type Sign = (purpose: Purpose, position: ChainPosition) => AuditSignature;

/** Whether a place was signed by the key. */
export type IsSigned = (purpose: Purpose, position: ChainPosition, signature: Partial<AuditSignature>) => boolean;

const textOf = (purpose: Purpose, { seq, hash }: ChainPosition): Buffer =>
  Buffer.from(`fairlead-audit ${purpose} ${seq} ${hash}`);

/** @throws FairleadError `INVALID_OPTION`, which quotes nothing of the key */
export function createSign(signing: AuditSigning, owner: string): Sign {
  const named = signing.keyId === undefined ? {} : { keyId: signing.keyId };
  if ('hmac' in signing) {
    const secret = secretOf(signing.hmac, owner);
    return (purpose, position) => ({ algorithm: 'hmac-sha256', ...named, signature: macOf(secret, purpose, position) });
  }
  const key = ed25519Of(signing.ed25519, 'private', owner);
  return (purpose, position) => ({
    algorithm: 'ed25519',
    ...named,
    signature: signWith(null, textOf(purpose, position), key).toString('base64url'),
  });
}

/** @throws FairleadError `INVALID_OPTION`, which quotes nothing of the key */
export function createIsSigned(key: AuditKey, owner: string): IsSigned {
  if ('hmac' in key) {
    const secret = secretOf(key.hmac, owner);
    return (purpose, position, { algorithm, signature = '' }) => {
      const given = Buffer.from(signature);
      const right = Buffer.from(macOf(secret, purpose, position));
      return algorithm === 'hmac-sha256' && given.length === right.length && timingSafeEqual(given, right);
    };
  }
  const known = ed25519Of(key.ed25519, 'public', owner);
  return (purpose, position, { algorithm, signature = '' }) => {
    const bytes = Buffer.from(signature, 'base64url');
    // Letters that decode to the same bytes are another text, and what was changed must be found.
    if (algorithm !== 'ed25519' || bytes.toString('base64url') !== signature) return false;
    return verifyWith(null, textOf(purpose, position), known, bytes);
  };
}

function macOf(secret: Uint8Array, purpose: Purpose, position: ChainPosition): string {
  return createHmac('sha256', secret).update(textOf(purpose, position)).digest('base64url');
}

function secretOf(given: unknown, owner: string): Uint8Array {
  const bytes = typeof given === 'string' ? Buffer.from(given) : given;
  if (bytes instanceof Uint8Array && bytes.byteLength >= 32) return Uint8Array.from(bytes);
  throw wrongKey(owner, 'hmac', 'a secret of 32 bytes or more');
}

function ed25519Of(given: string | KeyObject, kind: 'private' | 'public', owner: string): KeyObject {
  const expected = `an Ed25519 ${kind} key, as PEM or KeyObject`;
  let key: KeyObject;
  try {
    if (kind === 'private') key = typeof given === 'string' ? createPrivateKey(given) : given;
    else key = typeof given !== 'string' && given.type === 'public' ? given : createPublicKey(given);
  } catch {
    // The cause may quote the key.
    throw wrongKey(owner, 'ed25519', expected);
  }
  if (key.asymmetricKeyType !== 'ed25519' || key.type !== kind) throw wrongKey(owner, 'ed25519', expected);
  return key;
}

function wrongKey(owner: string, field: string, expected: string): FairleadError {
  return new FairleadError('INVALID_OPTION', `${owner}: "${field}" is wrong: expected ${expected}.`, {
    details: { field, expected },
  });
}
