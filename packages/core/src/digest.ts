import { FairleadError } from './errors';

/**
 * SHA-256 of bytes as lower-case hex, by the platform's own `crypto.subtle`.
 * @throws FairleadError `UNSUPPORTED` where there is none, as in a page that was not loaded over HTTPS
 */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new FairleadError(
      'UNSUPPORTED',
      'There is no crypto.subtle here. Load the page over HTTPS or from localhost.',
    );
  }
  const hash = new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
