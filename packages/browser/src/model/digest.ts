import { sha256Hex } from '@fairlead/core';

/**
 * SHA-256 of bytes as lower-case hex: by the browser where the page is secure, else in JavaScript, which is loaded only
 * then.
 */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  if (globalThis.crypto?.subtle !== undefined) return sha256Hex(bytes);
  const [{ sha256 }, { bytesToHex }] = await Promise.all([
    import('@noble/hashes/sha2.js'),
    import('@noble/hashes/utils.js'),
  ]);
  return bytesToHex(sha256(bytes));
}
