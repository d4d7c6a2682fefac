import { sha256Hex } from '@fairlead/core';

/**
 * SHA-256 of bytes as lower-case hex: by the browser where the page is secure, else in JavaScript, which is loaded only
 * then.
 */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  if (globalThis.crypto?.subtle !== undefined) return sha256Hex(bytes);
  const { sha256InJavaScript } = await import('./digest-in-javascript');
  return sha256InJavaScript(bytes);
}
