import { FairleadError } from '../../errors';

/** Header that holds the time of a webhook's try, in milliseconds since 1970-01-01 UTC. */
export const timestampHeader = 'x-fairlead-timestamp';
/** Header that holds the signature, `v1=` and lower-case hex. */
export const signatureHeader = 'x-fairlead-signature';

const prefix = 'v1=';

function subtleCrypto(): SubtleCrypto {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new FairleadError(
      'UNSUPPORTED',
      'There is no crypto.subtle here. Load the page over HTTPS or from localhost.',
    );
  }
  return subtle;
}

async function keyOf(secret: string, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return subtleCrypto().importKey('raw', new TextEncoder().encode(secret), algorithm, false, [usage]);
}

function signedBytes(timestamp: string, body: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${timestamp}.${body}`);
}

/** The signature of a body: HMAC-SHA256 of timestamp, a full stop and the body. */
export async function signWebhook(secret: string, timestamp: string, body: string): Promise<string> {
  const mac = await subtleCrypto().sign('HMAC', await keyOf(secret, 'sign'), signedBytes(timestamp, body));
  return prefix + Array.from(new Uint8Array(mac), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What {@link verifyWebhook} goes by. */
export interface VerifyWebhookOptions {
  /** The secret that the sink was given. */
  readonly secret: string;
  /** The header `x-fairlead-timestamp`. */
  readonly timestamp: string | null | undefined;
  /** The header `x-fairlead-signature`. */
  readonly signature: string | null | undefined;
  /** The present, in milliseconds since 1970-01-01 UTC. @default Date.now() */
  readonly nowMs?: number;
  /** How old a webhook may be, so that nobody can send an old one again. @default 300000 (5 minutes) */
  readonly toleranceMs?: number;
}

/**
 * Whether a webhook came from a sink with this secret, and lately: for the service that receives it. The comparison takes
 * the same time wherever signatures differ.
 *
 * @param body the body as text, exactly as it came
 * @throws FairleadError `UNSUPPORTED` where there is no `crypto.subtle`
 */
export async function verifyWebhook(body: string, options: VerifyWebhookOptions): Promise<boolean> {
  const { secret, timestamp, signature, nowMs = Date.now(), toleranceMs = 300_000 } = options;
  if (typeof timestamp !== 'string' || !/^\d{1,15}$/.test(timestamp)) return false;
  if (typeof signature !== 'string' || !/^v1=[0-9a-f]{64}$/.test(signature)) return false;
  if (Math.abs(nowMs - Number(timestamp)) > toleranceMs) return false;
  const hex = signature.slice(prefix.length);
  const mac = Uint8Array.from({ length: 32 }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16));
  return subtleCrypto().verify('HMAC', await keyOf(secret, 'verify'), mac, signedBytes(timestamp, body));
}
